"""Groups that are ready, turned into results: rewards of group scope, the estimator, the selection, in this order."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence

import structlog

from assay.sdk import Unscorable
from assay.sdk.spec import EstimatorChoice, Grouping
from assay.sdk.values import holder
from assay.v1 import rollout_pb2, run_service_pb2
from assay_server.estimators import (
    Estimator,
    Group,
    GroupAdvantages,
    InputError,
    MemberOutcome,
    compile_estimator,
    told_of,
)
from assay_server.execution.group_lane import GroupLane, PluginCall
from assay_server.pipeline.barriers import FinishedGroup
from assay_server.pipeline.estimating import advantages_of
from assay_server.pipeline.failures import Code, Failure, internal, invalid_field, of_unscorable
from assay_server.pipeline.group_rewards import (
    HeldMember,
    Texts,
    counted_members,
    fill_components,
    known_so_far,
    with_rewards_of,
    with_steps_of,
)
from assay_server.pipeline.results import fill_failed, fill_group_result, fill_outputs, without_advantages
from assay_server.pipeline.specs import CompiledSpec, counted_roles
from assay_server.rewards.scoped import RewardScope
from assay_server.sampling.selectors import PluggedSelector
from assay_server.store.protocol import GroupRecord, StoredRollout

_log = structlog.get_logger(__name__)

TextsOf = Callable[[Sequence[HeldMember]], Awaitable[Texts]]
"""Reads what members are beside their numbers."""


@holder
class FinishedResult:
    """A group's result, ready to be stored; the rest is kept where a batch still needs it.

    Attributes:
        group: with the rewards of group scope; NaN where a reward is known at the barrier only.
    """

    message: rollout_pb2.GroupResult
    consumers: tuple[str, ...]
    finished: FinishedGroup
    group: Group
    members: Sequence[HeldMember] = ()


class Finisher:
    """Finishes the groups of a run."""

    def __init__(self, spec: CompiledSpec, lane: GroupLane, texts_of: TextsOf) -> None:
        self._spec = spec
        self._lane = lane
        self._texts_of = texts_of
        self._roles = counted_roles(spec.message)
        estimator = spec.estimator
        self._deferred = spec.deferred
        self._pin = "" if estimator is None or spec.deferred else estimator.pin
        self._filters = spec.selection.built_in
        self._per_group = statistics_only(spec) if estimator is None or spec.deferred else estimator

    async def finish(self, ready: Sequence[tuple[GroupRecord, Sequence[HeldMember]]]) -> list[FinishedResult]:
        """Results of groups for which no plugin has to be asked, in order."""
        groups = [_group_of(record, members) for record, members in ready]
        computed = await advantages_of(self._lane, self._per_group, groups)
        finished: list[FinishedResult] = []
        for (record, members), group, outcome in zip(ready, groups, computed, strict=True):
            if isinstance(outcome, Failure):
                finished.append(self._failed(record, members, group, outcome))
                continue
            scored = outcome.statistics.size
            missing = scored < len(members) and MemberOutcome.NOT_SCORED in outcome.outcomes
            reason = self._refusal(record, scored, missing=missing)
            decision = reason or self._filters.decide(outcome).reason
            finished.append(self._computed(record, members, group, outcome, decision))
        return finished

    async def finish_with_plugins(self, record: GroupRecord, members: Sequence[HeldMember]) -> FinishedResult:
        """The result of one group, plugins asked; whatever they do is this group's trouble alone."""
        group = _group_of(record, members)
        try:
            return await self._with_plugins(record, members, group)
        except Unscorable as error:
            return self._failed(record, members, group, of_unscorable(error))
        except Failure as failure:
            return self._failed(record, members, group, failure)
        except Exception:  # noqa: BLE001 - as the docstring says
            _log.exception("a group could not be finished", group=record.group_id)
            return self._failed(record, members, group, internal())

    async def _with_plugins(self, record: GroupRecord, members: Sequence[HeldMember], group: Group) -> FinishedResult:
        scored = len(counted_members(group, self._roles))
        missing = any(member.reward is None and member.role in self._roles for member in group.members)
        reason = self._refusal(record, scored, missing=missing)
        stages = self._spec.reward.stages
        if stages is not None and not reason and stages.leaves(RewardScope.GROUP):
            texts = await self._texts_of(members)
            (group,) = await with_rewards_of(RewardScope.GROUP, stages, [(group, texts)], self._roles, self._lane)
            group = with_steps_of(group, members) if self._per_group.reads_steps else group
        estimator = statistics_only(self._spec) if reason else self._per_group
        (outcome,) = await advantages_of(self._lane, estimator, [known_so_far(group)])
        if isinstance(outcome, Failure):
            return self._failed(record, members, group, outcome)
        reason = reason or await self._decision(group, outcome)
        return self._computed(record, members, group, outcome, reason)

    async def _decision(self, group: Group, outcome: GroupAdvantages) -> str:
        """Why the selection drops the group; it says nothing of one of which no reward is known yet."""
        counted = sorted(counted_members(group, self._roles), key=lambda member: member.rollout_id)
        if all(member.reward is not None and math.isnan(member.reward) for member in counted):
            return ""
        told = told_of(group, counted)
        for step in self._spec.selection.steps:
            if isinstance(step, PluggedSelector):
                call = PluginCall(step.definition, step.bound, step.definition.id)
                reason = await self._lane.reason(call, told)
            else:
                reason = step.decide(outcome).reason
            if reason:
                return reason
        return ""

    def aborted(
        self, group_id: str, members: Sequence[StoredRollout], answered: Sequence[HeldMember]
    ) -> FinishedResult:
        """The result of a group that was given up; all who sent a member hear of it, answered or not."""
        group = Group(group_id, tuple(held.member for held in answered), answered[0].global_step if answered else 0)
        consumers = tuple(dict.fromkeys(name for stored in members for name in stored.consumers))
        result = rollout_pb2.GroupResult(
            group_id=group_id,
            outcome=rollout_pb2.GROUP_OUTCOME_ABORTED,
            drop_reason="aborted",
            prompt_id=answered[0].prompt_id if answered else "",
        )
        return FinishedResult(result, consumers, finished_group(result), group, answered)

    def _computed(
        self,
        record: GroupRecord,
        members: Sequence[HeldMember],
        group: Group,
        computed: GroupAdvantages,
        reason: str,
    ) -> FinishedResult:
        result = _empty_result(record, members)
        fill_group_result(result, computed)
        if self._pin:
            result.estimator = self._pin
        else:
            without_advantages(result)
        if reason == "unscored_member" and self._unscored == run_service_pb2.UNSCORED_POLICY_FAIL:
            result.error.CopyFrom(_UNSCORED.to_status())
        result.kept, result.drop_reason = not reason, reason
        if reason in _WITHOUT_NUMBERS:
            without_advantages(result)
        elif not self._deferred:
            try:
                fill_outputs(result, self._spec.outputs, group, computed)
            except InputError as error:
                return self._failed(record, members, group, invalid_field(error.field, error.message))
        stages = self._spec.reward.stages
        if stages is not None:
            fill_components(result, stages, group, members)
        return FinishedResult(result, _consumers_of(members), finished_group(result), group, members)

    def _failed(
        self, record: GroupRecord, members: Sequence[HeldMember], group: Group, failure: Failure
    ) -> FinishedResult:
        result = _empty_result(record, members)
        fill_failed(result, group.members, failure)
        return FinishedResult(result, _consumers_of(members), finished_group(result), group, members)

    @property
    def _unscored(self) -> int:
        return self._spec.message.groups.unscored

    def _refusal(self, record: GroupRecord, scored: int, *, missing: bool) -> str:
        """Why a group does not count, whatever its numbers are."""
        if missing and self._unscored in (
            run_service_pb2.UNSCORED_POLICY_DROP_GROUP,
            run_service_pb2.UNSCORED_POLICY_FAIL,
        ):
            return "unscored_member"
        needed = self._spec.min_size if missing or record.closed else min(self._spec.min_size, record.size)
        return "too_few_scored" if scored < max(needed, 1) else ""


_WITHOUT_NUMBERS = frozenset({"unscored_member", "too_few_scored"})
_UNSCORED = Failure(
    code=Code.FAILED_PRECONDITION,
    reason="UNSCORED_MEMBER",
    message="a member of the group could not be scored and the run's policy is to fail",
)


def _group_of(record: GroupRecord, members: Sequence[HeldMember]) -> Group:
    step = members[0].global_step if members else 0
    return Group(record.group_id, tuple(held.member for held in members), step)


def _empty_result(record: GroupRecord, members: Sequence[HeldMember]) -> rollout_pb2.GroupResult:
    return rollout_pb2.GroupResult(
        group_id=record.group_id,
        outcome=rollout_pb2.GROUP_OUTCOME_CLOSED_SHORT if record.closed else rollout_pb2.GROUP_OUTCOME_COMPLETE,
        prompt_id=members[0].prompt_id if members else "",
    )


def statistics_only(spec: CompiledSpec) -> Estimator:
    """What describes a group whose advantages are not wanted, or due later."""
    return compile_estimator(EstimatorChoice("advantage/grpo_mean_only"), Grouping(), counted_roles(spec.message))


def _consumers_of(members: Sequence[HeldMember]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([name for held in members for name in held.consumers]))


def finished_group(result: rollout_pb2.GroupResult) -> FinishedGroup:
    """What a barrier counts of a group's result."""
    told = list(result.rewards)
    rewards = [reward for reward in told if not math.isnan(reward)]
    return FinishedGroup(
        group_id=result.group_id,
        kept=result.kept,
        drop_reason=result.drop_reason,
        rollouts=len(told),
        scored=len(rewards),
        reward_sum=sum(rewards),
        reward_square_sum=sum([reward * reward for reward in rewards]),
        flat=not rewards or min(rewards) == max(rewards),
    )
