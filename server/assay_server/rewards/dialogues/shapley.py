"""Shapley values of players whose coalitions are worth something: exactly, or by drawing orders within a budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial
from random import Random


@dataclass(frozen=True, slots=True)
class Shares:
    """What each player adds on average.

    Attributes:
        values: by player, in their order; they sum up to what all are worth together less what nobody is worth.
        calls: coalitions that were valued; each one once.
        exact: whether every order was counted.
    """

    values: tuple[float, ...]
    calls: int
    exact: bool


class BudgetTooSmall(ValueError):
    """Not even one order of the players fits into the budget."""


def shapley(count: int, worth: Callable[[frozenset[int]], float], budget: int, rng: Random) -> Shares:
    """The Shapley values of the players ``0 .. count - 1``.

    Exact where all ``2^count`` coalitions fit into the budget, else the mean of the marginal gains over random orders,
    as many as fit: coalitions that were valued before cost nothing again.

    Args:
        count: how many players there are.
        worth: the value of a coalition.
        budget: how often ``worth`` may be called.
        rng: draws the orders.

    Raises:
        BudgetTooSmall: the budget is below ``count + 1``.
    """
    if budget < count + 1:
        raise BudgetTooSmall(f"{count} players need a budget of {count + 1} at least, got {budget}")
    cached = _Cached(worth)
    exact = count < budget.bit_length() and 2**count <= budget
    values = _exact(count, cached) if exact else _drawn(count, cached, budget, rng)
    return Shares(values, cached.calls, exact)


class _Cached:
    def __init__(self, worth: Callable[[frozenset[int]], float]) -> None:
        self._worth = worth
        self._known: dict[frozenset[int], float] = {}

    @property
    def calls(self) -> int:
        return len(self._known)

    def __call__(self, coalition: frozenset[int]) -> float:
        if coalition not in self._known:
            self._known[coalition] = self._worth(coalition)
        return self._known[coalition]

    def unknown(self, order: Sequence[int]) -> int:
        """How many coalitions along an order were not valued yet."""
        return sum(frozenset(order[:size]) not in self._known for size in range(len(order) + 1))


def _exact(count: int, worth: _Cached) -> tuple[float, ...]:
    values: list[float] = []
    for player in range(count):
        others = [other for other in range(count) if other != player]
        gains = 0.0
        for size in range(count):
            weight = factorial(size) * factorial(count - size - 1) / factorial(count)
            for members in combinations(others, size):
                coalition = frozenset(members)
                gains += weight * (worth(coalition | {player}) - worth(coalition))
        values.append(gains)
    return tuple(values)


def _drawn(count: int, worth: _Cached, budget: int, rng: Random) -> tuple[float, ...]:
    totals = [0.0] * count
    orders = 0
    while orders < budget:
        order = rng.sample(range(count), count)
        if worth.calls + worth.unknown(order) > budget:
            break
        before = worth(frozenset())
        for place, player in enumerate(order, 1):
            after = worth(frozenset(order[:place]))
            totals[player] += after - before
            before = after
        orders += 1
    return tuple(total / orders for total in totals)
