"""A catalogue as sessions see it: products by number, asin, query and category; searches; goals. Immutable.

Where products come from is a shelf's affair: it may hold them packed (files) or make each one when it is asked for
(generated). What is remembered here, products taken from the shelf and answered searches, is bounded and changes no
answer; it is shared by all sessions of a process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Protocol

from assay_server.environments.shop.index import ImpactIndex
from assay_server.environments.shop.pages import ProductView
from assay_server.environments.shop.products import Product
from assay_server.rewards.shop_goods import Goal
from assay_server.rewards.shop_nouns import NounTagger

SEARCH_RESULTS = 50
"""How many products a search finds at most."""

_PRODUCTS_REMEMBERED = 4096
_SEARCHES_REMEMBERED = 16_384


class Shelf(Protocol):
    """Where the products of a catalogue are kept."""

    @property
    def name(self) -> str:
        """What the products are, as text: equal names mean equal products."""
        ...

    def __len__(self) -> int: ...

    def product(self, number: int) -> Product:
        """The product of that number, made or unpacked."""
        ...

    def find(self, asin: str) -> int | None:
        """The number of a product."""
        ...

    def with_query(self, query: str) -> Sequence[int]:
        """The products that were found by a query, in catalogue order."""
        ...

    def with_category(self, category: str) -> Sequence[int]:
        """The products of a category, in catalogue order."""
        ...


class GoalSource(Protocol):
    """What can be asked of an agent in a catalogue; a goal's price bound is drawn from ``rng``."""

    def __len__(self) -> int: ...

    def draw(self, rng: Random, price_of: Callable[[int], float]) -> Goal:
        """A goal at random, by WebShop's weights where it gives any."""
        ...

    def at(self, index: int, rng: Random, price_of: Callable[[int], float]) -> Goal:
        """The goal of that index."""
        ...


@dataclass(frozen=True, slots=True)
class CatalogueParts:
    """What a catalogue is made of.

    Attributes:
        goals: by kind: ``synthetic`` (generated, options by name), ``human`` (written by people, option values).
        tagger: of its titles' nouns.
    """

    shelf: Shelf
    index: ImpactIndex
    goals: dict[str, GoalSource]
    tagger: NounTagger


class ShopCatalogue:
    """The products, searches and goals of one shop."""

    def __init__(self, parts: CatalogueParts) -> None:
        self._shelf = parts.shelf
        self._goals = parts.goals
        self.tagger = parts.tagger
        self.name = parts.shelf.name
        self.find = parts.shelf.find
        self.with_query = parts.shelf.with_query
        self.with_category = parts.shelf.with_category
        self.index = index = parts.index

        @lru_cache(maxsize=_PRODUCTS_REMEMBERED)
        def view(number: int) -> ProductView:
            return ProductView(parts.shelf.product(number))

        @lru_cache(maxsize=_SEARCHES_REMEMBERED)
        def search(query: str) -> tuple[int, ...]:
            return index.search(query, SEARCH_RESULTS)

        self.view = view
        self.search = search

    def __len__(self) -> int:
        return len(self._shelf)

    def product(self, number: int) -> Product:
        """The product of that number."""
        return self.view(number).product

    def goal_kinds(self) -> tuple[str, ...]:
        """The kinds of goals that there are any of."""
        return tuple(kind for kind, goals in self._goals.items() if len(goals))

    def goals(self, kind: str) -> GoalSource:
        """The goals of a kind.

        Raises:
            KeyError: there are none.
        """
        return self._goals[kind]
