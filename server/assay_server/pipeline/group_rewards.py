"""Rewards of group and batch scope at work: what they are told, and what the members are worth afterwards."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NamedTuple

from assay.sdk import FinishedGroup, Sample, Unscorable
from assay.v1 import rollout_pb2
from assay_server.estimators import Group, Member, Role, missing_signal, told_of
from assay_server.execution.group_lane import GroupLane, PluginCall
from assay_server.pipeline.members import step_records
from assay_server.rewards.nodes import Node
from assay_server.rewards.scoped import RewardScope, ScopedLeaf, Stages, Standing, standing


class HeldMember(NamedTuple):
    """An answered member: what it is worth and who hears of its group.

    Attributes:
        rollout: kept where something reads the text of a whole group.
        steps: how many there are, ``invalid_steps`` of them with an invalid action.
        constraints: True = kept.
    """

    member: Member
    consumers: tuple[str, ...]
    prompt_id: str
    global_step: int = 0
    rollout: rollout_pb2.Rollout | None = None
    hint_level: int = 0
    truncated: bool = False
    steps: int = 0
    invalid_steps: int = 0
    constraints: Mapping[str, bool] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Texts:
    """What the members of a group are beside their numbers, by rollout id."""

    samples: Mapping[str, Sample]
    task_types: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Table:
    """A group while its rewards speak.

    Attributes:
        counted: members that count, in order of ``rollout_id``.
        known: components of each of them so far.
    """

    group: Group
    counted: Sequence[Member]
    texts: Texts
    known: Sequence[dict[str, float]]

    def standings(self, node: Node) -> list[Standing]:
        """What a tree is worth for each member now."""
        return [
            standing(node, self.texts.task_types.get(member.rollout_id, ""), known)
            for member, known in zip(self.counted, self.known, strict=True)
        ]

    def told(self, node: Node) -> FinishedGroup:
        """What a reward is told of the group, where it is made of this tree."""
        return told_of(self.group, [worth for _, worth in self._worth(node)], self.texts.samples)

    def settled(self, node: Node) -> Group:
        """The group with what its members are worth; those that do not count stay as they were."""
        worth = dict(self._worth(node))
        members = tuple(worth.get(member.rollout_id, member) for member in self.group.members)
        return replace(self.group, members=members)

    def _worth(self, node: Node) -> list[tuple[str, Member]]:
        return [
            (member.rollout_id, replace(member, reward=now.value, components={**known, **now.components}))
            for member, known, now in zip(self.counted, self.known, self.standings(node), strict=True)
        ]


async def with_rewards_of(
    scope: RewardScope,
    stages: Stages,
    groups: Sequence[tuple[Group, Texts]],
    roles: frozenset[Role],
    lane: GroupLane,
) -> list[Group]:
    """The groups with what their members are worth once the rewards of a scope have spoken.

    A member that could not be scored, or whose role does not count, keeps what it had. NaN: nothing is known yet.

    Raises:
        Unscorable: a reward said nothing that can be used; whose trouble it is depends on the scope.
    """
    tables = [_table(group, texts, roles) for group, texts in groups]
    for leaf in stages.leaves(scope):
        node = stages.told(leaf)
        _require_signals(leaf, tables)
        call = PluginCall(
            leaf.definition, leaf.bound, leaf.component, (leaf.minimum, leaf.maximum), leaf.execution_timeout
        )
        said = await lane.numbers(call, [table.told(node) for table in tables])
        for table, numbers in zip(tables, said, strict=True):
            for known, number in zip(table.known, numbers, strict=True):
                known[leaf.component] = number
    return [table.settled(stages.at(scope)) for table in tables]


def _table(group: Group, texts: Texts, roles: frozenset[Role]) -> _Table:
    counted = sorted(counted_members(group, roles), key=lambda member: member.rollout_id)
    return _Table(group, counted, texts, [dict(member.components) for member in counted])


def counted_members(group: Group, roles: frozenset[Role]) -> list[Member]:
    """The members whose role counts and that could be scored; NaN is a score that is not known yet."""
    return [member for member in group.members if member.reward is not None and member.role in roles]


def _require_signals(leaf: ScopedLeaf, tables: Sequence[_Table]) -> None:
    for table in tables:
        missing = missing_signal(table.counted, leaf.definition.required_signals)
        if missing is not None:
            place, name = missing
            rollout_id = table.counted[place].rollout_id
            message = f"{leaf.component}: {leaf.definition.id} needs {name} of {rollout_id[:80]!r}, not sent"
            raise Unscorable("MISSING_SIGNAL", message, field=name)


def known_so_far(group: Group) -> Group:
    """The group as statistics see it: a reward that is not known yet is none."""
    members = tuple(
        replace(member, reward=None) if member.reward is not None and math.isnan(member.reward) else member
        for member in group.members
    )
    return replace(group, members=members)


def with_steps_of(group: Group, held: Sequence[HeldMember]) -> Group:
    """The group with its steps' rewards anew: a sparse terminal reward follows what the member is worth now."""
    steps = {one.member.rollout_id: one.rollout.steps for one in held if one.rollout is not None}
    members = tuple(
        replace(member, steps=step_records(steps[member.rollout_id], member.reward))
        if member.rollout_id in steps
        else member
        for member in group.members
    )
    return replace(group, members=members)


def fill_components(result: rollout_pb2.GroupResult, stages: Stages, group: Group, held: Sequence[HeldMember]) -> None:
    """Put the components that single rollouts did not have into a result whose members are listed."""
    now = {member.rollout_id: member.components for member in group.members}
    before = {one.member.rollout_id: one.member.components for one in held}
    pins = {leaf.component: leaf.pin for leaf in stages.scoped}
    new = (name for one, known in now.items() for name, value in known.items() if before[one].get(name) != value)
    for name in dict.fromkeys((*pins, *new)):
        values = [now[one].get(name, math.nan) for one in result.rollout_ids]
        if not all(map(math.isnan, values)):
            result.components.add(name=name, values=values, reward=pins.get(name, ""))
