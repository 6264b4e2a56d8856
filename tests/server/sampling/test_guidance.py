"""Curricula, task spaces, guidance for groups that nobody solved, preferences of trees and classes."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.sdk.samples import Json
from assay_server.compute import compute

Outputs = dict[str, Json]


def outputs(name: str, inputs: dict[str, Json], **params: Json) -> Outputs:
    answer = compute({"id": name, "params": params, "inputs": inputs})
    assert "outputs" in answer, answer
    return cast("Outputs", answer["outputs"])


def refused(name: str, inputs: dict[str, Json], **params: Json) -> str:
    answer = compute({"id": name, "params": params, "inputs": inputs})
    error = cast("dict[str, Json]", answer["error"])
    assert error["code"] == 3
    return str(error["message"]).partition(":")[0]


def test_stages_open_one_after_the_other() -> None:
    stages: dict[str, Json] = {"until": [10, 20], "highest": [0.2, 0.5]}
    tasks: list[Json] = [0.0, 0.1, 0.2, 0.4, 0.9]
    for step, stage, eligible in (
        (0, 0, [0, 1, 2]),
        (10, 0, [0, 1, 2]),
        (11, 1, [0, 1, 2, 3]),
        (21, 2, [0, 1, 2, 3, 4]),
    ):
        found = outputs("sample/curriculum_stage", {"difficulties": tasks, "global_step": step}, **stages)
        assert found == {"stage": stage, "eligible": eligible}
    inputs: dict[str, Json] = {"difficulties": [], "global_step": 1}
    assert refused("sample/curriculum_stage", inputs, until=[2, 1], highest=[0.1, 0.2]) == "params.until"
    assert refused("sample/curriculum_stage", inputs, until=[2], highest=[]) == "params.highest"


def test_starts_are_drawn_where_outcomes_vary() -> None:
    inputs: dict[str, Json] = {"returns": [[0.0, 1.0], [1.0, 1.0], [0.0, 2.0]]}
    found = outputs("sample/task_space", inputs)
    assert found["priorities"] == pytest.approx([0.5, 0.0, 2.0])
    assert found["probabilities"] == pytest.approx([0.2, 0.0, 0.8])
    assert outputs("sample/task_space", {**inputs, "distances": [3.0, 9.0, 0.0]})["probabilities"] == [0.5, 0.0, 0.5]
    drawn = cast("list[int]", outputs("sample/task_space", {**inputs, "draw": 50, "seed": 1})["drawn"])
    assert set(drawn) == {0, 2}
    assert outputs("sample/task_space", {"returns": [[1.0], [1.0]]})["probabilities"] == [0.5, 0.5]
    assert outputs("sample/task_space", {"returns": []}) == {"priorities": [], "probabilities": []}
    assert refused("sample/task_space", {"returns": [], "draw": 1, "seed": 1}) == "inputs.draw"


@pytest.mark.parametrize(("rewards", "needed"), [([0.0, 0.0], True), ([0.0, 1.0], False), ([], False), ([-1.0], True)])
def test_guidance_is_for_groups_that_failed_altogether(rewards: list[Json], needed: bool) -> None:
    similar: dict[str, Json] = {"rewards": rewards, "similarities": [0.1, 0.9, 0.9]}
    assert outputs("rescue/exemplar_seed", similar, count=2) == {
        "needed": needed,
        "exemplars": [1, 2] if needed else [],
    }
    found = outputs("rescue/inpainting", {"rewards": rewards, "entropies": [0.5, 0.7]})
    assert found == {"needed": needed, "role": "hinted" if needed else None, "trained": [False, True]}


def test_the_reference_joins_until_the_policy_solves_the_task() -> None:
    inputs: dict[str, Json] = {"rewards": [0.0, 0.0, 0.0], "expert_reward": 5.0}
    found = outputs("rescue/ground_truth_member", inputs, eps=0.0)
    assert found["inject"] is True
    assert found["advantages"] == pytest.approx([-0.5] * 3)
    assert found["expert_advantage"] == pytest.approx(1.5)
    outside = outputs("rescue/ground_truth_member", inputs, outside=True)
    assert (outside["advantages"], outside["expert_advantage"]) == ([0.0] * 3, 1.0)
    solved = outputs("rescue/ground_truth_member", {"rewards": [0.0, 1.0], "expert_reward": 1.0})
    assert (solved["inject"], solved["expert_advantage"]) == (False, None)
    assert outputs("rescue/ground_truth_member", {"rewards": [], "expert_reward": 1.0})["expert_advantage"] == 0.0


@given(st.integers(0, 50), st.integers(0, 5), st.floats(0.0, 1.0))
def test_some_episodes_start_where_stored_ones_have_been(episodes: int, stored: int, share: float) -> None:
    inputs: dict[str, Json] = {"episodes": episodes, "stored": stored, "seed": 3}
    starts = cast("list[int | None]", outputs("rescue/dataset_reset", inputs, share=share)["starts"])
    assert len(starts) == episodes
    assert set(starts) <= {None, *range(stored)}
    assert outputs("rescue/dataset_reset", inputs, share=share)["starts"] == starts
    assert stored == 0 or None not in outputs("rescue/dataset_reset", inputs, share=1.0)["starts"]  # type: ignore[operator]


def test_the_right_class_stands_against_the_others_and_is_equivalent_inside() -> None:
    samples: list[Json] = [
        {"answer_key": "2", "correct": True},
        {"answer_key": "3", "correct": False},
        {"answer_key": "2", "correct": True},
        {"answer_key": None, "correct": False},
    ]
    found = outputs("pairs/equivalence", {"samples": samples})
    assert found["equivalent"] == [[0, 2]]
    pairs = cast("list[dict[str, int]]", found["pairs"])
    assert [(pair["chosen"], pair["rejected"]) for pair in pairs] == [(0, 1), (0, 3), (2, 1), (2, 3)]


def test_both_orders_are_heard() -> None:
    found = outputs("pairs/win_matrix", {"probabilities": [[0.5, 0.9], [0.5, 0.5]]})
    assert found["matrix"] == [[0.5, pytest.approx(0.7)], [pytest.approx(0.3), 0.5]]
    assert (found["means"], found["queries"]) == ([pytest.approx(0.7), pytest.approx(0.3)], 2)
    assert outputs("pairs/win_matrix", {"probabilities": [[0.1]]})["means"] == [0.5]
    assert refused("pairs/win_matrix", {"probabilities": [[0.5, 0.5]]}) == "inputs.probabilities[0]"


def test_at_every_fork_the_best_branch_stands_against_the_worst() -> None:
    nodes: list[Json] = [
        {"id": "root", "parent": None},
        {"id": "a", "parent": "root"},
        {"id": "b", "parent": "root", "outcome": 0.0, "evaluation": 0.2},
        {"id": "a1", "parent": "a", "outcome": 1.0},
        {"id": "a2", "parent": "a", "outcome": 0.0},
        {"id": "a3", "parent": "a", "outcome": 0.5},
    ]
    found = outputs("pairs/siblings", {"nodes": nodes})
    assert found["q"] == pytest.approx([0.35, 0.5, 0.2, 1.0, 0.0, 0.5])
    assert found["pairs"] == [
        {"parent": "root", "chosen": "a", "rejected": "b", "margin": pytest.approx(0.3)},
        {"parent": "a", "chosen": "a1", "rejected": "a2", "margin": 1.0},
    ]
    assert (
        refused("pairs/siblings", {"nodes": [{"id": "x", "parent": "x", "outcome": 1.0}]}) == "inputs.nodes[0].parent"
    )
    assert refused("pairs/siblings", {"nodes": [{"id": "x", "parent": None}]}) == "inputs.outcome"


def _node(place: int) -> Json:
    return {"id": str(place), "parent": str(place - 1) if place else None}


def test_a_deep_tree_is_walked_without_recursion() -> None:
    chain: list[Json] = [_node(place) for place in range(20_000)]
    chain.append({"id": "leaf", "parent": "19999", "outcome": 1.0})
    assert cast("list[float]", outputs("pairs/siblings", {"nodes": chain})["q"])[0] == 1.0


def test_revisions_are_judged_by_what_they_gained() -> None:
    pairs = cast("list[dict[str, Json]]", outputs("pairs/revision", {"rewards": [0.0, 1.0, 1.0, 0.5]})["pairs"])
    assert [pair["label"] for pair in pairs] == ["win", "tie", "loss"]
    assert outputs("pairs/revision", {"rewards": [1.0]}) == {"pairs": []}


def test_the_first_unsafe_step_is_the_one_that_is_replaced() -> None:
    found = outputs("pairs/corrected_prefix", {"safe": [True, False, False]})
    assert found == {"needed": True, "prefix": 1, "rejected_step": 1}
    assert outputs("pairs/corrected_prefix", {"safe": [True]})["needed"] is False


@pytest.mark.parametrize(
    ("format_ok", "answer", "reward", "level"),
    [
        (True, "match", 3.0, 1),
        (True, "mismatch", -0.5, 2),
        (True, "unparsable", -1.0, 3),
        (False, "match", -3.0, 4),
    ],
)
def test_levels_of_preference(format_ok: bool, answer: str, reward: float, level: int) -> None:
    found = outputs("levels/preference", {"format_ok": format_ok, "answer": answer})
    assert found == {"reward": reward, "level": level}
    assert refused("levels/preference", {"format_ok": True, "answer": "maybe"}) == "inputs.answer"
