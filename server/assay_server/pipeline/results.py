"""What is sent back: scores, failures and group results as messages. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Final

from google.protobuf import duration_pb2

from assay.sdk import Evidence, Verdict
from assay.v1 import rollout_pb2
from assay_server.estimators import Group, GroupAdvantages, Member, MemberOutcome
from assay_server.pipeline.failures import Failure
from assay_server.rewards.assessment import Assessment
from assay_server.sampling.group_outputs import CompiledOutputs

_SECOND = 1_000_000_000

_VERDICTS = {verdict.value: verdict for verdict in Verdict}
_STEP_FIELDS: Final = (
    "step_counts",
    "step_returns",
    "step_episode_advantages",
    "step_advantages",
    "step_totals",
    "step_group_ids",
    "step_group_index",
    "token_advantages",
)


def scored_result(
    rollout_id: str, group_id: str, assessment: Assessment, queue_seconds: float, run_seconds: float
) -> rollout_pb2.SampleResult:
    """The answer to a rollout that was scored."""
    result = rollout_pb2.SampleResult(rollout_id=rollout_id, group_id=group_id)
    score = result.score
    score.value = assessment.value
    score.verdict = assessment.verdict.value  # type: ignore[assignment] - the numbers are those of the wire
    for name, value in assessment.components.items():
        score.components[name] = value
    for name, evidence in assessment.evidence.items():
        _fill_evidence(score.evidence[name], evidence)
    for name, kept in assessment.constraints.items():
        score.constraints[name] = kept
    score.answer_key = assessment.answer_key
    score.rewards.extend(assessment.rewards)
    for span in assessment.spans:
        score.spans.add(
            step_index=span.step_index, start=span.start, end=span.end, label=span.label, reward=span.reward
        )
    timing = score.timing
    _fill_duration(timing.queue_time, queue_seconds)
    _fill_duration(timing.run_time, run_seconds)
    return result


def assessment_of(score: rollout_pb2.Score) -> Assessment:
    """What a stored score says of a member of a group; its evidence and spans are left out."""
    return Assessment(
        score.value,
        _VERDICTS[score.verdict],
        dict(score.components),
        {},
        dict(score.constraints),
        score.answer_key,
        tuple(score.rewards),
        (),
    )


def _fill_duration(duration: duration_pb2.Duration, seconds: float) -> None:
    nanos = int(seconds * 1e9)
    if nanos >= _SECOND:
        duration.seconds, nanos = divmod(nanos, _SECOND)
    duration.nanos = nanos


def _fill_evidence(message: rollout_pb2.Evidence, evidence: Evidence) -> None:
    message.extracted = evidence.extracted
    message.method = evidence.method
    message.start = evidence.start
    message.end = evidence.end
    message.reason = evidence.reason
    message.layer = evidence.layer
    if evidence.step_index:
        message.step_index = evidence.step_index
    if evidence.detail:
        message.detail_json = json.dumps(dict(evidence.detail), ensure_ascii=False, allow_nan=False)


def failed_result(rollout_id: str, group_id: str, failure: Failure) -> rollout_pb2.SampleResult:
    """The answer to a rollout that could not be scored."""
    return rollout_pb2.SampleResult(rollout_id=rollout_id, group_id=group_id, error=failure.to_status())


def fill_group_result(result: rollout_pb2.GroupResult, group: GroupAdvantages) -> None:
    """Put an estimator's numbers into a group result."""
    result.rollout_ids.extend(group.rollout_ids)
    result.member_outcomes.extend(group.outcomes.tolist())  # numbers as on the wire
    result.rewards.extend(group.rewards.tolist())
    result.advantages.extend(group.advantages.tolist())
    result.episode_advantages.extend(group.episode_advantages.tolist())
    if len(group.step_returns):
        result.step_counts.extend(group.step_counts.tolist())
        result.step_returns.extend(group.step_returns.tolist())
        result.step_episode_advantages.extend(group.step_episode_advantages.tolist())
        result.step_advantages.extend(group.step_advantages.tolist())
        result.step_totals.extend(group.step_totals.tolist())
        result.step_group_ids.extend(group.step_group_ids)
        result.step_group_index.extend(group.step_group_index.tolist())
    _fill_tokens(result, group)
    statistics, message = group.statistics, result.statistics
    message.size = statistics.size
    message.reward_mean = statistics.reward_mean
    message.reward_std = statistics.reward_std
    message.reward_min = statistics.reward_min
    message.reward_max = statistics.reward_max
    message.step_groups = statistics.step_groups
    message.step_hit_ratio = statistics.step_hit_ratio
    if statistics.aliasing_ratio is not None:
        message.aliasing_ratio = statistics.aliasing_ratio
    for size, count in statistics.step_group_size_histogram.items():
        message.step_group_size_histogram[size] = count


def fill_outputs(
    result: rollout_pb2.GroupResult, outputs: CompiledOutputs, group: Group, numbers: GroupAdvantages
) -> None:
    """Put preference pairs and token weights into a group result.

    Raises:
        InputError: a member lacks what an output reads.
    """
    if not outputs.chosen:
        return
    told = outputs.of(group, numbers)
    for pair in told.pairs:
        result.preference_pairs.add(
            chosen_rollout_id=pair.chosen,
            rejected_rollout_id=pair.rejected,
            weight=pair.weight,
            margin=pair.margin,
            fork_step=pair.fork_step,
        )
    for rollout_id, weights in (told.weights or {}).items():
        result.token_weights.add(rollout_id=rollout_id, weights=weights)


def _fill_tokens(result: rollout_pb2.GroupResult, group: GroupAdvantages) -> None:
    if group.token_advantages is None:
        return
    rows = zip(group.rollout_ids, group.outcomes.tolist(), strict=True)
    counted = [rollout_id for rollout_id, outcome in rows if outcome == MemberOutcome.COUNTED]
    for rollout_id, advantages in zip(counted, group.token_advantages, strict=True):
        result.token_advantages.add(rollout_id=rollout_id, weights=advantages.tolist())


def fill_without_estimator(result: rollout_pb2.GroupResult, members: Sequence[Member]) -> None:
    """Who is in a group that no estimator could compute, and what each is worth."""
    for member in sorted(members, key=lambda member: member.rollout_id):
        scored = member.reward is not None
        result.rollout_ids.append(member.rollout_id)
        result.rewards.append(math.nan if member.reward is None else member.reward)
        result.member_outcomes.append(
            rollout_pb2.MEMBER_OUTCOME_UNSPECIFIED if scored else rollout_pb2.MEMBER_OUTCOME_NOT_SCORED
        )
    without_advantages(result)


def fill_failed(result: rollout_pb2.GroupResult, members: Sequence[Member], failure: Failure) -> None:
    """A group whose numbers could not be computed: who is in it, and why there are none."""
    result.error.CopyFrom(failure.to_status())
    result.kept, result.drop_reason = False, failure.reason.lower()
    fill_without_estimator(result, members)


def without_advantages(result: rollout_pb2.GroupResult) -> None:
    """Take the advantages out again: they were not asked for, or are due later."""
    nan = [float("nan")] * len(result.rollout_ids)
    result.advantages[:] = nan
    result.episode_advantages[:] = nan
    for name in _STEP_FIELDS:
        result.ClearField(name)
