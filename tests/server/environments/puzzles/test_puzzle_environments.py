"""The games of several turns: every start can be won, what is seen and hidden is named, lost games end as lost."""

from __future__ import annotations

from random import Random
from typing import cast

import pytest

from assay_server.environments.catalogue import builtin_environments
from assay_server.environments.protocol import EpisodeOver, InvalidOptions
from assay_server.environments.puzzle_blackjack import total
from assay_server.environments.puzzle_episode import PuzzleEpisode
from assay_server.environments.puzzle_word_guess import Guesses, marks
from assay_server.environments.watched import watched
from assay_server.rewards.puzzles.vocabulary import WORDS

GAMES = ("sokoban", "word-ladder", "word-guess", "number-line", "card-points", "blackjack")
CASES = [
    (game, level)
    for game in GAMES
    for level in range(
        1, len(cast("PuzzleEpisode[object]", builtin_environments().resolve(game).make()).game.levels) + 1
    )
]


def made(game: str) -> PuzzleEpisode[object]:
    return cast("PuzzleEpisode[object]", builtin_environments().resolve(f"puzzles/{game}").make())


def check_solution(game: str, level: int, seed: int) -> None:
    environment = made(game)
    environment.reset(seed, {"level": level})
    actions = environment.solution()
    results = [environment.step(action) for action in actions]
    assert all(result.action_valid and result.executed for result in results)
    last = results[-1]
    assert (last.won, last.terminated, last.truncated, last.stop_reason) == (True, True, False, "won")
    assert (last.reward, last.task_score) == (1.0, 1.0)
    assert [result.reward for result in results[:-1]] == [0.0] * (len(results) - 1)
    assert len({result.observation for result in results}) > 0
    with pytest.raises(EpisodeOver):
        environment.step(actions[0])


@pytest.mark.parametrize(("game", "level"), CASES)
def test_every_start_is_won_by_its_solution_within_the_limit(game: str, level: int) -> None:
    for seed in range(4 if game == "sokoban" else 12):
        check_solution(game, level, seed)


@pytest.mark.full
@pytest.mark.parametrize("game", GAMES)
def test_a_thousand_of_every_game_are_won(game: str) -> None:
    levels = [level for name, level in CASES if name == game]
    for level in levels:
        for seed in range(-(-1000 // len(levels))):
            check_solution(game, level, seed)


@pytest.mark.parametrize(("game", "level"), CASES)
def test_promises_are_kept_on_random_walks(game: str, level: int) -> None:
    for seed in range(5):
        rng = Random(seed)
        environments = [watched(made(game)) for _ in range(2)]
        first, second = environments
        assert first.reset(seed, {"level": level, "maxSteps": 30}) == second.reset(
            seed, {"level": level, "maxSteps": 30}
        )
        while listed := first.admissible_actions():
            action = rng.choice([*listed, "fly away", "", "=" * 1000])
            assert first.step(action) == second.step(action)
            assert first.state_digest() == second.state_digest()
            assert first.anchor() == second.anchor()
        first.close()
        with pytest.raises(EpisodeOver):
            first.step("up")


@pytest.mark.parametrize("game", GAMES)
def test_seeds_and_levels_differ_and_odd_options_are_refused(game: str) -> None:
    environment = made(game)
    digests = [environment.reset(seed, {}).state_digest for seed in range(20)]
    assert len(set(digests)) > 5
    for options in ({"level": 0}, {"level": True}, {"level": 99}, {"maxSteps": 0}, {"size": 3}, {"level": "1"}):
        with pytest.raises(InvalidOptions):
            environment.reset(0, options)  # type: ignore[arg-type] - odd on purpose


def test_a_lost_game_ends_as_lost() -> None:
    environment = made("blackjack")
    environment.reset(1, {"level": 1})
    while (result := environment.step("hit")).stop_reason == "":
        assert result.reward == 0.0
    assert (result.stop_reason, result.reward, result.won, result.task_score) == ("finished", -1.0, False, 0.0)
    with pytest.raises(ValueError, match="wins"):
        environment.solution()


def test_blackjack_counts_aces_as_what_fits() -> None:
    assert [total(cards) for cards in (("A", "K"), ("A", "A"), ("A", "9", "A"), ("A", "K", "Q"), ("10", "J", "2"))] == [
        21, 12, 21, 21, 22,
    ]  # fmt: skip


def test_a_wrong_formula_loses_and_none_is_stuck() -> None:
    environment = made("card-points")
    environment.reset(3, {"level": 2})
    rng, lost = Random(1), 0
    for seed in range(60):
        environment.reset(seed, {"level": 2})
        results = [environment.step(rng.choice(environment.admissible_actions()))]
        while listed := environment.admissible_actions():
            results.append(environment.step(rng.choice(listed)))
        assert results[-1].stop_reason in ("won", "finished")
        lost += not results[-1].won
    assert lost > 30


def test_number_line_punishes_the_wrong_way_and_the_wall() -> None:
    environment = made("number-line")
    environment.reset(0, {"level": 2})
    way = environment.solution()[0]
    back = "-" if way == "+" else "+"
    assert environment.step(back).reward == -1.0
    rewards = [environment.step(back).reward for _ in range(20)]
    assert set(rewards) == {-1.0}


def test_a_box_in_a_corner_cannot_be_won() -> None:
    environment = made("sokoban")
    for seed in range(30):
        environment.reset(seed, {"level": 1})
        rng = Random(seed)
        for _ in range(40):
            if not environment.admissible_actions():
                break
            environment.step(rng.choice(environment.admissible_actions()))
            try:
                environment.solution()
            except ValueError:
                assert environment.anchor().count("$") == 1
                return
    pytest.fail("no walk pushed a box where it cannot be pushed away from")


@pytest.mark.parametrize(
    ("hidden", "guess", "expected"),
    [("apple", "apple", "GGGGG"), ("apple", "paper", "YYGY-"), ("abbey", "babes", "YYGG-"), ("stone", "eerie", "----G"),
     ("level", "eleve", "YYYY-")],
)  # fmt: skip
def test_marks_count_each_letter_once(hidden: str, guess: str, expected: str) -> None:
    assert marks(hidden, guess) == expected


def test_a_solver_that_only_reads_the_marks_finds_every_word_in_time() -> None:
    for level, length in ((1, 3), (2, 4), (4, 5)):
        limit = made("word-guess").game.levels[level - 1]
        rng = Random(level)
        for hidden in rng.sample(WORDS[length], 8):
            possible, guesses = list(WORDS[length]), 0
            while True:
                guess = best_guess(possible)
                guesses += 1
                if guess == hidden:
                    break
                seen = marks(hidden, guess)
                possible = [word for word in possible if word != guess and marks(word, guess) == seen]
            assert guesses <= limit, (hidden, guesses)


def best_guess(possible: list[str]) -> str:
    """The possible word that tells the others apart best, of some."""
    return max(possible[:40], key=lambda guess: len({marks(word, guess) for word in possible}))


def test_guesses_are_a_set() -> None:
    game = made("word-guess").game
    one, other, hidden = WORDS[3][0], WORDS[3][1], WORDS[3][2]
    start = Guesses(hidden)
    first = game.follow(game.follow(start, one), other)
    assert first == game.follow(game.follow(game.follow(start, other), one), other)
