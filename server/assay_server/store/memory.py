"""A store in memory: for tests, for the embedded engine, and as the model the other backends are compared with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from .memory_run import MemoryRun
from .protocol import (
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
    RunConflict,
    RunKey,
    RunRecord,
    StaleGeneration,
    StoredRollout,
    UnknownRun,
)
from .single import SingleProcess

_PAGE = 256


class MemoryStore(SingleProcess):
    """Keeps everything until the process ends; one event loop, so every operation is atomic by nature."""

    def __init__(self) -> None:
        self._runs: dict[tuple[str, str], MemoryRun] = {}
        self._objects: dict[tuple[str, str, str], bytes] = {}

    async def open(self) -> None:
        """Nothing to connect to."""

    async def close(self) -> None:
        """Nothing to release; what is stored stays readable."""

    async def create_run(self, tenant: str, run_id: str, spec_digest: str, spec: bytes) -> tuple[RunRecord, bool]:
        run = self._runs.get((tenant, run_id))
        if run is None:
            run = self._runs[tenant, run_id] = MemoryRun(RunRecord(tenant, run_id, 1, spec_digest, spec))
            return run.record, True
        if run.record.spec_digest != spec_digest:
            raise RunConflict(f"run {run_id!r} exists with another spec")
        return run.record, False

    async def get_run(self, tenant: str, run_id: str) -> RunRecord | None:
        run = self._runs.get((tenant, run_id))
        return run.record if run else None

    async def list_runs(self) -> Sequence[RunRecord]:
        return [run.record for run in self._runs.values()]

    async def checkpoint_run(self, key: RunKey, name: str, state: bytes) -> CheckpointRecord:
        return self._run(key).checkpoint(name, state)

    async def restore_run(
        self, tenant: str, run_id: str, name: str, expected_generation: int
    ) -> tuple[RunRecord, CheckpointRecord, int]:
        run = self._runs.get((tenant, run_id))
        if run is None:
            raise UnknownRun(f"there is no run {run_id!r}")
        return run.restore(name, expected_generation)

    async def add_to_counters(self, tenant: str, run_id: str, amounts: Mapping[str, float]) -> Mapping[str, float]:
        run = self._runs.get((tenant, run_id))
        if run is None:
            raise UnknownRun(f"there is no run {run_id!r}")
        return run.add_to_counters(amounts)

    async def accept_rollouts(self, key: RunKey, items: Sequence[AcceptItem], now: float) -> Sequence[AcceptOutcome]:
        run = self._run(key)
        return [run.accept(item, now) for item in items]

    async def append_steps(
        self, key: RunKey, rollout_id: str, from_index: int, steps: Sequence[bytes], *, final: bool, tail: bytes
    ) -> AppendOutcome:
        return self._run(key).append(rollout_id, from_index, steps, tail if final else None)

    async def read_rollouts(self, key: RunKey, rollout_ids: Sequence[str]) -> Sequence[StoredRollout | None]:
        run = self._run(key)
        return [run.rollout(rollout_id) for rollout_id in rollout_ids]

    async def scan_rollouts(self, key: RunKey) -> AsyncIterator[StoredRollout]:
        after = 0
        while page := self._run(key).page(after, _PAGE):
            for rollout in page:
                yield rollout
            after = page[-1].position

    async def complete_rollouts(self, key: RunKey, items: Sequence[ResultItem]) -> CompleteOutcome:
        return self._run(key).complete(items)

    async def get_group(self, key: RunKey, group_id: str) -> GroupRecord | None:
        return self._run(key).group(group_id)

    async def read_group(self, key: RunKey, group_id: str) -> Sequence[StoredRollout]:
        return self._run(key).members(group_id)

    async def close_group(self, key: RunKey, group_id: str, expected: Sequence[str] | None, now: float) -> GroupRecord:
        return self._run(key).close_group(group_id, expected, now)

    async def cut_group(self, key: RunKey, group_id: str) -> GroupRecord | None:
        return self._run(key).cut_group(group_id)

    async def abort_group(self, key: RunKey, group_id: str, now: float) -> GroupRecord | None:
        return self._run(key).abort_group(group_id, now)

    async def emit_groups(
        self, key: RunKey, results: Sequence[tuple[str, bytes, tuple[str, ...]]], facts: Sequence[bytes] = ()
    ) -> tuple[Sequence[int], Mapping[str, int]]:
        return self._run(key).emit(results, facts)

    async def scan_emitted(self, key: RunKey, after: int = 0) -> AsyncIterator[EmittedGroup]:
        for group in self._run(key).emitted_after(after):
            yield group

    async def arrive_at_barrier(self, key: RunKey, barrier_id: str, payload: bytes, consumer: str) -> BarrierRecord:
        return self._run(key).arrive(barrier_id, payload, consumer)

    async def finish_barrier(
        self,
        key: RunKey,
        barrier_id: str,
        group_ids: Sequence[str],
        payloads: Sequence[bytes],
        consumers: Sequence[str],
    ) -> Mapping[str, int] | None:
        return self._run(key).finish(barrier_id, group_ids, payloads, consumers)

    async def outbox_state(self, key: RunKey, consumer: str) -> OutboxState:
        return self._run(key).outbox(consumer).state()

    async def list_consumers(self, key: RunKey) -> Sequence[str]:
        return self._run(key).consumers()

    async def outbox_read(
        self, key: RunKey, consumer: str, after: int, *, max_entries: int, max_bytes: int
    ) -> Sequence[OutboxEntry]:
        return self._run(key).read_outbox(consumer, after, max_entries, max_bytes)

    async def outbox_ack(self, key: RunKey, consumer: str, sequence: int) -> OutboxState:
        return self._run(key).acknowledge(consumer, sequence)

    async def put_objects(self, tenant: str, kind: str, objects: Mapping[str, bytes]) -> None:
        for digest, payload in objects.items():
            self._objects.setdefault((tenant, kind, digest), payload)

    async def get_objects(self, tenant: str, kind: str, digests: Sequence[str]) -> Sequence[bytes | None]:
        return [self._objects.get((tenant, kind, digest)) for digest in digests]

    async def list_objects(self, tenant: str, kind: str) -> Sequence[str]:
        return sorted(key for owner, of, key in self._objects if (owner, of) == (tenant, kind))

    async def recover(self, key: RunKey) -> Recovery:
        return self._run(key).recover()

    def _run(self, key: RunKey) -> MemoryRun:
        run = self._runs.get((key.tenant, key.run_id))
        if run is None:
            raise UnknownRun(f"there is no run {key.run_id!r}")
        if run.record.generation != key.generation:
            raise StaleGeneration(key, run.record.generation)
        return run
