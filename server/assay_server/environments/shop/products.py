"""A product, and how WebShop reads one from its product files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import cast

from assay.sdk import Json
from assay_server.environments.protocol import EnvironmentFault
from assay_server.rewards.shop_goods import Wares

DUMMY_ATTRIBUTES = ("DUMMY_ATTR",)
"""What WebShop gives a product that its attribute file does not list."""

DEFAULT_PRICE = 100.0
_LONGEST_ASIN = 10
_NOT_PRICE = re.compile(r"[^\d.]")


class InvalidCatalogue(EnvironmentFault):
    """A file of a catalogue cannot be read as WebShop's loader would."""


@dataclass(frozen=True, slots=True)
class Review:
    """What somebody wrote."""

    title: str
    score: str
    body: str


@dataclass(frozen=True, slots=True)
class Product:
    """A product as WebShop holds it after loading.

    Attributes:
        pricing: one price, or the lowest and highest of a range, in dollars; empty = 100.
        price_tag: what pages show.
        options: names with their values, lower case, in order.
    """

    asin: str
    title: str
    query: str
    category: str
    product_category: str
    pricing: tuple[float, ...]
    price_tag: str
    options: tuple[tuple[str, tuple[str, ...]], ...]
    attributes: tuple[str, ...]
    bullets: tuple[str, ...]
    description: str
    rating: str = "N.A."
    reviews: tuple[Review, ...] = ()

    def wares(self) -> Wares:
        """What the reward looks at."""
        return Wares(
            self.asin, self.title, self.title, self.query, self.product_category, self.attributes,
            " ".join(self.bullets), self.description,
        )  # fmt: skip


def is_taken(record: Mapping[str, Json], seen: set[str]) -> bool:
    """Whether WebShop's loader takes a record: not without an asin, with one too long, or a second time."""
    asin = record.get("asin")
    if not isinstance(asin, str):
        raise InvalidCatalogue(f"a product without an asin: {str(record)[:80]}")
    if asin == "nan" or len(asin) > _LONGEST_ASIN or asin in seen:
        return False
    seen.add(asin)
    return True


def read_product(
    record: Mapping[str, Json], attributes: Json = None, reviews: Json = None, rating: Json = None
) -> Product:
    """A record of WebShop's product file (``items_shuffle.json``) as its loader reads it.

    Args:
        record: the product.
        attributes: its entry in the attribute file (``items_ins_v2.json``).
        reviews: its reviews, where there are any.
        rating: its average rating, where there is one.

    Raises:
        InvalidCatalogue: a field is missing, or not of the form that WebShop's files have.
    """
    asin = cast("str", record["asin"])
    missing = [name for name in _NEEDED if name not in record]
    if missing:
        raise InvalidCatalogue(f"product {asin!r} has no {', '.join(missing)}")
    small = record["small_description"]
    pricing, tag = _pricing(asin, record.get("pricing"))
    return Product(
        asin=asin,
        title=str(record["name"]),
        query=str(record["query"]).lower().strip(),
        category=str(record["category"]),
        product_category=str(record["product_category"]),
        pricing=pricing,
        price_tag=tag,
        options=_options(asin, record["customization_options"]),
        attributes=_attributes(attributes),
        bullets=tuple(map(str, small)) if isinstance(small, list) else (str(small),),
        description=str(record["full_description"]),
        rating="N.A." if rating is None else str(rating),
        reviews=_reviews(reviews),
    )


_NEEDED = (
    "name", "query", "category", "product_category", "small_description", "full_description", "customization_options",
)  # fmt: skip


def _pricing(asin: str, written: Json) -> tuple[tuple[float, ...], str]:
    if not written:
        return (DEFAULT_PRICE,), f"${DEFAULT_PRICE}"
    try:
        prices = [float(Decimal(_NOT_PRICE.sub("", part))) for part in str(written).split("$")[1:]]
    except InvalidOperation as error:
        raise InvalidCatalogue(f"product {asin!r}: no price can be read from {str(written)[:80]!r}") from error
    if not prices:
        raise InvalidCatalogue(f"product {asin!r}: a price starts with '$', got {str(written)[:80]!r}")
    if len(prices) == 1:
        return (prices[0],), f"${prices[0]}"
    return (prices[0], prices[1]), f"${prices[0]} to ${prices[1]}"


def _options(asin: str, written: Json) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not written:
        return ()
    if not isinstance(written, dict):
        raise InvalidCatalogue(f"product {asin!r}: customization_options is no object")
    options: dict[str, tuple[str, ...]] = {}
    for name, contents in written.items():
        if isinstance(contents, list):
            options[name.lower()] = tuple(_value(asin, content) for content in contents)
        elif contents is not None:
            raise InvalidCatalogue(f"product {asin!r}: option {name!r} is no list")
    return tuple(options.items())


def _value(asin: str, content: Json) -> str:
    value = content.get("value") if isinstance(content, dict) else None
    if not isinstance(value, str):
        raise InvalidCatalogue(f"product {asin!r}: an option without a value: {str(content)[:80]}")
    return value.strip().replace("/", " | ").lower()


def _attributes(entry: Json) -> tuple[str, ...]:
    listed = entry.get("attributes") if isinstance(entry, dict) else None
    return tuple(map(str, listed)) if isinstance(listed, list) else DUMMY_ATTRIBUTES


def _reviews(written: Json) -> tuple[Review, ...]:
    found: list[Review] = []
    for review in written if isinstance(written, list) else []:
        if isinstance(review, dict):
            score = review["score"] if "score" in review else review.get("stars")
            found.append(Review(str(review.get("title")), str(score), str(review.get("review", ""))))
    return tuple(found)
