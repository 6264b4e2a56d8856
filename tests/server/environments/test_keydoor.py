from __future__ import annotations

from random import Random

import pytest

from assay.sdk import Json
from assay_server.environments import Environment, EpisodeOver, InvalidOptions, KeyDoor
from assay_server.environments.keydoor import DIFFICULTIES


def walk(environment: KeyDoor, rng: Random, *, junk: float = 0.1) -> list[str]:
    """A random walk to the end of the episode; some actions are not admissible."""
    actions: list[str] = []
    while admissible := environment.admissible_actions():
        action = "fly away" if rng.random() < junk else rng.choice(admissible)
        environment.step(action)
        actions.append(action)
    return actions


@pytest.mark.parametrize("difficulty", sorted(DIFFICULTIES))
def test_every_map_is_solved_by_its_solution_well_within_the_step_limit(difficulty: str):
    environment = KeyDoor()
    limit = DIFFICULTIES[difficulty][1]
    for seed in range(500):
        environment.reset(seed, {"difficulty": difficulty})
        actions = environment.solution()
        assert 2 * len(actions) <= limit
        results = [environment.step(action) for action in actions]
        assert [result.reward for result in results] == [0.0] * (len(actions) - 1) + [1.0]
        assert (results[-1].won, results[-1].terminated, results[-1].truncated) == (True, True, False)
        assert results[-1].stop_reason == "won"
        assert all(result.action_valid and result.executed for result in results)


def test_no_shorter_way_than_the_solution_exists():
    """Exhaustive over all action sequences one shorter, on maps where that is small enough to try."""
    environment = KeyDoor()
    tried = 0
    for seed in range(40):
        environment.reset(seed, {"difficulty": "easy"})
        length = len(environment.solution())
        if length > 6:
            continue
        tried += 1
        assert not _wins_within(seed, (), length - 1)
    assert tried >= 5


def _wins_within(seed: int, prefix: tuple[str, ...], steps: int) -> bool:
    environment = KeyDoor()
    environment.reset(seed, {"difficulty": "easy"})
    for action in prefix:
        if environment.step(action).won:
            return True
    if not steps:
        return False
    moving = [a for a in environment.admissible_actions() if a not in ("look", "inventory")]
    return any(_wins_within(seed, (*prefix, action), steps - 1) for action in moving)


def test_every_state_on_a_random_walk_can_still_be_won():
    environment, rng = KeyDoor(), Random(5)
    for seed in range(20):
        environment.reset(seed, {"maxSteps": 60})
        for _ in range(20):
            if environment.admissible_actions():
                environment.step(rng.choice(environment.admissible_actions()))
        if not environment.admissible_actions():
            continue
        assert [environment.step(action).won for action in environment.solution()][-1]


def test_equal_seeds_and_actions_give_equal_episodes():
    first, second = KeyDoor(), KeyDoor()
    for seed in range(30):
        assert first.reset(seed, {}) == second.reset(seed, {})
        actions = walk(first, Random(seed))
        first.reset(seed, {})
        for action in actions:
            assert first.step(action) == second.step(action)
            assert first.anchor() == second.anchor()
            assert first.state_digest() == second.state_digest()
            assert first.admissible_actions() == second.admissible_actions()


def test_seeds_give_different_maps():
    environment = KeyDoor()
    assert len({environment.reset(seed, {}).state_digest for seed in range(200)}) == 200


def test_a_seed_means_the_same_map_in_every_version():
    """Runs are replayed by seed: what this shows may only change together with the environment's version."""
    reset = KeyDoor().reset(7, {"difficulty": "easy"})
    assert reset.observation.splitlines()[1] == "You are in the bakery. Exits: north, east (blue door, locked), west."
    assert reset.state_digest == "2adf7132039de5518d299681146906e513474ab44e20f543083c28510de19dc6"


def test_digest_and_anchor_are_equal_exactly_where_the_state_is():
    environment, rng = KeyDoor(), Random(0)
    for seed in range(5):
        environment.reset(seed, {"maxSteps": 1000})
        seen = {environment.state: (environment.state_digest(), environment.anchor())}
        while admissible := environment.admissible_actions():
            environment.step(rng.choice([action for action in admissible if action != "take treasure"]))
            named = (environment.state_digest(), environment.anchor())
            assert seen.setdefault(environment.state, named) == named
        assert len(seen) == len({digest for digest, _ in seen.values()}) == len({anchor for _, anchor in seen.values()})
        assert len(seen) > 10


def test_looking_around_and_junk_leave_the_state_as_it_is():
    environment = KeyDoor()
    environment.reset(3, {})
    before = (environment.anchor(), environment.state_digest(), environment.admissible_actions())
    for action in ("look", "inventory", "fly away", "", "go", "take purple\x00key", "x" * 1_000_000, "look " * 100):
        environment.step(action)
        assert (environment.anchor(), environment.state_digest(), environment.admissible_actions()) == before


def test_an_inadmissible_action_is_flagged_costs_a_step_and_is_not_executed():
    environment = KeyDoor()
    environment.reset(3, {"maxSteps": 2})
    result = environment.step("go nowhere")
    assert (result.action_valid, result.executed, result.reward, result.truncated) == (False, False, 0.0, False)
    result = environment.step("go nowhere")
    assert (result.truncated, result.terminated, result.stop_reason) == (True, False, "max_steps")
    assert environment.admissible_actions() == ()


def test_case_and_spaces_of_an_action_do_not_matter():
    environment = KeyDoor()
    environment.reset(3, {})
    assert environment.step(f"  {environment.solution()[0].upper().replace(' ', '   ')} ").action_valid


def test_winning_on_the_last_step_is_a_win_and_no_truncation():
    environment = KeyDoor()
    environment.reset(3, {})
    actions = environment.solution()
    environment.reset(3, {"maxSteps": len(actions)})
    last = [environment.step(action) for action in actions][-1]
    assert (last.won, last.terminated, last.truncated, last.stop_reason) == (True, True, False, "won")


def test_task_score_never_falls_and_is_one_exactly_when_won():
    environment = KeyDoor()
    for seed in range(20):
        environment.reset(seed, {"difficulty": "hard"})
        results = [environment.step(action) for action in environment.solution()]
        scores = [result.task_score for result in results]
        assert scores == sorted(scores)
        assert [score == 1.0 for score in scores] == [result.won for result in results]


def test_the_view_alone_mixes_states_that_the_anchor_keeps_apart():
    environment, rng = KeyDoor(), Random(1)
    environment.reset(3, {"maxSteps": 300})
    states_by_view: dict[str, set[str]] = {}
    while environment.admissible_actions():
        view = environment.step(rng.choice(environment.admissible_actions())).observation.splitlines()[-1]
        states_by_view.setdefault(view, set()).add(environment.state_digest())
    assert max(len(states) for states in states_by_view.values()) > 1


@pytest.mark.parametrize("actions", [(), ("close",), ("win",), ("limit",)])
def test_there_is_no_step_without_a_live_episode(actions: tuple[str, ...]):
    environment = KeyDoor()
    if actions:
        environment.reset(3, {"maxSteps": 1} if actions == ("limit",) else {})
    if actions == ("close",):
        environment.close()
        environment.close()
    if actions == ("win",):
        for action in environment.solution():
            environment.step(action)
    if actions == ("limit",):
        environment.step("look")
    with pytest.raises(EpisodeOver, match=r"reset\(\)"):
        environment.step("look")


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"difficulty": "impossible"}, "difficulty"),
        ({"difficulty": 3}, "difficulty"),
        ({"maxSteps": 0}, "maxSteps"),
        ({"maxSteps": True}, "maxSteps"),
        ({"maxSteps": 2.0}, "maxSteps"),
        ({"maxSteps": 10**9}, "maxSteps"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_bad_options_are_refused_by_name(options: dict[str, Json], field: str):
    with pytest.raises(InvalidOptions) as caught:
        KeyDoor().reset(0, options)
    assert caught.value.field == field


def test_keydoor_is_an_environment():
    environment: Environment = KeyDoor()
    assert environment.reset(0, {}).state_digest == environment.state_digest()
