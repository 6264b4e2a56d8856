"""What is known at the barrier only: rewards of batch scope, and advantages that wait for them or for the batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from assay.sdk import Unscorable
from assay.v1 import rollout_pb2
from assay_server.estimators import Estimator, Group, GroupAdvantages, InputError, Scope
from assay_server.pipeline.context import RunContext
from assay_server.pipeline.estimating import advantages_of
from assay_server.pipeline.failures import Failure, invalid_field, of_unscorable
from assay_server.pipeline.finishing import statistics_only
from assay_server.pipeline.group_rewards import (
    HeldMember,
    fill_components,
    known_so_far,
    with_rewards_of,
    with_steps_of,
)
from assay_server.pipeline.results import fill_failed, fill_group_result, fill_outputs, without_advantages
from assay_server.pipeline.specs import counted_roles
from assay_server.pipeline.texts import texts_of
from assay_server.rewards.scoped import RewardScope


@dataclass(frozen=True, slots=True)
class KeptGroup:
    """A kept group that waits for its batch.

    Attributes:
        group: with the rewards of group scope.
    """

    group: Group
    held: Sequence[HeldMember]


def restored(group_id: str, held: Sequence[HeldMember], result: rollout_pb2.GroupResult) -> KeptGroup:
    """A group as an earlier process left it: its members from their rollouts, the rest from its stored result."""
    places = {name: place for place, name in enumerate(result.rollout_ids)}
    members = tuple(
        replace(
            one.member,
            components={
                **one.member.components,
                **{part.name: part.values[places[one.member.rollout_id]] for part in result.components},
            },
            reward=result.rewards[places[one.member.rollout_id]] if result.components else one.member.reward,
        )
        for one in held
        if one.member.rollout_id in places
    )
    step = held[0].global_step if held else 0
    return KeptGroup(Group(group_id, members, step), held)


async def batch_results(context: RunContext, kept: Sequence[KeptGroup]) -> list[rollout_pb2.GroupResult]:
    """The results of the groups of a batch, in order.

    Raises:
        Failure: a reward or an estimator that reads the whole batch could not compute it.
    """
    spec, lane = context.spec, context.lanes.groups
    groups = [known_so_far(group) for group in await _rewarded(context, kept)]
    estimator = spec.estimator or statistics_only(spec)
    if estimator.reads_steps:
        groups = [with_steps_of(group, one.held) for group, one in zip(groups, kept, strict=True)]
    if isinstance(estimator, Estimator) and estimator.scope is Scope.BATCH:
        computed = _of_the_whole(estimator, groups)
    else:
        computed = await advantages_of(lane, estimator, groups)
    return [_result(context, one, group, outcome) for one, group, outcome in zip(kept, groups, computed, strict=True)]


def _of_the_whole(estimator: Estimator, groups: Sequence[Group]) -> list[GroupAdvantages | Failure]:
    try:
        return list(estimator.advantages(groups))
    except InputError as error:
        raise invalid_field(error.field, error.message) from error


async def _rewarded(context: RunContext, kept: Sequence[KeptGroup]) -> list[Group]:
    stages = context.spec.reward.stages
    if stages is None or not stages.deferred or not kept:
        return [one.group for one in kept]
    told = [(one.group, await texts_of(context, one.held)) for one in kept]
    roles = counted_roles(context.spec.message)
    try:
        return await with_rewards_of(RewardScope.BATCH, stages, told, roles, context.lanes.groups)
    except Unscorable as error:
        raise of_unscorable(error) from error


def _result(
    context: RunContext, kept: KeptGroup, group: Group, outcome: GroupAdvantages | Failure
) -> rollout_pb2.GroupResult:
    spec = context.spec
    prompt_id = kept.held[0].prompt_id if kept.held else ""
    result = rollout_pb2.GroupResult(group_id=group.group_id, kept=True, prompt_id=prompt_id)
    if isinstance(outcome, Failure):
        fill_failed(result, group.members, outcome)
    else:
        fill_group_result(result, outcome)
        if spec.estimator is None:
            without_advantages(result)
        else:
            result.estimator = spec.estimator.pin
        try:
            fill_outputs(result, spec.outputs, group, outcome)
        except InputError as error:
            result.Clear()
            result.group_id, result.prompt_id = group.group_id, prompt_id
            fill_failed(result, group.members, invalid_field(error.field, error.message))
    if spec.reward.stages is not None:
        fill_components(result, spec.reward.stages, group, kept.held)
    return result
