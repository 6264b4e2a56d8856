"""A catalogue from WebShop's own files: products, attributes with generated instructions, instructions by people.

Products are kept packed, one piece of JSON each in one run of bytes, and unpacked when they are looked at: a process
that forks shares them, and a million products cost what their text costs. Reading files is the caller's; this takes
their parsed contents, the products one after the other.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from assay.sdk import Json
from assay_server.environments.shop.catalogue import CatalogueParts, GoalSource, ShopCatalogue
from assay_server.environments.shop.goals import GeneratedTexts, GoalText, HumanGoals, SyntheticGoals, combinations_of
from assay_server.environments.shop.index import ImpactIndex, postings_of_texts
from assay_server.environments.shop.products import InvalidCatalogue, Product, Review, is_taken, read_product
from assay_server.rewards.shop_nouns import tag_by_rule, tagger_of

_EMPTY: Mapping[str, Json] = {}


@dataclass(frozen=True, slots=True)
class ShopFiles:
    """The contents of WebShop's files.

    Attributes:
        products: ``items_shuffle.json``, record by record.
        attributes: ``items_ins_v2.json``.
        human_instructions: ``items_human_ins.json``.
        reviews: asin -> its entry of ``reviews.json``.
        nouns: nouns of titles, lower case; None = by rule.
    """

    products: Iterable[Mapping[str, Json]]
    attributes: Mapping[str, Json]
    human_instructions: Mapping[str, Json]
    reviews: Mapping[str, Mapping[str, Json]]
    nouns: Collection[str] | None


class PackedShelf:
    """Products as packed JSON, each with its generated instruction where it has one."""

    def __init__(self, packing: _Packing) -> None:
        self._packed = bytes(packing.packed)
        self._ends = packing.ends
        hashes = np.array(packing.hashes, np.uint64)
        order = np.argsort(hashes, kind="stable")
        self._hashes, self._numbers = hashes[order], order.astype(np.uint32)
        self._by_query = packing.by_query
        self._by_category = packing.by_category
        self.name = f"packed {hashlib.sha256(self._packed).hexdigest()}"

    def __len__(self) -> int:
        return len(self._ends) - 1

    def product(self, number: int) -> Product:
        """The product of that number."""
        asin, title, query, category, path, pricing, tag, options, attributes, bullets, text, rating, reviews, *_ = (
            self._row(number)
        )
        return Product(
            asin, title, query, category, path, tuple(pricing), tag,
            tuple((name, tuple(values)) for name, values in options), tuple(attributes), tuple(bullets), text,
            rating, tuple(Review(*review) for review in reviews),
        )  # fmt: skip

    def goal_text(self, number: int) -> GoalText:
        """The generated instruction of a product that has one."""
        *_, instruction, attributes = self._row(number)
        return GoalText(number, instruction, tuple(attributes))

    def find(self, asin: str) -> int | None:
        """The number of a product."""
        wanted = np.uint64(_short_hash(asin))
        place = int(np.searchsorted(self._hashes, wanted))
        while place < len(self._hashes) and self._hashes[place] == wanted:
            number = int(self._numbers[place])
            if self._row(number)[0] == asin:
                return number
            place += 1
        return None

    def with_query(self, query: str) -> Sequence[int]:
        """The products that were found by a query."""
        return self._by_query.get(query, ())

    def with_category(self, category: str) -> Sequence[int]:
        """The products of a category."""
        return self._by_category.get(category, ())

    def _row(self, number: int) -> list[Any]:
        return json.loads(self._packed[self._ends[number] : self._ends[number + 1]])


class _Packing:
    """Packs products one after the other, and notes what is to be found without unpacking them."""

    def __init__(self, files: ShopFiles) -> None:
        self._files = files
        self.packed = bytearray()
        self.ends = array("Q", (0,))
        self.hashes = array("Q")
        self.by_query: dict[str, array[int]] = {}
        self.by_category: dict[str, array[int]] = {}
        self.human: list[GoalText] = []
        self.generated = GeneratedTexts()

    def searched_texts(self) -> Iterator[str]:
        """Take every product; what searches look at of each."""
        seen: set[str] = set()
        for record in self._files.products:
            if is_taken(record, seen):
                yield self._taken(record, cast("str", record["asin"]), len(self.ends) - 1)

    def _taken(self, record: Mapping[str, Json], asin: str, number: int) -> str:
        entry, opinions = self._files.attributes.get(asin), self._files.reviews.get(asin, _EMPTY)
        product = read_product(record, entry, opinions.get("reviews"), opinions.get("average_rating"))
        wish = _generated_text(asin, entry, number)
        if wish is not None:
            self.generated.add(number, wish.attributes, combinations_of(product))
        self.human += _human_texts(self._files.human_instructions.get(asin), number)
        self.packed += _packed(product, wish)
        self.ends.append(len(self.packed))
        self.hashes.append(_short_hash(asin))
        self.by_query.setdefault(product.query, array("I")).append(number)
        self.by_category.setdefault(product.category, array("I")).append(number)
        return _searched_text(product)


def _packed(product: Product, wish: GoalText | None) -> bytes:
    return json.dumps(
        (
            product.asin, product.title, product.query, product.category, product.product_category, product.pricing,
            product.price_tag, product.options, product.attributes, product.bullets, product.description,
            product.rating, [(review.title, review.score, review.body) for review in product.reviews],
            wish and wish.instruction, wish and wish.attributes,
        ),
        separators=(",", ":"),
    ).encode()  # fmt: skip


def load_catalogue(files: ShopFiles) -> ShopCatalogue:
    """The catalogue that WebShop would load from these files.

    Raises:
        InvalidCatalogue: a record is not as WebShop's loader needs it.
    """
    packing = _Packing(files)
    index = ImpactIndex(postings_of_texts(packing.searched_texts()))
    shelf = PackedShelf(packing)
    if not len(shelf):
        raise InvalidCatalogue("there is no product in it")
    goals: dict[str, GoalSource] = {
        "synthetic": SyntheticGoals(shelf, packing.generated),
        "human": HumanGoals(shelf, packing.human),
    }
    tagger = tag_by_rule if files.nouns is None else tagger_of(files.nouns)
    return ShopCatalogue(CatalogueParts(shelf, index, goals, tagger))


def _searched_text(product: Product) -> str:
    """What WebShop's indexer puts together: title, description, the first bullet, options."""
    options = ", and ".join(f"{name}: {', '.join(values)}" for name, values in product.options)
    first_bullet = product.bullets[0] if product.bullets else ""
    return f"{product.title} {product.description} {first_bullet} {options}"


def _generated_text(asin: str, entry: Json, number: int) -> GoalText | None:
    instruction = entry.get("instruction") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(instruction, str):
        return None
    wished = _texts(entry.get("instruction_attributes"))
    if not wished:
        raise InvalidCatalogue(f"product {asin!r} has an instruction without attributes")
    return GoalText(number, instruction, wished)


def _human_texts(written: Json, number: int) -> Iterator[GoalText]:
    for entry in written if isinstance(written, list) else []:
        if isinstance(entry, dict):
            wished = _texts(entry.get("instruction_attributes"))
            if wished:  # WebShop skips those without
                options = _texts(entry.get("instruction_options"))
                yield GoalText(number, str(entry.get("instruction")), wished, options)


def _texts(value: Json) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _short_hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())
