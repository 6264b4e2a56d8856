"""Goals and products as WebShop writes them, read from JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

from assay.sdk import Json

GoalOptions: TypeAlias = "tuple[str, ...] | Mapping[str, str]"
"""What is to be chosen: values alone (goals that people wrote), or values by name (goals that were generated)."""


class UnreadableGoods(ValueError):
    """A goal, a product or a choice is not as WebShop writes it.

    Attributes:
        field: path of what is wrong, e.g. ``goal.price_upper``.
    """

    def __init__(self, field: str, expected: str, got: object) -> None:
        super().__init__(f"{field}: expected {expected}, got {str(got)[:80]!r}")
        self.field = field


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be bought.

    Attributes:
        name: title of the product that the goal was made from.
        price_upper: the price may not be above it; 1000000 = no bound.
    """

    asin: str
    name: str
    query: str
    product_category: str
    attributes: tuple[str, ...]
    options: GoalOptions
    price_upper: float
    instruction: str = ""


@dataclass(frozen=True, slots=True)
class Wares:
    """What a reward looks at of a product.

    Attributes:
        name: what its type is read from; of loaded products equal to the title.
        title: where attributes are looked for.
        bullets: its features in one text.
    """

    asin: str
    name: str
    title: str
    query: str
    product_category: str
    attributes: tuple[str, ...]
    bullets: str
    description: str


def read_goal(value: Json, path: str = "goal") -> Goal:
    """A goal in WebShop's field names.

    Raises:
        UnreadableGoods: a field is missing or of another type.
    """
    fields = _object(value, path)
    return Goal(
        asin=_text(fields, path, "asin", default=""),
        name=_text(fields, path, "name"),
        query=_text(fields, path, "query"),
        product_category=_text(fields, path, "product_category"),
        attributes=_texts(fields.get("attributes"), f"{path}.attributes"),
        options=_goal_options(fields.get("goal_options"), f"{path}.goal_options"),
        price_upper=read_price(fields.get("price_upper"), f"{path}.price_upper"),
        instruction=_text(fields, path, "instruction_text", default=""),
    )


def read_wares(value: Json, path: str = "product") -> Wares:
    """A product as WebShop holds it after loading: ``Title``, ``BulletPoints``, ``Description``, ``Attributes``, ...

    Raises:
        UnreadableGoods: a field is missing or of another type.
    """
    fields = _object(value, path)
    bullets = fields.get("BulletPoints")
    # A single text is joined as the letters that it is a sequence of: so does WebShop.
    listed = tuple(bullets) if isinstance(bullets, str) else _texts(bullets, f"{path}.BulletPoints")
    return Wares(
        asin=_text(fields, path, "asin", default=""),
        name=_text(fields, path, "name" if "name" in fields else "Title"),
        title=_text(fields, path, "Title" if "Title" in fields else "name"),
        query=_text(fields, path, "query"),
        product_category=_text(fields, path, "product_category"),
        attributes=_texts(fields.get("Attributes"), f"{path}.Attributes"),
        bullets=" ".join(listed),
        description=_text(fields, path, "Description"),
    )


def read_choice(value: Json, path: str = "options") -> Mapping[str, str]:
    """The chosen options, value by name.

    Raises:
        UnreadableGoods: it is no object of texts.
    """
    fields = _object(value, path)
    return {name: _text(fields, path, name) for name in fields}


def read_price(value: Json, path: str = "price") -> float:
    """A finite number.

    Raises:
        UnreadableGoods: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UnreadableGoods(path, "a finite number", value)
    return value


def _goal_options(value: Json, path: str) -> GoalOptions:
    if isinstance(value, dict):
        return {name: _text(value, path, name) for name in value}
    return _texts(value, path)


def _object(value: Json, path: str) -> Mapping[str, Json]:
    if not isinstance(value, dict):
        raise UnreadableGoods(path, "an object", value)
    return value


def _text(fields: Mapping[str, Json], path: str, name: str, default: str | None = None) -> str:
    value = fields.get(name, default)
    if not isinstance(value, str):
        raise UnreadableGoods(f"{path}.{name}", "text", value)
    return value


def _texts(value: Json, path: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UnreadableGoods(path, "a list of texts", value)
    return tuple(cast("list[str]", value))
