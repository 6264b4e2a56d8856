"""One run in memory: its rollouts, groups, barriers and outboxes, with the operations on them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import repeat

from .checkpoints import beginning, checkpoint_record
from .growth import judge_append
from .membership import Membership
from .memory_outbox import MemoryOutbox
from .memory_rows import MemoryBarrier, MemoryCheckpoint, MemoryGroup, MemoryRollout
from .protocol import (
    MAX_UNBATCHED,
    AcceptCode,
    AcceptItem,
    AcceptOutcome,
    AppendCode,
    AppendOutcome,
    BarrierRecord,
    CheckpointRecord,
    CompleteOutcome,
    EmittedGroup,
    GroupRecord,
    GroupState,
    OutboxEntry,
    OutboxKind,
    OutboxState,
    Recovery,
    ResultItem,
    RunRecord,
    StaleGeneration,
    StoredRollout,
    UnknownCheckpoint,
    is_due,
)


class MemoryRun:
    """The state of one run. Every change takes the next tick, so that a restore knows what came after a checkpoint.

    What it holds is plain, so that another module can write it down and read it again.
    """

    def __init__(self, record: RunRecord) -> None:
        self.record = record
        self.tick = 0
        self.positions = 0
        self.emitted = 0
        self.rollouts: dict[str, MemoryRollout] = {}
        self.groups: dict[str, MemoryGroup] = {}
        self.barriers: dict[str, MemoryBarrier] = {}
        self.outboxes: dict[str, MemoryOutbox] = {}
        self.checkpoints: dict[str, MemoryCheckpoint] = {}
        self.restored: tuple[CheckpointRecord, int] | None = None
        self.counters: dict[str, float] = {}

    def add_to_counters(self, amounts: Mapping[str, float]) -> Mapping[str, float]:
        for name, amount in amounts.items():
            self.counters[name] = self.counters.get(name, 0.0) + amount
        return dict(self.counters)

    # ------------------------------------------------------------ rollouts

    def accept(self, item: AcceptItem, now: float) -> AcceptOutcome:
        known = self.rollouts.get(item.rollout_id)
        if known is not None:
            announced = self.groups[known.item.group_id].counts.announced
            same = known.item.digest == item.digest
            code = AcceptCode.DUPLICATE if same else AcceptCode.CONFLICT
            return AcceptOutcome(code, same and known.late, same and known.result is not None, announced)
        group = self._group(item.group_id, now)
        outcome = group.counts.admit(item.rollout_id, item.group_size)
        if outcome.code is not AcceptCode.ACCEPTED:
            return outcome
        self.positions += 1
        tick = self._next_tick()
        rollout = MemoryRollout(item, self.positions, tick, outcome.late, list(item.steps), [tick] * len(item.steps))
        rollout.final_tick = tick if item.final else None
        self.rollouts[item.rollout_id] = group.members[item.rollout_id] = rollout
        for consumer in item.consumers:
            self.outbox(consumer)
        return outcome

    def append(self, rollout_id: str, from_index: int, steps: Sequence[bytes], tail: bytes | None) -> AppendOutcome:
        rollout = self.rollouts.get(rollout_id)
        if rollout is None:
            return AppendOutcome(AppendCode.UNKNOWN)
        frozen = rollout.final_tick is not None
        code = judge_append(rollout.steps, rollout.tail, frozen=frozen, from_index=from_index, steps=steps, tail=tail)
        if code is AppendCode.APPENDED:
            tick = self._next_tick()
            rollout.steps.extend(steps)
            rollout.step_ticks.extend([tick] * len(steps))
            if tail is not None:
                rollout.tail, rollout.final_tick = tail, tick
        return AppendOutcome(code, len(rollout.steps), rollout.final_tick is not None)

    def rollout(self, rollout_id: str) -> StoredRollout | None:
        rollout = self.rollouts.get(rollout_id)
        return rollout.stored() if rollout else None

    def page(self, after: int, size: int) -> list[StoredRollout]:
        """The next rollouts in order of position."""
        rollouts = list(self.rollouts.values())
        start = bisect_right(rollouts, after, key=lambda rollout: rollout.position)
        return [rollout.stored() for rollout in rollouts[start : start + size]]

    def complete(self, items: Sequence[ResultItem]) -> CompleteOutcome:
        stored: list[bool] = []
        sequences: dict[str, int] = {}
        ready: list[str] = []
        for item in items:
            rollout = self.rollouts.get(item.rollout_id)
            first = rollout is not None and rollout.result is None
            stored.append(first)
            if rollout is None or not first:
                continue
            rollout.result, rollout.result_tick = item.payload, self._next_tick()
            self._hold(OutboxKind.SAMPLE, item.rollout_id, item.payload, rollout.item.consumers, sequences)
            counts = self.groups[rollout.item.group_id].counts
            if not rollout.late and counts.answer():
                ready.append(counts.group_id)
        return CompleteOutcome(tuple(stored), sequences, tuple(ready))

    # ------------------------------------------------------------ groups

    def group(self, group_id: str) -> GroupRecord | None:
        group = self.groups.get(group_id)
        return group.record() if group else None

    def members(self, group_id: str) -> list[StoredRollout]:
        group = self.groups.get(group_id)
        counting = group.counting() if group else []
        return [member.stored() for member in sorted(counting, key=lambda member: member.item.rollout_id)]

    def close_group(self, group_id: str, expected: Sequence[str] | None, now: float) -> GroupRecord:
        group = self._group(group_id, now)
        if group.counts.state is GroupState.OPEN:
            if expected is not None:
                named = frozenset(expected)
                for rollout_id, member in group.members.items():
                    member.late = rollout_id not in named
            counting = group.counting()
            answered = sum(member.result is not None for member in counting)
            group.counts.close(len(counting), answered, expected)
        return group.record()

    def cut_group(self, group_id: str) -> GroupRecord | None:
        group = self.groups.get(group_id)
        if group is None or group.counts.state is not GroupState.OPEN:
            return None
        for member in group.members.values():
            member.late = member.late or member.result is None
        group.counts.cut()
        return group.record()

    def abort_group(self, group_id: str, now: float) -> GroupRecord | None:
        group = self._group(group_id, now)
        if group.counts.state not in {GroupState.OPEN, GroupState.READY}:
            return None
        group.counts.state = GroupState.ABORTED
        return group.record()

    def emit(
        self, results: Iterable[tuple[str, bytes, tuple[str, ...]]], facts: Sequence[bytes] = ()
    ) -> tuple[list[int], dict[str, int]]:
        positions: list[int] = []
        sequences: dict[str, int] = {}
        for (group_id, payload, consumers), numbers in zip(results, facts or repeat(b"")):  # noqa: B905 - one is endless
            group = self.groups.get(group_id)
            if group is None or group.counts.state not in {GroupState.READY, GroupState.ABORTED}:
                positions.append(0)
                continue
            self.emitted += 1
            group.counts.state = GroupState.EMITTED
            group.emit_position, group.result, group.facts = self.emitted, payload, numbers
            self._hold(OutboxKind.GROUP, group_id, payload, consumers, sequences)
            positions.append(self.emitted)
        return positions, sequences

    def emitted_after(self, position: int) -> list[EmittedGroup]:
        """The emitted groups that have facts, in order of emission."""
        emitted = (
            EmittedGroup(group_id, group.emit_position, group.barrier_id, group.facts)
            for group_id, group in self.groups.items()
            if group.emit_position > position and group.facts
        )
        return sorted(emitted, key=lambda one: one.position)

    # ------------------------------------------------------------ barriers and outboxes

    def arrive(self, barrier_id: str, payload: bytes, consumer: str) -> BarrierRecord:
        barrier = self._barrier(barrier_id, payload)
        if consumer not in barrier.arrived:
            barrier.arrived.append(consumer)
        return barrier.record()

    def finish(
        self, barrier_id: str, group_ids: Sequence[str], payloads: Sequence[bytes], consumers: Sequence[str]
    ) -> dict[str, int] | None:
        barrier = self._barrier(barrier_id, b"")
        if barrier.finish_tick is not None:
            return None
        barrier.finish_tick = self._next_tick()
        for group_id in group_ids:
            group = self.groups.get(group_id)
            if group is not None and not group.barrier_id:
                group.barrier_id = barrier_id
        sequences = {consumer: self.outbox(consumer).last for consumer in consumers}
        for payload in payloads:
            self._hold(OutboxKind.BATCH, barrier_id, payload, tuple(consumers), sequences)
        return sequences

    def outbox(self, consumer: str) -> MemoryOutbox:
        """The consumer's outbox; it is registered if it is new."""
        outbox = self.outboxes.get(consumer)
        if outbox is None:
            outbox = self.outboxes[consumer] = MemoryOutbox()
        return outbox

    def consumers(self) -> list[str]:
        return list(self.outboxes)

    def read_outbox(self, consumer: str, after: int, max_entries: int, max_bytes: int) -> list[OutboxEntry]:
        outbox = self.outboxes.get(consumer)
        return outbox.read(after, max_entries, max_bytes) if outbox else []

    def acknowledge(self, consumer: str, sequence: int) -> OutboxState:
        outbox = self.outboxes.get(consumer)
        return outbox.acknowledge(sequence) if outbox else OutboxState(0, 0)

    # ------------------------------------------------------------ checkpoints

    def checkpoint(self, name: str, state: bytes) -> CheckpointRecord:
        known = self._find_checkpoint(name)
        if known is not None:
            return known.record
        acknowledged = {consumer: outbox.acked for consumer, outbox in self.outboxes.items()}
        held = frozenset(ref for outbox in self.outboxes.values() for ref in outbox.references())
        self.checkpoints[name] = MemoryCheckpoint(
            checkpoint_record(name, self.positions, acknowledged, state),
            self._next_tick(),
            held,
            {
                group_id: (replace(group.counts), frozenset(i for i, member in group.members.items() if member.late))
                for group_id, group in self.groups.items()
                if group.counts.state is not GroupState.EMITTED or (OutboxKind.GROUP, group_id) in held
            },
            {barrier_id: tuple(barrier.arrived) for barrier_id, barrier in self.barriers.items()},
        )
        return self.checkpoints[name].record

    def restore(self, name: str, expected_generation: int) -> tuple[RunRecord, CheckpointRecord, int]:
        present = self.record.generation
        if expected_generation not in {0, present}:
            if self.restored and expected_generation == present - 1 and self.restored[0].name == name:
                return (self.record, *self.restored)
            raise StaleGeneration(self.record.key._replace(generation=expected_generation), present)
        checkpoint = self._find_checkpoint(name)
        if checkpoint is None:
            raise UnknownCheckpoint(f"run {self.record.run_id!r} has no checkpoint {name!r}")
        held = len(self.rollouts)
        self._restore_rollouts(checkpoint)
        self._restore_barriers(checkpoint)
        self._restore_groups(checkpoint)
        self.checkpoints = {n: point for n, point in self.checkpoints.items() if point.tick <= checkpoint.tick}
        self.outboxes = {consumer: MemoryOutbox() for consumer in self.outboxes}
        self.record = replace(self.record, generation=present + 1)
        self.restored = (checkpoint.record, held - len(self.rollouts))
        return (self.record, *self.restored)

    def recover(self) -> Recovery:
        records = [group.record() for group in self.groups.values()]
        emitted = [record for record in records if record.state is GroupState.EMITTED and not record.barrier_id]
        return Recovery(
            unanswered=tuple(
                rollout.stored()
                for rollout in self.rollouts.values()
                if rollout.result is None and rollout.final_tick is not None
            ),
            ready=tuple(record for record in records if is_due(record)),
            open=tuple(record for record in records if record.state is GroupState.OPEN),
            barriers=tuple(barrier.record() for barrier in self.barriers.values() if barrier.finish_tick is None),
            unbatched=tuple(sorted(emitted, key=lambda record: record.emit_position)[-MAX_UNBATCHED:]),
        )

    def _find_checkpoint(self, name: str) -> MemoryCheckpoint | None:
        return self.checkpoints.get(name) if name else MemoryCheckpoint(beginning())

    def _restore_rollouts(self, checkpoint: MemoryCheckpoint) -> None:
        created = {i: rollout for i, rollout in self.rollouts.items() if rollout.created <= checkpoint.tick}
        self.rollouts = created
        for rollout_id, rollout in created.items():
            if rollout.result_tick > checkpoint.tick or (OutboxKind.SAMPLE, rollout_id) in checkpoint.held:
                rollout.result, rollout.result_tick = None, 0
            kept = sum(tick <= checkpoint.tick for tick in rollout.step_ticks)
            del rollout.steps[kept:], rollout.step_ticks[kept:]
            if rollout.final_tick is not None and rollout.final_tick > checkpoint.tick:
                rollout.final_tick = rollout.tail = None

    def _restore_barriers(self, checkpoint: MemoryCheckpoint) -> None:
        self.barriers = {i: barrier for i, barrier in self.barriers.items() if barrier.created <= checkpoint.tick}
        for barrier_id, barrier in self.barriers.items():
            finished = barrier.finish_tick is not None and barrier.finish_tick <= checkpoint.tick
            if not finished or (OutboxKind.BATCH, barrier_id) in checkpoint.held:
                barrier.finish_tick = None
                barrier.arrived = list(checkpoint.arrivals[barrier_id])

    def _restore_groups(self, checkpoint: MemoryCheckpoint) -> None:
        self.groups = {i: group for i, group in self.groups.items() if group.created <= checkpoint.tick}
        for group_id, group in self.groups.items():
            group.members = {i: member for i, member in group.members.items() if i in self.rollouts}
            barrier = self.barriers.get(group.barrier_id)
            if barrier is None or barrier.finish_tick is None:
                group.barrier_id = ""
            if group_id in checkpoint.groups:
                self._reopen(group, *checkpoint.groups[group_id])
            group.recount()
            group.counts.settle()

    def _reopen(self, group: MemoryGroup, counts: Membership, late: frozenset[str]) -> None:
        group.counts = replace(counts)
        group.emit_position, group.result, group.facts, group.barrier_id = 0, None, b"", ""
        aborted = counts.state is GroupState.ABORTED
        group.counts.reopen()
        for rollout_id, member in group.members.items():
            member.late = not aborted and rollout_id in late

    # ------------------------------------------------------------ parts

    def _next_tick(self) -> int:
        self.tick += 1
        return self.tick

    def _group(self, group_id: str, now: float) -> MemoryGroup:
        group = self.groups.get(group_id)
        if group is None:
            group = self.groups[group_id] = MemoryGroup(Membership(group_id, now), self._next_tick())
        return group

    def _barrier(self, barrier_id: str, payload: bytes) -> MemoryBarrier:
        barrier = self.barriers.get(barrier_id)
        if barrier is None:
            barrier = self.barriers[barrier_id] = MemoryBarrier(barrier_id, payload, self._next_tick())
        return barrier

    def _hold(
        self, kind: OutboxKind, ref: str, payload: bytes, consumers: Sequence[str], sequences: dict[str, int]
    ) -> None:
        for consumer in consumers:
            sequences[consumer] = self.outbox(consumer).hold(kind, ref, payload)
