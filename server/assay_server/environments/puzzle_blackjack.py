"""Blackjack against a dealer who stands on 17, from a pack shuffled by the seed."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from assay_server.environments.definition import EnvironmentDefinition
from assay_server.environments.puzzle_episode import Outcome, PuzzleEpisode, options_schema

_RANKS = ("A", "2", "3", "4", "5", "6", "7", "8", "9", "10", "J", "Q", "K")
_MOST, _DEALER_STANDS, _ACE_MORE = 21, 17, 10


@dataclass(frozen=True, slots=True)
class Table:
    """The cards of the player and the dealer, one of whose is seen, and those to come; ``stood``: the game is over."""

    player: tuple[str, ...]
    dealer: tuple[str, ...]
    pack: tuple[str, ...]
    stood: bool = False


def total(cards: Sequence[str]) -> int:
    """The best sum up to 21: an ace is 11 where that fits, else 1."""
    points = sum(min(_RANKS.index(card) + 1, 10) for card in cards)
    return points + _ACE_MORE if "A" in cards and points + _ACE_MORE <= _MOST else points


class BlackjackGame:
    """Draw cards or stand; nearer to 21 than the dealer wins, above 21 loses. The dealer draws below 17.

    Every pack can be won: at level 1 by standing at once, at level 2 after one card and no sooner, at level 3 after
    two.
    """

    levels: Sequence[int] = (12, 12, 12)

    def deal(self, rng: Random, level: int) -> Table:
        while True:
            pack = [rank for rank in _RANKS for _ in range(4)]
            rng.shuffle(pack)
            table = Table(tuple(pack[:2]), tuple(pack[2:4]), tuple(pack[4:]))
            if _hits_to_win(table) == level - 1:
                return table

    def rules(self, position: Table) -> str:
        del position
        return (
            "Come nearer to 21 than the dealer and not above it. Court cards count 10, an ace 1 or 11; the dealer "
            "draws below 17. Answer with hit or stand."
        )

    def view(self, position: Table) -> str:
        over = self.outcome(position).over
        dealer = f"{', '.join(position.dealer)} ({total(position.dealer)})" if over else f"{position.dealer[0]}, hidden"
        return f"You: {', '.join(position.player)} ({total(position.player)}). Dealer: {dealer}."

    def actions(self, position: Table) -> Sequence[str]:
        return () if self.outcome(position).over else ("hit", "stand")

    def follow(self, position: Table, action: str) -> Table:
        if action == "hit":
            return replace(position, player=(*position.player, position.pack[0]), pack=position.pack[1:])
        dealer, pack = position.dealer, position.pack
        while total(dealer) < _DEALER_STANDS:
            dealer, pack = (*dealer, pack[0]), pack[1:]
        return replace(position, dealer=dealer, pack=pack, stood=True)

    def outcome(self, position: Table) -> Outcome:
        mine, theirs = total(position.player), total(position.dealer)
        if mine > _MOST:
            return Outcome(0.0, over=True)
        if not position.stood:
            return Outcome(0.0)
        won = theirs > _MOST or mine > theirs
        return Outcome(1.0 if won else 0.5 if mine == theirs else 0.0, won, over=True)

    def reward(self, before: Table, after: Table) -> float:
        del before
        outcome = self.outcome(after)
        return 2.0 * outcome.score - 1.0 if outcome.over else 0.0

    def solution(self, position: Table) -> Sequence[str]:
        hits = _hits_to_win(position)
        if hits is None:
            raise ValueError("no number of cards wins here")
        return [*["hit"] * hits, "stand"]


def _hits_to_win(table: Table) -> int | None:
    """The fewest cards to draw before standing wins; None where none does."""
    game = BlackjackGame()
    for hits in range(len(table.pack)):
        if game.outcome(table).over:
            return None
        if game.outcome(game.follow(table, "stand")).won:
            return hits
        table = game.follow(table, "hit")
    return None


def make() -> PuzzleEpisode[Table]:
    """An environment without an episode."""
    return PuzzleEpisode(BlackjackGame())


BLACKJACK = EnvironmentDefinition(
    id="puzzles/blackjack-v1",
    make=make,
    summary="Nearer to 21 than the dealer.",
    options=options_schema(len(BlackjackGame.levels)),
    aliases=("blackjack",),
    doc=inspect.getdoc(BlackjackGame) or "",
)
