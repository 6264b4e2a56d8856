"""Guessing a hidden word from what earlier guesses had in common with it."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from assay_server.environments.definition import EnvironmentDefinition
from assay_server.environments.puzzle_episode import Outcome, PuzzleEpisode, options_schema
from assay_server.rewards.puzzles.vocabulary import WORDS

_LENGTHS = (3, 4, 5, 5)


@dataclass(frozen=True, slots=True)
class Guesses:
    """The hidden word, and the words that were guessed, in the order of the alphabet: when does not matter."""

    hidden: str
    made: tuple[str, ...] = ()


def marks(hidden: str, guess: str) -> str:
    """``G`` for a letter in its place, ``Y`` for one that is elsewhere, ``-`` for none: each letter counts once."""
    left = Counter(one for one, other in zip(hidden, guess, strict=True) if one != other)
    found: list[str] = []
    for one, other in zip(hidden, guess, strict=True):
        if one == other:
            found.append("G")
        elif left[other] > 0:
            left[other] -= 1
            found.append("Y")
        else:
            found.append("-")
    return "".join(found)


class GuessGame:
    """Guess a hidden word; G is a letter in its place, Y one that stands elsewhere in the word, - one that does not."""

    levels: Sequence[int] = (16, 14, 10, 6)

    def deal(self, rng: Random, level: int) -> Guesses:
        return Guesses(rng.choice(WORDS[_LENGTHS[level - 1]]))

    def rules(self, position: Guesses) -> str:
        count = len(position.hidden)
        return (
            f"Guess a hidden English word of {count} letters. After each guess you see G for a letter in its place, Y "
            "for a letter that stands elsewhere, - for a letter that is not in the word. Answer with one word."
        )

    def view(self, position: Guesses) -> str:
        lines = [f"{guess} {marks(position.hidden, guess)}" for guess in position.made]
        return "\n".join(lines) or f"{len(position.hidden)} letters, nothing known."

    def actions(self, position: Guesses) -> Sequence[str]:
        return WORDS[len(position.hidden)]

    def follow(self, position: Guesses, action: str) -> Guesses:
        return Guesses(position.hidden, tuple(sorted({*position.made, action})))

    def outcome(self, position: Guesses) -> Outcome:
        won = position.hidden in position.made
        known = {at for guess in position.made for at, mark in enumerate(marks(position.hidden, guess)) if mark == "G"}
        most = len(position.hidden) - (not won)
        return Outcome(min(len(known), most) / len(position.hidden), won, won)

    def reward(self, before: Guesses, after: Guesses) -> float:
        del before
        return float(after.hidden in after.made)

    def solution(self, position: Guesses) -> Sequence[str]:
        return () if position.hidden in position.made else (position.hidden,)


def make() -> PuzzleEpisode[Guesses]:
    """An environment without an episode."""
    return PuzzleEpisode(GuessGame())


WORD_GUESS = EnvironmentDefinition(
    id="puzzles/word-guess-v1",
    make=make,
    summary="Guess a hidden word from letters in place and elsewhere.",
    options=options_schema(len(GuessGame.levels)),
    aliases=("word-guess",),
    doc=inspect.getdoc(GuessGame) or "",
)
