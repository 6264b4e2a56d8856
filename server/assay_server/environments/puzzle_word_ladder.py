"""Word ladders, rung by rung."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from assay_server.environments.definition import EnvironmentDefinition
from assay_server.environments.puzzle_episode import Outcome, PuzzleEpisode, options_schema
from assay_server.rewards.puzzles.ladders import draw_ends, graph_of, ladder


@dataclass(frozen=True, slots=True)
class Rung:
    """The word reached, and the word to reach."""

    word: str
    end: str


class LadderGame:
    """Change one word into another, one letter at a time, by words of a small list that are told at every rung."""

    levels: Sequence[int] = (12, 16, 20, 30, 40)

    def deal(self, rng: Random, level: int) -> Rung:
        return Rung(*draw_ends(rng, level))

    def rules(self, position: Rung) -> str:
        return f"Change {position.word} into {position.end}, one letter at a time. Answer with the next word."

    def view(self, position: Rung) -> str:
        return f"{position.word} -> ... -> {position.end}. Next may come: {', '.join(self.actions(position))}."

    def actions(self, position: Rung) -> Sequence[str]:
        return graph_of(len(position.word))[position.word]

    def follow(self, position: Rung, action: str) -> Rung:
        return Rung(action, position.end)

    def outcome(self, position: Rung) -> Outcome:
        letters = zip(position.word, position.end, strict=True)
        score = sum(one == other for one, other in letters) / len(position.end)
        return Outcome(score, position.word == position.end, position.word == position.end)

    def reward(self, before: Rung, after: Rung) -> float:
        del before
        return float(after.word == after.end)

    def solution(self, position: Rung) -> Sequence[str]:
        return ladder(graph_of(len(position.word)), position.word, position.end)[1:]


def make() -> PuzzleEpisode[Rung]:
    """An environment without an episode."""
    return PuzzleEpisode(LadderGame())


WORD_LADDER = EnvironmentDefinition(
    id="puzzles/word-ladder-v1",
    make=make,
    summary="From one word to another, one letter at a time.",
    options=options_schema(len(LadderGame.levels)),
    aliases=("word-ladder",),
    doc=inspect.getdoc(LadderGame) or "",
)
