"""Groups flattened into arrays: one row per member, groups one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain, pairwise, repeat
from operator import attrgetter, contains, countOf, lt

import numpy as np
import numpy.typing as npt

from assay_server.estimators.errors import InputError
from assay_server.estimators.groups import Floats, Group, Member, MemberOutcome, Role, Signal
from assay_server.estimators.partition import Moments, Partition
from assay_server.estimators.tokens import Tokens

_members = attrgetter("members")
_by_id = attrgetter("rollout_id")
_reward = attrgetter("reward")
_role = attrgetter("role")
_signals = attrgetter("signals")
_dtype = attrgetter("dtype")
_ndim = attrgetter("ndim")
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
        return [signals[name] for signals in map(_signals, self.counted_members)]

    def tokens(self) -> Tokens:
        """The signal ``token_ids`` of each, which is there.

        Raises:
            InputError: no list of token ids.
        """
        signals = self.signals("token_ids")
        found = [ids if isinstance(ids, np.ndarray) else np.asarray(ids) for ids in signals]
        kinds = set(map(_dtype, found))
        if not found:
            return Tokens(np.empty(0, np.int64), np.empty(0, np.intp))
        if set(map(_ndim, found)) != {1} or any(kind.kind not in "iu" for kind in kinds):
            wrong = (place for place, ids in enumerate(found) if ids.ndim != 1 or ids.dtype.kind not in "iu")
            raise self._bad_tokens(next(wrong))
        if len(kinds) > 1:  # signed and unsigned together would become floats
            found = [ids.astype(np.int64) for ids in found]
        counts = np.fromiter(map(len, found), np.intp, len(found))
        flat = np.concatenate(found).astype(np.int64, copy=False)
        if len(flat) and flat.min() < 0:
            raise self._bad_tokens(int(np.searchsorted(np.cumsum(counts), np.argmax(flat < 0), side="right")))
        return Tokens(flat, counts)

    def _bad_tokens(self, place: int) -> InputError:
        where = self.field(place, "signals.token_ids")
        return InputError(where, "expected a list of token ids >= 0; padding takes no part")

    def strata(self) -> Sequence[Signal | None]:
        """The signal ``stratum``, else the number of tool calls."""
        return [member.signals.get("stratum", member.num_tool_calls) for member in self.counted_members]

    def components(self) -> Sequence[Mapping[str, float]]:
        """The named parts of their rewards."""
        return [member.components for member in self.counted_members]

    def lacks(self, signal: str) -> int | None:
        """The first of them, as a number among those that count, without a signal."""
        carried = list(map(contains, map(_signals, self.counted_members), repeat(signal)))
        return None if all(carried) else carried.index(False)

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
    starts = [0, *accumulate(map(len, map(_members, groups)))]
    ids, flat = _in_order(groups, starts)
    rewards = np.array(list(map(_reward, flat)), dtype=np.float64)
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


def _in_order(groups: Sequence[Group], starts: Sequence[int]) -> tuple[list[tuple[str, ...]], list[Member]]:
    """Rollout ids per group, and all members: as they came where ids rise, else sorted by them."""
    flat = list(chain.from_iterable(map(_members, groups)))
    names = tuple(map(_by_id, flat))
    ids = [names[start:end] for start, end in pairwise(starts)]
    rises = np.fromiter(map(lt, names, names[1:]), np.bool_, max(len(names) - 1, 0))
    first = np.array(starts[1:-1], np.intp)
    rises[first[(first > 0) & (first < len(names))] - 1] = True  # nothing is compared across groups
    unsorted: list[int] = np.unique(np.searchsorted(starts, np.flatnonzero(~rises), side="right") - 1).tolist()
    for place in unsorted:
        own = sorted(groups[place].members, key=_by_id)
        ids[place] = tuple(map(_by_id, own))
        if len(set(ids[place])) != len(own):
            raise InputError(f"groups[{place}].rollouts", f"group {groups[place].group_id!r} has a rollout_id twice")
        flat[starts[place] : starts[place + 1]] = own
    return ids, flat


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
    if countOf(map(_role, members), Role.POLICY) == len(members):
        roles = np.full(len(members), Role.POLICY, np.int8)
    else:
        roles = np.array(list(map(_role, members)), np.int8)
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
