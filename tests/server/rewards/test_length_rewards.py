from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.sdk import Json, Sample, Unscorable, Verdict
from assay.sdk.spec import Leaf
from assay_server.rewards import builtin_catalogue, compile_reward
from assay_server.rewards.computations import COMPUTATIONS
from assay_server.rewards.fields import InvalidField

EXAMPLES = Path(__file__).resolve().parents[4] / "shared" / "data" / "estimators_examples.json"


class Example(TypedDict):
    id: str
    params: dict[str, Json]
    inputs: dict[str, Json]
    expected: dict[str, Json]
    tolerance: float


def test_the_worked_examples() -> None:
    if not EXAMPLES.exists():
        pytest.skip(f"the shared data is absent: {EXAMPLES}")
    cases = cast("list[Example]", json.loads(EXAMPLES.read_text(encoding="utf-8"))["cases"])
    mine = [case for case in cases if case["id"] in COMPUTATIONS]
    assert {case["id"] for case in mine} == set(COMPUTATIONS)
    for case in mine:
        outputs = COMPUTATIONS[case["id"]](case["params"], case["inputs"])
        assert outputs == {
            name: value
            if isinstance(value, int)
            else pytest.approx(value, rel=case["tolerance"], abs=case["tolerance"])
            for name, value in case["expected"].items()
        }


COSINE: dict[str, Json] = {
    "max_length": 1000, "correct_short": 1.0, "correct_long": 0.5, "wrong_short": -1.0, "wrong_long": -0.5,
}  # fmt: skip


def cosine(correct: bool, length: float) -> float:
    return cast("float", COMPUTATIONS["reward/cosine_length"](COSINE, {"correct": correct, "length": length})["reward"])


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_cosine_is_monotone_and_clamped(a: int, b: int) -> None:
    short, long = sorted((a, b))
    assert 0.5 <= cosine(True, long) <= cosine(True, short) <= 1.0
    assert -1.0 <= cosine(False, short) <= cosine(False, long) <= -0.5
    if short >= 1000:
        assert cosine(True, short) == cosine(True, long) == 0.5


def test_a_correct_answer_of_twice_the_maximum_does_not_earn_the_short_reward_again() -> None:
    assert cosine(True, 2000) == 0.5


def triangle(length: float, budget: float) -> float:
    outputs = COMPUTATIONS["reward/token_budget_triangle"]({"peak": 1.0}, {"length": length, "budget": budget})
    return cast("float", outputs["reward"])


@given(st.integers(1, 10_000), st.integers(0, 40_000))
def test_the_triangle_peaks_at_the_budget_and_is_symmetric_around_it(budget: int, length: int) -> None:
    assert triangle(budget, budget) == 1.0
    assert 0.0 <= triangle(length, budget) <= 1.0
    if length <= budget:
        assert triangle(length, budget) == pytest.approx(triangle(2 * budget - length, budget))
    if length >= 2 * budget:
        assert triangle(length, budget) == 0.0


def budget_at(step: int, **params: Json) -> int:
    outputs = COMPUTATIONS["schedule/token_budget"]({"start": 256, "interval": 100, **params}, {"global_step": step})
    return cast("int", outputs["budget"])


def test_the_budget_shrinks_by_steps_and_never_below_one() -> None:
    assert [budget_at(step, gamma=0.7) for step in (0, 99, 100, 200, 300)] == [256, 256, 179, 125, 87]
    assert budget_at(10**9, gamma=0.7) == 1
    linear: dict[str, Json] = {"schedule": "linear", "end": 56, "total_steps": 1000}
    assert [budget_at(step, **linear) for step in (0, 100, 500, 1000, 9000)] == [256, 236, 156, 56, 56]


@pytest.mark.parametrize(
    ("id", "params", "inputs", "field"),
    [
        ("reward/cosine_length", COSINE, {"correct": True}, "inputs.length"),
        ("reward/cosine_length", COSINE, {"correct": 1, "length": 1}, "inputs.correct"),
        ("reward/cosine_length", COSINE, {"correct": True, "length": -1}, "inputs.length"),
        ("reward/cosine_length", COSINE, {"correct": True, "length": float("nan")}, "inputs.length"),
        ("reward/cosine_length", COSINE, {"correct": True, "length": True}, "inputs.length"),
        ("reward/cosine_length", {**COSINE, "max_length": 0}, {"correct": True, "length": 1}, "params.max_length"),
        ("reward/cosine_length", {**COSINE, "max_length": 1.5}, {"correct": True, "length": 1}, "params.max_length"),
        ("reward/token_budget_triangle", {"peak": 1.0}, {"length": 1, "budget": 0}, "inputs.budget"),
        ("reward/token_budget_triangle", {"peak": "1"}, {"length": 1, "budget": 1}, "params.peak"),
        ("schedule/token_budget", {"start": 256, "gamma": 2, "interval": 1}, {"global_step": 0}, "params.gamma"),
        ("schedule/token_budget", {"start": 256, "gamma": 1, "interval": 0}, {"global_step": 0}, "params.interval"),
        ("schedule/token_budget", {"start": 9, "interval": 1, "schedule": "x"}, {"global_step": 0}, "params.schedule"),
        ("schedule/token_budget", {"start": 9, "gamma": 1, "interval": 1}, {"global_step": -1}, "inputs.global_step"),
        ("reward/geometric_discount", {"gamma": 0.9}, {"rounds": 10**9, "outcome": 1.0}, "inputs.rounds"),
        ("reward/set_subset_credit", {}, {"predicted": [], "gold": []}, "inputs.gold"),
        ("reward/set_subset_credit", {}, {"predicted": [1], "gold": ["A"]}, "inputs.predicted[0]"),
        ("reward/set_subset_credit", {}, {"predicted": "A", "gold": ["A"]}, "inputs.predicted"),
        ("reward/temporal_iou", {}, {"predicted": [1], "gold": [0, 1]}, "inputs.predicted"),
    ],
)  # fmt: skip
def test_values_that_cannot_be_taken_are_named(
    id: str, params: dict[str, Json], inputs: dict[str, Json], field: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        COMPUTATIONS[id](params, inputs)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("predicted", "gold", "format_ok", "iou", "value"),
    [
        ([4, 8], [4, 8], True, 1.0, 1.0),
        ([0, 1], [2, 3], True, 0.0, 0.1),
        ([8, 4], [4, 8], True, 0.0, 0.1),
        ([4, 4], [4, 4], True, 0.0, 0.1),
        ([4, 8], [4, 8], False, 1.0, 0.0),
    ],
)
def test_intervals(predicted: list[Json], gold: list[Json], format_ok: bool, iou: float, value: float) -> None:
    inputs: dict[str, Json] = {"predicted": predicted, "gold": gold, "format_ok": format_ok}
    assert COMPUTATIONS["reward/temporal_iou"]({"iou_weight": 0.9, "format_weight": 0.1}, inputs) == {
        "iou": iou,
        "reward": value,
    }


def test_subsets() -> None:
    credit = COMPUTATIONS["reward/set_subset_credit"]
    assert credit({}, {"predicted": [], "gold": ["A"]}) == {"reward": 0.0}
    assert credit({}, {"predicted": ["A", "A"], "gold": ["A", "C"]}) == {"reward": 0.5}
    assert credit({}, {"predicted": ["A", "B"], "gold": ["A", "C"]}) == {"reward": 0.0}


def test_the_cosine_reward_of_a_sample_asks_a_verifier() -> None:
    compiled = compile_reward(Leaf("cosine_length", {"max_length": 3584}), builtin_catalogue())
    assert compiled.required_signals == ("num_tokens",)
    right = compiled.evaluate(Sample("r", "A: 18", {"answer": "18"}, num_tokens=1792))
    assert (right.value, right.verdict, right.answer_key) == (pytest.approx(0.75), Verdict.CORRECT, "18")
    wrong = compiled.evaluate(Sample("r", "A: 26", {"answer": "18"}, num_tokens=0))
    assert (wrong.value, wrong.verdict) == (-1.0, Verdict.INCORRECT)
    choice = Leaf("cosine_length", {"max_length": 10, "correctness": "choice"})
    assert (
        compile_reward(choice, builtin_catalogue()).evaluate(Sample("r", "(B)", {"answer": "B"}, num_tokens=10)).value
        == 0.5
    )


@pytest.mark.parametrize("name", ["cosine_length", "token_budget_triangle"])
def test_characters_never_stand_in_for_tokens(name: str) -> None:
    spec = Leaf(name, {"max_length": 10} if name == "cosine_length" else {})
    with pytest.raises(Unscorable) as caught:
        compile_reward(spec, builtin_catalogue()).evaluate(Sample("r", "A: 18", {"answer": "18"}))
    assert (caught.value.reason, caught.value.field) == ("MISSING_SIGNAL", "num_tokens")


def test_the_triangle_of_a_sample_follows_the_schedule() -> None:
    compiled = compile_reward(Leaf("token_budget_triangle"), builtin_catalogue())
    assert compiled.evaluate(Sample("r", "", num_tokens=128)).value == 0.5
    assert compiled.evaluate(Sample("r", "", num_tokens=179, global_step=100)).value == 1.0
    fixed = compile_reward(Leaf("token_budget_triangle", {"budget": 64}), builtin_catalogue())
    assert fixed.evaluate(Sample("r", "", num_tokens=96, global_step=100)).value == 0.5
    with pytest.raises(Unscorable) as caught:
        compiled.evaluate(Sample("r", "", num_tokens=1, global_step=-1))
    assert caught.value.field == "global_step"


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("cosine_length", {"max_length": 0}),
        ("token_budget_triangle", {"budget": 0}),
        ("token_budget_triangle", {"gamma": 1.5}),
        ("token_budget_triangle", {"interval": 0}),
    ],
)
def test_parameters_out_of_range_are_refused(name: str, params: dict[str, Json]) -> None:
    with pytest.raises(Unscorable) as caught:
        compile_reward(Leaf(name, params), builtin_catalogue()).evaluate(
            Sample("r", "18", {"answer": "18"}, num_tokens=1)
        )
    assert caught.value.reason == "INVALID_PARAMETER"
