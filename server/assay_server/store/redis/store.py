"""The store's operations on Redis and a shared folder."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
import uuid
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar, cast

import structlog

from assay_server.store.changes import Listener
from assay_server.store.ending import end
from assay_server.store.memory_run import MemoryRun
from assay_server.store.protocol import (
    AcceptItem,
    AcceptOutcome,
    AppendOutcome,
    BarrierRecord,
    CheckpointRecord,
    CompleteOutcome,
    EmittedGroup,
    GroupRecord,
    OutboxEntry,
    OutboxState,
    Pending,
    Recovery,
    ResultItem,
    RunConflict,
    RunKey,
    RunRecord,
    StaleGeneration,
    StoredRollout,
    StoreError,
    StoreUnavailable,
    UnknownRun,
)
from assay_server.store.records import OBJECTS, Records, size_of

from . import scripts
from .archives import pack_facts, pack_rollouts, unpack_facts, unpack_rollouts
from .connection import Server
from .keys import RUNS_PATTERN, objects_key, run_keys, runs_key, tenant_of
from .log import RunLog
from .settling import settled
from .shared_run import Operation, SharedRun

T = TypeVar("T")

_log = structlog.get_logger(__name__)
_PAGE = 256
_IDLE_SECONDS = 300.0
_SWEEP_SECONDS = 600.0
_JOB_SECONDS = 3600.0
_RECORD_SECONDS = 7 * 24 * 3600.0


class RedisStore:
    """A store for several processes: control state in Redis, records in a folder that all of them see.

    Args:
        url: of Redis, as redis-py reads it.
        folder: of the records.
        lease_seconds: how long the others wait for a process that says nothing.
        control_seconds: for how long what is settled (answered, emitted, acknowledged by everybody) stays at hand.
        timeout: seconds a command may take.
    """

    def __init__(
        self,
        url: str,
        folder: Path,
        *,
        lease_seconds: float = 10.0,
        control_seconds: float = 3600.0,
        timeout: float = 10.0,
    ) -> None:
        self._control_seconds = control_seconds
        self._url = url
        self._folder = folder
        self._lease_seconds = lease_seconds
        self._timeout = timeout
        self._name = uuid.uuid4().hex[:12]
        self._opened: tuple[Server, Records] | None = None
        self._logs: dict[tuple[str, str], RunLog] = {}
        self._opening: dict[tuple[str, str], asyncio.Lock] = {}
        self._suspects: dict[tuple[str, str, str], float] = {}
        self._keeper: asyncio.Task[None] | None = None

    async def open(self) -> None:
        if self._opened is not None:
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"the records' folder cannot be made: {error.strerror}") from error
        server = Server(self._url, timeout=self._timeout)
        try:
            await server.command("PING")
        except StoreUnavailable:
            await server.close()
            raise
        self._opened = (server, Records(self._folder))
        self._keeper = asyncio.create_task(self._keep(), name="leases")

    async def close(self) -> None:
        """Give all leases back; what was submitted and not sent is not done."""
        opened, self._opened = self._opened, None
        if opened is None:
            return
        if self._keeper is not None:
            await end([self._keeper])
        logs, self._logs = list(self._logs.values()), {}
        await asyncio.gather(*(log.close() for log in logs))
        server, records = opened
        await server.close()
        await records.close()

    # ------------------------------------------------------------ runs

    async def create_run(self, tenant: str, run_id: str, spec_digest: str, spec: bytes) -> tuple[RunRecord, bool]:
        keys = (run_keys(tenant, run_id).record, runs_key(tenant))
        new, digest, _ = cast(
            "tuple[int, bytes, bytes]",
            await self._server.script(scripts.CREATE_RUN, keys, run_id, spec_digest, spec),
        )
        if digest.decode() != spec_digest:
            raise RunConflict(f"run {run_id!r} exists with another spec")
        return (await self._log(tenant, run_id)).state.run.record, bool(new)

    async def get_run(self, tenant: str, run_id: str) -> RunRecord | None:
        try:
            return (await self._log(tenant, run_id)).state.run.record
        except UnknownRun:
            return None

    async def list_runs(self) -> Sequence[RunRecord]:
        records = [await self.get_run(tenant, run_id) for tenant, run_id in await self._run_ids()]
        return [record for record in records if record is not None]

    async def checkpoint_run(self, key: RunKey, name: str, state: bytes) -> CheckpointRecord:
        return await self._do(key, CheckpointRecord, "checkpoint", name, state)

    async def restore_run(
        self, tenant: str, run_id: str, name: str, expected_generation: int
    ) -> tuple[RunRecord, CheckpointRecord, int]:
        outcome = await self._submit(tenant, run_id, ("restore", name, expected_generation))
        return cast("tuple[RunRecord, CheckpointRecord, int]", outcome)

    async def add_to_counters(self, tenant: str, run_id: str, amounts: Mapping[str, float]) -> Mapping[str, float]:
        return cast("Mapping[str, float]", await self._submit(tenant, run_id, ("count", dict(amounts))))

    # ------------------------------------------------------------ rollouts

    async def accept_rollouts(self, key: RunKey, items: Sequence[AcceptItem], now: float) -> Sequence[AcceptOutcome]:
        payloads = [item.payload for item in items]
        for item in items:
            payloads.extend(item.steps)
        refs = iter(await self._write(key, payloads))
        named = [item._replace(payload=next(refs)) for item in items]
        named = [item._replace(steps=tuple(next(refs) for _ in item.steps)) if item.steps else item for item in named]
        return cast("Sequence[AcceptOutcome]", await self._do(key, list, "accept", named, now))

    async def append_steps(
        self, key: RunKey, rollout_id: str, from_index: int, steps: Sequence[bytes], *, final: bool, tail: bytes
    ) -> AppendOutcome:
        refs = await self._write(key, [*steps, tail] if final else steps)
        last = refs.pop() if final else None
        return await self._do(key, AppendOutcome, "append", rollout_id, from_index, refs, last)

    async def read_rollouts(self, key: RunKey, rollout_ids: Sequence[str]) -> Sequence[StoredRollout | None]:
        run = (await self._state(key)).run
        found = [run.rollout(rollout_id) for rollout_id in rollout_ids]
        resolved = iter(await self._resolved(key, [stored for stored in found if stored is not None]))
        return [None if stored is None else next(resolved) for stored in found]

    async def scan_rollouts(self, key: RunKey) -> AsyncIterator[StoredRollout]:
        """See :meth:`Store.scan_rollouts`; what was put aside comes first."""
        for archive, limit in tuple((await self._state(key)).archives):
            there = unpack_rollouts((await self._read(key, [archive]))[0], limit)
            for start in range(0, len(there), _PAGE):
                for rollout in await self._resolved(key, there[start : start + _PAGE]):
                    yield rollout
        after = 0
        while page := (await self._state(key)).run.page(after, _PAGE):
            for rollout in await self._resolved(key, page):
                yield rollout
            after = page[-1].position

    async def complete_rollouts(self, key: RunKey, items: Sequence[ResultItem]) -> CompleteOutcome:
        refs = await self._write(key, [item.payload for item in items])
        named = [(item.rollout_id, ref) for item, ref in zip(items, refs, strict=True)]
        return await self._do(key, CompleteOutcome, "complete", named)

    # ------------------------------------------------------------ groups

    async def get_group(self, key: RunKey, group_id: str) -> GroupRecord | None:
        return (await self.get_groups(key, [group_id]))[0]

    async def get_groups(self, key: RunKey, group_ids: Sequence[str]) -> Sequence[GroupRecord | None]:
        run = (await self._state(key)).run
        records = [run.group(group_id) for group_id in group_ids]
        found = iter(await self._with_results(key, [record for record in records if record is not None]))
        return [None if record is None else next(found) for record in records]

    async def read_group(self, key: RunKey, group_id: str) -> Sequence[StoredRollout]:
        return (await self.read_groups(key, [(group_id, ())]))[0]

    async def read_groups(
        self, key: RunKey, wanted: Sequence[tuple[str, Collection[str]]]
    ) -> Sequence[Sequence[StoredRollout]]:
        run = (await self._state(key)).run
        groups = [
            [member for member in run.members(group_id) if member.rollout_id not in known] for group_id, known in wanted
        ]
        found = iter(await self._resolved(key, [member for members in groups for member in members]))
        return [[next(found) for _ in members] for members in groups]

    async def close_group(self, key: RunKey, group_id: str, expected: Sequence[str] | None, now: float) -> GroupRecord:
        names = None if expected is None else list(expected)
        record = await self._do(key, GroupRecord, "close", group_id, names, now)
        return (await self._with_results(key, [record]))[0]

    async def cut_group(self, key: RunKey, group_id: str) -> GroupRecord | None:
        return cast("GroupRecord | None", await self._do(key, object, "cut", group_id))

    async def abort_group(self, key: RunKey, group_id: str, now: float) -> GroupRecord | None:
        return cast("GroupRecord | None", await self._do(key, object, "abort", group_id, now))

    async def emit_groups(
        self, key: RunKey, results: Sequence[tuple[str, bytes, tuple[str, ...]]], facts: Sequence[bytes] = ()
    ) -> tuple[Sequence[int], Mapping[str, int]]:
        refs = await self._write(key, [*(payload for _, payload, _ in results), *facts])
        refs, numbers = refs[: len(results)], refs[len(results) :]
        named = [(group_id, ref, names) for (group_id, _, names), ref in zip(results, refs, strict=True)]
        return cast("tuple[Sequence[int], Mapping[str, int]]", await self._do(key, tuple, "emit", named, numbers))

    async def scan_emitted(self, key: RunKey, after: int = 0) -> AsyncIterator[EmittedGroup]:
        """See :meth:`Store.scan_emitted`; what was put aside is among it."""
        state = await self._state(key)
        found = state.run.emitted_after(after)
        for archive, limit in tuple(state.fact_archives):
            settled_groups = unpack_facts((await self._read(key, [archive]))[0], limit)
            found += [group for group in settled_groups if group.position > after]
        found.sort(key=lambda group: group.position)
        for start in range(0, len(found), _PAGE):
            page = found[start : start + _PAGE]
            for group, facts in zip(page, await self._read(key, [group.facts for group in page]), strict=True):
                yield group._replace(facts=facts)

    # ------------------------------------------------------------ barriers

    async def arrive_at_barrier(self, key: RunKey, barrier_id: str, payload: bytes, consumer: str) -> BarrierRecord:
        return await self._do(key, BarrierRecord, "arrive", barrier_id, payload, consumer)

    async def finish_barrier(
        self,
        key: RunKey,
        barrier_id: str,
        group_ids: Sequence[str],
        payloads: Sequence[bytes],
        consumers: Sequence[str],
    ) -> Mapping[str, int] | None:
        refs = await self._write(key, payloads)
        outcome = await self._do(key, object, "finish", barrier_id, list(group_ids), refs, list(consumers))
        return cast("Mapping[str, int] | None", outcome)

    # ------------------------------------------------------------ outboxes

    async def outbox_state(self, key: RunKey, consumer: str) -> OutboxState:
        return await self._do(key, OutboxState, "register", consumer)

    async def list_consumers(self, key: RunKey) -> Sequence[str]:
        return (await self._state(key)).run.consumers()

    async def outbox_read(
        self, key: RunKey, consumer: str, after: int, *, max_entries: int, max_bytes: int
    ) -> Sequence[OutboxEntry]:
        box = (await self._state(key)).run.outboxes.get(consumer)
        page = box.read(after, max_entries, max_bytes, size_of) if box is not None else []
        payloads = await self._read(key, [entry.payload for entry in page])
        return [entry._replace(payload=payload) for entry, payload in zip(page, payloads, strict=True)]

    async def outbox_ack(self, key: RunKey, consumer: str, sequence: int) -> OutboxState:
        return await self._do(key, OutboxState, "acknowledge", consumer, sequence)

    # ------------------------------------------------------------ tasks and blobs

    async def put_objects(self, tenant: str, kind: str, objects: Mapping[str, bytes]) -> None:
        server, records = self._present()
        refs = await records.write(tenant, OBJECTS, list(objects.values()))
        commands = [
            ("HSETNX", objects_key(tenant, kind), digest, ref) for digest, ref in zip(objects, refs, strict=True)
        ]
        if commands:
            await server.together(*commands)

    async def get_objects(self, tenant: str, kind: str, digests: Sequence[str]) -> Sequence[bytes | None]:
        if not digests:
            return []
        server, records = self._present()
        refs = cast("Sequence[bytes | None]", await server.command("HMGET", objects_key(tenant, kind), *digests))
        found = iter(await records.read(tenant, OBJECTS, [ref for ref in refs if ref is not None]))
        return [None if ref is None else next(found) for ref in refs]

    async def list_objects(self, tenant: str, kind: str) -> Sequence[str]:
        keys = cast("Sequence[bytes]", await self._server.command("HKEYS", objects_key(tenant, kind)))
        return sorted(key.decode() for key in keys)

    # ------------------------------------------------------------ recovery

    async def recover(self, key: RunKey) -> Recovery:
        log = await self._log_of(key)
        recovery = log.state.recover(log.writer)
        return replace(
            recovery,
            unanswered=tuple(await self._resolved(key, recovery.unanswered)),
            ready=tuple(await self._with_results(key, recovery.ready)),
            open=tuple(await self._with_results(key, recovery.open)),
            unbatched=tuple(await self._with_results(key, recovery.unbatched)),
        )

    # ------------------------------------------------------------ several processes

    @property
    def shared(self) -> bool:
        return True

    def follow(self, key: RunKey, listener: Listener) -> Callable[[], None]:
        log = self._logs.get((key.tenant, key.run_id))
        if log is None or log.failed is not None:
            raise StoreUnavailable("the run's log was closed")
        log.listeners.append(listener)
        return lambda: log.listeners.remove(listener)

    async def pending(self, key: RunKey) -> Pending | None:
        return (await self._state(key)).pending()

    async def deserted(self) -> Sequence[RunRecord]:
        found: list[RunRecord] = []
        now, suspects = time.monotonic(), self._suspects
        self._suspects = {}
        for tenant, run_id in await self._run_ids():
            for writer in await self._expired(tenant, run_id):
                since = self._suspects[tenant, run_id, writer] = suspects.get((tenant, run_id, writer), now)
                if now - since < self._lease_seconds / 2:
                    continue  # where Redis was away nobody could renew: those who are still there do so at once
                with contextlib.suppress(UnknownRun):
                    log = await self._log(tenant, run_id)
                    if await log.take_over(writer):
                        _log.warning("took over from a process that is gone", run=run_id, gone=writer)
                        found.append(log.state.run.record)
        return found

    async def _expired(self, tenant: str, run_id: str) -> list[str]:
        """Writers of a run, other than this process, whose leases have ended."""
        own = self._logs.get((tenant, run_id))
        found = await self._server.script(scripts.EXPIRED, (run_keys(tenant, run_id).head,))
        writers = [writer.decode() for writer in cast("Sequence[bytes]", found)]
        return [writer for writer in writers if own is None or own.failed is not None or writer != own.writer]

    async def write_down(self, key: RunKey) -> None:
        """Keep the run's present state, so that who opens it next need not read its log from the beginning."""
        await (await self._log_of(key)).snapshot()

    # ------------------------------------------------------------ parts

    @property
    def _server(self) -> Server:
        return self._present()[0]

    def _present(self) -> tuple[Server, Records]:
        if self._opened is None:
            raise StoreUnavailable("the store is not open")
        return self._opened

    async def _run_ids(self) -> list[tuple[str, str]]:
        """Tenants and runs, in the order of their creation."""
        server = self._server
        cursor, names = 0, set[str]()
        while True:
            page = cast("Sequence[object]", await server.command("SCAN", cursor, "MATCH", RUNS_PATTERN, "COUNT", 1000))
            cursor = int(cast("bytes", page[0]))
            names.update(name.decode() for name in cast("Sequence[bytes]", page[1]))
            if not cursor:
                break
        found: list[tuple[int, str, str]] = []
        for name in names:
            row = await server.command("ZRANGE", name, 0, -1, "WITHSCORES")
            found.extend((created, tenant_of(name), run_id) for run_id, created in _scored(row))
        return [(tenant, run_id) for _, tenant, run_id in sorted(found)]

    async def _log(self, tenant: str, run_id: str) -> RunLog:
        """The run's log at work. UnknownRun, StoreUnavailable."""
        name = (tenant, run_id)
        log = self._logs.get(name)
        if log is None or log.failed is not None:
            async with self._opening.setdefault(name, asyncio.Lock()):
                log = self._logs.get(name)
                if log is None or log.failed is not None:
                    log = await self._open_log(tenant, run_id, log)
            self._opening.pop(name, None)
        log.used = time.monotonic()
        return log

    async def _open_log(self, tenant: str, run_id: str, older: RunLog | None) -> RunLog:
        server, keys = self._server, run_keys(tenant, run_id)
        digest, spec = cast("Sequence[bytes | None]", await server.command("HMGET", keys.record, "digest", "spec"))
        if digest is None or spec is None:
            raise UnknownRun(f"there is no run {run_id!r}")
        if older is not None:
            await older.close()
        record = RunRecord(tenant, run_id, 1, digest.decode(), spec)
        writer = f"{self._name}-{uuid.uuid4().hex[:8]}"
        log = RunLog(server, keys, record, writer, int(self._lease_seconds * 1000))
        await log.open()
        self._logs[tenant, run_id] = log
        return log

    async def _log_of(self, key: RunKey) -> RunLog:
        log = await self._log(key.tenant, key.run_id)
        present = log.state.run.record.generation
        if present != key.generation:
            raise StaleGeneration(key, present)
        return log

    async def _state(self, key: RunKey) -> SharedRun:
        """The run in this generation, as far as this process has read. UnknownRun, StaleGeneration."""
        return (await self._log_of(key)).state

    async def _submit(self, tenant: str, run_id: str, operation: Operation) -> object:
        return await (await self._log(tenant, run_id)).submit(operation)

    async def _do(self, key: RunKey, _kind: type[T], name: str, *arguments: object) -> T:
        """An operation of a generation, whose outcome is of that kind."""
        return cast("T", await self._submit(key.tenant, key.run_id, (name, key.generation, *arguments)))

    async def _write(self, key: RunKey, payloads: Sequence[bytes]) -> list[bytes]:
        return await self._present()[1].write(key.tenant, key.run_id, payloads)

    async def _read(self, key: RunKey, refs: Sequence[bytes]) -> list[bytes]:
        return await self._present()[1].read(key.tenant, key.run_id, refs)

    async def _resolved(self, key: RunKey, stored: Sequence[StoredRollout]) -> list[StoredRollout]:
        """Rollouts with what their references stand for."""
        refs: list[bytes] = []
        for one in stored:
            refs.extend((one.payload, *one.steps, *(() if one.result is None else (one.result,))))
        found = iter(await self._read(key, refs))
        return [
            replace(
                one,
                payload=next(found),
                steps=tuple(next(found) for _ in one.steps),
                result=None if one.result is None else next(found),
            )
            for one in stored
        ]

    async def _with_results(self, key: RunKey, records: Sequence[GroupRecord]) -> list[GroupRecord]:
        """Groups with what the references to their results stand for."""
        found = iter(await self._read(key, [record.result for record in records if record.result is not None]))
        return [record if record.result is None else replace(record, result=next(found)) for record in records]

    async def _put_aside(self, log: RunLog) -> None:
        """Keep what is settled for long among the records only."""
        tick = log.note_age(self._control_seconds)
        if tick is None or log.failed is not None:
            return
        run = log.state.run
        found = settled(run, tick)
        if not found.rollouts and not found.barriers:
            return
        key = run.record.key
        rows = [(rollout.created, rollout.stored()) for rollout in map(run.rollouts.__getitem__, found.rollouts)]
        groups = [(run.groups[one.group_id].created, one) for one in _with_facts(run, found.groups)]
        try:
            archives = await self._write(key, [pack_rollouts(rows), *([pack_facts(groups)] if groups else [])])
            await log.submit(("put_aside", key.generation, *found, *archives))
        except StoreError as error:  # restored or lost meanwhile: then there is another time
            _log.warning("what is settled was not put aside", run=key.run_id, error=str(error))

    async def _keep(self) -> None:
        """Keep the leases, and close the logs that nobody has used for a while."""
        swept = time.monotonic()
        while True:
            await asyncio.sleep(self._lease_seconds / 3)
            if time.monotonic() - swept > _SWEEP_SECONDS:
                swept = time.monotonic()
                await self._present()[1].sweep({OBJECTS: math.inf, "jobs": _JOB_SECONDS}, _RECORD_SECONDS)
            for name, log in list(self._logs.items()):
                try:
                    await log.renew()
                except StoreUnavailable as error:
                    _log.warning("a lease could not be renewed", run=name[1], error=str(error))
                if time.monotonic() - log.aged > self._control_seconds / 4:
                    log.aged = time.monotonic()
                    await self._put_aside(log)
                if time.monotonic() - log.used > _IDLE_SECONDS and not log.busy and self._logs.get(name) is log:
                    del self._logs[name]
                    await log.close()


def _with_facts(run: MemoryRun, group_ids: Sequence[str]) -> list[EmittedGroup]:
    named = frozenset(group_ids)
    return [one for one in run.emitted_after(0) if one.group_id in named]


def _scored(row: object) -> list[tuple[str, int]]:
    """Members and scores in the answer of ZRANGE, in either of its two shapes."""
    flat: list[object] = []
    for item in cast("Sequence[object]", row):
        flat.extend(cast("Sequence[object]", item) if isinstance(item, list | tuple) else [item])
    return [
        (cast("bytes", member).decode(), int(float(cast("bytes", score))))
        for member, score in zip(flat[::2], flat[1::2], strict=True)
    ]
