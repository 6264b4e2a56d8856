"""A run as every replica holds it: the operations of its log, applied one after the other, come to the same everywhere.

Beside the run itself this knows who works on what: the process that took a rollout over answers it, the one whose
operation made a group ready emits it. What belonged to a process that is gone passes to another by an entry of the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, cast

from assay_server.store.changes import Changes, Inheritance
from assay_server.store.memory_run import MemoryRun
from assay_server.store.protocol import (
    MAX_UNBATCHED,
    AcceptCode,
    AcceptItem,
    AcceptOutcome,
    AppendCode,
    AppendOutcome,
    BarrierRecord,
    CheckpointRecord,
    CompleteOutcome,
    GroupRecord,
    GroupState,
    OutboxState,
    Pending,
    Recovery,
    ResultItem,
    RunRecord,
    StaleGeneration,
    is_due,
)
from assay_server.store.records import Ref

Operation: TypeAlias = tuple[object, ...]
"""Name and arguments: numbers, texts, bytes and lists of these. Payloads are references to records."""


@dataclass(slots=True)
class Unfinished:
    """What is still to be done in a run, and by whom.

    Attributes:
        scoring: complete rollouts without an answer, and the writer that answers them.
        emitting: groups whose result is due, and the writer that emits them.
        growing: rollouts in progress.
        open: groups that are filling.
        unbatched: emitted groups that no barrier took, in the order of their emission.
    """

    scoring: dict[str, str] = field(default_factory=dict[str, str])
    emitting: dict[str, str] = field(default_factory=dict[str, str])
    growing: dict[str, None] = field(default_factory=dict[str, None])
    open: dict[str, None] = field(default_factory=dict[str, None])
    unbatched: dict[str, None] = field(default_factory=dict[str, None])


class SharedRun:
    """State of one run, and the operations on it.

    Attributes:
        run: the run itself.
        members: writers that hold a lease, in the order in which they came.
        archives: where settled rollouts were put aside among the records, in order, and the tick after which what was
            created is forgotten.
        fact_archives: likewise of what is kept of settled groups.
    """

    def __init__(self, record: RunRecord) -> None:
        self.run = MemoryRun(record)
        self.members: dict[str, None] = {}
        self.unfinished = Unfinished()
        self.archives: list[tuple[bytes, int]] = []
        self.fact_archives: list[tuple[bytes, int]] = []
        self._operations: dict[str, Callable[..., object]] = {
            name.removeprefix("op_"): getattr(self, name) for name in dir(type(self)) if name.startswith("op_")
        }

    def apply(self, writer: str, operation: Operation, changes: Changes) -> object:
        """Do an operation; what it says to who asked for it.

        Args:
            writer: whose operation it is; empty for one of the log's own.
            changes: what other processes must hear of is noted here.

        Raises:
            StoreError: it is refused and changed nothing; the same everywhere.
        """
        if writer:
            self.members.setdefault(writer)
        name, *arguments = operation
        return self._operations[str(name)](writer, changes, *arguments)

    # ------------------------------------------------------------ runs

    def op_checkpoint(self, _: str, __: Changes, generation: int, name: str, state: bytes) -> CheckpointRecord:
        self._check(generation)
        return self.run.checkpoint(name, state)

    def op_restore(
        self, writer: str, changes: Changes, name: str, expected: int
    ) -> tuple[RunRecord, CheckpointRecord, int]:
        before = self.run.record.generation
        point = self.run.checkpoints.get(name)
        restored = self.run.restore(name, expected)
        if self.run.record.generation != before:
            changes.restored = True
            tick = point.tick if point is not None else 0
            self.archives = [(archive, min(tick, limit)) for archive, limit in self.archives if tick]
            self.fact_archives = [(archive, min(tick, limit)) for archive, limit in self.fact_archives if tick]
            self.derive(writer)
        return restored

    def op_count(self, _: str, __: Changes, amounts: dict[str, float]) -> object:
        return self.run.add_to_counters(amounts)

    # ------------------------------------------------------------ rollouts

    def op_accept(
        self, writer: str, changes: Changes, generation: int, items: Sequence[Sequence[object]], now: float
    ) -> list[AcceptOutcome]:
        self._check(generation)
        outcomes: list[AcceptOutcome] = []
        unfinished, accept = self.unfinished, self.run.accept
        for row in items:
            item = row if isinstance(row, AcceptItem) else _item(row)
            outcome = accept(item, now)
            outcomes.append(outcome)
            if outcome.code is not AcceptCode.ACCEPTED:
                continue
            if item.final:
                unfinished.scoring[item.rollout_id] = writer
            else:
                unfinished.growing[item.rollout_id] = None
            if item.group_id and not outcome.late:
                unfinished.open[item.group_id] = None
                changes.filled[item.group_id] = None
        return outcomes

    def op_append(
        self,
        writer: str,
        _: Changes,
        generation: int,
        rollout_id: str,
        from_index: int,
        steps: Sequence[bytes],
        tail: bytes | None,
    ) -> AppendOutcome:
        self._check(generation)
        refs = [Ref(step) for step in steps]
        outcome = self.run.append(rollout_id, from_index, refs, None if tail is None else Ref(tail))
        if outcome.code is AppendCode.APPENDED and outcome.final:
            self.unfinished.growing.pop(rollout_id, None)
            if self.run.rollouts[rollout_id].result is None:
                self.unfinished.scoring[rollout_id] = writer
        return outcome

    def op_complete(
        self, writer: str, changes: Changes, generation: int, items: Sequence[tuple[str, bytes]]
    ) -> CompleteOutcome:
        self._check(generation)
        outcome = self.run.complete([ResultItem(*item) for item in items])
        scoring, growing = self.unfinished.scoring, self.unfinished.growing
        for (rollout_id, _), first in zip(items, outcome.stored, strict=True):
            if first and scoring.pop(rollout_id, None) is None:
                growing.pop(rollout_id, None)
        for group_id in outcome.ready:
            self._due(writer, group_id)
        changes.sequences.update(outcome.sequences)
        return outcome

    # ------------------------------------------------------------ groups

    def op_close(
        self, writer: str, changes: Changes, generation: int, group_id: str, expected: Sequence[str] | None, now: float
    ) -> GroupRecord:
        self._check(generation)
        record = self.run.close_group(group_id, expected, now)
        self._fixed(writer, changes, record)
        return record

    def op_cut(self, writer: str, changes: Changes, generation: int, group_id: str) -> GroupRecord | None:
        self._check(generation)
        record = self.run.cut_group(group_id)
        if record is not None:
            self._fixed(writer, changes, record)
        return record

    def op_abort(self, writer: str, changes: Changes, generation: int, group_id: str, now: float) -> GroupRecord | None:
        self._check(generation)
        record = self.run.abort_group(group_id, now)
        if record is not None:
            self._fixed(writer, changes, record)
        return record

    def op_emit(
        self,
        _: str,
        changes: Changes,
        generation: int,
        results: Sequence[tuple[str, bytes, Sequence[str]]],
        facts: Sequence[bytes] = (),
    ) -> tuple[list[int], dict[str, int]]:
        self._check(generation)
        outcome = self.run.emit([(group_id, ref, tuple(names)) for group_id, ref, names in results], facts)
        positions, sequences = outcome
        for (group_id, _ref, _names), position in zip(results, positions, strict=True):
            if position:
                self.unfinished.emitting.pop(group_id, None)
                self.unfinished.open.pop(group_id, None)
                self.unfinished.unbatched[group_id] = None
                changes.emitted[group_id] = None
        changes.sequences.update(sequences)
        return outcome

    def _fixed(self, writer: str, changes: Changes, record: GroupRecord) -> None:
        changes.fixed[record.group_id] = None
        if record.state is GroupState.OPEN:
            if record.group_id:
                self.unfinished.open[record.group_id] = None
        elif is_due(record):
            self._due(writer, record.group_id)

    def _due(self, writer: str, group_id: str) -> None:
        self.unfinished.open.pop(group_id, None)
        self.unfinished.emitting.setdefault(group_id, writer)

    # ------------------------------------------------------------ barriers and outboxes

    def op_arrive(
        self, _: str, changes: Changes, generation: int, barrier_id: str, payload: bytes, consumer: str
    ) -> BarrierRecord:
        self._check(generation)
        changes.barriers = True
        return self.run.arrive(barrier_id, payload, consumer)

    def op_finish(
        self,
        _: str,
        changes: Changes,
        generation: int,
        barrier_id: str,
        group_ids: Sequence[str],
        payloads: Sequence[bytes],
        consumers: Sequence[str],
    ) -> dict[str, int] | None:
        self._check(generation)
        sequences = self.run.finish(barrier_id, group_ids, payloads, consumers)
        if sequences is not None:
            for group_id in group_ids:
                group = self.run.groups.get(group_id)
                if group is not None and group.barrier_id:
                    self.unfinished.unbatched.pop(group_id, None)
            changes.sequences.update(sequences)
            changes.barriers = True
        return sequences

    def op_register(self, _: str, changes: Changes, generation: int, consumer: str) -> OutboxState:
        self._check(generation)
        changes.attached[consumer] = None
        return self.run.outbox(consumer).state()

    def op_acknowledge(self, _: str, changes: Changes, generation: int, consumer: str, sequence: int) -> OutboxState:
        self._check(generation)
        state = self.run.acknowledge(consumer, sequence)
        changes.acknowledged[consumer] = state.acked
        return state

    # ------------------------------------------------------------ what is settled

    def op_put_aside(
        self,
        _: str,
        __: Changes,
        generation: int,
        rollouts: Sequence[str],
        groups: Sequence[str],
        barriers: Sequence[str],
        archive: bytes,
        facts: bytes | None = None,
    ) -> None:
        """Forget what is settled; ``archive`` is where it lies among the records, ``facts`` what stays of groups."""
        self._check(generation)
        run = self.run
        for rollout_id in rollouts:
            rollout = run.rollouts.pop(rollout_id)
            run.groups[rollout.item.group_id].members.pop(rollout_id)
        for group_id in groups:
            del run.groups[group_id]
            self.unfinished.unbatched.pop(group_id, None)
        for barrier_id in barriers:
            del run.barriers[barrier_id]
        self.archives.append((archive, run.tick))
        if facts is not None:
            self.fact_archives.append((facts, run.tick))

    # ------------------------------------------------------------ who works on what

    def op_join(self, _: str, __: Changes) -> None:
        """Says nothing; whoever writes is a member."""

    def op_took(self, _: str, changes: Changes, gone: str, by: str) -> None:
        """The lease of ``gone`` has ended; ``by`` does what it had not done."""
        self.members.pop(gone, None)
        self._pass_on(gone, by, changes)

    def op_left(self, _: str, changes: Changes, gone: str) -> None:
        """``gone`` has given its lease back; the member that is there for longest does what it had not done."""
        self.members.pop(gone, None)
        if self.members:
            self._pass_on(gone, next(iter(self.members)), changes)

    def _pass_on(self, gone: str, by: str, changes: Changes) -> None:
        unfinished = self.unfinished
        rollouts = [name for name, writer in unfinished.scoring.items() if writer == gone]
        groups = [name for name, writer in unfinished.emitting.items() if writer == gone]
        unfinished.scoring.update(dict.fromkeys(rollouts, by))
        unfinished.emitting.update(dict.fromkeys(groups, by))
        changes.passed_on.setdefault(by, []).append(Inheritance(rollouts, groups))

    def pending(self) -> Pending:
        """How much is unfinished, wherever it is worked on."""
        unfinished = self.unfinished
        barriers = tuple(barrier.record() for barrier in self.run.barriers.values() if barrier.finish_tick is None)
        return Pending(
            len(unfinished.scoring),
            len(unfinished.growing),
            len(unfinished.open) + len(unfinished.emitting),
            barriers,
            tuple(unfinished.unbatched)[-MAX_UNBATCHED:] if barriers else (),  # else there may be very many
        )

    def recover(self, writer: str) -> Recovery:
        """What this writer has to take up: what is its own, and what is nobody's."""
        unfinished, run = self.unfinished, self.run

        def mine(names: Iterable[tuple[str, str]]) -> list[str]:
            return [name for name, owner in names if owner == writer or owner not in self.members]

        unanswered = [run.rollouts[name].stored() for name in mine(unfinished.scoring.items())]
        everything = run.recover()
        ready = frozenset(mine(unfinished.emitting.items()))
        return Recovery(
            unanswered=tuple(sorted(unanswered, key=lambda stored: stored.position)),
            ready=tuple(record for record in everything.ready if record.group_id in ready),
            open=everything.open,
            barriers=everything.barriers,
            unbatched=everything.unbatched,
        )

    def derive(self, writer: str) -> None:
        """Find out from the run what is unfinished; all of it is this writer's."""
        unfinished = self.unfinished = Unfinished()
        for rollout_id, rollout in self.run.rollouts.items():
            if rollout.result is None:
                if rollout.final_tick is None:
                    unfinished.growing[rollout_id] = None
                else:
                    unfinished.scoring[rollout_id] = writer
        everything = self.run.recover()
        unfinished.open.update((record.group_id, None) for record in everything.open if record.group_id)
        unfinished.emitting.update((record.group_id, writer) for record in everything.ready)
        unfinished.unbatched.update((record.group_id, None) for record in everything.unbatched)

    def _check(self, generation: int) -> None:
        present = self.run.record
        if generation != present.generation:
            raise StaleGeneration(present.key._replace(generation=generation), present.generation)


def _item(row: Sequence[object]) -> AcceptItem:
    """A rollout as another process wrote it down."""
    item = AcceptItem(*cast("tuple[str, bytes, str, int, bytes, bool, tuple[str, ...], tuple[bytes, ...]]", row))
    return item._replace(steps=tuple(Ref(step) for step in item.steps)) if item.steps else item
