"""Catalogues without files: every product is a function of the catalogue's seed and its number.

Nothing but the search index is kept, so a million products cost some hundred megabytes and seconds; a product's pages
are made when they are looked at. The draws are a counter-based generator (SplitMix64, Steele et al. 2014) in two
equal forms, for one product and for all of them at once.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from functools import lru_cache
from random import Random
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from assay_server.environments.shop.catalogue import CatalogueParts, GoalSource, ShopCatalogue
from assay_server.environments.shop.goals import (
    PriceOf,
    combination,
    combinations_of,
    priced_goal,
    with_options_told,
)
from assay_server.environments.shop.index import Ids, ImpactIndex, Occurrences, Postings, postings_of
from assay_server.environments.shop.products import Product, Review
from assay_server.environments.shop.vocabulary import (
    ADJECTIVES,
    BRANDS,
    CHOICES,
    OPINIONS,
    PEOPLES_WISHES,
    SENTENCES,
    TOP_CATEGORIES,
    WARES,
    WISHES,
    Ware,
)
from assay_server.rewards.shop_goods import Goal
from assay_server.rewards.shop_nouns import tagger_of

Numbers: TypeAlias = "npt.NDArray[np.uint64]"

_WORD = 2**64 - 1
_STEP, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_FIELDS = (
    "ware", "brand", "first adjective", "second adjective", "first feature", "second feature", "attributes", "price",
    "range", "description", "rating", "reviews",
)  # fmt: skip
_FIELD = {name: number for number, name in enumerate(_FIELDS)}
_OPTION_FIELD = 64
_QUERIES = frozenset(ware.query for ware in WARES)
_ATTRIBUTES = 4
_LARGEST_CHUNK = 100_000

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ASIN_DIGITS = 9
_ASINS = len(_DIGITS) ** _ASIN_DIGITS
_SPREAD = 0x12D4B5A3C6E1F
_BACK = pow(_SPREAD, -1, _ASINS)


def drawn(seed: int, field: int, number: int) -> int:
    """64 random bits of one field of one product."""
    state = (seed * _SECOND + field * _FIRST + (number + 1) * _STEP) & _WORD
    state = ((state ^ (state >> 30)) * _FIRST) & _WORD
    state = ((state ^ (state >> 27)) * _SECOND) & _WORD
    return state ^ (state >> 31)


def all_drawn(seed: int, field: int, numbers: Numbers) -> Numbers:
    """The same of many products."""
    state = (numbers + np.uint64(1)) * np.uint64(_STEP) + np.uint64((seed * _SECOND + field * _FIRST) & _WORD)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(_FIRST)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(_SECOND)
    return state ^ (state >> np.uint64(31))


def asin_of(number: int) -> str:
    """The asin of a product: its number, spread out."""
    spread, digits = number * _SPREAD % _ASINS, ""
    for _ in range(_ASIN_DIGITS):
        spread, digit = divmod(spread, len(_DIGITS))
        digits += _DIGITS[digit]
    return f"G{digits}"


def number_of(asin: str) -> int | None:
    """The number of a product, where the text is an asin as :func:`asin_of` makes them."""
    if len(asin) != _ASIN_DIGITS + 1 or asin[0] != "G" or not set(asin[1:]) <= set(_DIGITS):
        return None
    spread = sum(_DIGITS.index(digit) * len(_DIGITS) ** place for place, digit in enumerate(asin[1:]))
    return spread * _BACK % _ASINS


class GeneratedShelf:
    """Makes products."""

    def __init__(self, size: int, seed: int) -> None:
        self._size = size
        self._seed = seed
        self.name = f"generated {size} {seed}"
        numbers = np.arange(size, dtype=np.uint64)
        wares = (all_drawn(seed, _FIELD["ware"], numbers) % np.uint64(len(WARES))).astype(np.uint8)
        self._by_query = {query: _where(wares, lambda ware, query=query: ware.query == query) for query in _QUERIES}
        self._by_category = {
            category: _where(wares, lambda ware, category=category: ware.category == category)
            for category in TOP_CATEGORIES
        }

    def __len__(self) -> int:
        return self._size

    def product(self, number: int) -> Product:
        """The product of that number."""

        def pick(field: str, count: int) -> int:
            return drawn(self._seed, _FIELD[field], number) % count

        ware = WARES[pick("ware", len(WARES))]
        first, second = _two(pick, "first adjective", "second adjective", len(ADJECTIVES))
        one, other = _two(pick, "first feature", "second feature", len(ware.features))
        brand = BRANDS[pick("brand", len(BRANDS))]
        attributes = _neighbours(ware.attributes, pick("attributes", len(ware.attributes)))
        words = (ADJECTIVES[first], ADJECTIVES[second], ware.features[one], ware.features[other])
        pricing, tag = _pricing(ware, drawn(self._seed, _FIELD["price"], number), pick("range", 5))
        said = pick("description", len(SENTENCES))
        return Product(
            asin=asin_of(number),
            title=f"{brand} {' '.join(words)} {ware.head}",
            query=ware.query,
            category=ware.category,
            product_category=f"{TOP_CATEGORIES[ware.category]} › {ware.path}",
            pricing=pricing,
            price_tag=tag,
            options=self._options(ware, number),
            attributes=attributes,
            bullets=(
                f"It is {attributes[0]}, {attributes[1]} and simply good.",
                f"{attributes[2].capitalize()}: made so that every day is a little easier.",
                SENTENCES[(said + 1) % len(SENTENCES)],
            ),
            description=f"Our promise: {attributes[3]}, nothing else. {SENTENCES[said]}",
            rating=f"{3 + pick('rating', 21) / 10:.1f}",
            reviews=_reviews(drawn(self._seed, _FIELD["reviews"], number)),
        )

    def _options(self, ware: Ware, number: int) -> tuple[tuple[str, tuple[str, ...]], ...]:
        options: list[tuple[str, tuple[str, ...]]] = []
        for place, (name, values_name) in enumerate(ware.choices):
            values = CHOICES[values_name]
            start, more = divmod(drawn(self._seed, _OPTION_FIELD + place, number), 4)
            start %= len(values)
            options.append((name, tuple(values[(start + at) % len(values)] for at in range(2 + more))))
        return tuple(options)

    def find(self, asin: str) -> int | None:
        """The number of a product."""
        number = number_of(asin)
        return number if number is not None and number < self._size else None

    def with_query(self, query: str) -> Sequence[int]:
        """The products that were found by a query."""
        return self._by_query.get(query, ())

    def with_category(self, category: str) -> Sequence[int]:
        """The products of a category."""
        return self._by_category.get(category, ())


def _where(wares: npt.NDArray[np.uint8], wanted: Callable[[Ware], bool]) -> array[int]:
    """The products of wanted kinds, in catalogue order."""
    chosen = np.array([wanted(ware) for ware in WARES])
    return array("I", np.flatnonzero(chosen[wares]).astype(np.uint32).tobytes())


def _two(pick: Callable[[str, int], int], first: str, second: str, count: int) -> tuple[int, int]:
    """Two different places among ``count``."""
    place = pick(first, count)
    return place, (place + 1 + pick(second, count - 1)) % count


def _neighbours(row: tuple[str, ...], start: int) -> tuple[str, ...]:
    return tuple(row[(start + at) % len(row)] for at in range(_ATTRIBUTES))


def _pricing(ware: Ware, draw: int, spread: int) -> tuple[tuple[float, ...], str]:
    low, high = ware.prices
    cents = 100 * low + draw % (100 * (high - low))
    price = cents / 100
    if spread > 1:
        return (price,), f"${price}"
    dearer = (cents + cents // (4 + spread)) / 100
    return (price, dearer), f"${price} to ${dearer}"


def _reviews(draw: int) -> tuple[Review, ...]:
    count, draw = draw % 3, draw // 3
    found: list[Review] = []
    for at in range(count):
        title, body = OPINIONS[(draw + at) % len(OPINIONS)]
        found.append(Review(title, str(float(1 + (draw // 7 + 3 * at) % 5)), body))
    return tuple(found)


class GeneratedGoals:
    """A goal for every product; which attributes and options it asks for is drawn with it."""

    def __init__(self, shelf: GeneratedShelf, *, by_people: bool) -> None:
        self._shelf = shelf
        self._by_people = by_people

    def __len__(self) -> int:
        return len(self._shelf)

    def draw(self, rng: Random, price_of: PriceOf) -> Goal:
        """Of any product."""
        return self.at(rng.randrange(len(self._shelf)), rng, price_of)

    def at(self, index: int, rng: Random, price_of: PriceOf) -> Goal:
        """Of the product of that number."""
        if not 0 <= index < len(self._shelf):
            raise IndexError(f"there are {len(self._shelf)} goals")
        product = self._shelf.product(index)
        attributes = tuple(rng.sample(product.attributes, rng.randint(1, 3)))
        options = combination(product, rng.randrange(combinations_of(product)))
        wish = rng.choice(PEOPLES_WISHES if self._by_people else WISHES)
        told = wish.format(
            query=product.query, attributes=" and ".join(attributes), options=", ".join(options.values())
        )
        price = price_of(index)
        if self._by_people:
            return priced_goal(product, told.strip("."), attributes, tuple(options.values()), price, rng)
        return priced_goal(product, with_options_told(told, options), attributes, options, price, rng)


@lru_cache(maxsize=4)
def generated_catalogue(size: int, seed: int) -> ShopCatalogue:
    """The catalogue of ``size`` products that a seed makes; remembered, since it is the same for all episodes."""
    shelf = GeneratedShelf(size, seed)
    goals: dict[str, GoalSource] = {
        "synthetic": GeneratedGoals(shelf, by_people=False),
        "human": GeneratedGoals(shelf, by_people=True),
    }
    nouns = {word.lower() for text in (*BRANDS, *(ware.head for ware in WARES)) for word in text.split()}
    return ShopCatalogue(CatalogueParts(shelf, ImpactIndex(_postings(size, seed)), goals, tagger_of(nouns)))


def _postings(size: int, seed: int) -> Postings:
    """The words of titles, attributes and queries, for all products at once."""
    phrases = _Phrases()
    chunks = (
        _chunk_postings(phrases, seed, np.arange(start, min(size, start + _LARGEST_CHUNK), dtype=np.uint64))
        for start in range(0, size, _LARGEST_CHUNK)
    )
    return postings_of(phrases.words, chunks, size)


def _chunk_postings(phrases: _Phrases, seed: int, numbers: Numbers) -> Occurrences:
    def pick(field: str, count: int) -> npt.NDArray[np.int64]:
        return (all_drawn(seed, _FIELD[field], numbers) % np.uint64(count)).astype(np.int64)

    ware = pick("ware", len(WARES))
    first = pick("first adjective", len(ADJECTIVES))
    second = (first + 1 + pick("second adjective", len(ADJECTIVES) - 1)) % len(ADJECTIVES)
    columns = [phrases.rows(BRANDS)[pick("brand", len(BRANDS))]]
    columns += [phrases.rows(ADJECTIVES)[place] for place in (first, second)]
    columns += [phrases.rows([one.head for one in WARES])[ware], phrases.rows([one.query for one in WARES])[ware]]
    features, attributes = len(WARES[0].features), len(WARES[0].attributes)
    one = pick("first feature", features)
    other = (one + 1 + pick("second feature", features - 1)) % features
    feature_rows = phrases.rows([feature for one in WARES for feature in one.features])
    columns += [feature_rows[ware * features + place] for place in (one, other)]
    start = pick("attributes", attributes)
    attribute_rows = phrases.rows([attribute for one in WARES for attribute in one.attributes])
    columns += [attribute_rows[ware * attributes + (start + at) % attributes] for at in range(_ATTRIBUTES)]
    word_ids = np.concatenate(columns, axis=1)
    there = word_ids >= 0
    product_ids = np.broadcast_to(numbers.astype(np.int32)[:, None], word_ids.shape)
    return word_ids[there], product_ids[there]


class _Phrases:
    """Numbers for words, and rows of them for phrases; -1 fills a row up."""

    def __init__(self) -> None:
        self.words: dict[str, int] = {}

    def rows(self, phrases: Sequence[str]) -> Ids:
        """A row of word numbers for each phrase."""
        split = [phrase.lower().replace("&", " ").replace("'", " ").replace("-", " ").split() for phrase in phrases]
        rows = np.full((len(split), max(map(len, split))), -1, np.int32)
        for at, words in enumerate(split):
            rows[at, : len(words)] = [self.words.setdefault(word, len(self.words)) for word in words]
        return rows
