from __future__ import annotations

import math

import numpy as np
import pytest

from assay import (
    BatchProgress,
    BatchResult,
    GroupOutcome,
    GroupResult,
    InvalidArgument,
    MemberOutcome,
    NotScored,
    SampleResult,
    Verdict,
)
from assay.v1 import reward_service_pb2 as service
from assay.v1 import rollout_pb2 as v1

from .service import status

GROUP = v1.GroupResult(
    group_id="g",
    prompt_id="p",
    outcome=v1.GROUP_OUTCOME_CLOSED_SHORT,
    kept=True,
    rollout_ids=["a", "b"],
    member_outcomes=[v1.MEMBER_OUTCOME_COUNTED, v1.MEMBER_OUTCOME_NOT_SCORED],
    rewards=[1.0, math.nan],
    advantages=[0.5, math.nan],
    episode_advantages=[0.25, math.nan],
    step_counts=[2, 1],
    step_returns=[0.9, 1.0, 0.0],
    step_advantages=[0.1, -0.1, 0.0],
    step_totals=[0.6, 0.4, 0.0],
    step_group_ids=["x", "y"],
    step_group_index=[0, 1, 0],
    estimator="advantage/gigpo-v1@ab",
    labels={"policy": "v1"},
    statistics=v1.GroupStatistics(size=1),
)


def test_a_score_explains_itself():
    message = v1.SampleResult(
        rollout_id="r",
        group_id="g",
        score=v1.Score(
            value=0.5,
            verdict=v1.VERDICT_CORRECT,
            components={"math": 1.0},
            constraints={"short": True},
            answer_key="18",
            rewards=["math@ab"],
            evidence={"math": v1.Evidence(extracted="18", method="boxed", detail_json='{"n":1}')},
            spans=[v1.SpanReward(step_index=0, start=1, end=2, label="step", reward=0.5)],
        ),
    )
    message.score.timing.queue_time.FromMilliseconds(1500)
    message.score.timing.run_time.FromMilliseconds(250)
    result = SampleResult(message, 7)
    score = result.score
    assert score is not None
    assert (result.rollout_id, result.group_id, result.sequence, result.value) == ("r", "g", 7, 0.5)
    assert (result.scored, result.error) == (True, None)
    assert score.verdict is Verdict.CORRECT
    assert (score.components, score.constraints, score.answer_key) == ({"math": 1.0}, {"short": True}, "18")
    assert score.evidence["math"].detail == {"n": 1}
    assert score.rewards == ("math@ab",)
    assert score.spans[0].label == "step"
    assert (score.queue_seconds, score.run_seconds) == (1.5, 0.25)


@pytest.mark.parametrize(
    "message",
    [v1.SampleResult(rollout_id="r", error=status(4, "too slow", "TIMEOUT")), v1.SampleResult(rollout_id="r")],
)
def test_what_could_not_be_scored_is_never_a_zero(message: v1.SampleResult):
    result = SampleResult(message)
    assert result.score is None
    assert not result.scored
    assert result.error is not None
    with pytest.raises(NotScored, match="'r' could not be scored") as caught:
        _ = result.value
    assert caught.value.failure == result.error


def test_a_group_has_arrays_and_rows():
    group = GroupResult(GROUP, 3)
    assert (group.group_id, group.prompt_id, group.outcome) == ("g", "p", GroupOutcome.CLOSED_SHORT)
    assert (group.kept, group.drop_reason, group.error, len(group)) == (True, "", None, 2)
    assert (group.estimator, group.labels, group.statistics.size) == ("advantage/gigpo-v1@ab", {"policy": "v1"}, 1)
    assert group.rollout_ids == ("a", "b")
    np.testing.assert_array_equal(group.rewards, [1.0, np.nan])
    np.testing.assert_array_equal(group.advantages, [0.5, np.nan])
    np.testing.assert_array_equal(group.episode_advantages, [0.25, np.nan])
    np.testing.assert_array_equal(group.step_counts, [2, 1])
    np.testing.assert_array_equal(group.step_returns, [0.9, 1.0, 0.0])
    np.testing.assert_array_equal(group.step_advantages, [0.1, -0.1, 0.0])
    np.testing.assert_array_equal(group.step_totals, [0.6, 0.4, 0.0])
    np.testing.assert_array_equal(group.step_group_index, [0, 1, 0])
    assert group.step_group_ids == ("x", "y")
    first, second = group
    assert (first.rollout_id, first.outcome, first.reward) == ("a", MemberOutcome.COUNTED, 1.0)
    assert (first.advantage, first.episode_advantage) == (0.5, 0.25)
    np.testing.assert_array_equal(first.step_totals, [0.6, 0.4])
    assert first.step_group_ids == ("x", "y")
    assert (second.reward, second.advantage, second.step_group_ids) == (None, None, ("x",))
    assert group.advantage("a") == 0.5
    assert group.advantage("b") is None
    assert "a" in group
    with pytest.raises(KeyError):
        group.advantage("c")


def test_a_group_without_advantages_says_why():
    group = GroupResult(v1.GroupResult(group_id="g", rollout_ids=["a"], error=status(3, "no length")))
    assert group.error is not None
    assert group.error.message == "no length"
    assert group.advantage("a") is None


def test_views_compare_by_what_they_show_and_print_short():
    assert SampleResult(v1.SampleResult(rollout_id="r")) == SampleResult(v1.SampleResult(rollout_id="r"))
    assert SampleResult(v1.SampleResult(rollout_id="r")) != SampleResult(v1.SampleResult(rollout_id="s"))
    assert len(repr(GroupResult(GROUP))) < 230
    with pytest.raises(TypeError):
        hash(GroupResult(GROUP))


def test_batches():
    progress = BatchProgress(
        service.BatchProgress(
            barrier_id="b", rollouts=8, kept_groups=1, dropped_groups=2, missing=3, missing_participants=["rank-1"]
        )
    )
    assert (progress.barrier_id, progress.rollouts, progress.kept_groups, progress.dropped_groups) == ("b", 8, 1, 2)
    assert (progress.missing, progress.missing_participants, progress.sequence) == (3, ("rank-1",), 0)
    batch = BatchResult(
        service.BatchResult(
            barrier_id="b",
            group_ids=["g"],
            dropped_group_ids=["h"],
            groups=[GROUP],
            statistics=service.BatchStatistics(rollouts=2),
        ),
        9,
    )
    assert (batch.barrier_id, batch.group_ids, batch.dropped_group_ids, batch.sequence) == ("b", ("g",), ("h",), 9)
    assert batch.groups[0].advantage("a") == 0.5
    assert batch.statistics.rollouts == 2
    assert batch.error is None
    batch.raise_for_error()
    failed = BatchResult(service.BatchResult(barrier_id="b", error=status(3, "no length")))
    with pytest.raises(InvalidArgument, match="no length"):
        failed.raise_for_error()
