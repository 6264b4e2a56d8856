"""Plugins over groups on the command line and in the embedded engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest

from assay import GroupResult, InvalidArgument, Misuse, Rollout, RunConfig
from assay.sdk import Json
from assay.sdk.spec import Leaf, WeightedSum
from assay_server.config import Settings
from assay_server.embedded import Engine

from .command import assay, reason_of

PLUGIN = str(Path(__file__).parents[2] / "end_to_end" / "plugins" / "kinds.py")


def case(id: str, rollouts: list[dict[str, Json]], **params: Json) -> dict[str, Json]:
    return {"id": id, "params": params, "inputs": {"rollouts": cast("Json", rollouts)}}


def text(*lines: dict[str, Json]) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def test_compute_knows_plugins_and_one_bad_case_is_its_own_error():
    good: list[dict[str, Json]] = [
        {"group": "a", "reward": 1.0, "weight": 1.0, "answer_key": "x"},
        {"group": "b", "reward": 3.0, "weight": 1.0, "answer_key": "x"},
        {"group": "a", "reward": 0.0, "weight": 3.0, "answer_key": "y"},
    ]
    bad: list[dict[str, Json]] = [{"group": "a/exits", "reward": 1.0, "weight": 1.0}]
    cases = [
        case("kinds/centred", good, scale=2),
        case("kinds/centred-v1", bad),
        case("kinds/centred", [{"group": "a", "reward": 1.0}]),
        case("kinds/centred", good, scale="two"),
        case("kinds/centered", good),
        case("kinds/majority", good),
        case("kinds/not_all_alike", good),
        case("kinds/among_groups", good),
        case("advantage/grpo_mean_only", good),
    ]
    done = assay("compute", "--plugin", PLUGIN, stdin=text(*cases))
    assert done.code == 0
    outputs = [line.get("outputs") for line in done.lines]
    assert outputs[0] == {"advantages": [1.5, 0.0, -0.5]}
    assert [reason_of(line) for line in done.lines[1:5]] == [
        "REWARD_EXITED",
        "INVALID_INPUT",
        "INVALID_INPUT",
        "UNKNOWN_COMPUTATION",
    ]
    assert "did you mean kinds/centred-v1" in json.dumps(done.lines[4])
    assert outputs[5] == {"rewards": [0.5, 1.0, 0.5]}
    assert outputs[6] == {"kept": ["a"], "dropped": {"b": "1 answers"}}
    assert outputs[7] == {"rewards": pytest.approx([1 / 3, 2 / 3, 0.0])}
    assert outputs[8] == {"advantages": [0.5, 0.0, -0.5]}


def scored(group: str, *rewards: float, weight: float | None = 1.0) -> dict[str, Json]:
    signals: dict[str, Json] = {} if weight is None else {"weight": weight}
    members: list[Json] = [
        {"rolloutId": f"{group}.{i}", "reward": reward, "signals": signals, "steps": [{"index": 0, "action": "a"}]}
        for i, reward in enumerate(rewards)
    ]
    return {"groupId": group, "rollouts": members}


def test_advantages_of_a_plugin_and_its_failure_with_one_group():
    groups = text(scored("g", 1.0, 0.0), scored("g/raises", 1.0, 0.0), scored("h", 3.0, 1.0))
    done = assay("advantages", "--plugin", PLUGIN, "--estimator", "kinds/centred", stdin=groups)
    assert done.code == 0
    numbers = [
        [cast("dict[str, Json]", one)["advantage"] for one in cast("list[Json]", line["rollouts"])]
        for line in done.lines
    ]
    assert numbers == [[0.5, -0.5], [None, None], [1.0, -1.0]]
    assert [line["kept"] for line in done.lines] == [True, False, True]
    assert reason_of(done.lines[1]) == "REWARD_FAILED"


def test_what_an_estimator_needs_is_asked_for_by_its_place():
    groups = text(scored("g", 1.0, 0.0), scored("h", 1.0, weight=None))
    done = assay("advantages", "--plugin", PLUGIN, "--estimator", "kinds/centred", stdin=groups)
    assert done.code != 0
    assert "groups[1].rollouts[0].signals.weight" in done.stderr


def test_the_embedded_engine_serves_them():
    tree = WeightedSum(((1.0, Leaf("math")), (0.5, Leaf("kinds/majority"))))
    with Engine(Settings(store="memory:", plugins=(PLUGIN,))) as engine:
        run = RunConfig(reward=tree, estimator="kinds/centred")
        with engine.stream(run=run, consumer="a") as stream:
            for number, answer in enumerate(("18", "17")):
                stream.send(
                    Rollout(
                        f"r{number}",
                        group_id="g",
                        group_size=2,
                        reference={"answer": "18"},
                        response=f"A: {answer}",
                        signals={"weight": 1.0},
                    )
                )
            stream.finish()
            (group,) = [event for event in stream if isinstance(event, GroupResult)]
        assert group.rewards.tolist() == [1.25, 0.25]
        assert group.components["kinds/majority"].tolist() == [0.5, 0.5]
        assert group.advantages.tolist() == [0.5, -0.5]
        with pytest.raises(InvalidArgument, match="kinds/centred-v1"):
            engine.advantages([], estimator="kinds/centered")


def test_a_plugins_environment_is_named_like_a_built_in_one():
    with Engine(Settings(store="memory:", plugins=(PLUGIN,))) as engine:
        (info,) = [one for one in engine.list_environments() if one.id == "kinds/corridor-v1"]
        assert info.options_schema["properties"] == {"length": {"type": "integer"}}
        with engine.make_vec("kinds/corridor", 1, 2, seed=3, options={"length": 2}) as vector:
            observations, _ = vector.reset()
            assert list(observations) == ["place 0 of 2"] * 2
            vector.step(["go", "stay"])
            observations, rewards, terminations, _, info = vector.step(["go", "go"])
        assert list(observations) == ["place 2 of 2", "place 1 of 2"]
        assert (rewards.tolist(), terminations.tolist()) == ([1.0, 0.0], [True, False])
        with pytest.raises(Misuse, match="lenth"):
            engine.make_vec("kinds/corridor", 1, 2, options={"lenth": 2}).reset()
