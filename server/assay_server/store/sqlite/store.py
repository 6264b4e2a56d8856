"""The store's operations on one SQLite file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

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
    Recovery,
    ResultItem,
    RunKey,
    RunRecord,
    StoredRollout,
    StoreError,
    StoreUnavailable,
)
from assay_server.store.single import SingleProcess

from . import barriers, groups, rollouts, runs
from .log import LogMover
from .objects import put_objects
from .ownership import Ownership
from .reads import Reader
from .schema import Synchronous, connect, limit_size, prepare
from .transaction import Transaction
from .writer import Operation, Writer, unavailable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SqliteStatistics:
    """What the store has done since it was opened.

    Attributes:
        operations: write operations committed.
        commits: transactions committed; ``undone`` were not.
        log_moves: times the log was moved into the database; each takes two fsyncs.
    """

    operations: int
    commits: int
    undone: int
    log_moves: int


class _Opened:
    """Threads and connections of an open store."""

    def __init__(self, path: Path, synchronous: Synchronous, max_bytes: int | None) -> None:
        self._ownership = Ownership(path)
        connections: list[sqlite3.Connection] = []
        try:
            connections.append(connect(path, synchronous))
            prepare(connections[0])
            if max_bytes is not None:
                limit_size(connections[0], max_bytes)
            connections += [connect(path, synchronous) for _ in range(2)]
        except (sqlite3.Error, StoreError) as error:
            for connection in connections:
                connection.close()
            self._ownership.release()
            raise unavailable(error) if isinstance(error, sqlite3.Error) else error from error
        writing, moving, self._reading = connections
        self.mover = LogMover(moving)
        self.writer = Writer(writing, lambda: self.mover.after_commit(writing))
        self.reader = Reader(self._reading)
        self.readers = ThreadPoolExecutor(1, thread_name_prefix="store-reader")

    def close(self) -> None:
        self.writer.stop()
        self.readers.shutdown()
        self._reading.close()
        self.mover.stop()
        self._ownership.release()


class SqliteStore(SingleProcess):
    """A store in one file, for one process.

    Args:
        path: of the file; created if it is not there. Its folder must exist.
        synchronous: ``NORMAL`` survives the death of the process; ``FULL`` also that of the machine, at one fsync per
            transaction.
        max_bytes: the file grows no larger; what does not fit is refused with StoreUnavailable. None = no limit.
    """

    def __init__(self, path: Path, *, synchronous: Synchronous = "NORMAL", max_bytes: int | None = None) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._synchronous: Synchronous = synchronous
        self._opened: _Opened | None = None

    async def open(self) -> None:
        if self._opened is None:
            self._opened = await asyncio.to_thread(_Opened, self._path, self._synchronous, self._max_bytes)

    async def close(self) -> None:
        """What was submitted is finished first."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await asyncio.to_thread(opened.close)

    def statistics(self) -> SqliteStatistics:
        """Counts since the store was opened."""
        opened = self._present()
        written = opened.writer.statistics
        return SqliteStatistics(written.operations, written.commits, written.undone, opened.mover.moves)

    # ------------------------------------------------------------ runs

    async def create_run(self, tenant: str, run_id: str, spec_digest: str, spec: bytes) -> tuple[RunRecord, bool]:
        return await self._write(lambda transaction: runs.create(transaction, tenant, run_id, spec_digest, spec))

    async def get_run(self, tenant: str, run_id: str) -> RunRecord | None:
        return await self._read(lambda reader: reader.run_record(tenant, run_id))

    async def list_runs(self) -> Sequence[RunRecord]:
        return await self._read(lambda reader: reader.run_records())

    async def checkpoint_run(self, key: RunKey, name: str, state: bytes) -> CheckpointRecord:
        return await self._write(lambda transaction: runs.checkpoint(transaction, key, name, state))

    async def restore_run(
        self, tenant: str, run_id: str, name: str, expected_generation: int
    ) -> tuple[RunRecord, CheckpointRecord, int]:
        return await self._write(
            lambda transaction: runs.restore(transaction, tenant, run_id, name, expected_generation)
        )

    async def add_to_counters(self, tenant: str, run_id: str, amounts: Mapping[str, float]) -> Mapping[str, float]:
        return await self._write(lambda transaction: runs.count(transaction, tenant, run_id, amounts))

    # ------------------------------------------------------------ rollouts

    async def accept_rollouts(self, key: RunKey, items: Sequence[AcceptItem], now: float) -> Sequence[AcceptOutcome]:
        return await self._write(
            lambda transaction: rollouts.accept(transaction, key, items, now),
            wanted=(key, [item.rollout_id for item in items]),
            groups=(key, {item.group_id for item in items}),
        )

    async def append_steps(
        self, key: RunKey, rollout_id: str, from_index: int, steps: Sequence[bytes], *, final: bool, tail: bytes
    ) -> AppendOutcome:
        return await self._write(
            lambda transaction: rollouts.append(
                transaction, key, rollout_id, from_index, steps, tail if final else None
            ),
            wanted=(key, [rollout_id]),
        )

    async def read_rollouts(self, key: RunKey, rollout_ids: Sequence[str]) -> Sequence[StoredRollout | None]:
        return await self._read(lambda reader: reader.rollouts(key, rollout_ids))

    async def scan_rollouts(self, key: RunKey) -> AsyncIterator[StoredRollout]:
        after = 0
        while page := await self._next_page(key, after):
            for rollout in page:
                yield rollout
            after = page[-1].position

    async def complete_rollouts(self, key: RunKey, items: Sequence[ResultItem]) -> CompleteOutcome:
        return await self._write(
            lambda transaction: rollouts.complete(transaction, key, items),
            wanted=(key, [item.rollout_id for item in items]),
        )

    # ------------------------------------------------------------ groups

    async def get_group(self, key: RunKey, group_id: str) -> GroupRecord | None:
        return await self._read(lambda reader: reader.group(key, group_id))

    async def read_group(self, key: RunKey, group_id: str) -> Sequence[StoredRollout]:
        return await self._read(lambda reader: reader.members(key, group_id))

    async def close_group(self, key: RunKey, group_id: str, expected: Sequence[str] | None, now: float) -> GroupRecord:
        return await self._write(lambda transaction: groups.close(transaction, key, group_id, expected, now))

    async def cut_group(self, key: RunKey, group_id: str) -> GroupRecord | None:
        return await self._write(lambda transaction: groups.cut(transaction, key, group_id))

    async def abort_group(self, key: RunKey, group_id: str, now: float) -> GroupRecord | None:
        return await self._write(lambda transaction: groups.abort(transaction, key, group_id, now))

    async def emit_groups(
        self, key: RunKey, results: Sequence[tuple[str, bytes, tuple[str, ...]]], facts: Sequence[bytes] = ()
    ) -> tuple[Sequence[int], Mapping[str, int]]:
        return await self._write(lambda transaction: groups.emit(transaction, key, results, facts))

    async def scan_emitted(self, key: RunKey, after: int = 0) -> AsyncIterator[EmittedGroup]:
        while page := await self._next_emitted(key, after):
            for group in page:
                yield group
            after = page[-1].position

    # ------------------------------------------------------------ barriers

    async def arrive_at_barrier(self, key: RunKey, barrier_id: str, payload: bytes, consumer: str) -> BarrierRecord:
        return await self._write(lambda transaction: barriers.arrive(transaction, key, barrier_id, payload, consumer))

    async def finish_barrier(
        self,
        key: RunKey,
        barrier_id: str,
        group_ids: Sequence[str],
        payloads: Sequence[bytes],
        consumers: Sequence[str],
    ) -> Mapping[str, int] | None:
        return await self._write(
            lambda transaction: barriers.finish(transaction, key, barrier_id, group_ids, payloads, consumers)
        )

    # ------------------------------------------------------------ outboxes

    async def outbox_state(self, key: RunKey, consumer: str) -> OutboxState:
        return await self._write(lambda transaction: barriers.register(transaction, key, consumer))

    async def list_consumers(self, key: RunKey) -> Sequence[str]:
        return await self._read(lambda reader: reader.consumers(key))

    async def outbox_read(
        self, key: RunKey, consumer: str, after: int, *, max_entries: int, max_bytes: int
    ) -> Sequence[OutboxEntry]:
        return await self._read(lambda reader: reader.outbox(key, consumer, after, max_entries, max_bytes))

    async def outbox_ack(self, key: RunKey, consumer: str, sequence: int) -> OutboxState:
        return await self._write(lambda transaction: barriers.acknowledge(transaction, key, consumer, sequence))

    # ------------------------------------------------------------ tasks and blobs

    async def put_objects(self, tenant: str, kind: str, objects: Mapping[str, bytes]) -> None:
        await self._write(lambda transaction: put_objects(transaction, tenant, kind, objects))

    async def get_objects(self, tenant: str, kind: str, digests: Sequence[str]) -> Sequence[bytes | None]:
        return await self._read(lambda reader: reader.objects(tenant, kind, digests))

    async def list_objects(self, tenant: str, kind: str) -> Sequence[str]:
        return await self._read(lambda reader: reader.object_keys(tenant, kind))

    # ------------------------------------------------------------ recovery

    async def recover(self, key: RunKey) -> Recovery:
        return await self._read(lambda reader: reader.recovery(key))

    # ------------------------------------------------------------ threads

    def _present(self) -> _Opened:
        if self._opened is None:
            raise StoreUnavailable("the store is not open")
        return self._opened

    async def _next_page(self, key: RunKey, after: int) -> list[StoredRollout]:
        return await self._read(lambda reader: reader.page(key, after))

    async def _next_emitted(self, key: RunKey, after: int) -> list[EmittedGroup]:
        return await self._read(lambda reader: reader.emitted(key, after))

    async def _write(
        self,
        apply: Callable[[Transaction], T],
        *,
        wanted: tuple[RunKey, Sequence[str]] | None = None,
        groups: tuple[RunKey, set[str]] | None = None,
    ) -> T:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._present().writer.submit(Operation(apply, future, wanted, groups))
        return await future

    async def _read(self, read: Callable[[Reader], T]) -> T:
        opened = self._present()
        try:
            return await asyncio.get_running_loop().run_in_executor(opened.readers, read, opened.reader)
        except sqlite3.Error as error:
            raise unavailable(error) from error
