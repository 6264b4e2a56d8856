"""What one run in memory consists of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .membership import Membership
from .protocol import AcceptItem, BarrierRecord, CheckpointRecord, GroupRecord, OutboxKind, StoredRollout


@dataclass(slots=True)
class MemoryRollout:
    """A rollout and what happened to it, with the ticks at which it did."""

    item: AcceptItem
    position: int
    created: int
    late: bool
    steps: list[bytes]
    step_ticks: list[int]
    tail: bytes | None = None
    final_tick: int | None = None  # when the content froze; None while in progress
    result: bytes | None = None
    result_tick: int = 0

    def stored(self) -> StoredRollout:
        item = self.item
        steps = (*self.steps, self.tail) if self.tail is not None else tuple(self.steps)
        return StoredRollout(
            rollout_id=item.rollout_id,
            group_id=item.group_id,
            position=self.position,
            payload=item.payload,
            final=self.final_tick is not None,
            consumers=item.consumers,
            late=self.late,
            steps=steps,
            result=self.result,
        )


@dataclass(slots=True)
class MemoryGroup:
    """A group with its members."""

    counts: Membership
    created: int
    members: dict[str, MemoryRollout] = field(default_factory=dict[str, MemoryRollout])
    emit_position: int = 0
    barrier_id: str = ""
    result: bytes | None = None
    facts: bytes = b""

    def record(self) -> GroupRecord:
        return self.counts.record(emit_position=self.emit_position, barrier_id=self.barrier_id, result=self.result)

    def counting(self) -> list[MemoryRollout]:
        return [member for member in self.members.values() if not member.late]

    def recount(self) -> None:
        counting = self.counting()
        self.counts.arrived = len(counting)
        self.counts.answered = sum(member.result is not None for member in counting)
        self.counts.late = len(self.members) - len(counting)


@dataclass(slots=True)
class MemoryBarrier:
    """A barrier; ``finish_tick`` is None until it is finished."""

    barrier_id: str
    payload: bytes
    created: int
    arrived: list[str] = field(default_factory=list[str])
    finish_tick: int | None = None

    def record(self) -> BarrierRecord:
        return BarrierRecord(self.barrier_id, self.payload, tuple(self.arrived), self.finish_tick is not None)


@dataclass(frozen=True, slots=True)
class MemoryCheckpoint:
    """What was unfinished at a point of the run; everything else of that time never changes."""

    record: CheckpointRecord
    tick: int = 0
    held: frozenset[tuple[OutboxKind, str]] = frozenset()  # what some consumer had not acknowledged
    groups: Mapping[str, tuple[Membership, frozenset[str]]] = field(  # those not settled, with their late members
        default_factory=dict[str, tuple[Membership, frozenset[str]]]
    )
    arrivals: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
