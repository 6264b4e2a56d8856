"""What ``reset`` of the shop takes, read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from assay.sdk import Json
from assay_server.environments.protocol import InvalidOptions
from assay_server.environments.shop.pages import Observation
from assay_server.rewards.shop_goods import Goal, UnreadableGoods, read_goal

Rules: TypeAlias = Literal["webshop", "strict"]
"""WebShop's reward, pages and afterlife; or the strict reward, drawn prices on pages, and an end at the purchase."""

MIN_PRODUCTS, MAX_PRODUCTS = 1_000, 1_000_000
DEFAULT_PRODUCTS = 1_000
MAX_STEPS = 10_000
_MOST_REMEMBERED = 16

_SYNONYMS = {
    "show_attrs": "showAttributes", "showAttrs": "showAttributes",
    "num_prev_obs": "numPrevObs", "num_prev_actions": "numPrevActions",
}  # fmt: skip

OPTIONS_SCHEMA: Mapping[str, Json] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "catalogue": {
            "description": "{products, seed}: a generated one; a text: the name of one that the operator has.",
            "anyOf": [
                {"type": "string"},
                {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "products": {"type": "integer", "minimum": MIN_PRODUCTS, "maximum": MAX_PRODUCTS},
                        "seed": {"type": "integer"},
                    },
                },
            ],
        },
        "goals": {"enum": ["synthetic", "human"], "description": "The kind that goals are drawn from."},
        "goal": {
            "description": "A goal in WebShop's field names; drawn by the seed where it is absent.",
            "type": "object",
        },
        "session": {
            "description": "The session's name in addresses; a number without a goal picks WebShop's goal of it.",
            "type": ["integer", "string"],
        },
        "prices": {"type": "object", "additionalProperties": {"type": "number"}},
        "nouns": {"type": "array", "items": {"type": "string"}},
        "searches": {
            "description": "Query -> ranked asins, instead of the search engine; any other query finds nothing.",
            "type": "object",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
        "observation": {"enum": ["text", "text_rich"], "default": "text"},
        "rules": {"enum": ["webshop", "strict"], "default": "webshop"},
        "showAttributes": {"type": "boolean", "default": False},
        "numPrevObs": {"type": "integer", "minimum": 0, "maximum": _MOST_REMEMBERED, "default": 0},
        "numPrevActions": {"type": "integer", "minimum": 0, "maximum": _MOST_REMEMBERED, "default": 0},
        "maxSteps": {"type": "integer", "minimum": 1, "maximum": MAX_STEPS},
    },
}


@dataclass(frozen=True, slots=True)
class ShopOptions:
    """The options of an episode.

    Attributes:
        catalogue: a name, or (products, seed) of a generated one.
        goals: the kind of goals; empty = the first that the catalogue has.
        goal: what is to be bought; None = drawn by the seed, or by number where ``session`` is one.
        max_steps: None = no limit: WebShop has none.
    """

    catalogue: str | tuple[int, int]
    goals: str
    goal: Goal | None
    session: str | int | None
    prices: Mapping[str, float]
    nouns: tuple[str, ...] | None
    searches: Mapping[str, Sequence[str]] | None
    observation: Observation
    rules: Rules
    shows_attributes: bool
    num_prev_obs: int
    num_prev_actions: int
    max_steps: int | None


def read_shop_options(given: Mapping[str, Json]) -> ShopOptions:
    """Options as ``reset`` gets them; WebShop's own names of three of them are taken too.

    Raises:
        InvalidOptions: one is unknown or outside its bounds.
    """
    options = {_SYNONYMS.get(name, name): value for name, value in given.items()}
    known = cast("Mapping[str, Json]", OPTIONS_SCHEMA["properties"])
    for name in options:
        if name not in known:
            raise InvalidOptions(name, f"unknown; there are {', '.join(known)}")
    return ShopOptions(
        catalogue=_catalogue(options.get("catalogue")),
        goals=_one_of(options, "goals", ("", "synthetic", "human")),
        goal=_goal(options.get("goal")),
        session=_session(options.get("session")),
        prices=_prices(options.get("prices")),
        nouns=None if options.get("nouns") is None else _texts("nouns", options["nouns"]),
        searches=_searches(options.get("searches")),
        observation=cast("Observation", _one_of(options, "observation", ("text", "text_rich"))),
        rules=cast("Rules", _one_of(options, "rules", ("webshop", "strict"))),
        shows_attributes=_flag(options, "showAttributes"),
        num_prev_obs=_count(options, "numPrevObs", 0, _MOST_REMEMBERED) or 0,
        num_prev_actions=_count(options, "numPrevActions", 0, _MOST_REMEMBERED) or 0,
        max_steps=_count(options, "maxSteps", 1, MAX_STEPS),
    )


def _catalogue(value: Json) -> str | tuple[int, int]:
    if value is None:
        return DEFAULT_PRODUCTS, 0
    if isinstance(value, str):
        return value
    if not isinstance(value, dict) or not set(value) <= {"products", "seed"}:
        raise InvalidOptions("catalogue", f'expected a name or {{"products", "seed"}}, got {str(value)[:80]}')
    products = _count(value, "products", MIN_PRODUCTS, MAX_PRODUCTS, within="catalogue.")
    seed = value.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise InvalidOptions("catalogue.seed", f"expected an integer, got {seed!r}")
    return products or DEFAULT_PRODUCTS, seed


def _goal(value: Json) -> Goal | None:
    if value is None:
        return None
    try:
        return read_goal(value)
    except UnreadableGoods as error:
        raise InvalidOptions(error.field, str(error)) from error


def _session(value: Json) -> str | int | None:
    if value is None or (isinstance(value, str | int) and not isinstance(value, bool)):
        return value
    raise InvalidOptions("session", f"expected a number or a name, got {str(value)[:80]}")


def _prices(value: Json) -> Mapping[str, float]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidOptions("prices", "expected an object: asin -> price")
    prices: dict[str, float] = {}
    for asin, price in value.items():
        if isinstance(price, bool) or not isinstance(price, int | float):
            raise InvalidOptions(f"prices.{asin}", f"expected a number, got {price!r}")
        prices[asin] = price
    return prices


def _searches(value: Json) -> Mapping[str, Sequence[str]] | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise InvalidOptions("searches", "expected an object: query -> asins")
    return {query: _texts(f"searches.{query}", asins) for query, asins in value.items()}


def _texts(name: str, value: Json) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidOptions(name, f"expected a list of texts, got {str(value)[:80]}")
    return tuple(cast("list[str]", value))


def _one_of(options: Mapping[str, Json], name: str, choices: tuple[str, ...]) -> str:
    value = options.get(name, choices[0])
    if not isinstance(value, str) or value not in choices:
        raise InvalidOptions(name, f"expected one of {', '.join(filter(None, choices))}, got {value!r}")
    return value


def _flag(options: Mapping[str, Json], name: str) -> bool:
    value = options.get(name, False)
    if not isinstance(value, bool):
        raise InvalidOptions(name, f"expected true or false, got {value!r}")
    return value


def _count(options: Mapping[str, Json], name: str, minimum: int, maximum: int, *, within: str = "") -> int | None:
    value = options.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
        raise InvalidOptions(f"{within}{name}", f"expected an integer from {minimum} to {maximum}, got {value!r}")
    return value
