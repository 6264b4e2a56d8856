"""Down-sampling, allocation and rescue: plain references, edges, refusals."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from statistics import pvariance
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.sdk.samples import Json
from assay_server.compute import compute
from assay_server.sampling.student import student_quantile

UNIT = st.floats(0.0, 1.0).map(lambda value: round(value, 2))


def outputs(id: str, inputs: Mapping[str, object], **params: object) -> dict[str, list[float]]:
    answer = compute({"id": id, "params": cast("Json", params), "inputs": cast("Json", dict(inputs))})
    assert "outputs" in answer, answer
    return cast("dict[str, list[float]]", answer["outputs"])


def value(id: str, name: str, inputs: Mapping[str, object], **params: object) -> object:
    return cast("object", outputs(id, inputs, **params)[name])


def refused(id: str, inputs: Mapping[str, object], **params: object) -> str:
    """The field that is to blame."""
    answer = compute({"id": id, "params": cast("Json", params), "inputs": cast("Json", dict(inputs))})
    assert "error" in answer, answer
    return str(cast("dict[str, object]", answer["error"])["message"]).partition(":")[0]


@given(st.lists(st.integers(-2, 2), min_size=1, max_size=7), st.data())
def test_no_other_subset_varies_more(values: list[int], data: st.DataObject) -> None:
    keep = data.draw(st.integers(1, len(values)))
    found = outputs("select/max_variance", {"values": values}, keep=keep)
    chosen = cast("list[int]", found["kept"])

    best = max(pvariance(subset) for subset in itertools.combinations(values, keep))
    assert found["variance"] == pytest.approx(best)
    assert len(set(chosen)) == keep
    assert pvariance([values[place] for place in chosen]) == pytest.approx(best)


def test_the_most_varied_prefer_the_top_and_the_earlier() -> None:
    name = "select/max_variance"

    assert value(name, "kept", {"values": [1.0, 1.0, 1.0]}, keep=2) == [0, 1]
    assert value(name, "kept", {"values": [0.0, 1.0, 0.0, 1.0]}, keep=3) == [0, 1, 3]
    assert value(name, "kept", {"values": [0.0, 5.0]}, keep=1) == [1]
    assert refused(name, {"values": [1.0]}, keep=2) == "params.keep"
    assert refused(name, {"values": [1.0]}, keep=0) == "params.keep"
    assert refused(name, {"values": []}, keep=1) == "params.keep"


def test_filtration_weights() -> None:
    name = "select/policy_filtration"
    scores = {"scores": [1.0, 3.0, 3.0, 2.0]}

    assert outputs(name, scores, form="max_min")["weights"] == [1.0, 1.0, 1.0, 0.0]
    assert outputs(name, scores, form="max_random")["weights"] == [0.1, 0.4, 0.4, 0.1]
    assert outputs(name, scores, form="best_of_n")["weights"] == [0.0, 1.0, 0.0, 0.0]
    assert outputs(name, scores, form="best_worst")["weights"] == [1.0, 1.0, 0.0, 0.0]
    assert outputs(name, {"scores": [0.0, 0.0]})["probabilities"] == [0.5, 0.5]
    assert outputs(name, {"scores": [0.0, 0.0]}, floor=0.0)["probabilities"] == [0.5, 0.5]
    assert outputs(name, {"scores": []})["probabilities"] == []
    assert refused(name, scores, form="median") == "params.form"
    drawn = value(name, "drawn", {**scores, "draw": 5, "seed": 3}, form="best_of_n", floor=0.0)
    assert drawn == [1] * 5
    assert refused(name, {**scores, "draw": 5}) == "inputs.seed"


def test_rejection_accepts_the_best_first() -> None:
    name = "select/rejection_probability"
    inputs = {"scores": [0.0, 100.0, 0.0], "keep": 3, "seed": 1}

    accepted = cast("list[int]", value(name, "accepted", inputs))
    assert accepted[0] == 1
    assert sorted(accepted) == [0, 1, 2]
    assert value(name, "accepted", inputs) == accepted
    assert outputs(name, {"scores": []})["accept"] == []
    assert refused(name, {"scores": [1.0]}, beta=0.0) == "params.beta"
    assert refused(name, {**inputs, "keep": 4}) == "inputs.keep"


def test_cuts_and_cutoffs() -> None:
    cut = {"rollouts": [{"truncated": True}, {"truncated": False}]}
    assert outputs("select/overlong", cut) == {"kept": [1], "dropped": {"0": "overlong"}}
    assert outputs("select/overlong", cut, mode="mask") == {"kept": [0, 1], "masked": {"0": "overlong"}}
    high = {"entropies": [0.1, 0.9], "advantages": [1.0, 1.0]}
    found = outputs("select/entropy_cutoff", {**high, "initial_mean": 0.5})
    assert cast("object", found["kept"]) == [0]
    assert found["advantages"] == pytest.approx([0.99, -0.09])
    assert value("select/entropy_cutoff", "kept", {**high, "initial_mean": 0.8}) == [0, 1]
    scores = {"scores": [[1, 1], [0, 1], [0, 4]]}
    assert value("select/score_variance", "kept", scores, keep=2) == [1, 2]


def knapsack_value(rates: list[float], rollouts: tuple[int, ...]) -> float:
    return sum((1 - p**n - (1 - p) ** n) * p * (1 - p) ** 2 for p, n in zip(rates, rollouts, strict=True))


@given(st.lists(UNIT, min_size=1, max_size=3), st.integers(1, 3), st.integers(0, 4), st.data())
def test_no_other_allocation_is_worth_more(rates: list[float], low: int, more: int, data: st.DataObject) -> None:
    high = low + more
    total = data.draw(st.integers(low * len(rates), high * len(rates)))
    found = outputs("allocate/knapsack", {"pass_rates": rates, "total": total}, low=low, high=high)

    allocations = itertools.product(range(low, high + 1), repeat=len(rates))
    best = max(knapsack_value(rates, every) for every in allocations if sum(every) == total)
    assert sum(found["rollouts"]) == total
    assert found["value"] == pytest.approx(best, abs=1e-12)


def test_knapsack_spreads_what_is_worth_nothing_and_refuses_what_does_not_fit() -> None:
    name = "allocate/knapsack"

    assert value(name, "rollouts", {"pass_rates": [0.0, 1.0, 0.0], "total": 8}, low=2, high=9) == [3, 3, 2]
    for total in (5, 13):
        bad = {"pass_rates": [0.5, 0.5, 0.5], "total": total}
        assert refused(name, bad, low=2, high=4) == "inputs.total"
    assert refused(name, {"pass_rates": [0.5], "total": 1}, low=0, high=4) == "params.low"
    assert refused(name, {"pass_rates": [0.5], "total": 1}, low=3, high=2) == "params.high"
    assert refused(name, {"pass_rates": [1.5], "total": 1}, low=1, high=2) == "inputs.pass_rates[0]"
    assert outputs(name, {"pass_rates": [], "total": 0}, low=1, high=2) == {"rollouts": [], "value": 0.0}


@given(st.lists(st.tuples(UNIT, UNIT), min_size=1, max_size=6), st.integers(0, 50))
def test_gradient_shares_keep_the_total(prompts: list[tuple[float, float]], total: int) -> None:
    norms, rates = [norm for norm, _ in prompts], [rate for _, rate in prompts]
    inputs = {"gradient_norms": norms, "pass_rates": rates, "total": total}
    if not any(norm > 0 and rate > 0 for norm, rate in prompts):
        assert refused("allocate/gradient_variance", inputs) == "inputs.gradient_norms"
        return
    found = outputs("allocate/gradient_variance", inputs)

    assert sum(found["rollouts"]) == total
    assert all(abs(n - exact) < 1 + 1e-6 for n, exact in zip(found["rollouts"], found["exact"], strict=True))
    assert all(n == 0 for n, prompt in zip(found["rollouts"], prompts, strict=True) if 0.0 in prompt)


def test_equal_remainders_go_by_position() -> None:
    even = {"gradient_norms": [1.0, 1.0, 1.0], "pass_rates": [0.5, 0.5, 0.5], "total": 5}

    assert value("allocate/gradient_variance", "rollouts", even) == [2, 2, 1]


@pytest.mark.parametrize(
    ("level", "degrees", "expected"),
    [(0.975, 1, 12.706205), (0.975, 2, 4.302653), (0.975, 7, 2.364624), (0.95, 30, 1.697261), (0.975, 10**6, 1.959966)],
)
def test_student_quantiles(level: float, degrees: int, expected: float) -> None:
    assert student_quantile(level, degrees) == pytest.approx(expected, rel=1e-6)


def test_rollouts_go_where_the_mean_is_least_certain() -> None:
    rewards = [[0.0, 1.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0], [1.0]]
    found = outputs("allocate/uncertainty_phased", {"rewards": rewards, "round": 9, "total": 2})

    assert found["priorities"][2] is None
    assert found["priorities"][0] > found["priorities"][1]
    assert found["rollouts"] == [1, 0, 1]
    assert found["priorities"][1] == pytest.approx(0.1 * math.sqrt(math.log(10) / 4))


def test_priorities_and_promotion() -> None:
    assert outputs("sample/tracker_priority", {"values": [0.0, 1.0]}, epsilon=0.0)["probabilities"] == [0.5, 0.5]
    assert outputs("sample/tracker_priority", {"values": []})["weights"] == []
    assert refused("sample/tracker_priority", {"values": [1.1]}) == "inputs.values[0]"
    inputs = {"pass_rates": [0.0, 0.5, 0.5, 1.0], "batch": 3, "seed": 0}
    found = outputs("sample/variance_promotion", inputs)
    assert found["promoted"] == [1]
    assert len(found["uniform"]) == 2
    assert outputs("sample/variance_promotion", inputs) == found
    root = {"total": 4, "root_entropy": 1.0}
    assert refused("allocate/entropy_balanced", {**root, "tool_entropies": []}) == "inputs.tool_entropies"
    assert outputs("allocate/entropy_balanced", {**root, "tool_entropies": [1.0]})["global_share"] == cast(
        "object", 0.5
    )


def test_replay_only_where_all_fail_and_something_is_stored() -> None:
    name = "rescue/replay_injection"

    assert outputs(name, {"rewards": [0, 0], "stored_successes": 0}) == {"needed": True, "inject": False}
    assert outputs(name, {"rewards": [0.3, 0.3], "stored_successes": 1}) == {"needed": False, "inject": False}
    assert outputs(name, {"rewards": [0, 1], "stored_successes": 1}) == {"needed": False, "inject": False}
    assert outputs(name, {"rewards": [], "stored_successes": 1}) == {"needed": False, "inject": False}
    chosen = outputs(name, {"rewards": [0, 0], "stored_successes": 3, "seed": 1})
    assert cast("int", chosen["replaced"]) in range(2)
    assert cast("int", chosen["stored"]) in range(3)
    assert refused(name, {"rewards": [0]}) == "inputs.stored_successes"


def test_hints_escalate_and_the_lowest_that_helped_is_taken() -> None:
    name = "rescue/hint_tiers"
    failed: dict[str, object] = {"rewards": [0, 0], "global_step": 51}

    assert value(name, "level", {**failed, "succeeded": []}) == 1
    assert outputs(name, {**failed, "succeeded": [False] * 4}) == {
        "needed": True,
        "level": 5,
        "tier": "planning",
        "replace": False,
        "exhausted": False,
    }
    helped = outputs(name, {**failed, "succeeded": [False] * 8 + [True, True]})
    assert (cast("int", helped["level"]), cast("str", helped["tier"]), helped["replace"]) == (9, "solution", True)
    assert value(name, "exhausted", {**failed, "succeeded": [False] * 12}) is True
    assert value(name, "needed", {**failed, "global_step": 50, "succeeded": []}) is False
    assert refused(name, {**failed, "succeeded": [False] * 13}) == "inputs.succeeded"
    shares = [value("rescue/partial_solution", "share", {"rewards": [-1], "attempt": n}) for n in range(4)]
    assert shares == [0.25, 0.5, 0.75, None]
    assert value("rescue/partial_solution", "needed", {"rewards": [0, 1], "attempt": 0}) is False
