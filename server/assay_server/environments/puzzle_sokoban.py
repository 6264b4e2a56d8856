"""Sokoban, move by move."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from assay_server.environments.definition import EnvironmentDefinition
from assay_server.environments.puzzle_episode import Outcome, PuzzleEpisode, options_schema
from assay_server.rewards.puzzles.sokoban import (
    DIRECTIONS,
    Position,
    Room,
    drawn,
    moved,
    read_room,
    shortest_solution,
    solved,
)
from assay_server.rewards.puzzles.sokoban_plans import draw_room


@dataclass(frozen=True, slots=True)
class Drawing:
    """A position as a drawing: what is seen is all there is."""

    picture: str


_read = lru_cache(maxsize=4096)(read_room)


class SokobanGame:
    """Push every box onto a goal: up, down, left, right. A box in a corner stays there, so that a game can be lost."""

    levels: Sequence[int] = (60, 100, 120, 160, 200)

    def deal(self, rng: Random, level: int) -> Drawing:
        room, position, _ = draw_room(rng, level)
        return Drawing(drawn(room, position))

    def rules(self, position: Drawing) -> str:
        del position
        return (
            "Push every box onto a goal. # is a wall, @ you, $ a box, . a goal, * a box on a goal, + you on a goal. "
            "Answer with one move: up, down, left or right."
        )

    def view(self, position: Drawing) -> str:
        return position.picture

    def actions(self, position: Drawing) -> Sequence[str]:
        room, held = _read(position.picture)
        return [direction for direction in DIRECTIONS if moved(room, held, direction) is not None]

    def follow(self, position: Drawing, action: str) -> Drawing:
        room, held = _read(position.picture)
        return Drawing(drawn(room, moved(room, held, action) or held))

    def outcome(self, position: Drawing) -> Outcome:
        room, held = _read(position.picture)
        won = solved(room, held)
        return Outcome(_placed(room, held), won, won)

    def reward(self, before: Drawing, after: Drawing) -> float:
        del before
        return float(self.outcome(after).won)

    def solution(self, position: Drawing) -> Sequence[str]:
        return shortest_solution(*_read(position.picture))


def _placed(room: Room, position: Position) -> float:
    return len(position.boxes & room.goals) / len(room.goals)


def make() -> PuzzleEpisode[Drawing]:
    """An environment without an episode."""
    return PuzzleEpisode(SokobanGame())


SOKOBAN = EnvironmentDefinition(
    id="puzzles/sokoban-v1",
    make=make,
    summary="Push boxes onto goals.",
    options=options_schema(len(SokobanGame.levels)),
    aliases=("sokoban",),
    doc=inspect.getdoc(SokobanGame) or "",
)
