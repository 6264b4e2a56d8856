"""Groups flattened into arrays: one row per member, groups one after another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain
from operator import attrgetter

import numpy as np
import numpy.typing as npt

from assay_server.estimators.errors import InputError
from assay_server.estimators.groups import Floats, Group, Member, MemberOutcome, Role, Signal
from assay_server.estimators.partition import Moments, Partition

_by_id = attrgetter("rollout_id")
LARGEST = 1e150
"""Rewards beyond it are refused: their squares would not be finite."""

_POLICY_ONLY = frozenset({Role.POLICY})


@dataclass(frozen=True)
class Columns:
    """The members of many groups as arrays.

    Attributes:
        ids: rollout ids per group, sorted.
        members: of all groups, in that order.
        starts: offsets of the groups in ``members``; one more than there are groups.
        rewards: NaN where not scored.
        outcomes: :class:`MemberOutcome` numbers.
        counted: positions of the members that count.
        partition: the group of each counted member.
        counted_rewards: their rewards, all finite.
    """

    groups: Sequence[Group]
    ids: list[tuple[str, ...]]
    members: list[Member]
    starts: list[int]
    rewards: Floats
    outcomes: npt.NDArray[np.int8]
    counted: npt.NDArray[np.intp]
    partition: Partition
    counted_rewards: Floats

    @cached_property
    def moments(self) -> Moments:
        """Of the counted rewards, per group."""
        return self.partition.moments(self.counted_rewards)

    @cached_property
    def counted_members(self) -> Sequence[Member]:
        """The members that count, in order."""
        if len(self.counted) == len(self.members):
            return self.members
        positions: list[int] = self.counted.tolist()
        return [self.members[position] for position in positions]

    def scattered(self, values: Floats) -> Floats:
        """Values of the counted members put in their places; NaN elsewhere."""
        if len(values) == len(self.rewards):
            return values
        full = np.full(len(self.rewards), np.nan)
        full[self.counted] = values
        return full

    # ------------------------------------------------------------ what counted members carry beside their reward

    def answer_keys(self) -> Sequence[str]:
        """Their answers' classes; empty = no answer."""
        return [member.answer_key for member in self.counted_members]

    def signals(self, name: str) -> Sequence[Signal]:
        """One signal of each, which is there."""
        return [member.signals[name] for member in self.counted_members]

    def strata(self) -> Sequence[Signal | None]:
        """The signal ``stratum``, else the number of tool calls."""
        return [member.signals.get("stratum", member.num_tool_calls) for member in self.counted_members]

    def components(self) -> Sequence[Mapping[str, float]]:
        """The named parts of their rewards."""
        return [member.components for member in self.counted_members]

    def lacks(self, signal: str) -> int | None:
        """The first of them, as a number among those that count, without a signal."""
        members = self.counted_members
        return next((place for place, member in enumerate(members) if signal not in member.signals), None)

    # ------------------------------------------------------------ what refusals call things

    def field(self, place: int, tail: str) -> str:
        """Path of a counted member, as it was given."""
        return member_field(self.groups, self.starts, int(self.counted[place]), tail)

    def group_field(self, place: int) -> str:
        """Path of a group's members."""
        return f"groups[{place}].rollouts"

    def group_name(self, place: int) -> str:
        """What a group is called."""
        return self.groups[place].group_id


def columns_of(
    groups: Sequence[Group],
    counted_roles: frozenset[Role] = _POLICY_ONLY,
    reference_roles: frozenset[Role] = frozenset(),
) -> Columns:
    """Flatten groups.

    Args:
        counted_roles: roles whose members enter statistics and get advantages.
        reference_roles: roles that the method reads but gives no advantage.

    Raises:
        InputError: a reward is not finite or too large, or two members of a group have the same id.
    """
    ids: list[tuple[str, ...]] = []
    ordered: list[Iterable[Member]] = []
    for place, group in enumerate(groups):
        members = group.members
        names = tuple(map(_by_id, members))
        in_order = tuple(sorted(names))
        if in_order != names:
            members = sorted(members, key=_by_id)
        if len(set(names)) != len(names):
            raise InputError(f"groups[{place}].rollouts", f"group {group.group_id!r} has a rollout_id twice")
        ids.append(in_order)
        ordered.append(members)
    flat = list(chain.from_iterable(ordered))
    starts = [0, *accumulate(map(len, ids))]
    rewards = np.array([member.reward for member in flat], dtype=np.float64)
    scored = np.abs(rewards) <= LARGEST
    if not scored.all():
        _check_rewards(groups, flat, starts, scored)
    outcomes = _outcomes(flat, scored, counted_roles, reference_roles)
    counted = np.flatnonzero(outcomes == MemberOutcome.COUNTED)
    index = np.repeat(np.arange(len(groups)), np.diff(starts))[counted]
    for array in (rewards, outcomes):
        array.flags.writeable = False
    return Columns(
        groups=groups,
        ids=ids,
        members=flat,
        starts=starts,
        rewards=rewards,
        outcomes=outcomes,
        counted=counted,
        partition=Partition(index, len(groups)),
        counted_rewards=rewards[counted],
    )


def member_field(groups: Sequence[Group], starts: Sequence[int], position: int, tail: str) -> str:
    """Path of a member of the flattened order in the groups as they were given."""
    place = int(np.searchsorted(starts, position, side="right")) - 1
    ordered = sorted(range(len(groups[place].members)), key=lambda i: groups[place].members[i].rollout_id)
    return f"groups[{place}].rollouts[{ordered[position - starts[place]]}].{tail}"


def _check_rewards(
    groups: Sequence[Group], members: Sequence[Member], starts: Sequence[int], scored: npt.NDArray[np.bool_]
) -> None:
    unscored: list[int] = np.flatnonzero(~scored).tolist()
    for position in unscored:
        reward = members[position].reward
        if reward is not None:
            raise InputError(
                member_field(groups, starts, position, "reward"), f"expected a number up to {LARGEST:g}, got {reward!r}"
            )


def _outcomes(
    members: Sequence[Member],
    scored: npt.NDArray[np.bool_],
    counted_roles: frozenset[Role],
    reference_roles: frozenset[Role],
) -> npt.NDArray[np.int8]:
    roles = np.array([member.role for member in members], dtype=np.int8)
    return outcomes_of(roles, scored, counted_roles, reference_roles)


def outcomes_of(
    roles: npt.NDArray[np.int8],
    scored: npt.NDArray[np.bool_],
    counted_roles: frozenset[Role],
    reference_roles: frozenset[Role],
) -> npt.NDArray[np.int8]:
    """What becomes of members with these roles, as :class:`MemberOutcome` numbers."""
    by_role = np.full(max(Role) + 1, MemberOutcome.ROLE_EXCLUDED, dtype=np.int8)
    by_role[list(reference_roles)] = MemberOutcome.NO_ADVANTAGE
    by_role[list(counted_roles - reference_roles)] = MemberOutcome.COUNTED
    outcomes = by_role[roles]
    outcomes[~scored & (outcomes != MemberOutcome.ROLE_EXCLUDED)] = MemberOutcome.NOT_SCORED
    return outcomes
