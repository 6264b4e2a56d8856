from __future__ import annotations

import json
from random import Random

import pytest

from assay.sdk import Json
from assay_server.environments import Environment, EpisodeOver, InvalidOptions
from assay_server.environments.catalogue import builtin_environments
from assay_server.environments.gymnasium_adapter import GymnasiumEpisode, untinted

gymnasium = pytest.importorskip("gymnasium", reason="the extra `environments` is not installed")

LAKE: dict[str, Json] = {"env": "FrozenLake-v1", "kwargs": {"is_slippery": False}, "winReward": 1}
TAXI: dict[str, Json] = {"env": "Taxi-v4"}
POLE: dict[str, Json] = {"env": "CartPole-v1"}


def started(options: dict[str, Json], seed: int = 0) -> GymnasiumEpisode:
    episode = GymnasiumEpisode()
    episode.reset(seed, options)
    return episode


def walk(episode: GymnasiumEpisode, rng: Random) -> list[str]:
    seen: list[str] = []
    while admissible := episode.admissible_actions():
        result = episode.step(rng.choice(admissible))
        assert result.action_valid
        seen.append(f"{result} {episode.state_digest()} {episode.anchor()}")
        if len(seen) > 250:
            break
    return seen


def test_a_frozen_lake_is_crossed():
    episode = started(LAKE)
    results = [episode.step(action) for action in ("down", "down", "right", "right", "down", "right")]
    assert [result.reward for result in results] == [0.0] * 5 + [1.0]
    last = results[-1]
    assert (last.won, last.terminated, last.task_score, last.stop_reason) == (True, True, 1.0, "won")
    assert "HFF<red>G</red>" in last.observation
    assert episode.admissible_actions() == ()
    with pytest.raises(EpisodeOver):
        episode.step("down")


def test_a_hole_ends_the_episode_without_winning_it():
    episode = started(LAKE)
    episode.step("right")
    result = episode.step("down")
    assert (result.won, result.terminated, result.stop_reason) == (False, True, "finished")


def test_the_taxi_obeys_its_mask_and_shows_its_colours():
    episode = started(TAXI, 3)
    admissible = episode.admissible_actions()
    forbidden = next(name for name in ("pickup", "dropoff", "north", "south", "east", "west") if name not in admissible)
    before = episode.state_digest()
    refused = episode.step(forbidden)
    assert (refused.action_valid, refused.executed, refused.reward) == (False, False, 0.0)
    assert episode.state_digest() == before
    assert episode.step(admissible[0]).reward == -1.0
    assert "<magenta>" in refused.observation
    assert "\x1b" not in refused.observation


def test_the_pole_shows_numbers_and_takes_numbers_or_names():
    by_name, by_number = started(POLE, 5), started(POLE, 5)
    for name, number in (("left", "0"), ("right", "1"), ("left", " 0 ")):
        assert by_name.step(name) == by_number.step(number)
    shown = json.loads(by_name.step("right").observation)
    assert len(shown) == 4
    assert by_name.anchor() == json.dumps(shown)


@pytest.mark.parametrize("options", [LAKE, {"env": "FrozenLake-v1"}, TAXI, POLE])
def test_equal_seeds_and_actions_give_equal_episodes(options: dict[str, Json]):
    used = started(options, 99)
    walk(used, Random(1))
    used.reset(7, options)
    assert walk(used, Random(2)) == walk(started(options, 7), Random(2))


def test_actions_of_any_space_are_json():
    episode = started({"env": "Pendulum-v1"})
    assert episode.admissible_actions() == ()
    assert episode.step("[0.5]").action_valid
    for wrong in ("[9.5]", "0.5", "[0.5, 1]", '["x"]', "left", "", "[" * 5000, "1" * 20_000, "[1e999]"):
        assert not episode.step(wrong).action_valid, wrong[:20]


def test_actions_may_be_named_and_the_drawing_left_out():
    named = started({**LAKE, "actions": ["w", "s", "e", "n"], "show": "observation"})
    assert named.admissible_actions() == ("w", "s", "e", "n")
    assert named.step("s").observation == "4"
    assert not named.step("down").action_valid


def test_a_step_limit_truncates():
    episode = started({**POLE, "maxSteps": 2})
    episode.step("left")
    result = episode.step("nonsense")
    assert (result.truncated, result.terminated, result.stop_reason) == (True, False, "max_steps")


WRONG: list[tuple[dict[str, Json], str]] = [
    ({}, "env"),
    ({"env": "Nowhere-v0"}, "env"),
    ({"env": "os:FrozenLake-v1"}, "env"),
    ({"env": "FrozenLake-v1", "kwargs": {"nonsense": 1}}, "env"),
    ({"env": "FrozenLake-v1", "kwargs": {"map_name": "9x9"}}, "env"),
    ({"env": "FrozenLake-v1", "kwargs": {"render_mode": "human"}}, "kwargs"),
    ({"env": "FrozenLake-v1", "kwargs": [1]}, "kwargs"),
    ({"env": "FrozenLake-v1", "actions": ["a"]}, "actions"),
    ({"env": "FrozenLake-v1", "actions": "abcd"}, "actions"),
    ({"env": "Pendulum-v1", "actions": ["a"]}, "actions"),
    ({"env": "CartPole-v1", "show": "drawing"}, "show"),
    ({"env": "CartPole-v1", "show": "rgb"}, "show"),
    ({"env": "CartPole-v1", "winReward": "1"}, "winReward"),
    ({"env": "CartPole-v1", "maxSteps": 0}, "maxSteps"),
    ({"env": "CartPole-v1", "steps": 0}, "steps"),
]


@pytest.mark.parametrize(("options", "field"), WRONG)
def test_options_outside_their_bounds_are_refused(options: dict[str, Json], field: str):
    with pytest.raises(InvalidOptions) as caught:
        GymnasiumEpisode().reset(0, options)
    assert caught.value.field == field


def test_without_an_episode_there_is_nothing_to_tell():
    episode = GymnasiumEpisode()
    episode.close()
    for call in (episode.anchor, episode.state_digest, lambda: episode.step("left")):
        with pytest.raises(EpisodeOver):
            call()


def test_colours_become_tags():
    assert untinted("a\x1b[31mb\x1b[0mc\x1b[34;1md\x1b[42me\x1b[m") == "a<red>b</red>c<blue>d</blue><green>e</green>"
    assert untinted("plain \x1b[1mbold\x1b[0m") == "plain bold"


def test_it_is_in_the_catalogue():
    definition = builtin_environments().resolve("gymnasium")
    environment: Environment = definition.make()
    assert environment.reset(-5, POLE).state_digest == environment.state_digest()
