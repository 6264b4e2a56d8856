"""Methods of the literature: edges, refusals, invariances, and plain references of the intricate ones."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from random import Random
from statistics import mean, stdev, variance
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.sdk.samples import Json
from assay.sdk.spec import EstimatorChoice
from assay_server.compute import compute
from assay_server.estimators import Group, InputError, Member, compile_estimator

BITS = st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=6)
UNIT = st.floats(0.0, 1.0).map(lambda value: round(value, 3))
TOKENS = st.lists(st.integers(0, 2), max_size=5)


def outputs(id: str, inputs: Mapping[str, object], **params: object) -> dict[str, list[float]]:
    answer = compute({"id": id, "params": cast("Json", params), "inputs": cast("Json", dict(inputs))})
    assert "outputs" in answer, answer
    return cast("dict[str, list[float]]", answer["outputs"])


def refused(id: str, inputs: Mapping[str, object], **params: object) -> str:
    """The field that is to blame."""
    answer = compute({"id": id, "params": cast("Json", params), "inputs": cast("Json", dict(inputs))})
    assert "error" in answer, answer
    error = cast("dict[str, object]", answer["error"])
    assert error["code"] == 3
    return str(error["message"]).partition(":")[0]


def rollouts(*rows: Mapping[str, object]) -> dict[str, object]:
    return {"rollouts": [{"group": "q", **row} for row in rows]}


def rewarded(*rewards: float, group: str = "q", **columns: object) -> list[dict[str, object]]:
    return [{"group": group, "reward": reward, **columns} for reward in rewards]


def test_grae_of_flat_groups_is_0_and_rewards_must_lie_in_0_to_1() -> None:
    flat = {"rollouts": rewarded(1.0, 1.0) + rewarded(0.0, 0.0, group="p")}

    assert outputs("advantage/asymmetric_grae", flat) == {"advantages": [0.0] * 4, "batch_mean": 0.5}
    assert outputs("advantage/asymmetric_grae", {"rollouts": []}) == {"advantages": [], "batch_mean": 0.0}
    assert refused("advantage/asymmetric_grae", {"rollouts": rewarded(0.0, -0.5)}) == "inputs.rollouts[1].reward"
    assert refused("advantage/asymmetric_grae", {"rollouts": []}, alpha=0) == "params.alpha"


def test_grae_counts_each_group_once_in_the_batch_mean() -> None:
    groups = rewarded(1.0, 1.0, 1.0, 0.0) + rewarded(0.0, 0.0, group="p")

    assert outputs("advantage/asymmetric_grae", {"rollouts": groups})["batch_mean"] == 0.375


def beta_density(x: float, a: float, b: float) -> float:
    constant = math.gamma(a) * math.gamma(b) / math.gamma(a + b)
    return x ** (a - 1) * (1 - x) ** (b - 1) / constant


@given(st.lists(st.lists(UNIT, min_size=2, max_size=4), min_size=2, max_size=4))
def test_bnpo_is_the_plain_formula(groups: list[list[float]]) -> None:
    rates = [mean(group) for group in groups]
    spread = variance(rates)
    if 0.0 < spread < 1e-3:
        return
    a = b = 1.0
    if spread:
        c = mean(rates) * (1 - mean(rates)) / spread - 1
        a, b = max(1.0, 1 + c * mean(rates) / 3), max(1.0, 1 + c * (1 - mean(rates)) / 3)
    rows = [row for place, group in enumerate(groups) for row in rewarded(*group, group=str(place))]

    found = outputs("advantage/beta_normalised", {"rollouts": rows})

    assert (found["alpha"], found["beta"]) == (pytest.approx(a, rel=1e-6), pytest.approx(b, rel=1e-6))
    expected = [
        (reward - rate) * min(1e6, 1 / max(beta_density(rate, a, b), 1e-300)) if len(set(group)) > 1 else 0.0
        for group, rate in zip(groups, rates, strict=True)
        for reward in group
    ]
    assert found["advantages"] == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_bnpo_at_its_edges() -> None:
    equal = rewarded(1.0, 0.0) + rewarded(0.0, 1.0, group="p")
    found = outputs("advantage/beta_normalised", {"rollouts": equal})

    assert found == {"advantages": [0.5, -0.5, -0.5, 0.5], "alpha": 1.0, "beta": 1.0}
    alone = {"rollouts": equal + rewarded(1.0, group="lone")}
    assert outputs("advantage/beta_normalised", alone)["advantages"][-1] == 0.0
    assert outputs("advantage/beta_normalised", alone)["alpha"] == 1.0
    assert outputs("advantage/beta_normalised", alone, singleton="raw")["alpha"] != 1.0
    extremes = {"rollouts": rewarded(1.0, 1.0) + rewarded(0.0, 0.0, group="p")}
    assert outputs("advantage/beta_normalised", extremes)["advantages"] == [0.0] * 4
    assert refused("advantage/beta_normalised", {"rollouts": rewarded(2.0)}) == "inputs.rollouts[0].reward"
    assert outputs("advantage/beta_normalised", {"rollouts": rewarded(5.0, -5.0)}, min=-5, max=5)["advantages"] == [
        0.5,
        -0.5,
    ]


def test_components_are_estimated_apart_and_weighed() -> None:
    rows = [
        {"group": "q", "components": {"a": 1.0, "b": 0.0}},
        {"group": "q", "components": {"a": 0.0, "b": 0.0}},
    ]
    found = outputs("advantage/per_component", {"rollouts": rows}, estimator="grpo_mean_only", weights={"a": 3, "b": 1})

    assert found["advantages"] == [0.375, -0.375]
    assert cast("object", found["components"]) == {"a": [0.5, -0.5], "b": [0.0, 0.0]}


def test_components_that_differ_and_what_cannot_be_averaged_is_refused() -> None:
    name = "advantage/per_component"
    differing = rollouts({"components": {"a": 1.0}}, {"components": {"b": 1.0}})
    same = rollouts({"components": {"a": 1.0}})

    assert refused(name, differing) == "inputs.rollouts[1].components"
    assert refused(name, rollouts({"components": {}})) == "inputs.rollouts[0].components"
    assert refused(name, rollouts({"reward": 1.0})) == "inputs.rollouts[0].components"
    assert refused(name, same, estimator="advantage/nothing") == "params.estimator"
    assert refused(name, same, estimator="greedy_baseline") == "params.estimator"
    assert refused(name, same, estimator="grpo", estimator_params={"ddof": 7}) == "params.estimator_params.ddof"
    assert refused(name, same, weights={"other": 1.0}) == "params.weights"
    assert refused(name, same, weights={"a": 0.0}) == "params.weights"


@given(BITS, st.data())
def test_strata_live_inside_their_group_and_alpha_0_is_grpo(rewards: list[float], data: st.DataObject) -> None:
    strata = data.draw(st.lists(st.integers(0, 2), min_size=len(rewards), max_size=len(rewards)))
    rows = [{"group": "q", "stratum": s, "reward": r} for s, r in zip(strata, rewards, strict=True)]
    other = [{"group": "other", "stratum": s, "reward": 9.0} for s in strata]

    found = outputs("advantage/stratified", {"rollouts": rows + other}, alpha=0.0)
    alone = outputs("advantage/stratified", {"rollouts": rows}, alpha=1.0)

    assert found["advantages"][: len(rows)] == outputs("advantage/grpo", {"rollouts": rows})["advantages"]
    for place, (stratum, reward) in enumerate(zip(strata, rewards, strict=True)):
        own = [r for s, r in zip(strata, rewards, strict=True) if s == stratum]
        expected = (reward - mean(own)) / (stdev(own) + 1e-6) if len(set(own)) > 1 else 0.0
        assert alone["advantages"][place] == pytest.approx(expected, abs=1e-9)


def test_strata_in_a_run_are_tool_calls_unless_a_signal_says_otherwise() -> None:
    estimator = compile_estimator(EstimatorChoice("stratified", {"alpha": 1.0}))
    by_calls = [Member(f"r{place}", reward, num_tool_calls=place // 2) for place, reward in enumerate([1.0, 0, 1, 1])]
    by_signal = [Member(m.rollout_id, m.reward, signals={"stratum": 0.0}, num_tool_calls=9) for m in by_calls]

    assert estimator.advantages([Group("g", tuple(by_calls))])[0].advantages[2:].tolist() == [0.0, 0.0]
    assert estimator.advantages([Group("g", tuple(by_signal))])[0].advantages[1] < -1.0
    assert refused("advantage/stratified", {"rollouts": rewarded(1.0)}, alpha=0.5) == "inputs.rollouts[0].stratum"
    assert refused("advantage/stratified", {"rollouts": []}) == "params.alpha"


def keyed(*pairs: tuple[str | None, float]) -> dict[str, object]:
    return rollouts(*({"answer_key": key, "reward": reward} for key, reward in pairs))


def test_semantic_entropy_scales_by_agreement() -> None:
    split = keyed(("a", 1.0), (None, 0.0), (None, 0.0), ("b", 0.0))
    agreed = keyed(("a", 1.0), ("a", 0.0))
    name = "advantage/semantic_entropy_scaled"

    assert outputs(name, split, alpha=1.0)["advantages"] == pytest.approx([0.0] * 4, abs=1e-12)
    assert outputs(name, agreed, alpha=1.0)["advantages"] == [0.5, -0.5]
    assert outputs(name, keyed((None, 1.0)), alpha=0.9)["scales"] == cast("object", {"q": 1.0})
    assert outputs(name, split, alpha=1.0, form="exponential")["scales"] == cast(
        "object", {"q": pytest.approx(math.exp(-1))}
    )
    assert outputs(name, split, alpha=0.5, form="focal", power=3.0)["scales"] == cast(
        "object", {"q": pytest.approx(0.125)}
    )
    assert refused(name, split, alpha=1.5) == "inputs.rollouts"
    assert refused(name, split, form="cubic") == "params.form"
    assert refused(name, {"rollouts": rewarded(1.0)}) == "inputs.rollouts[0].answer_key"


def test_copo_takes_entropy_in_bits_and_unextracted_answers_for_one_class() -> None:
    found = outputs("advantage/consistency_blend", keyed((None, 0.0), (None, 0.0), ("a", 1.0), ("b", 0.0)))

    assert cast("object", found["entropies_bits"]) == {"q": 1.5}
    assert found["global_advantages"] == [0.0] * 4


def test_copo_gates() -> None:
    inputs = {
        "rollouts": [
            {"group": "q", "reward": 1.0, "answer_key": "a"},
            {"group": "q", "reward": 0.0, "answer_key": "b"},
            {"group": "w", "reward": 0.0, "answer_key": "a"},
            {"group": "w", "reward": 0.0, "answer_key": "b"},
        ]
    }
    weights = {
        gate: outputs("advantage/consistency_blend", inputs, gate=gate)["local_weights"]
        for gate in ("soft", "soft_degenerate", "soft_wrong")
    }

    assert weights["soft"] == [0.5] * 4
    assert weights["soft_degenerate"] == [0.5, 0.5, 0.0, 0.0]
    assert weights["soft_wrong"] == [0.5, 0.0, 0.0, 0.0]
    assert refused("advantage/consistency_blend", inputs, gate="softwrong") == "params.gate"
    coefficient = outputs("advantage/consistency_blend", inputs, consistency_coef=True)["global_advantages"]
    assert coefficient[0] > 0 > coefficient[2]


@given(st.lists(st.tuples(TOKENS, st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=6))
def test_prefix_values_are_means_over_who_shares_the_prefix(members: list[tuple[list[int], float]]) -> None:
    rows = [{"group": "q", "reward": reward, "tokens": tokens} for tokens, reward in members]

    found = outputs("advantage/prefix_tree_td", {"rollouts": rows}, scale="none")

    def value(prefix: list[int]) -> float:
        return mean(r for tokens, r in members if len(tokens) >= len(prefix) and tokens[: len(prefix)] == prefix)

    base = mean(reward for _, reward in members)
    flat = len({reward for _, reward in members}) == 1
    for place, (tokens, reward) in enumerate(members):
        values = [value(tokens[: stop + 1]) for stop in range(len(tokens))]
        before = [base, *values][: len(tokens)]
        expected = [0.0 if flat else reward - base + v - b for v, b in zip(values, before, strict=True)]
        assert cast("list[float]", found["values"][place]) == pytest.approx(values)
        assert cast("list[float]", found["advantages"][place]) == pytest.approx(expected, abs=1e-12)


def test_a_lone_response_has_no_prefix_to_learn_from() -> None:
    lone = rollouts({"reward": 0.5, "tokens": [1, 2]})

    assert cast("object", outputs("advantage/prefix_tree_td", lone)["advantages"]) == [[0.0, 0.0]]
    assert cast("object", outputs("advantage/prefix_tree_td", lone, singleton="raw")["advantages"]) == [[0.5, 0.5]]
    padded = rollouts({"reward": 0.5, "tokens": [1, -100]})
    assert refused("advantage/prefix_tree_td", padded) == "inputs.rollouts[0].tokens[1]"
    assert refused("advantage/prefix_tree_td", rollouts({"reward": 1})) == "inputs.rollouts[0].tokens"


def test_steps_are_compared_by_number_and_absent_members_are_absent() -> None:
    inputs: dict[str, object] = {
        "trajectories": [
            {"group": "q", "step_rewards": [1.0, 2.0, 5.0]},
            {"group": "p", "step_rewards": [7.0]},
            {"group": "q", "step_rewards": [0.0]},
            {"group": "q", "step_rewards": []},
            {"group": "q", "step_rewards": [2.0, 4.0]},
        ]
    }

    found = outputs("advantage/step_index_group", inputs, scale="none")["advantages"]

    assert cast("object", found) == [[0.0, -1.0, 0.0], [0.0], [-1.0], [], [1.0, 1.0]]
    summed = outputs("advantage/turn_return", inputs, order="sum_then_centre")["advantages"]
    assert cast("list[float]", summed[0])[:2] == pytest.approx([8 - 14 / 3, 7 - 5.5])
    normal = cast("list[list[float]]", outputs("advantage/turn_return", inputs)["advantages"])
    assert normal[0][2] == pytest.approx((5 - 14 / 6) / (stdev([1, 2, 5, 0, 2, 4]) + 1e-6))
    assert normal[1] == [0.0]


def test_tree_subgroups_at_any_depth() -> None:
    leaves = [
        {"path": "q#0#0#0", "reward": 1.0},
        {"path": "q#0#0#1", "reward": 0.0},
        {"path": "q#1", "reward": 0.0},
        {"path": "alone", "reward": 3.0},
    ]
    name = "advantage/tree_subgroup"

    found = outputs(name, {"leaves": leaves})["advantages"]

    assert found == pytest.approx([(3 * 2 / 3 + 2 * 0.5 + 2 * 0.5) / 7, (-3 / 3 - 2 * 0.5 - 2 * 0.5) / 7, -1 / 3, 0.0])
    assert outputs(name, {"leaves": leaves}, singleton="raw")["advantages"][3] == 3.0
    assert outputs(name, {"leaves": leaves}, weighting="average")["advantages"][0] == pytest.approx(5 / 9)
    flat_below = [{"path": f"q#{i}#{j}", "reward": float(i)} for i in range(2) for j in range(2)]
    assert outputs(name, {"leaves": flat_below})["advantages"] == [-0.5 * 4 / 6] * 2 + [0.5 * 4 / 6] * 2
    assert outputs(name, {"leaves": flat_below}, drop_zero_std=True)["advantages"] == [-0.5, -0.5, 0.5, 0.5]
    assert refused(name, {"leaves": [leaves[0], leaves[0]]}) == "inputs.leaves[1].path"
    assert refused(name, {"leaves": [{"path": "q##0", "reward": 1}]}) == "inputs.leaves[0].path"


def test_segment_trees_average_children_and_drop_what_says_nothing() -> None:
    tree = {
        "id": "r",
        "children": [
            {"id": "a", "children": [{"id": "a0", "reward": 0.1}, {"id": "a1", "reward": 0.1}]},
            {"id": "b", "reward": 0.3},
        ],
    }

    found = outputs("advantage/segment_tree", {"tree": tree})
    scaled = outputs("advantage/segment_tree", {"tree": tree}, normalise=True)

    assert cast("object", found["kept"]) == ["a", "b"]
    assert cast("object", found["advantages"]) == {"a": pytest.approx(-0.1), "a0": 0, "a1": 0, "b": pytest.approx(0.1)}
    assert cast("dict[str, float]", scaled["advantages"])["b"] == pytest.approx(0.1 / (0.1 + 1e-8))
    both = {"id": "r", "reward": 1, "children": [{"id": "a", "reward": 1}]}
    assert refused("advantage/segment_tree", {"tree": both}) == "inputs.tree"
    assert refused("advantage/segment_tree", {"tree": {"id": "r"}}) == "inputs.tree"
    assert refused("advantage/segment_tree", {"tree": {"id": "r", "children": []}}) == "inputs.tree.children"
    twice = {"id": "r", "children": [{"id": "r", "reward": 1}]}
    assert refused("advantage/segment_tree", {"tree": twice}) == "inputs.tree.children[0].id"
    assert refused("advantage/segment_tree", {}) == "inputs.tree"


def test_a_tree_as_deep_as_it_likes_is_no_recursion() -> None:
    tree: dict[str, object] = {"id": "leaf", "reward": 1.0}
    for depth in range(3_000):
        tree = {"id": f"n{depth}", "children": [tree]}

    assert cast("dict[str, float]", outputs("advantage/segment_tree", {"tree": tree})["values"])["n2999"] == 1.0


def test_segment_chains() -> None:
    assert outputs("advantage/segment_chain", {"boundary_rewards": [], "final_reward": 1})["advantages"] == []
    bad = {"boundary_rewards": [[1], []], "final_reward": 1}
    assert refused("advantage/segment_chain", bad) == "inputs.boundary_rewards[1]"
    assert outputs("advantage/value_difference", {"values": [0.25, 1.0, 0.5]})["advantages"] == [0.75, -0.5]


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.data())
def test_budget_relative_is_the_plain_formula(traces: int, budgets: int, answers: int, data: st.DataObject) -> None:
    cell = st.lists(UNIT, min_size=answers, max_size=answers)
    scores = data.draw(st.lists(st.lists(cell, min_size=budgets, max_size=budgets), min_size=traces, max_size=traces))
    prior = data.draw(st.lists(st.floats(0.1, 2.0), min_size=budgets, max_size=budgets))

    found = outputs("advantage/budget_relative", {"scores": scores, "prior": prior})

    p = [value / sum(prior) for value in prior]
    x = [[mean(cell) for cell in trace] for trace in scores]
    returns = [[sum(p[j] * own[j] for j in range(s, budgets)) for s in range(budgets)] for own in x]
    for g, s in itertools.product(range(traces), range(budgets)):
        earlier = sum(2**j * x[g][j] for j in range(s)) / sum(2**j for j in range(s)) if s else 0.0
        baseline = s * earlier * sum(p[s:]) + (budgets - s) * mean(row[s] for row in returns)
        thinking = cast("list[list[float]]", found["thinking_advantages"])
        assert thinking[g][s] == pytest.approx(returns[g][s] - baseline / budgets, abs=1e-9)


def test_budget_relative_at_its_edges() -> None:
    name = "advantage/budget_relative"
    one = {"scores": [[[1.0], [0.0]]], "prior": [1, 1]}

    assert cast("object", outputs(name, one)["summary_advantages"]) == [[[0.0], [0.0]]]
    assert cast("object", outputs(name, one, baseline="group", singleton="raw")["thinking_advantages"]) == [[0.5, 0.0]]
    assert cast("object", outputs(name, one, baseline="none")["thinking_advantages"]) == [[0.5, 0.0]]
    assert cast("object", outputs(name, one, baseline="own_trace")["thinking_advantages"]) == [[0.5, -0.5]]
    assert refused(name, {"scores": [[[1.0]]], "prior": [0.0]}) == "inputs.prior"
    assert refused(name, {"scores": [[[1.0]]], "prior": [-1.0]}) == "inputs.prior[0]"
    assert refused(name, {"scores": [[[1.0]]], "prior": [1.0, 1.0]}) == "inputs.prior"
    assert refused(name, {"scores": [[[1.0]], [[1.0], [1.0]]], "prior": [1.0]}) == "inputs.scores[1]"
    assert refused(name, {"scores": [[[1.0]], [[1.0, 2.0]]], "prior": [1.0]}) == "inputs.scores[1][0]"


@given(st.lists(st.tuples(UNIT, UNIT), max_size=6), st.booleans())
def test_gae_is_the_plain_recursion(steps: list[tuple[float, float]], cut: bool) -> None:
    rewards, values = [r for r, _ in steps], [v for _, v in steps]
    found = outputs("advantage/gae", {"rewards": rewards, "values": values, "truncated": cut}, gamma=0.9, lam=0.8)

    expected: list[float] = []
    following, last = (values[-1] if cut and values else 0.0), 0.0
    for reward, value in zip(reversed(rewards), reversed(values), strict=True):
        last = reward + 0.9 * following - value + 0.72 * last
        following = value
        expected.insert(0, last)
    assert found["advantages"] == pytest.approx(expected)
    assert refused("advantage/gae", {"rewards": [1.0], "values": []}) == "inputs.values"


def test_actions_are_discounted_between_and_not_inside() -> None:
    steps = {"steps": [{"values": [0.5, 0.4], "reward": 0.0}, {"values": [0.2], "reward": 1.0}], "done": True}
    name = "advantage/action_decomposed_gae"
    last = 1.0 - 0.2
    second = 0.9 * 0.2 - 0.4 + 0.9 * 0.8 * last
    first = 0.4 - 0.5 + 0.8 * second

    found = cast("list[list[float]]", outputs(name, steps, gamma=0.9, lam=0.8)["advantages"])

    assert found == [pytest.approx([first, second]), pytest.approx([last])]
    inside = cast("list[list[float]]", outputs(name, steps, gamma=0.9, lam=0.8, discount_inside=True)["advantages"])
    assert inside[0][0] == pytest.approx(0.9 * 0.4 - 0.5 + 0.72 * second)
    assert refused(name, {**steps, "done": False}) == "inputs.bootstrap_value"
    going = cast("list[list[float]]", outputs(name, {**steps, "done": False, "bootstrap_value": 1.0})["advantages"])
    assert going[1][0] == pytest.approx(1.0 + 0.99 - 0.2)
    assert refused(name, {"steps": [{"values": list[float](), "reward": 0}], "done": True}) == "inputs.steps[0].values"


def test_risk_credit() -> None:
    bundle = {"bundle": {"a": [1.0, 0.0, 0.5], "b": [1.0, 1.0]}}
    name = "advantage/risk_mvar"
    papers = outputs(name, bundle)["paper_advantages"]
    assert len(papers) == 2
    assert max(papers) <= 0.0

    shared = cast("dict[str, list[float]]", outputs(name, bundle)["advantages"])
    assert shared["a"] == [*papers, 0.0]
    score = cast("dict[str, list[float]]", outputs(name, bundle, credit="score")["advantages"])
    assert score["a"] == pytest.approx([0.5 * papers[0], 1.5 * papers[1], 0.0])
    scaled = cast("dict[str, list[float]]", outputs(name, bundle, credit="std")["advantages"])
    assert scaled["a"][1] == pytest.approx(papers[1] / (0.5 + 1e-6))
    assert scaled["b"][1] == pytest.approx(papers[1] / (1 + 1e-6))
    share = cast("dict[str, list[float]]", outputs(name, bundle, credit="sum_mean")["advantages"])
    assert share["a"][1] == pytest.approx(papers[1])
    assert share["b"][1] == 0.0
    even = {"bundle": {"a": [1.0, 1.0], "b": [0.0, 0.0]}}
    assert outputs(name, even, credit="sum_mean")["paper_advantages"] == [0.0, 0.0]


def test_risk_quantiles_come_from_the_run() -> None:
    bundle: dict[str, object] = {"bundle": {"a": [1.0], "b": [0.0]}}
    name = "advantage/risk_mvar"

    assert refused(name, bundle, quantiles="tracked") == "inputs.tracked"
    assert outputs(name, {**bundle, "tracked": [0.5, 2.0]}, quantiles="mix")["quantiles"] == [0.75, 1.5]
    tracker = {"levels": [0.1, 0.3, 0.8], "quantiles": [0.0, 2.0, 3.0]}
    assert outputs(name, {**bundle, "tracked": tracker}, quantiles="tracked")["quantiles"] == pytest.approx([1.0, 3.0])
    assert refused(name, bundle, low=0.8, high=0.2) == "params.high"
    assert outputs(name, {"bundle": {}})["paper_advantages"] == []
    unmoved = {"levels": [0.5], "quantiles": [2.0], "scores": []}
    assert outputs("tracker/quantile_sgd", unmoved)["quantiles"] == [2.0]
    assert refused("tracker/quantile_sgd", {"quantiles": [1.0], "scores": [1.0]}) == "inputs.quantiles"


def test_smooth_advantages_remember() -> None:
    name = "advantage/smooth_cumulative"
    state = {"visits": 1, "mean": 0.5, "std": 0.5}
    found = outputs(name, {"rewards": [1.0, 1.0], "state": state})
    total = math.sqrt((0.25 + 0.0 + 0.5 * 0.25) / 2)

    assert cast("object", found["state"]) == {"visits": 2, "mean": 0.75, "std": pytest.approx(total)}
    assert found["advantages"] == pytest.approx([0.25 / total / 2] * 2)
    flat = {"visits": 3, "mean": 0.1, "std": 0.0}
    assert outputs(name, {"rewards": [0.1, 0.1, 0.1], "state": flat})["advantages"] == [0.0] * 3
    assert refused(name, {"rewards": [1.0], "state": state}) == "inputs.rewards"
    assert refused(name, {"rewards": [1.0, 0.0]}) == "inputs.state"
    assert refused(name, {"rewards": [1.0, 0.0], "state": {"visits": -1}}) == "inputs.state.visits"
    assert refused(name, {"rewards": [1.0, 0.0], "state": {**state, "std": -1}}) == "inputs.state.std"


def test_single_stream_moves_its_trackers_whatever_the_batch() -> None:
    name = "advantage/single_stream"
    rollout: dict[str, object] = {"prompt": "p", "reward": 1.0, "alpha": 1.0, "beta": 1.0, "kl_drift": None}
    found = outputs(name, {"rollouts": [rollout]})

    assert found["advantages"] == [0.0]
    (tracker,) = cast("list[dict[str, float]]", found["trackers"])
    assert [tracker["rho"], tracker["alpha"], tracker["beta"]] == pytest.approx([0.96, 1.96, 0.96])
    twice = {"rollouts": [rollout, rollout]}
    assert refused(name, twice) == "inputs.rollouts[1].prompt"
    bad = {"rollouts": [{"prompt": "p", "reward": 1.5}]}
    assert refused(name, bad) == "inputs.rollouts[0].reward"
    assert outputs(name, {"rollouts": [{"prompt": "p", "reward": 1.0}]}, normalise=False)["advantages"] == [0.5]
    assert cast("object", outputs("tracker/warm_start", {"outcomes": []})) == {"alpha": 0.5, "beta": 0.5}


def test_running_normaliser_splits_like_one_stream() -> None:
    start = {"count": 0, "mean": 0.0, "m2": 0.0}
    name = "reward/running_normaliser"
    first = outputs(name, {"rewards": [1.0, 2.0], "state": start})
    second = outputs(name, {"rewards": [7.0], "state": first["state"]})
    at_once = outputs(name, {"rewards": [1.0, 2.0, 7.0], "state": start})

    assert cast("dict[str, float]", second["state"]) == pytest.approx(cast("dict[str, float]", at_once["state"]))
    assert second["rewards"][0] == pytest.approx(at_once["rewards"][2])
    assert outputs(name, {"rewards": [3.0], "state": start})["rewards"] == [0.0]


def test_tool_position_shapes_right_callers_only() -> None:
    row = {"advantage": 1.0, "correct": True, "length": 100}
    name = "shape/tool_position"

    lone = rollouts({**row, "first_tool_position": 10}, {**row, "first_tool_position": None})
    assert outputs(name, lone)["advantages"] == [1.0, 1.0]
    far = rollouts({**row, "first_tool_position": 0}, {**row, "first_tool_position": 100})
    assert outputs(name, far)["advantages"] == [1.7, pytest.approx(0.3)]
    assert refused(name, rollouts({"advantage": 1.0, "correct": True, "first_tool_position": 1})) == (
        "inputs.rollouts[0].length"
    )


def test_other_shapes() -> None:
    rows = rollouts({"advantage": -1.0, "entropy": 1.0}, {"advantage": 0.5, "entropy": 3.0})
    assert outputs("shape/entropy_bonus", rows)["advantages"] == pytest.approx([-0.6, 0.75])
    balanced = outputs("shape/entropy_bonus", rows, form="aepo", alpha=1.0, eps=0.0)["advantages"]
    assert balanced == pytest.approx([-1 * (1 - math.sqrt(0.5)), 0.5 * (1 + math.sqrt(0.5))])
    factors = rollouts({"advantage": 2.0, "factor": 9.0}, {"advantage": 2.0, "factor": 0.1})
    assert outputs("shape/external_multiplier", factors) == {"factors": [2.0, 0.5], "advantages": [4.0, 1.0]}
    assert refused("shape/novelty_sharpen", {"rollouts": []}, strength=1.0) == "params.cap"


def naive_run(tokens: list[list[int]], signs: list[int]) -> list[int]:
    found: list[int] = []
    for own, sign in zip(tokens, signs, strict=True):
        run = 0
        while run < len(own) and sign:
            other = [s for t, s in zip(tokens, signs, strict=True) if len(t) > run and t[run] == own[run]]
            if {1, -1} - set(other):
                break
            run += 1
        found.append(run)
    return found


@given(st.lists(st.tuples(TOKENS, st.sampled_from([-1, 0, 1])), min_size=1, max_size=5))
def test_conflict_weights_against_a_plain_search(members: list[tuple[list[int], int]]) -> None:
    tokens, signs = [own for own, _ in members], [sign for _, sign in members]
    rows = rollouts(*({"advantage": sign, "tokens": own} for own, sign in members))

    found = cast("list[list[float]]", outputs("token/conflict_weights", rows, negative_weight=0.5)["weights"])

    forward, backward = naive_run(tokens, signs), naive_run([own[::-1] for own in tokens], signs)
    for place, (own, sign) in enumerate(members):
        weight = {1: 2.0, -1: 0.5, 0: 1.0}[sign]
        expected = [
            (weight if j < forward[place] else 1.0) * (weight if len(own) - j <= backward[place] else 1.0)
            for j in range(len(own))
        ]
        assert found[place] == expected


def test_weights_by_length() -> None:
    rows = rollouts({"correct": True, "length": 10}, {"correct": True, "length": 10})
    found = outputs("weight/positive_length", {**rows, "max_length": 20})

    assert found == {"valid": {"q": False}, "weights": [0.5, 0.5]}
    assert refused("weight/positive_length", {**rows, "max_length": 5}) == "inputs.rollouts[0].length"
    assert refused("weight/positive_length", rows) == "inputs.max_length"
    labels = outputs("advantage/none", rollouts({"correct": True}, {"correct": False}))
    assert cast("object", labels) == {"labels": [1, 0], "valid": {"q": True}, "accuracy": {"q": 0.5}}


def test_budget_groups_are_compared_with_their_promise() -> None:
    rows = rollouts({"reward": 3.0, "budget": 512}, {"reward": 1.0, "budget": 512})
    name = "advantage/budget_hierarchical"
    promised = 4 * math.cos(math.pi * 512 / 8192)

    assert outputs(name, rows)["intra"] == pytest.approx([2 - promised] * 2)
    assert outputs(name, rollouts({"reward": 3.0, "budget": 512}))["advantages"] == [0.0]
    assert outputs(name, rollouts({"reward": 3.0, "budget": 512}), singleton="raw")["advantages"] == [3.0]
    released = outputs(name, rows, compat="released")
    assert released["intra"] == pytest.approx([2 - round(promised, 2)] * 2)
    assert released["advantages"][0] == pytest.approx(released["inter"][0] + 2 * released["intra"][0])
    assert refused(name, rollouts({"reward": 1.0, "budget": 5000})) == "inputs.rollouts[0].budget"
    assert refused(name, rollouts({"reward": 1.0})) == "inputs.rollouts[0].budget"


MEMBER_METHODS = {
    "asymmetric_grae": {},
    "beta_normalised": {},
    "stratified": {"alpha": 0.3},
    "semantic_entropy_scaled": {"alpha": 0.5},
    "consistency_blend": {"consistency_coef": True},
    "budget_hierarchical": {},
}


@pytest.mark.parametrize("name", MEMBER_METHODS)
@settings(max_examples=25)
@given(st.lists(st.tuples(UNIT, st.integers(0, 1), st.sampled_from(["a", "b", None])), max_size=8), st.randoms())
def test_the_order_of_groups_changes_nothing(
    name: str, rows: list[tuple[float, int, str | None]], random: Random
) -> None:
    items: list[dict[str, object]] = [
        {"group": f"g{kind}", "reward": reward, "stratum": kind, "answer_key": key, "budget": 512 * (1 + kind)}
        for reward, kind, key in rows
    ]
    order = list(range(len(items)))
    random.shuffle(order)
    inputs, shuffled = {"rollouts": items}, {"rollouts": [items[place] for place in order]}

    found = outputs(f"advantage/{name}", inputs, **MEMBER_METHODS[name])["advantages"]
    again = outputs(f"advantage/{name}", shuffled, **MEMBER_METHODS[name])["advantages"]

    assert [again[order.index(place)] for place in range(len(items))] == pytest.approx(found, rel=1e-6, abs=1e-7)


def test_token_signals_that_are_no_ids_are_refused() -> None:
    estimator = compile_estimator(EstimatorChoice("prefix_tree_td"))

    for ids in (np.array([1, -100]), np.array([0.5]), np.array([[1]])):
        member = Member("r", 1.0, signals={"token_ids": ids})
        with pytest.raises(InputError) as bad:
            estimator.advantages([Group("g", (Member("a", 0.0, signals={"token_ids": np.array([1])}), member))])
        assert bad.value.field == "groups[0].rollouts[1].signals.token_ids"
    with pytest.raises(InputError) as missing:
        estimator.advantages([Group("g", (Member("a", 0.0),))])
    assert missing.value.field == "groups[0].rollouts[0].signals.token_ids"
