"""Which rollouts, steps and prefixes stand together, and subgoals of one state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.sdk.samples import Json
from assay_server.compute import compute


def outputs(id: str, inputs: Mapping[str, object], **params: object) -> dict[str, Json]:
    answer = compute({"id": id, "params": cast("Json", params), "inputs": cast("Json", dict(inputs))})
    assert "outputs" in answer, answer
    return cast("dict[str, Json]", answer["outputs"])


def refused(id: str, inputs: Mapping[str, object], **params: object) -> bool:
    answer = compute({"id": id, "params": cast("Json", params), "inputs": cast("Json", dict(inputs))})
    return "error" in answer


def rows(column: str, *pairs: tuple[str, object]) -> dict[str, object]:
    return {"rollouts": [{"group": group, column: value} for group, value in pairs]}


@pytest.mark.parametrize(
    ("name", "column", "values", "groups"),
    [
        ("budget", "budget", (512, 1024, 512.0), [[0, 2], [1], [3]]),
        ("stratum", "stratum", (1, "1", 1.0), [[0, 2], [1], [3]]),
        ("arms", "feature", (True, False, True), [[0, 2], [1], [3]]),
        ("role", "agent_role", ("planner", "actor", "planner"), [[0, 2], [1], [3]]),
        ("equivalence", "class", ("x", None, "x"), [[0, 2], [1], [3]]),
    ],
)
def test_equal_keys_stand_together_inside_their_group(
    name: str, column: str, values: tuple[object, ...], groups: list[list[int]]
) -> None:
    told = rows(column, *(("q", value) for value in values), ("p", values[0]))
    found = outputs(f"group/{name}", told)
    assert found["groups"] == groups
    ids = cast("list[str]", found["ids"])
    assert len(set(ids)) == len(groups)
    assert outputs(f"group/{name}", told)["ids"] == ids


def test_what_could_not_be_run_is_like_nothing_else() -> None:
    assert outputs("group/equivalence", rows("class", ("q", None), ("q", None)))["groups"] == [[0], [1]]


def test_an_episode_group_starts_at_one_place() -> None:
    told = [{"task": "t", "initial_state_digest": digest, "group": "g"} for digest in ("a", "a", "b")]
    assert outputs("group/episode", {"rollouts": told[:2]})["groups"] == [[0, 1]]
    assert refused("group/episode", {"rollouts": told})


def walked(*texts: str) -> dict[str, object]:
    return {"trajectories": [{"group": "q", "steps": [{"state": letter} for letter in text]} for text in texts]}


def test_anchors_with_and_without_history() -> None:
    told = walked("ab", "cb", "ab")
    assert outputs("group/anchor", told)["groups"] == [[[0, 0], [2, 0]], [[0, 1], [1, 1], [2, 1]], [[1, 0]]]
    deep = outputs("group/anchor_history", told, history=1)
    assert deep["groups"] == [[[0, 0], [2, 0]], [[0, 1], [2, 1]], [[1, 0]], [[1, 1]]]
    assert len(cast("list[Json]", deep["levels"])) == 2


@given(
    st.lists(st.tuples(st.sampled_from("qp"), st.lists(st.sampled_from("abc"), max_size=4)), max_size=5),
    st.integers(0, 3),
)
def test_each_level_of_history_is_what_that_history_alone_gives(
    walks: list[tuple[str, list[str]]], longest: int
) -> None:
    told: dict[str, object] = {
        "trajectories": [
            {"group": group, "steps": [{"state": state, "reward": 0.0} for state in [*states, "end"]]}
            for group, states in walks
        ]
    }
    levels = cast(
        "list[dict[str, list[list[list[int]]]]]", outputs("group/anchor_history", told, history=longest)["levels"]
    )

    assert [sorted(map(sorted, level["groups"])) for level in levels] == [
        outputs("advantage/gigpo", told, history=length)["step_groups"] for length in range(longest + 1)
    ]
    assert levels[0] == outputs("group/anchor", told)


class Read(dict[str, Json]):
    """An object that counts how often all of it is gone through."""

    times = 0

    def __iter__(self) -> Iterator[str]:
        self.times += 1
        return super().__iter__()


def test_a_state_is_read_once_however_long_the_histories() -> None:
    def times(history: int) -> int:
        states = [Read(room=place) for place in range(3)]
        steps: list[Json] = [{"state": state} for state in states]
        outputs("group/anchor_history", {"trajectories": [{"group": "q", "steps": steps}]}, history=history)
        return sum(state.times for state in states)

    assert times(6) == times(0) > 0


def test_anchors_of_interleaved_groups() -> None:
    told = walked("a", "a", "a")
    cast("list[dict[str, object]]", told["trajectories"])[1]["group"] = "p"
    assert outputs("group/anchor", told)["groups"] == [[[0, 0], [2, 0]], [[1, 0]]]


def test_texts_that_read_alike() -> None:
    told = {"trajectories": [{"group": "q", "steps": [{"state": text} for text in ("abcdefgh", "abcdefgx", "zz")]}]}
    assert outputs("group/anchor_similar", told, threshold=0.8)["groups"] == [[[0, 0], [0, 1]], [[0, 2]]]
    assert refused("group/anchor_similar", told, threshold=1.0)


def test_prefixes_are_left_by_those_that_ended() -> None:
    found = outputs("group/prefix_tree", rows("tokens", ("q", [1, 2]), ("q", [1, 2, 3]), ("q", [1, 5]), ("p", [1])))
    assert found["nodes"] == [{"length": 1, "members": [0, 1, 2]}, {"length": 2, "members": [0, 1]}]


def test_nodes_of_paths() -> None:
    found = outputs("group/tree_path", {"leaves": [{"path": path} for path in ("q#0#0", "q#0#1", "q#1")]})
    nodes = {str(node["path"]): node["leaves"] for node in cast("list[dict[str, Json]]", found["nodes"])}
    assert nodes == {"q": [0, 1, 2], "q#0": [0, 1], "q#0#0": [0], "q#0#1": [1], "q#1": [2]}


def test_exits_in_order_and_steps_by_number_and_rounds_as_samples() -> None:
    assert outputs("group/serial", {"exits": [{"position": p} for p in (9, 1, 4)]})["groups"] == [[1, 2, 0]]
    ragged: dict[str, object] = {"trajectories": [{"group": "q", "steps": 2}, {"group": "q", "steps": [{}]}]}
    assert outputs("group/step_index", ragged)["groups"] == [[[0, 0], [1, 0]], [[0, 1]]]
    asked = {
        "rollouts": [{"question": "a", "rounds": 2}, {"question": "b", "rounds": 1}, {"question": "a", "rounds": 1}]
    }
    assert outputs("group/rounds", asked)["groups"] == [[[0, 0], [0, 1], [2, 0]], [[1, 0]]]


def test_papers_pair_by_index() -> None:
    told = {"rollouts": [{"bundle": "x", "question": question} for question in ("a", "a", "b", "a", "b")]}
    assert outputs("group/bundle", told) == {"groups": [[0, 2], [1, 4]], "unpaired": [3]}


def test_a_subgoal_is_worth_what_the_actor_makes_of_it() -> None:
    told = {"rollouts": [{"group": "s", "executed": e, "format": f} for e, f in ((1.0, 1.0), (0.0, 1.0))]}
    found = outputs("advantage/foresight_subgoal", told, format_weight=0.5, eps=0.0)
    assert found["rewards"] == [1.5, 0.5]
    assert found["advantages"] == pytest.approx([0.5**0.5, -(0.5**0.5)])
    alone = {"rollouts": [{"group": "s", "executed": 1.0}]}
    assert outputs("advantage/foresight_subgoal", alone)["advantages"] == [0.0]
    assert refused("advantage/foresight_subgoal", {"rollouts": [{"group": "s"}]})
