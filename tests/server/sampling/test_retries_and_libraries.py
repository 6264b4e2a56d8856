"""Retries, privileged prompts, libraries, exports; preferences of judges and of trees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import pytest

from assay.sdk.samples import Json
from assay_server.compute import compute


def outputs(id: str, inputs: Mapping[str, object], **params: object) -> dict[str, Json]:
    answer = compute({"id": id, "params": cast("Json", params), "inputs": cast("Json", dict(inputs))})
    assert "outputs" in answer, answer
    return cast("dict[str, Json]", answer["outputs"])


def code(id: str, inputs: Mapping[str, object], **params: object) -> Json:
    answer = compute({"id": id, "params": cast("Json", params), "inputs": cast("Json", dict(inputs))})
    return cast("dict[str, Json]", answer["error"])["code"]


BASE = [
    {"digests": ["a", "b", "c"], "retry_from_step": 2, "guidance": "left"},
    {"digests": ["a"], "retry_from_step": None},
]


def test_a_retry_is_trained_from_its_pivot() -> None:
    found = outputs("rescue/reflect_retry", {"base": BASE, "replayed": [["a", "b", "x"], None]})
    assert found["retries"] == [
        {"base": 0, "role": "retry", "fork_step": 2, "replayed_steps": 2, "guidance": "left"},
    ]


@pytest.mark.parametrize("replayed", [["a", "x"], ["a"]])
def test_a_replay_that_differs_is_data_loss(replayed: list[str]) -> None:
    assert code("rescue/reflect_retry", {"base": BASE, "replayed": [replayed, None]}) == 15


def test_a_pivot_behind_the_end_is_refused() -> None:
    assert code("rescue/reflect_retry", {"base": [{"digests": ["a"], "retry_from_step": 2}]}) == 3


def test_half_of_the_members_are_privileged_and_nobody_is_trained_so() -> None:
    found = outputs("rescue/privileged_prompt", {"prompt": "p", "policy": "rules", "members": 3}, share=0.5)
    members = cast("list[dict[str, Json]]", found["members"])
    assert [member["sampled_under"] for member in members] == ["rules\n\np", "rules\n\np", "p"]
    assert [member["trained_under"] for member in members] == ["p"] * 3


def test_a_library_has_versions_and_refuses_what_does_not_fit() -> None:
    library = {"version": 4, "entries": {"a": "old"}}
    told = [{"op": "add", "id": "b", "text": "new"}, {"op": "modify", "id": "a", "text": "better"}]
    found = outputs("library/experience", {"library": library, "version": 4, "operations": told})
    assert found["library"] == {"version": 5, "entries": {"a": "better", "b": "new"}}
    assert outputs("library/experience", {"library": library})["library"] == library
    assert code("library/experience", {"library": library, "version": 3, "operations": told}) == 3
    for bad in ({"op": "add", "id": "a", "text": ""}, {"op": "delete", "id": "z"}, {"op": "burn", "id": "a"}):
        assert code("library/experience", {"library": library, "operations": [bad]}) == 3


def test_a_groups_trajectories_come_best_first() -> None:
    rows = [
        {"group": group, "rollout": name, "reward": reward}
        for group, name, reward in (("g", "a", 0), ("h", "b", 9), ("g", "c", 1))
    ]
    told = {"library": {"version": 0}, "trajectories": rows, "group": "g"}
    assert outputs("library/experience", told)["found"] == [
        {"rollout": "c", "reward": 1.0},
        {"rollout": "a", "reward": 0.0},
    ]


def test_exports_keep_failures_and_their_order() -> None:
    rows = [
        {"rollout": str(i), "group": "g", "prompt": "p", "response": f"r{i}", "reward": float(i % 2)} for i in range(3)
    ]
    lines = {
        kind: outputs("export/rollouts", {"rollouts": rows}, kind=kind)["lines"]
        for kind in ("trajectories", "pairwise", "reflection")
    }
    assert [line["terminal_reward"] for line in cast("list[dict[str, Json]]", lines["trajectories"])] == [0.0, 1.0, 0.0]
    chosen = [(line["chosen"], line["rejected"]) for line in cast("list[dict[str, Json]]", lines["pairwise"])]
    assert chosen == [("r1", "r0"), ("r1", "r2")]
    assert lines["reflection"] == []
    revised = [{**rows[0], "revision": {"response": "better", "reward": 1.0}}]
    (line,) = cast(
        "list[dict[str, Json]]", outputs("export/rollouts", {"rollouts": revised}, kind="reflection")["lines"]
    )
    assert line["improved"] is True


def test_a_judge_is_asked_in_both_orders() -> None:
    told = [
        {"one": 0, "other": 1, "forward": 1.0, "backward": 0.2},
        {"one": 0, "other": 2, "forward": 1.0, "backward": 1.0},
        {"one": 2, "other": 1, "forward": 0.0, "backward": 0.5},
    ]
    found = outputs("pairs/judged", {"comparisons": told})
    assert found["pairs"] == [
        {"chosen": 0, "rejected": 1, "margin": pytest.approx(0.8)},
        {"chosen": 1, "rejected": 2, "margin": pytest.approx(0.5)},
    ]
    assert (found["flips"], found["queries"]) == (1, 6)
    assert code("pairs/judged", {"comparisons": [told[0], {**told[0], "one": 1, "other": 0}]}) == 3


def test_a_judges_questions_are_capped_and_of_the_seed() -> None:
    told = {"members": 10, "seed": 5}
    asked = outputs("pairs/judged", told, most=7)["ask"]
    assert len(cast("list[Json]", asked)) == 7
    assert outputs("pairs/judged", told, most=7)["ask"] == asked
    assert outputs("pairs/judged", {"members": 3})["ask"] == [[0, 1], [0, 2], [1, 2]]


def test_paths_of_a_tree_are_ranked_with_a_reward_a_step() -> None:
    fork: Json = {"id": "a", "children": [{"id": "x", "reward": 1.0}, {"id": "y", "reward": 0.0}]}
    found = outputs("pairs/ranked_tree", {"tree": {"id": "q", "children": [fork, {"id": "b", "reward": 0.0}]}})
    ranked = cast("list[dict[str, Json]]", found["ranked"])
    assert [row["path"] for row in ranked] == [["q", "a", "x"], ["q", "a", "y"], ["q", "b"]]
    assert [row["rank"] for row in ranked] == [1, 2, 2]
    assert ranked[0]["step_rewards"] == [0.25, 0.5]
    assert found["pairs"] == [
        {"chosen": "x", "rejected": "y", "margin": 1.0, "shared": 2},
        {"chosen": "x", "rejected": "b", "margin": 1.0, "shared": 1},
    ]
