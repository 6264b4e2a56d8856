"""Rewards shaped by group, batch and run: edges, refusals, invariances."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.sdk.samples import Json
from assay_server.compute import compute

UNIT = st.floats(0.0, 1.0).map(lambda value: round(value, 3))


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


def rollouts(*rows: Mapping[str, object]) -> dict[str, object]:
    return {"rollouts": [{"group": "q", **row} for row in rows]}


def called(*rows: tuple[int, bool]) -> dict[str, object]:
    return rollouts(*({"tool_calls": calls, "correct": correct} for calls, correct in rows))


def test_the_fewest_calls_never_rise() -> None:
    name = "reward/otc_grpo"
    known = {**called((3, True), (1, False)), "known_minimum": {"q": 2, "other": 7}}

    assert value(name, "minimum", known, smooth=1.0) == {"q": 2}
    assert outputs(name, known, smooth=1.0)["rewards"] == [pytest.approx(math.sin(3 / 5 * math.pi)), 0.0]
    assert value(name, "minimum", {**known, "known_minimum": {"q": None}}, smooth=1.0) == {"q": 3}
    assert value(name, "minimum", called((3, False)), smooth=1.0) == {"q": None}
    assert outputs(name, called((3, False)), smooth=1.0)["rewards"] == [0.0]


def test_no_call_at_all_is_the_best_there_is() -> None:
    found = outputs("reward/otc_grpo", called((0, True), (2, True)), smooth=4.0, alpha=2.0)

    assert found["rewards"] == [2.0, pytest.approx(2 * math.cos(2 * math.pi / 8))]
    assert value("reward/otc_ppo", "reward", {"tool_calls": 0, "correct": True}, smooth=0.0) == 1.0
    assert value("reward/otc_ppo", "reward", {"tool_calls": 3, "correct": False}, smooth=1.0) == 0.0
    assert refused("reward/otc_ppo", {"tool_calls": 1, "correct": True}) == "params.smooth"
    assert refused("reward/otc_ppo", {"tool_calls": -1, "correct": True}, smooth=1.0) == "inputs.tool_calls"
    assert refused("reward/otc_grpo", called((-1, True)), smooth=1.0) == "inputs.rollouts[0].tool_calls"
    bad = {**called((1, True)), "known_minimum": {"q": 1.5}}
    assert refused("reward/otc_grpo", bad, smooth=1.0) == "inputs.known_minimum.q"


@given(st.integers(1, 50), st.integers(1, 50))
def test_more_calls_than_needed_earn_less(fewest: int, more: int) -> None:
    rewards = outputs(
        "reward/otc_grpo", called((fewest, True), (fewest + more, True), (fewest + more + 1, True)), smooth=1.0
    )["rewards"]

    assert rewards[0] == pytest.approx(1.0)
    assert rewards[0] > rewards[1] > rewards[2] > 0.0


def test_ranks_are_over_all_members_and_ties_by_position() -> None:
    rows = rollouts(*({"reward": reward, "mean_logprob": -1.0} for reward in (1.0, 0.0, -1.0, 1.0)))
    found = outputs("reward/unlikeliness", rows)

    assert found["ranks"] == [0, 1, 2, 3]
    assert found["rewards"] == [1.0, 0.0, -1 * (1 - 0.25 * 2 / 4), 1 - 0.25 * 3 / 4]
    assert refused("reward/unlikeliness", rollouts({"reward": 1.0})) == "inputs.rollouts[0].mean_logprob"
    two = {"rollouts": [{"group": g, "reward": 1, "mean_logprob": lp} for g, lp in (("a", 0), ("b", 5), ("a", -1))]}
    assert outputs("reward/unlikeliness", two)["ranks"] == [1, 0, 0]


def test_exits_count_in_order_of_position() -> None:
    exits = [{"position": 30, "correct": True}, {"position": 10, "correct": True}, {"position": 20, "correct": False}]
    found = outputs("reward/serial_decay", {"exits": exits})

    assert found["rewards"] == [0.5, 1.0, 0.0]
    assert found["advantages"] == [0.0, 0.5, -0.5]
    assert outputs("reward/serial_decay", {"exits": []}) == {"rewards": [], "advantages": []}
    assert outputs("reward/serial_decay", {"exits": exits[:1]})["advantages"] == [0.0]
    assert refused("reward/serial_decay", {"exits": [{"position": 1}]}) == "inputs.exits[0].correct"


def test_formats_scale_by_their_own_group() -> None:
    rows = [
        {"group": "a", "format": "code", "reward": 1.0},
        {"group": "b", "format": "code", "reward": 1.0},
        {"group": "b", "format": "text", "reward": 1.0},
        {"group": "b", "format": None, "reward": 0.0},
    ]
    name = "reward/format_diversity_scale"

    assert outputs(name, {"rollouts": rows, "global_step": 0}, total_steps=10)["scales"] == [1.0, 3.0, 3.0, 1.0]
    assert outputs(name, {"rollouts": rows, "global_step": 99}, total_steps=10)["scales"] == [1.0] * 4
    unknown = {"rollouts": [{"group": "a", "format": None, "reward": 1.0}], "global_step": 0}
    assert refused(name, unknown, total_steps=10) == "inputs.rollouts[0].reward"
    assert refused(name, {"rollouts": rows}, total_steps=10) == "inputs.global_step"
    assert refused(name, {"rollouts": rows, "global_step": 0}) == "params.total_steps"


def test_relative_length_is_inside_the_group() -> None:
    rows = [
        {"group": "a", "correct": True, "length": 10},
        {"group": "b", "correct": True, "length": 1000},
        {"group": "a", "correct": False, "length": 20},
        {"group": "b", "correct": False, "length": 500},
    ]

    assert outputs("reward/length_relative", {"rollouts": rows})["rewards"] == [0.5, -0.5, -0.5, 0.0]
    assert outputs("reward/length_relative", {"rollouts": rows[:1]})["rewards"] == [0.0]
    assert refused("reward/length_relative", rollouts({"correct": True})) == "inputs.rollouts[0].length"


def test_only_the_best_groups_are_asked_to_be_short() -> None:
    rows = [
        {"group": "good", "correct": True, "length": 10},
        {"group": "good", "correct": True, "length": 30},
        {"group": "bad", "correct": True, "length": 10},
        {"group": "bad", "correct": False, "length": 30},
    ]
    found = outputs("reward/length_penalty_switch", {"rollouts": rows}, share=0.5, alpha=0.5)

    assert cast("object", found["modes"]) == {"good": "length_penalty", "bad": "plain"}
    short = 1 - 0.5 / (1 + math.exp(1 / math.sqrt(2)))
    assert found["rewards"] == pytest.approx([short, 1.5 - short, 1.0, 0.0])
    flat = outputs("reward/length_penalty_switch", rollouts({"correct": True, "length": 5}), share=1.0)
    assert flat["rewards"] == [1.0]


def test_budgets_promise_and_hold() -> None:
    name = "reward/budget_hierarchical"
    right = {"correct": True, "length": 512}

    assert value(name, "reward", right) == pytest.approx(4 * math.cos(math.pi / 16))
    assert value(name, "reward", {**right, "budget": 2048}) == pytest.approx(4 * math.cos(math.pi / 4))
    assert value(name, "reward", {**right, "length": 5000}) == 0.0
    assert value(name, "reward", {**right, "correct": False}) == 0.0
    assert value(name, "reward", {**right, "parsable": False}) == -1.0
    assert value(name, "reward", {**right, "budget": 512}, compat="released") == 3.92
    assert refused(name, {"correct": True}) == "inputs.length"
    assert refused(name, {**right, "budget": 4097}) == "inputs.budget"
    assert outputs("reward/conciseness", {"lengths": [1, 5, 3]})["rewards"] == [1.0, 0.0, 0.0]


def arms(*rows: tuple[bool, bool]) -> dict[str, object]:
    return rollouts(*({"feature": feature, "correct": correct, "reward": 0.0} for feature, correct in rows))


def test_a_feature_is_paid_for_what_it_does() -> None:
    name = "reward/group_contrastive"
    hurts = arms((True, False), (False, True))

    assert outputs(name, hurts, weight=0.5)["rewards"] == [-0.5, 0.0]
    assert value(name, "masks", arms((True, True), (True, False))) == {"q": 0}
    assert value(name, "masks", arms((True, True), (True, False), (False, False)), threshold=0.5) == {"q": 0}
    assert refused(name, rollouts({"correct": True, "reward": 0})) == "inputs.rollouts[0].feature"


def votes(keys: list[str | None], similarity: object = None) -> dict[str, object]:
    even = [[1.0] * len(keys) for _ in keys]
    return {"answer_keys": keys, "similarity": even if similarity is None else similarity}


def test_majority_and_novelty_at_their_edges() -> None:
    name = "reward/majority_novelty"

    assert outputs(name, votes(["b", "a"])) == {"majority": "b", "rewards": [1.0, -0.5]}
    assert outputs(name, votes(["a", "a", "b", "b", "a"]))["rewards"] == [0.75, 0.75, -0.75, -0.75, 0.75]
    assert outputs(name, votes([None, "a", None, "b", "b"]))["rewards"] == [-1.0, -0.5, -1.0, 0.75, 0.75]
    assert outputs(name, votes([None])) == {"majority": None, "rewards": [-1.0]}
    assert outputs(name, votes([])) == {"majority": None, "rewards": []}
    assert refused(name, votes(["a", "b"], [[1.0]])) == "inputs.similarity"
    assert refused(name, votes(["a", "b"], [[1.0], [1.0]])) == "inputs.similarity[0]"
    assert refused(name, votes(["a", "b"], [[1.0, "x"], [1.0, 1.0]])) == "inputs.similarity[0][1]"


@given(st.lists(st.lists(UNIT, min_size=4, max_size=4), min_size=4, max_size=4))
def test_debiased_win_rates_sum_to_half_of_all_duels(matrix: list[list[float]]) -> None:
    rewards = outputs("reward/win_rate", {"matrix": matrix})["rewards"]

    assert sum(rewards) == pytest.approx(2.0)


def test_win_rates_at_their_edges() -> None:
    assert outputs("reward/win_rate", {"matrix": [[None]]})["rewards"] == [0.5]
    assert outputs("reward/win_rate", {"matrix": []})["rewards"] == []
    assert outputs("reward/win_rate", {"matrix": [[None, 0.9], [0.3, None]]}, debias=False)["rewards"] == [0.9, 0.3]
    assert refused("reward/win_rate", {"matrix": [[None, 1.2], [0.3, None]]}) == "inputs.matrix[0][1]"
    assert refused("reward/win_rate", {"matrix": [[None, None], [0.3, None]]}) == "inputs.matrix[0][1]"


def covered(points: list[list[float]]) -> float:
    """Volume of a union of boxes on a grid, by inclusion and exclusion."""
    total = 0.0
    for chosen in range(1, 1 << len(points)):
        own = [point for place, point in enumerate(points) if chosen >> place & 1]
        corner: list[float] = [min(coordinates) for coordinates in zip(*own, strict=True)]
        total += (-1.0) ** (len(own) + 1) * math.prod(corner)
    return total


@given(st.integers(1, 3).flatmap(lambda n: st.lists(st.lists(UNIT, min_size=n, max_size=n), min_size=1, max_size=5)))
def test_the_gain_in_hypervolume_by_inclusion_and_exclusion(points: list[list[float]]) -> None:
    point, *buffer = points
    found = outputs("reward/hypervolume_meta", {"reference": [0.0] * len(point), "buffer": buffer, "point": point})

    assert found["gain"] == pytest.approx(covered(points) - covered(buffer), abs=1e-9)


def test_objectives_at_their_edges() -> None:
    name = "reward/hypervolume_meta"
    below = {"reference": [0.0, 0.0], "buffer": [], "point": [5.0, 0.0]}

    assert outputs(name, below) == {"gain": 0.0, "multiplier": 0.5}
    assert outputs(name, {"reference": [1.0], "buffer": [[2.0], [-7.0]], "point": [4.0]})["gain"] == 2.0
    assert refused(name, {**below, "point": [1.0]}) == "inputs.point"
    assert refused("reward/ensemble_worst_case", {"scores": []}) == "inputs.scores"
    assert refused("reward/ensemble_worst_case", {"scores": [1.0, float("nan")]}) == "inputs.scores[1]"
    assert value("reward/ensemble_uncertainty_weighted", "reward", {"scores": [0.1] * 3}) == pytest.approx(0.1)
    moved = outputs("weights/dynamic", {"weights": [0.5, 0.5], "influence": [1.0, 0.0]}, lr=math.log(3))
    assert moved["weights"] == pytest.approx([0.75, 0.25])
    assert refused("weights/dynamic", {"weights": [0.5, 0.6], "influence": [1, 1]}) == "inputs.weights"


def test_information_gain() -> None:
    name = "reward/information_gain"
    turns = {"answer_logprobs": [[-1.0, -3.0], [0.0]], "outcome": 0.5}

    assert outputs(name, turns)["step_rewards"] == [pytest.approx(1 - math.exp(-2)), 0.5]
    assert outputs(name, {**turns, "format_ok": False})["step_rewards"] == [0.0, -2.0]
    assert refused(name, {**turns, "answer_logprobs": [[0.1]]}) == "inputs.answer_logprobs[0][0]"
    assert refused(name, {**turns, "answer_logprobs": [list[float]()]}) == "inputs.answer_logprobs[0]"
    assert refused(name, {"outcome": 1.0}) == "inputs.answer_logprobs"


def test_sql_parts() -> None:
    schema, ngram = "reward/sql_schema_jaccard", "reward/sql_ngram_jaccard"

    assert value(schema, "reward", {"predicted": ["City", "city"], "gold": ["CITY"]}) == 1.0
    assert value(schema, "reward", {"predicted": [], "gold": []}) == 1.0
    assert value(schema, "reward", {"predicted": [], "gold": ["a"]}) == 0.0
    assert value(ngram, "reward", {"predicted": ["a"], "gold": ["b"]}) == 1.0
    assert value(ngram, "reward", {"predicted": ["a", "b"], "gold": ["b"]}) == 0.0
    assert value(ngram, "reward", {"predicted": ["a"], "gold": ["b"]}, n=1) == 0.0
    assert refused(ngram, {"predicted": [], "gold": []}, n=0) == "params.n"
    parts = {"execution": 1, "judge": 1, "syntax": 1, "schema": 1, "ngram": 1, "format": 1}
    assert value("reward/sql_partial", "reward", {"components": parts}) == 7.0
    assert value("reward/sql_partial", "reward", {"components": {**parts, "execution": 0}}) == 6.0
    assert refused("reward/sql_partial", {"components": {**parts, "syntax": 2}}) == "inputs.components.syntax"
    assert refused("reward/sql_partial", {"components": {**parts, "style": 1}}) == "inputs.components.style"


PRODUCT: dict[str, object] = {
    "query_match": True,
    "category_match": False,
    "title_score": 0.5,
    "price": 10.0,
    "price_upper": 20.0,
    "matched_attributes": 1,
    "attributes": 2,
    "matched_options": 0,
    "options": 1,
}


@pytest.mark.parametrize(
    ("changed", "factor"),
    [
        ({}, 1.0),
        ({"title_score": 0.1}, 1.0),
        ({"query_match": False, "title_score": 0.2}, 0.5),
        ({"query_match": False, "title_score": 0.3}, 1.0),
        ({"title_score": 0.05}, 0.1),
        ({"title_score": 0.0}, 0.0),
    ],
)
def test_the_last_title_rules_override_a_query_match(changed: dict[str, object], factor: float) -> None:
    found = outputs("reward/webshop_product", {**PRODUCT, **changed})

    assert cast("object", found["type_factor"]) == factor
    assert found["task_score"] == pytest.approx(factor * 2 / 4)
    assert cast("object", found["reward"]) == 0.0


def test_products_with_impossible_counts_are_refused() -> None:
    assert refused("reward/webshop_product", {**PRODUCT, "matched_options": 2}) == "inputs.matched_options"
    assert value("reward/webshop_product", "price_factor", {**PRODUCT, "price": 21}) == 0.0
    assert value("reward/webshop_product", "price_factor", {**PRODUCT, "price_upper": None}) == 1.0


def test_a_bonus_never_makes_wrong_worth_right() -> None:
    rows = rollouts(
        {"correct": True, "reward": 1.0, "components": {"words": 0.5, "roles": 1.0}},
        {"correct": False, "reward": 0.0, "components": {"words": 1.0, "roles": 1.0}},
    )
    name = "reward/diversity_bonus"

    assert outputs(name, rows, weights={"words": 0.1, "roles": 0.01})["rewards"] == pytest.approx([1.06, 0.1])
    assert refused(name, rows, weights={"words": 1.0}, cap=1.0) == "inputs.rollouts"
    assert refused(name, rows, weights={"other": 1.0}) == "inputs.rollouts[0].components.other"
