"""From rollouts on the wire to the members that estimators see. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from assay.sdk import Sample, Verdict
from assay.v1 import rollout_pb2
from assay_server.estimators import NO_STATE, AnchorState, Member, Role, StepRecord
from assay_server.pipeline.intake import signals_of, text_of
from assay_server.pipeline.json_fields import parse_json
from assay_server.rewards.assessment import Assessment

_ROLES = {
    rollout_pb2.ROLLOUT_ROLE_UNSPECIFIED: Role.POLICY,
    rollout_pb2.ROLLOUT_ROLE_POLICY: Role.POLICY,
    rollout_pb2.ROLLOUT_ROLE_GREEDY: Role.GREEDY,
    rollout_pb2.ROLLOUT_ROLE_EXPERT: Role.EXPERT,
    rollout_pb2.ROLLOUT_ROLE_HINTED: Role.HINTED,
    rollout_pb2.ROLLOUT_ROLE_RETRY: Role.RETRY,
    rollout_pb2.ROLLOUT_ROLE_REPLAY: Role.REPLAY,
}


def member_of(rollout: rollout_pb2.Rollout, worth: Assessment | None, *, with_steps: bool) -> Member:
    """A scored (or not scorable: ``worth`` None) rollout as a group member."""
    has = rollout.HasField
    reward = None if worth is None else worth.value
    return Member(
        rollout.rollout_id,
        reward,
        _ROLES[rollout.role],
        step_records(rollout.steps, reward) if with_steps else (),
        signals_of(rollout.signals) if len(rollout.signals) else {},
        {} if worth is None else worth.components,
        rollout.num_tokens if has("num_tokens") else None,
        rollout.num_tool_calls if has("num_tool_calls") else None,
        "" if worth is None else worth.answer_key,
        rollout.prompt_id,
        Verdict.UNSPECIFIED if worth is None else worth.verdict,
        rollout.parent_rollout_id,
        rollout.fork_step,
    )


def plain_member(sample: Sample, worth: Assessment | None) -> Member:
    """The same of a plain rollout (see :func:`plain_sample`), for whoever does not read its step."""
    return Member(
        sample.rollout_id,
        None if worth is None else worth.value,
        Role.POLICY,
        (),
        sample.signals,
        {} if worth is None else worth.components,
        sample.num_tokens,
        sample.num_tool_calls,
        "" if worth is None else worth.answer_key,
        sample.prompt_id,
        Verdict.UNSPECIFIED if worth is None else worth.verdict,
    )


def member_of_scored(rollout: rollout_pb2.ScoredRollout) -> Member:
    """A rollout that came with its reward; without one the reward is the sum of the step rewards."""
    reward = rollout.reward if rollout.HasField("reward") else sum(step.reward for step in rollout.steps)
    return Member(
        rollout_id=rollout.rollout_id,
        reward=reward,
        role=_ROLES[rollout.role],
        steps=step_records(rollout.steps, reward),
        signals=signals_of(rollout.signals),
        components=dict(rollout.components),
        num_tokens=rollout.num_tokens if rollout.HasField("num_tokens") else None,
        num_tool_calls=rollout.num_tool_calls if rollout.HasField("num_tool_calls") else None,
        answer_key=rollout.answer_key,
        prompt_id=rollout.prompt_id,
        parent_rollout_id=rollout.parent_rollout_id,
        fork_step=rollout.fork_step,
    )


def step_records(steps: Iterable[rollout_pb2.Step], reward: float | None) -> tuple[StepRecord, ...]:
    """The steps with their rewards.

    Where the trainer gave step rewards they are taken as they are. Where it gave none, what the rollout earned falls
    on its last step: a sparse terminal reward.
    """
    listed = list(steps)
    explicit = any(step.HasField("reward") for step in listed)
    records = [
        StepRecord(
            anchor=_anchor_of(step.anchor),
            reward=step.reward,
            action_valid=step.action_valid if step.HasField("action_valid") else True,
        )
        for step in listed
    ]
    if records and not explicit and reward:
        last = records[-1]
        records[-1] = StepRecord(anchor=last.anchor, reward=reward, action_valid=last.action_valid)
    return tuple(records)


def _anchor_of(anchor: rollout_pb2.Anchor) -> AnchorState:
    return AnchorState(
        observation=text_of(anchor.observation),
        inventory=text_of(anchor.inventory),
        state_digest=anchor.state_digest,
        state=parse_json(anchor.state_json) if anchor.state_json else NO_STATE,
    )
