"""Generated scenes: solvable, endless, the same for a seed, and what an episode in them promises."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.sdk import Json
from assay_server.environments.household import Household
from assay_server.environments.household.generator import DIFFICULTIES, TASK_TYPES
from assay_server.environments.household.language import Act
from assay_server.environments.household.options import MAX_STEPS
from assay_server.environments.household.state import state_of
from assay_server.environments.protocol import Carrying, Dumping, EpisodeOver, InvalidDump, InvalidOptions

seeds = st.integers(-(2**63), 2**63 - 1)


def wandered(seed: int, steps: int, options: dict[str, Json] | None = None) -> Household:
    """An episode after so many random commands, or fewer where it ended."""
    environment, rng = Household(), Random(seed)
    environment.reset(seed, options or {})
    for _ in range(steps):
        result = environment.step(rng.choice(environment.admissible_actions()))
        if result.terminated or result.truncated:
            break
    return environment


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
@pytest.mark.parametrize("task", TASK_TYPES)
def test_every_scene_is_won_by_its_solution_and_by_nothing_less(task: str, difficulty: str) -> None:
    environment = Household()
    for seed in range(30):
        reset = environment.reset(seed, {"taskType": task, "difficulty": difficulty})
        assert not reset.won
        results = [environment.step(command) for command in environment.solution()]
        assert [result.won for result in results] == [False] * (len(results) - 1) + [True]
        assert [result.reward for result in results] == [0.0] * (len(results) - 1) + [1.0]
        assert all(0 <= result.task_score < 1 for result in results[:-1])
        assert results[-1].task_score == 1.0
        assert (results[-1].terminated, results[-1].truncated, results[-1].stop_reason) == (True, False, "won")


@settings(max_examples=60)
@given(seeds, st.integers(0, 80), st.sampled_from(DIFFICULTIES))
def test_every_state_on_the_way_can_still_be_won(seed: int, steps: int, difficulty: str) -> None:
    environment = wandered(seed, steps, {"difficulty": difficulty})
    solution = environment.solution()
    assert not solution or [environment.step(command) for command in solution][-1].won


def test_difficulty_makes_scenes_larger() -> None:
    environment = Household()
    sizes: list[float] = []
    for difficulty in DIFFICULTIES:
        things = 0
        for seed in range(40):
            environment.reset(seed, {"difficulty": difficulty})
            things += len(environment.scene.receptacles) + len(environment.scene.objects)
        sizes.append(things / 40)
    assert sizes == sorted(sizes)
    assert sizes[-1] > 2 * sizes[0]


def test_seeds_give_different_scenes_and_a_seed_always_the_same() -> None:
    environment = Household()
    digests = [environment.reset(seed, {}).state_digest for seed in range(300)]
    assert len(set(digests)) == 300
    assert [environment.reset(seed, {}).state_digest for seed in reversed(range(300))] == digests[::-1]


def test_episodes_of_one_seed_share_their_scene_however_many_others_are_played_between() -> None:
    first, again, other = Household(), Household(), Household()
    first.reset(1, {"difficulty": "easy"})
    for seed in range(2, 320):
        other.reset(seed, {"difficulty": "easy"})
    again.reset(1, {"difficulty": "easy"})
    assert again.scene is first.scene


def test_a_seed_means_the_same_scene_in_every_version() -> None:
    """Runs are replayed by seed: what this shows may only change together with the environment's version."""
    reset = Household().reset(7, {"difficulty": "easy", "taskType": "pick_heat_then_place_in_recep"})
    assert reset.observation.endswith(PINNED_OBSERVATION)
    assert reset.state_digest == PINNED_DIGEST


PINNED_OBSERVATION = (
    "a microwave 1, a sinkbasin 1, a stoveburner 2, a stoveburner 1, and a toaster 1.\n\n"
    "Your task is to: put a hot bread in countertop."
)
PINNED_DIGEST = "1798030a35f51b7d8d1c164796d08a01a7d3d40bd3ebe6b61091460d6d7b8847"


@settings(max_examples=40)
@given(seeds, st.integers(0, 60))
def test_the_running_digest_is_that_of_the_facts(seed: int, steps: int) -> None:
    state = wandered(seed, steps, {"difficulty": "hard"}).state
    afresh = state_of(state.scene, state.place, state.hand, state.flags, state.contents, state.near, sorted(state.left))
    assert afresh.digest() == state.digest()


def test_equal_digests_mean_equal_facts() -> None:
    seen: dict[str, object] = {}
    environment, rng = Household(), Random(3)
    environment.reset(11, {"difficulty": "easy"})
    for _ in range(400):
        result = environment.step(rng.choice(environment.admissible_actions()))
        if result.terminated:
            environment.reset(11, {"difficulty": "easy"})
        facts = environment.state.to_lists()
        assert seen.setdefault(environment.state_digest(), facts) == facts
    assert len({str(facts) for facts in seen.values()}) == len(seen) > 50


@settings(max_examples=30)
@given(seeds, st.integers(0, 40))
def test_what_is_listed_is_taken_and_nothing_else_is(seed: int, steps: int) -> None:
    environment = wandered(seed, steps, {"difficulty": "easy"})
    if environment.state.scene.goal.met(environment.state):
        return
    admissible, scene = environment.admissible_actions(), environment.scene
    language, names = scene.language, [scene.names[one] for one in (*scene.receptacles, *scene.objects)]
    pairs = {1: [(name,) for name in names], 2: [(one, other) for one in names for other in names], 0: [()]}
    everything = {language.command(act, *pair) for act in Act for pair in pairs[len(act.value[1])]}
    rng = Random(seed)
    refused = rng.sample(sorted(everything - set(admissible)), 60)
    assert set(admissible) <= everything
    before = environment.dump()
    for command in refused:
        result = environment.step(command)
        assert (result.action_valid, result.executed, result.observation) == (False, False, "Nothing happens.")
    assert environment.admissible_actions() == admissible
    for command in admissible:
        environment.restore(before)
        assert environment.step(f" \t{command}  ").action_valid


@settings(max_examples=30)
@given(seeds, st.integers(0, 40), st.integers(1, 30))
def test_a_dump_goes_on_as_the_original_and_copies_do_not_touch_each_other(seed: int, before: int, after: int) -> None:
    original = wandered(seed, before)
    dumped = original.dump()
    assert dumped == original.dump()
    copies = [Household(), Household()]
    for copy in copies:
        copy.reset(seed, {})
        copy.restore(dumped)
        assert copy.dump() == dumped
    if original.state.scene.goal.met(original.state):
        return
    rng = Random(after)
    for _ in range(after):
        command = rng.choice(original.admissible_actions())
        results = [one.step(command) for one in (original, copies[0])]
        assert results[0] == results[1]
        assert original.dump() == copies[0].dump()
        assert original.anchor() == copies[0].anchor()
        if results[0].terminated:
            break
    assert copies[1].dump() == dumped


@pytest.mark.parametrize("dumped", [b"", b"[]", b"\xff", b"[1,false,false,[0,0,[],[],[],[]]]", b'{"a":1}', b"[" * 5000])
def test_what_is_no_dump_is_refused(dumped: bytes) -> None:
    environment = Household()
    environment.reset(0, {})
    before = environment.dump()
    with pytest.raises(InvalidDump):
        environment.restore(dumped)
    assert environment.dump() == before


def test_a_dump_of_another_scene_that_names_what_is_not_there_is_refused() -> None:
    large, small = Household(), Household()
    large.reset(1, {"difficulty": "hard"})
    small.reset(1, {"difficulty": "easy"})
    with pytest.raises(InvalidDump):
        small.restore(large.dump())


def test_the_anchor_is_what_can_be_seen_whatever_was_done_last() -> None:
    """Equal states have equal anchors; states that look alike do too, and what is carried tells some of them apart."""
    environment, rng = Household(), Random(2)
    anchors: dict[str, set[str]] = {}
    states: dict[str, set[str]] = {}
    with_inventory: dict[tuple[str, str], set[str]] = {}
    environment.reset(5, {"difficulty": "easy"})
    for _ in range(400):
        digest, anchor = environment.state_digest(), environment.anchor()
        anchors.setdefault(digest, set()).add(anchor)
        states.setdefault(anchor, set()).add(digest)
        with_inventory.setdefault((anchor, environment.inventory()), set()).add(digest)
        if environment.step(rng.choice(environment.admissible_actions())).terminated:
            environment.reset(5, {"difficulty": "easy"})
    assert {len(found) for found in anchors.values()} == {1}
    assert len(states) < len(with_inventory) < len(anchors)


def test_putting_may_be_said_as_it_was_before_alfworld_0_4() -> None:
    environment = Household()
    options: dict[str, Json] = {"taskType": "pick_and_place_simple", "putCommand": "put"}
    environment.reset(4, options)
    *way, put = environment.solution()
    for command in way:
        environment.step(command)
    thing, where = put.removeprefix("put ").split(" in/on ")
    assert not environment.step(f"move {thing} to {where}").action_valid
    assert environment.step("help").observation.count("put (object) in/on (receptacle):") == 1
    result = environment.step(put)
    assert (result.won, result.observation) == (True, f"You put the {thing} in/on the {where}.")


def test_the_step_limit_cuts_and_a_win_on_the_last_step_is_a_win() -> None:
    environment = Household()
    environment.reset(3, {"maxSteps": 2})
    assert not environment.step("look").truncated
    result = environment.step("nonsense")
    assert (result.truncated, result.terminated, result.reward, result.stop_reason) == (True, False, 0.0, "max_steps")
    with pytest.raises(EpisodeOver):
        environment.step("look")
    environment.reset(3, {})
    solution = environment.solution()
    environment.reset(3, {"maxSteps": len(solution)})
    assert [environment.step(command) for command in solution][-1].stop_reason == "won"


def test_what_is_carried_can_be_asked_for_without_a_step() -> None:
    environment = Household()
    environment.reset(3, {})
    assert isinstance(environment, Carrying)
    assert isinstance(environment, Dumping)
    for command in environment.solution():
        environment.step(command)
        if command.startswith("take "):
            thing = command.removeprefix("take ").partition(" from ")[0]
            assert environment.inventory() == f"You are carrying: a {thing}."
            return
    pytest.fail("nothing was taken")


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"difficulty": "impossible"}, "difficulty"),
        ({"taskType": "cook"}, "taskType"),
        ({"taskType": ["cook"]}, "taskType"),
        ({"sliced": 1}, "sliced"),
        ({"putCommand": "throw"}, "putCommand"),
        ({"maxSteps": 0}, "maxSteps"),
        ({"maxSteps": True}, "maxSteps"),
        ({"maxSteps": MAX_STEPS + 1}, "maxSteps"),
        ({"colour": "red"}, "colour"),
        ({"game": "somewhere"}, "game"),
        ({"game": 3}, "game"),
        ({"game": {}}, "game"),
        ({"game": "{"}, "game"),
        ({"split": "train"}, "split"),
        ({"split": 3}, "split"),
        ({"game": "{}", "split": "train"}, "split"),
        ({"game": "{}", "difficulty": "easy"}, "difficulty"),
    ],
)
def test_bad_options_are_refused_by_name(options: dict[str, Json], field: str) -> None:
    with pytest.raises(InvalidOptions) as caught:
        Household().reset(0, options)
    assert caught.value.field == field


@pytest.mark.parametrize("use", ["before", "after"])
def test_there_is_nothing_without_an_episode(use: str) -> None:
    environment = Household()
    if use == "after":
        environment.reset(0, {})
        environment.close()
        environment.close()
    for call in (environment.state_digest, environment.anchor, environment.dump, environment.inventory):
        with pytest.raises(EpisodeOver):
            call()
    with pytest.raises(EpisodeOver):
        environment.step("look")
