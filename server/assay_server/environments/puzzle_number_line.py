"""The number line of the agent papers: walk to a target, one at a time."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from assay_server.environments.definition import EnvironmentDefinition
from assay_server.environments.puzzle_episode import Outcome, PuzzleEpisode, options_schema

_LARGEST = (5, 20, 100, 500)


@dataclass(frozen=True, slots=True)
class Line:
    """Where one stands, where one has to go, and the last number of the line, which begins at 0."""

    current: int
    target: int
    largest: int


class NumberLineGame:
    """Reach the target by + and -; a step away from it, or against an end of the line, is worth -1."""

    levels: Sequence[int] = tuple(2 * largest for largest in _LARGEST)

    def deal(self, rng: Random, level: int) -> Line:
        largest = _LARGEST[level - 1]
        current, target = rng.sample(range(largest + 1), 2)
        return Line(current, target, largest)

    def rules(self, position: Line) -> str:
        return f"Walk along the numbers 0 to {position.largest} until you stand on the target. Answer with + or -."

    def view(self, position: Line) -> str:
        return f"Target: {position.target}, current: {position.current}"

    def actions(self, position: Line) -> Sequence[str]:
        del position
        return ("+", "-")

    def follow(self, position: Line, action: str) -> Line:
        moved = position.current + (1 if action == "+" else -1)
        return Line(min(max(moved, 0), position.largest), position.target, position.largest)

    def outcome(self, position: Line) -> Outcome:
        won = position.current == position.target
        return Outcome(1.0 - abs(position.current - position.target) / (position.largest + 1), won, won)

    def reward(self, before: Line, after: Line) -> float:
        if after.current == after.target:
            return 1.0
        return 0.0 if abs(after.current - after.target) < abs(before.current - before.target) else -1.0

    def solution(self, position: Line) -> Sequence[str]:
        away = position.target - position.current
        return ["+" if away > 0 else "-"] * abs(away)


def make() -> PuzzleEpisode[Line]:
    """An environment without an episode."""
    return PuzzleEpisode(NumberLineGame())


NUMBER_LINE = EnvironmentDefinition(
    id="puzzles/number-line-v1",
    make=make,
    summary="Walk to a number, one at a time.",
    options=options_schema(len(NumberLineGame.levels)),
    aliases=("number-line",),
    doc=inspect.getdoc(NumberLineGame) or "",
)
