"""Which finished groups make a batch. Pure: counts in, decisions out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from assay.sdk.values import value
from assay.v1 import reward_service_pb2 as wire
from assay_server.store.protocol import MAX_UNBATCHED


@value
class FinishedGroup:
    """A finished group as a barrier counts it.

    Attributes:
        rollouts: members that were answered.
        scored: members with a reward, and the sum and the sum of squares of those rewards.
        flat: its rewards do not differ.
    """

    group_id: str
    kept: bool
    drop_reason: str
    rollouts: int
    scored: int = 0
    reward_sum: float = 0.0
    reward_square_sum: float = 0.0
    flat: bool = True


@dataclass(slots=True)
class OpenBarrier:
    """A barrier that waits."""

    barrier: wire.Barrier
    arrived: set[str] = field(default_factory=set[str])

    @property
    def participants(self) -> tuple[str, ...]:
        """Who gets the batch: those named, else those that sent it."""
        return tuple(self.barrier.participants) or tuple(sorted(self.arrived))

    def missing_participants(self) -> list[str]:
        """Named participants that have not sent the barrier."""
        return [name for name in self.barrier.participants if name not in self.arrived]


class Batches:
    """Open barriers in the order they were first sent, and the newest finished groups that no batch has taken."""

    def __init__(self) -> None:
        self._groups: deque[FinishedGroup] = deque(maxlen=MAX_UNBATCHED)
        self._barriers: dict[str, OpenBarrier] = {}

    def add_group(self, group: FinishedGroup) -> None:
        """A group finished."""
        self._groups.append(group)

    def open(self, barrier: wire.Barrier, arrived: Iterable[str]) -> OpenBarrier:
        """A participant sent a barrier, for the first time or again."""
        open_barrier = self._barriers.setdefault(barrier.barrier_id, OpenBarrier(barrier))
        open_barrier.arrived.update(arrived)
        return open_barrier

    def finish(self, barrier_id: str, taken: frozenset[str]) -> None:
        """The barrier is done and took these groups, which were the first."""
        self._barriers.pop(barrier_id, None)
        while self._groups and self._groups[0].group_id in taken:
            self._groups.popleft()

    @property
    def current(self) -> OpenBarrier | None:
        """The oldest open barrier: the one that collects."""
        return next(iter(self._barriers.values()), None)

    def waiting(self) -> tuple[FinishedGroup, ...]:
        """Finished groups that no batch has taken, in order."""
        return tuple(self._groups)

    def take(self, barrier: OpenBarrier, *, idle: bool) -> int | None:
        """How many of the first groups complete the batch; None while something is missing.

        Args:
            barrier: the current barrier.
            idle: nothing is unanswered and no group is open in the run.
        """
        target = barrier.barrier
        match target.WhichOneof("until"):
            case "kept_groups":
                return self._prefix(target.kept_groups, lambda group: int(group.kept))
            case "count":
                return self._prefix(target.count, lambda group: group.rollouts)
            case _:
                done = idle and not barrier.missing_participants()
                return len(self._groups) if done else None

    def _prefix(self, wanted: int, weight: Callable[[FinishedGroup], int]) -> int | None:
        total = 0
        for position, group in enumerate(self._groups):
            if total >= wanted:
                return position
            total += weight(group)
        return len(self._groups) if total >= wanted else None

    def progress(self, barrier: OpenBarrier) -> wire.BatchProgress:
        """How far the barrier has come."""
        kept = sum(group.kept for group in self._groups)
        rollouts = sum(group.rollouts for group in self._groups)
        target = barrier.barrier
        wanted = {"kept_groups": target.kept_groups - kept, "count": target.count - rollouts}
        return wire.BatchProgress(
            barrier_id=target.barrier_id,
            rollouts=rollouts,
            kept_groups=kept,
            dropped_groups=len(self._groups) - kept,
            missing=max(0, wanted.get(target.WhichOneof("until") or "", 0)),
            missing_participants=barrier.missing_participants(),
        )


def batch_statistics(groups: Iterable[FinishedGroup]) -> wire.BatchStatistics:
    """Statistics over the groups of a batch, kept and dropped."""
    listed = list(groups)
    scored = sum(group.scored for group in listed)
    total = sum(group.reward_sum for group in listed)
    mean = total / scored if scored else 0.0
    squares = sum(group.reward_square_sum for group in listed)
    variance = max(0.0, (squares - scored * mean * mean) / (scored - 1)) if scored > 1 else 0.0
    reasons: dict[str, int] = {}
    for group in listed:
        if not group.kept:
            reasons[group.drop_reason] = reasons.get(group.drop_reason, 0) + 1
    return wire.BatchStatistics(
        rollouts=sum(group.rollouts for group in listed),
        scored=scored,
        reward_mean=mean,
        reward_std=variance**0.5,
        effective_group_ratio=sum(not group.flat for group in listed) / len(listed) if listed else 0.0,
        drop_reasons=reasons,
    )
