"""Goals of a catalogue, as WebShop makes them: of its generated instructions, or of those that people wrote.

WebShop draws price bounds from the process's global generator, so two servers never ask for the same. Here they come
from the episode's seed.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Protocol

import numpy as np
import numpy.typing as npt

from assay_server.environments.shop.products import Product
from assay_server.rewards.shop_goods import Goal, GoalOptions
from assay_server.rewards.shop_purchase import NO_PRICE_BOUND

_PRICE_STEPS = tuple(10.0 * step for step in range(1, 100))
_STEPS_ABOVE = 4
_SHUFFLE_SEED = 233
_LARGEST_ORDER = 5_000_000

PriceOf = Callable[[int], float]
"""``number of a product -> its price in this episode``."""


@dataclass(frozen=True, slots=True)
class GoalText:
    """What is asked for of one product, before a price bound is drawn.

    Attributes:
        product: its number.
        attributes: those that are asked for.
        options: the values that people wrote; None = one of the product's combinations.
    """

    product: int
    instruction: str
    attributes: tuple[str, ...]
    options: tuple[str, ...] | None = None


class GoalShelf(Protocol):
    """Where the texts of goals are kept."""

    def product(self, number: int) -> Product: ...

    def goal_text(self, number: int) -> GoalText:
        """The generated instruction of a product that has one."""
        ...


def priced_goal(
    product: Product, instruction: str, attributes: tuple[str, ...], options: GoalOptions, price: float, rng: Random
) -> Goal:
    """A goal with a price bound: the larger of two of the next four multiples of ten; none above 980 dollars."""
    above = [step for step in _PRICE_STEPS if step > price][:_STEPS_ABOVE]
    bound, told = float(NO_PRICE_BOUND), ""
    if len(above) > 1:
        bound = max(rng.sample(above, 2))
        told = f", and price lower than {bound:.2f} dollars"
    return Goal(
        asin=product.asin,
        name=product.title,
        query=product.query,
        product_category=product.product_category,
        attributes=attributes,
        options=options,
        price_upper=bound,
        instruction=f"{instruction}{told}",
    )


def combination(product: Product, index: int) -> dict[str, str]:
    """The choice of options of that index: names in alphabetical order, the last one's values changing fastest."""
    chosen: dict[str, str] = {}
    for name, values in sorted(product.options, reverse=True):
        index, place = divmod(index, len(values))
        chosen[name] = values[place]
    return dict(reversed(chosen.items()))


def combinations_of(product: Product) -> int:
    """How many choices of options a product has; 1 where it has no options."""
    return math.prod(len(values) for _, values in product.options)


def with_options_told(instruction: str, options: Mapping[str, str]) -> str:
    """An instruction with its options named."""
    told = ", and ".join(f"{name}: {value}" for name, value in options.items())
    return f"{instruction} with {told}" if told else instruction


class _Ordered:
    """Goals with WebShop's order: as made, then shuffled with its fixed seed."""

    def __init__(self, counts: Sequence[int]) -> None:
        self._ends = np.cumsum(np.array(counts, np.int64))

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    @cached_property
    def _order(self) -> array[int]:
        order = array("q", range(len(self)))
        Random(_SHUFFLE_SEED).shuffle(order)  # noqa: S311 - WebShop's own order
        return order

    def place_of(self, index: int) -> tuple[int, int]:
        """(entry, its goal's number within it) of the goal that WebShop gives session ``index``.

        Raises:
            IndexError: there are fewer goals, or too many to put in order.
        """
        if not 0 <= index < len(self) or len(self) > _LARGEST_ORDER:
            raise IndexError(f"there are {len(self)} goals; up to {_LARGEST_ORDER} have numbers")
        made = self._order[index]
        entry = int(np.searchsorted(self._ends, made, side="right"))
        return entry, made - (int(self._ends[entry - 1]) if entry else 0)


class GeneratedTexts:
    """Which products have a generated instruction, with the attributes it asks for: kept as numbers."""

    def __init__(self) -> None:
        self.products = array("I")
        self.counts = array("q")
        self._attribute_numbers: dict[str, int] = {}
        self._attributes = array("I")
        self._ends = array("Q", (0,))

    def add(self, product: int, attributes: Sequence[str], combinations: int) -> None:
        """A product, the attributes (at least one) of its instruction, and how many choices of options it has."""
        self.products.append(product)
        self.counts.append(combinations)
        numbers = self._attribute_numbers
        self._attributes.extend([numbers.setdefault(attribute, len(numbers)) for attribute in attributes])
        self._ends.append(len(self._attributes))

    def weights(self) -> npt.NDArray[np.float64]:
        """WebShop's weight of one goal of each: the mean of 1 / (goals with that attribute) over its attributes."""
        counts, attributes = np.array(self.counts, np.float64), np.array(self._attributes, np.int64)
        ends = np.array(self._ends, np.int64)
        lengths = np.diff(ends)
        if not len(counts):
            return counts
        goals_with = np.bincount(attributes, weights=np.repeat(counts, lengths))
        shares = np.divide(1.0, goals_with, where=goals_with > 0, out=np.zeros_like(goals_with))
        return np.add.reduceat(shares[attributes], ends[:-1]) / lengths


class SyntheticGoals:
    """One goal for every combination of the options of every product that has a generated instruction, by weight."""

    def __init__(self, shelf: GoalShelf, texts: GeneratedTexts) -> None:
        self._shelf = shelf
        self._products = texts.products
        self._counts = texts.counts
        self._ordered = _Ordered(texts.counts)
        self._cumulative = np.cumsum(texts.weights() * np.array(texts.counts, np.float64))

    def __len__(self) -> int:
        return len(self._ordered)

    def draw(self, rng: Random, price_of: PriceOf) -> Goal:
        """A goal by weight."""
        at = rng.random() * float(self._cumulative[-1])
        pick = min(int(np.searchsorted(self._cumulative, at, side="right")), len(self._cumulative) - 1)
        return self._goal(pick, rng.randrange(self._counts[pick]), rng, price_of)

    def at(self, index: int, rng: Random, price_of: PriceOf) -> Goal:
        """The goal of WebShop's session ``index``."""
        return self._goal(*self._ordered.place_of(index), rng, price_of)

    def _goal(self, entry: int, choice: int, rng: Random, price_of: PriceOf) -> Goal:
        number = self._products[entry]
        product, text = self._shelf.product(number), self._shelf.goal_text(number)
        options = combination(product, choice)
        instruction = with_options_told(text.instruction, options)
        return priced_goal(product, instruction, text.attributes, options, price_of(number), rng)


class HumanGoals:
    """Goals that people wrote; each as likely as the other."""

    def __init__(self, shelf: GoalShelf, texts: Sequence[GoalText]) -> None:
        self._shelf = shelf
        self._texts = texts
        self._ordered = _Ordered([1] * len(texts))

    def __len__(self) -> int:
        return len(self._texts)

    def draw(self, rng: Random, price_of: PriceOf) -> Goal:
        """Any goal."""
        return self._goal(rng.randrange(len(self._texts)), rng, price_of)

    def at(self, index: int, rng: Random, price_of: PriceOf) -> Goal:
        """The goal of WebShop's session ``index``."""
        return self._goal(self._ordered.place_of(index)[0], rng, price_of)

    def _goal(self, entry: int, rng: Random, price_of: PriceOf) -> Goal:
        text = self._texts[entry]
        product = self._shelf.product(text.product)
        options = text.options or ()
        return priced_goal(product, text.instruction.strip("."), text.attributes, options, price_of(text.product), rng)
