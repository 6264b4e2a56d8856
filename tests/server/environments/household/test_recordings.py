"""Every recorded walk in ALFWorld's own engine, answered word for word."""

from __future__ import annotations

import re
from random import Random
from typing import cast

import pytest

from assay.sdk import Json
from assay_server.environments.household import Household, NoSolution

from .recordings import need_recordings, recording, recording_ids

IDS = recording_ids() or ["absent"]


@pytest.mark.parametrize("id_", IDS)
def test_every_answer_of_every_walk_is_the_recorded_one(id_: str) -> None:
    need_recordings()
    recorded = recording(id_)
    game, environment = recorded.game(), Household()
    for walk in recorded.walks:
        limit = walk["step_limit"]
        options: dict[str, Json] = {"game": game} if limit is None else {"game": game, "maxSteps": limit}
        reset = environment.reset(0, options)
        assert {"o": reset.observation, "c": [*environment.admissible_actions()], "w": reset.won} == walk["reset"]
        for number, step in enumerate(cast("list[dict[str, Json]]", walk["steps"])):
            result = environment.step(str(step["a"]))
            answered = {
                "a": step["a"],
                "o": result.observation,
                "c": [*environment.admissible_actions()],
                "r": result.reward,
                "d": result.terminated or result.truncated,
                "w": result.won,
            }
            assert answered == step, f"{walk['kind']}, step {number}"
            assert result.action_valid == (result.observation != "Nothing happens.")


@pytest.mark.parametrize("id_", IDS)
def test_the_expert_wins_every_recorded_game_from_where_a_walk_has_led(id_: str) -> None:
    need_recordings()
    recorded, environment = recording(id_), Household()
    game = recorded.game()
    environment.reset(0, {"game": game})
    walkthrough = cast("list[str]", game["walkthrough"])
    assert len(environment.solution()) <= len(walkthrough) + 1
    won = 0
    for seed in range(6):
        rng = Random(seed)
        environment.reset(0, {"game": game})
        over = any(environment.step(rng.choice(environment.admissible_actions())).terminated for _ in range(6 * seed))
        if over:
            continue
        try:
            results = [environment.step(command) for command in environment.solution()]
        except NoSolution:
            state = environment.state
            # A dead end: what is held fits nowhere in this room.
            assert not state.scene.accepts.get(state.hand)
            continue
        assert [result.won for result in results].index(True) == len(results) - 1
        won += 1
    assert won >= 2


def test_a_recorded_game_with_the_older_word_for_putting() -> None:
    need_recordings()
    recorded, environment = recording("g003"), Household()
    (walk,) = [one for one in recorded.walks if one["kind"] == "solve"]
    environment.reset(0, {"game": recorded.game(), "putCommand": "put"})
    for step in cast("list[dict[str, Json]]", walk["steps"]):
        command, answer = str(step["a"]), str(step["o"])
        if command.startswith("move "):
            assert not environment.step(command).action_valid
            command = "put " + command.removeprefix("move ").replace(" to ", " in/on ")
            answer = answer.replace("You move", "You put").replace(" to the ", " in/on the ")
        result = environment.step(command)
        assert (result.observation, result.reward, result.won) == (answer, step["r"], step["w"])


def test_a_grammar_that_names_places_is_said_as_it_says() -> None:
    """As the grammars of early ALFWorld did: the text is the game's, whatever it is."""
    need_recordings()
    game = recording("g003").game()
    grammar = str(game["grammar"]).replace("You arrive at {r.name}.", "You arrive at {lend.name}, from {lstart.name}.")
    assert grammar != game["grammar"]
    environment = Household()
    environment.reset(0, {"game": {**game, "grammar": grammar}})
    said = environment.step("go to toilet 1").observation
    assert re.fullmatch(r"You arrive at loc \d+, from loc \d+\. On the toilet 1, you see .*", said)
