"""Rewards that are vectors: declared parts are held to their bounds, spans have to be finite."""

from __future__ import annotations

import math

import pytest

from assay.sdk import Sample, Score, SpanReward, Unscorable, reward
from assay.sdk.rewards import RewardDefinition
from assay.sdk.spec import Leaf
from assay_server.rewards import Catalogue, compile_reward


def vector(precision: float, *spans: SpanReward) -> RewardDefinition:
    @reward("test/vector-v1", bounds=(0.0, 1.0), parts={"precision": (0.0, 1.0), "recall": (-1.0, 1.0)})
    def judged(sample: Sample, *, scale: float = 1.0) -> Score:
        del sample
        return Score(1.0, components={"precision": precision * scale, "other": 7.0}, spans=spans)

    return judged


@reward("test/plain-v1", bounds=(0.0, 1.0))
def judging(sample: Sample) -> Score:
    return Score(float(bool(sample.response)))


def assess(definition: RewardDefinition, **params: float) -> float:
    compiled = compile_reward(Leaf("test/vector", {**params}), Catalogue([definition]))
    return compiled.evaluate(Sample("r", "x")).components["test/vector/precision"]


def test_parts_are_declared_by_name_and_change_the_digest() -> None:
    assert vector(0.5).parts == (("precision", 0.0, 1.0), ("recall", -1.0, 1.0))
    assert judging.parts == ()
    with pytest.raises(ValueError, match=r"part 'a'.*minimum"):
        reward("test/plain-v1", bounds=(0.0, 1.0), parts={"a": (1.0, 0.0)})(judging.function)


def test_a_part_outside_its_bounds_is_no_score() -> None:
    assert assess(vector(0.5)) == 0.5
    for value in (1.5, -0.1, math.nan):
        with pytest.raises(Unscorable) as caught:
            assess(vector(value))
        assert caught.value.reason == "REWARD_OUT_OF_BOUNDS"


def test_other_parameters_may_have_other_bounds() -> None:
    assert assess(vector(0.5), scale=10.0) == 5.0


@pytest.mark.parametrize(
    "span", [SpanReward(0, 0, 1, "a", math.nan), SpanReward(0, 2, 1, "a", 0.0), SpanReward(0, -1, 1, "a", 0.0)]
)
def test_a_span_that_is_none_is_no_score(span: SpanReward) -> None:
    with pytest.raises(Unscorable) as caught:
        assess(vector(0.5, span))
    assert caught.value.reason == "REWARD_OUT_OF_BOUNDS"
    assert assess(vector(0.5, SpanReward(0, 0, 0, "a", -2.0))) == 0.5
