"""Who belongs to a group, how many are waited for, and when that is all of them: the same in every backend."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from .protocol import AcceptCode, AcceptOutcome, GroupRecord, GroupState


@dataclass(slots=True)
class Membership:
    """The counts of one group and the rules by which they change.

    Attributes:
        group_id: the group.
        first_at: store time of its creation, seconds since the epoch.
        announced: the size its members announced, 0 = none did.
        size: members waited for, 0 = not known yet.
        arrived: members accepted that count.
        answered: those of them with a result.
        late: members accepted that do not count.
        fixed: it was closed or cut; ``size`` is no longer the announced one.
        short: it was fixed before all announced members came.
        expected: the ids it was closed with, None = it was not closed with a list.
        state: where it stands.
    """

    group_id: str
    first_at: float
    announced: int = 0
    size: int = 0
    arrived: int = 0
    answered: int = 0
    late: int = 0
    fixed: bool = False
    short: bool = False
    expected: frozenset[str] | None = None
    state: GroupState = GroupState.OPEN

    def admit(self, rollout_id: str, group_size: int) -> AcceptOutcome:
        """Judge a new member and, if it is accepted, count it."""
        group_size = max(group_size, 0)
        if group_size and self.announced and group_size != self.announced:
            return AcceptOutcome(AcceptCode.GROUP_SIZE_DIFFERS, group_size=self.announced)
        if self.expected is None:
            announced = self.announced or group_size
            if announced and self.arrived + self.late >= announced:
                return AcceptOutcome(AcceptCode.GROUP_FULL, group_size=self.announced)
            late = self.fixed or self.state is not GroupState.OPEN
        elif rollout_id not in self.expected:
            return AcceptOutcome(AcceptCode.NOT_EXPECTED, group_size=self.announced)
        else:
            late = self.state is not GroupState.OPEN
        if late:
            self.late += 1
        else:
            self._announce(group_size)
            self.arrived += 1
        return _accepted(late, self.announced)

    def answer(self) -> bool:
        """Count a member's result; whether that made the group READY."""
        self.answered += 1
        return self.settle()

    def settle(self) -> bool:
        """Become READY if nothing is missing; whether it did."""
        if self.state is GroupState.OPEN and self.size > 0 and self.answered == self.size:
            self.state = GroupState.READY
            return True
        return False

    def close(self, arrived: int, answered: int, expected: Collection[str] | None) -> None:
        """Fix the members of an OPEN group.

        Args:
            arrived: of the members accepted so far, those that count from now on.
            answered: those of them with a result.
            expected: the named members; None = those that count now.
        """
        if expected is not None:
            self.expected = frozenset(expected)
        size = arrived if expected is None else len(self.expected or ())
        self._fix(size, arrived, answered)
        self.short = size < self.announced

    def cut(self) -> None:
        """Fix the members of an OPEN group to those answered."""
        self._fix(self.answered, self.answered, self.answered)
        self.short = True

    def reopen(self) -> None:
        """Wait for the members again; what fixed them stands, unless it aborted the group."""
        if self.state is GroupState.ABORTED:
            self.size, self.fixed, self.short, self.expected = self.announced, False, False, None
        self.state = GroupState.OPEN

    def record(self, *, emit_position: int = 0, barrier_id: str = "", result: bytes | None = None) -> GroupRecord:
        """The group as the outside sees it."""
        return GroupRecord(
            group_id=self.group_id,
            state=self.state,
            size=self.size,
            arrived=self.arrived,
            answered=self.answered,
            closed=self.short,
            first_at=self.first_at,
            emit_position=emit_position,
            barrier_id=barrier_id,
            result=result,
        )

    def _announce(self, group_size: int) -> None:
        if group_size and not self.announced:
            self.announced = group_size
            if not self.fixed:
                self.size = group_size

    def _fix(self, size: int, arrived: int, answered: int) -> None:
        self.late += self.arrived - arrived
        self.size, self.arrived, self.answered, self.fixed = size, arrived, answered, True
        if size == 0:
            self.state = GroupState.ABORTED
        else:
            self.settle()


@lru_cache(256)
def _accepted(late: bool, group_size: int) -> AcceptOutcome:  # a cached function is called by position
    return AcceptOutcome(AcceptCode.ACCEPTED, late=late, group_size=group_size)
