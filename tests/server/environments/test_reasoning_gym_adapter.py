from __future__ import annotations

import inspect
import re
import sys

import pytest

from assay.sdk import Json
from assay_server.environments import EpisodeOver, InvalidOptions
from assay_server.environments.catalogue import builtin_environments
from assay_server.environments.reasoning_gym_adapter import SAFE_TASKS, ReasoningGymEpisode, answer_in

SUMS: dict[str, Json] = {"task": "basic_arithmetic"}


@pytest.mark.extras
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_task_is_solved_by_its_own_answer_and_by_no_nonsense():
    for task in sorted(SAFE_TASKS):
        episode = ReasoningGymEpisode()
        started = episode.reset(5, {"task": task})
        assert started == ReasoningGymEpisode().reset(5, {"task": task})
        result = episode.step(episode.solution()[0])
        assert (result.reward, result.won, result.terminated) == (1.0, True, True), task
        episode.reset(5, {"task": task})
        assert episode.step("qqqq").reward < 1.0


@pytest.mark.extras
def test_the_scorers_that_are_taken_do_not_evaluate_answers():
    from reasoning_gym.factory import DATASETS  # type: ignore[import-not-found] - an extra

    for task in SAFE_TASKS:
        source = inspect.getsource(DATASETS[task][0].score_answer)  # type: ignore[no-untyped-call] - as above
        assert not re.search(r"\b(eval|exec|parse_expr|sympify|literal_eval|compile)\b", source), task


@pytest.mark.extras
def test_attempts_end_the_episode_and_an_answer_tag_is_read():
    episode = ReasoningGymEpisode()
    episode.reset(1, {**SUMS, "attempts": 2})
    first = episode.step("")
    assert (first.action_valid, first.terminated, first.truncated) == (False, False, False)
    last = episode.step("x" * 30_000)
    assert (last.action_valid, last.truncated, last.stop_reason) == (False, True, "max_steps")
    with pytest.raises(EpisodeOver):
        episode.step("1")
    episode.reset(1, SUMS)
    assert episode.step(f"so <answer> {episode.solution()[0]} </answer>").won


@pytest.mark.extras
def test_other_seeds_ask_other_questions():
    episode = ReasoningGymEpisode()
    assert len({episode.reset(seed, SUMS).state_digest for seed in range(5)}) == 5
    with pytest.raises(InvalidOptions, match="params"):
        episode.reset(0, {**SUMS, "params": {"nonsense": 1}})


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    with pytest.raises(InvalidOptions, match=r"assay-server\[reasoning\]"):
        ReasoningGymEpisode().reset(0, SUMS)


WRONG: list[tuple[dict[str, Json], str]] = [
    ({}, "task"),
    ({"task": "n_queens"}, "task"),  # its scorer evaluates the answer
    ({**SUMS, "params": {"seed": 1}}, "params"),
    ({**SUMS, "params": 5}, "params"),
    ({**SUMS, "attempts": 0}, "attempts"),
    ({**SUMS, "size": 3}, "size"),
]


@pytest.mark.parametrize(("options", "field"), WRONG)
def test_options_outside_their_bounds_are_refused(options: dict[str, Json], field: str):
    with pytest.raises(InvalidOptions) as caught:
        ReasoningGymEpisode().reset(0, options)
    assert caught.value.field == field


def test_without_an_episode_there_is_nothing_to_tell():
    episode = ReasoningGymEpisode()
    episode.close()
    for call in (episode.anchor, episode.state_digest, episode.solution, lambda: episode.step("1")):
        with pytest.raises(EpisodeOver):
            call()
    assert episode.admissible_actions() == ()


@pytest.mark.parametrize(
    ("action", "answer"),
    [
        (" 18 ", "18"),
        ("<answer>1</answer> no, <answer> 2 </answer>", "2"),
        ("<answer>1</answer> <answer>2", "1"),
        ("</answer>1", "</answer>1"),
        ("<answer>" * 50_000, "<answer>" * 50_000),
    ],
)
def test_an_answer_is_found(action: str, answer: str):
    assert answer_in(action) == answer


def test_it_is_in_the_catalogue():
    assert isinstance(builtin_environments().resolve("reasoning_gym").make(), ReasoningGymEpisode)
