"""Cards whose values have to make a number: a formula written mark by mark, as the agent papers have it."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from assay_server.environments.definition import EnvironmentDefinition
from assay_server.environments.puzzle_episode import Outcome, PuzzleEpisode, options_schema
from assay_server.rewards.puzzles.countdown import draw_cards, way_to
from assay_server.rewards.puzzles.expressions import read_expression

_DEEPEST = 3
_EASY_TARGET, _TARGET = 12, 24


@dataclass(frozen=True, slots=True)
class Formula:
    """The cards, what they have to make, the operators there are, and the marks written so far."""

    cards: tuple[int, ...]
    target: int
    operators: str
    written: tuple[str, ...] = ()

    @property
    def left(self) -> list[int]:
        """The cards that are not used yet."""
        used = Counter(int(mark) for mark in self.written if mark.isdigit())
        return sorted((Counter(self.cards) - used).elements())

    @property
    def depth(self) -> int:
        """Brackets that are open."""
        return self.written.count("(") - self.written.count(")")

    @property
    def wants_value(self) -> bool:
        """Whether a card or a bracket has to come next."""
        return not self.written or not (self.written[-1].isdigit() or self.written[-1] in (")", "="))


class CardPointsGame:
    """Use each card once in a formula that makes the target, mark by mark, and end it with =.

    Level 1 has two cards, + and * and the target 12; levels 2 and 3 have four cards, all operators, brackets and the
    target 24; at level 3 nothing does without a division.
    """

    levels: Sequence[int] = (12, 40, 40)

    def deal(self, rng: Random, level: int) -> Formula:
        if level > 1:
            return Formula(tuple(draw_cards(rng, level)[0]), _TARGET, "+-*/")
        while True:
            cards = (rng.randint(1, 10), rng.randint(1, 10))
            if way_to(cards, _EASY_TARGET, "+*") is not None:
                return Formula(cards, _EASY_TARGET, "+*")

    def rules(self, position: Formula) -> str:
        brackets = ", brackets" if len(position.cards) > 2 else ""
        return (
            f"Make {position.target} from the cards {', '.join(map(str, position.cards))}: use each once, with "
            f"{' '.join(position.operators)}{brackets}. Answer with the next mark of the formula; end it with =."
        )

    def view(self, position: Formula) -> str:
        return f"Cards: {', '.join(map(str, position.cards))}. Formula: {' '.join(position.written) or '(empty)'}"

    def actions(self, position: Formula) -> Sequence[str]:
        left = position.left
        if position.wants_value:
            opens = ["("] if len(left) > 1 and position.depth < _DEEPEST and len(position.cards) > 2 else []
            return [*dict.fromkeys(map(str, left)), *opens]
        closes = [")"] if position.depth else []
        ends = ["="] if not left and not position.depth else []
        return [*(position.operators if left else ()), *closes, *ends]

    def follow(self, position: Formula, action: str) -> Formula:
        return Formula(position.cards, position.target, position.operators, (*position.written, action))

    def outcome(self, position: Formula) -> Outcome:
        over = position.written[-1:] == ("=",)
        won = over and _value(position) == position.target
        used = len(position.cards) - len(position.left)
        return Outcome(1.0 if won else 0.0 if over else used / (len(position.cards) + 1), won, over)

    def reward(self, before: Formula, after: Formula) -> float:
        del before
        return float(self.outcome(after).won)

    def solution(self, position: Formula) -> Sequence[str]:
        if position.written:
            raise ValueError("a solution is known only before anything is written")
        text = way_to(position.cards, position.target, position.operators)
        if text is None:
            raise ValueError("these cards cannot make the target")
        return [*text.replace("(", "( ").replace(")", " )").split(), "="]


def _value(position: Formula) -> object:
    read = read_expression(" ".join(position.written[:-1]))
    return None if read is None else read.value


def make() -> PuzzleEpisode[Formula]:
    """An environment without an episode."""
    return PuzzleEpisode(CardPointsGame())


CARD_POINTS = EnvironmentDefinition(
    id="puzzles/card-points-v1",
    make=make,
    summary="Write a formula of cards that makes 12 or 24.",
    options=options_schema(len(CardPointsGame.levels)),
    aliases=("card-points",),
    doc=inspect.getdoc(CardPointsGame) or "",
)
