from __future__ import annotations

import json
from typing import TypedDict, cast

import pytest

from assay.sdk import Json

from .command import Done, assay, metadata_of, reason_of


class StepOut(TypedDict):
    index: int
    stepGroupId: str
    stepAdvantage: float
    advantage: float


class RolloutOut(TypedDict):
    rolloutId: str
    advantage: float
    episodeAdvantage: float
    steps: list[StepOut]


def member(id: str, reward: float, anchor: dict[str, Json]) -> dict[str, Json]:
    return {"rolloutId": id, "reward": reward, "steps": [{"index": 0, "action": "a", "anchor": anchor}]}


def group(id: str, *rewards: float) -> dict[str, Json]:
    members: list[Json] = [member(f"{id}.{i}", reward, {"observation": "s"}) for i, reward in enumerate(rewards)]
    return {"groupId": id, "rollouts": members}


def lines(*groups: dict[str, Json]) -> bytes:
    return "".join(json.dumps(value) + "\n" for value in groups).encode()


def rollouts_of(done: Done, index: int = 0) -> list[RolloutOut]:
    return cast("list[RolloutOut]", done.lines[index]["rollouts"])


def test_groups_come_back_in_order_with_members_and_steps_nested():
    done = assay("advantages", "--estimator", "gigpo", stdin=lines(group("b", 1.0, 0.0), group("a", 0.0, 0.0, 3.0)))
    assert (done.code, done.stderr) == (0, "")
    assert [line["groupId"] for line in done.lines] == ["b", "a"]
    first = rollouts_of(done)
    assert [member["rolloutId"] for member in first] == ["b.0", "b.1"]
    assert [member["advantage"] for member in first] == [0.5, -0.5]
    assert first[0]["steps"][0]["stepGroupId"] == first[1]["steps"][0]["stepGroupId"] != ""
    assert [member["episodeAdvantage"] for member in rollouts_of(done, 1)] == [-1.0, -1.0, 2.0]


def test_parameters_reach_the_estimator():
    done = assay("advantages", "--estimator", "grpo", "--params", '{"ddof": 0}', stdin=lines(group("g", 1.0, 0.0)))
    assert rollouts_of(done)[0]["advantage"] == pytest.approx(1.0, abs=1e-5)


def test_all_lines_are_one_batch():
    alone = assay("advantages", "--estimator", "group_mean_batch_std", stdin=lines(group("g", 1.0, 0.0)))
    both = assay(
        "advantages", "--estimator", "group_mean_batch_std", stdin=lines(group("g", 1.0, 0.0), group("h", 100.0, 0.0))
    )
    assert abs(rollouts_of(both)[0]["advantage"]) < abs(rollouts_of(alone)[0]["advantage"]) / 10


def test_the_recipe_says_what_names_a_state():
    anchors: list[dict[str, Json]] = [{"observation": "s", "stateDigest": digit * 64} for digit in "01"]
    given = lines({"groupId": "g", "rollouts": [member(f"r{i}", i, anchor) for i, anchor in enumerate(anchors)]})
    by_view = rollouts_of(assay("advantages", "--estimator", "gigpo", stdin=given))
    by_state = rollouts_of(assay("advantages", "--estimator", "gigpo", "--recipe", "state-digest", stdin=given))
    assert len({member["steps"][0]["stepGroupId"] for member in by_view}) == 1
    assert len({member["steps"][0]["stepGroupId"] for member in by_state}) == 2


def test_a_bad_line_is_answered_in_its_place_and_is_no_part_of_the_batch():
    good = lines(group("g", 1.0, 0.0))
    done = assay("advantages", "--estimator", "grpo", stdin=good + b'{"groupId": "x", "rollouts": 3}\nnope\n' + good)
    assert (done.code, len(done.lines)) == (3, 4)
    assert [reason_of(line) for line in done.lines[1:3]] == ["INVALID_ARGUMENT", "NOT_JSON"]
    assert [metadata_of(line)["line"] for line in done.lines[1:3]] == ["2", "3"]
    assert done.lines[1]["groupId"] == "x"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--estimator", "gigppo"], "gigpo"),
        (["--estimator", "grpo", "--params", '{"unheard_of": 1}'], "unheard_of"),
        (["--estimator", "grpo", "--recipe", "smell"], "recipe"),
        (["--estimator", "gigpo", "--params", '{"norm": "odd"}'], "norm"),
    ],
)
def test_what_the_estimator_cannot_take_is_a_usage_error(arguments: list[str], said: str):
    done = assay("advantages", *arguments, stdin=lines(group("g", 1.0, 0.0)))
    assert (done.code, done.lines) == (2, [])
    assert said in done.stderr


def test_an_empty_batch_gives_an_empty_result():
    assert assay("advantages", "--estimator", "grpo") == Done(0, [], "")
