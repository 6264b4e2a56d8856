"""What an episode is set in: a catalogue, a goal, prices. Fixed by seed and options; nothing in it changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from random import Random
from typing import Protocol

from assay.sdk import Json
from assay_server.environments.protocol import InvalidOptions
from assay_server.environments.shop.browsing import Searcher, Shopper
from assay_server.environments.shop.catalogue import ShopCatalogue
from assay_server.environments.shop.generating import generated_catalogue
from assay_server.environments.shop.options import ShopOptions, read_shop_options
from assay_server.environments.shop.products import DEFAULT_PRICE
from assay_server.rewards.shop_goods import Goal
from assay_server.rewards.shop_nouns import NounTagger, tagger_of


class CatalogueSource(Protocol):
    """Where catalogues with a name come from; reading their files is not the environment's."""

    def catalogue(self, name: str) -> ShopCatalogue:
        """The catalogue of that name.

        Raises:
            InvalidOptions: there is none, or it cannot be read.
        """
        ...


class NoCatalogues:
    """No catalogue has a name: only generated ones are there."""

    def catalogue(self, name: str) -> ShopCatalogue:
        """Refuse."""
        raise InvalidOptions("catalogue", f"there is no catalogue called {name[:80]!r}; generated ones have no name")


@dataclass(frozen=True, slots=True)
class Setting:
    """Everything that an episode is set in.

    Attributes:
        price_of: number of a product -> its price.
        identity: sha256 of all of it.
    """

    options: ShopOptions
    catalogue: ShopCatalogue
    search: Searcher
    shopper: Shopper
    goal: Goal
    tag: NounTagger
    price_of: Callable[[int], float]
    identity: str


def setting_of(source: CatalogueSource, seed: int, given: Mapping[str, Json]) -> Setting:
    """The setting that a seed and options name.

    Raises:
        InvalidOptions: an option is unknown, outside its bounds, or names what is not there.
    """
    options = read_shop_options(given)
    named = options.catalogue
    catalogue = source.catalogue(named) if isinstance(named, str) else generated_catalogue(*named)
    price_of = _prices(catalogue, options.prices, seed)
    goal = options.goal or _drawn_goal(catalogue, options, seed, price_of)
    search = _searcher(catalogue, options)
    session = f"s{seed}" if options.session is None else str(options.session)
    shopper = Shopper(catalogue, search, session, options.shows_attributes, seed)
    tag = catalogue.tagger if options.nouns is None else tagger_of(options.nouns)
    identity = _identity(catalogue, goal, session, seed, given)
    return Setting(options, catalogue, search, shopper, goal, tag, price_of, identity)


def _prices(catalogue: ShopCatalogue, given: Mapping[str, float], seed: int) -> Callable[[int], float]:
    """Prices by number: as given, as they stand, or drawn within their range."""

    def price_of(number: int) -> float:
        product = catalogue.product(number)
        if product.asin in given:
            return given[product.asin]
        if not product.pricing:
            return DEFAULT_PRICE
        if len(product.pricing) == 1:
            return product.pricing[0]
        low, high = product.pricing
        drawn = hashlib.blake2b(f"{seed} {product.asin}".encode("utf-8", "surrogatepass"), digest_size=6).digest()
        return low + (high - low) * (int.from_bytes(drawn) / 2**48)

    return price_of


def _drawn_goal(catalogue: ShopCatalogue, options: ShopOptions, seed: int, price_of: Callable[[int], float]) -> Goal:
    kinds = catalogue.goal_kinds()
    kind = options.goals or next(iter(kinds), "")
    if kind not in kinds:
        raise InvalidOptions("goals", f"the catalogue has no goals of the kind {kind!r}; it has {', '.join(kinds)}")
    goals, rng = catalogue.goals(kind), Random(seed)  # noqa: S311 - an errand, not a secret
    if not isinstance(options.session, int):
        return goals.draw(rng, price_of)
    try:
        return goals.at(options.session, rng, price_of)
    except IndexError as error:
        raise InvalidOptions("session", str(error)) from error


def _searcher(catalogue: ShopCatalogue, options: ShopOptions) -> Searcher:
    if options.searches is None:
        return catalogue.search
    found = {
        query: tuple(number for asin in asins if (number := catalogue.find(asin)) is not None)
        for query, asins in options.searches.items()
    }
    return lambda query: found.get(query, ())


def _identity(catalogue: ShopCatalogue, goal: Goal, session: str, seed: int, given: Mapping[str, Json]) -> str:
    rest = {name: value for name, value in given.items() if name not in ("catalogue", "goal")}
    text = f"{catalogue.name}|{astuple(goal)!r}|{session}|{seed}|{json.dumps(rest, sort_keys=True)}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
