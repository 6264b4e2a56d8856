"""A catalogue from WebShop's own files: products, attributes with generated instructions, instructions by people.

Products are kept packed, one piece of JSON each in one run of bytes, and unpacked when they are looked at: a process
that forks shares them, and a million products cost what their text costs. Reading files is the caller's; this takes
their parsed contents, the products one after the other.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from assay.sdk import Json
from assay_server.environments.shop.catalogue import CatalogueParts, GoalSource, ShopCatalogue
from assay_server.environments.shop.goals import GoalText, HumanGoals, combinations_of, synthetic_goals
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
    """Products as packed JSON."""

    def __init__(self, packed: bytes, ends: array[int], asins: Iterable[str]) -> None:
        self._packed = packed
        self._ends = ends
        pairs = sorted((_short_hash(asin), number) for number, asin in enumerate(asins))
        self._hashes = array("Q", (pair[0] for pair in pairs))
        self._numbers = array("I", (pair[1] for pair in pairs))
        self._by_query: dict[str, array[int]] = {}
        self._by_category: dict[str, array[int]] = {}
        self._goal_texts: dict[int, GoalText] = {}
        self.name = f"packed {hashlib.sha256(packed).hexdigest()}"

    def __len__(self) -> int:
        return len(self._ends) - 1

    def product(self, number: int) -> Product:
        """The product of that number."""
        return _unpacked(self._packed[self._ends[number] : self._ends[number + 1]])

    def find(self, asin: str) -> int | None:
        """The number of a product."""
        wanted = _short_hash(asin)
        place = bisect_left(self._hashes, wanted)
        while place < len(self._hashes) and self._hashes[place] == wanted:
            number = self._numbers[place]
            if self.product(number).asin == asin:
                return number
            place += 1
        return None

    def list_under(self, number: int, query: str, category: str) -> None:
        """List a product under its query and category."""
        self._by_query.setdefault(query, array("I")).append(number)
        self._by_category.setdefault(category, array("I")).append(number)

    def with_query(self, query: str) -> Sequence[int]:
        """The products that were found by a query."""
        return self._by_query.get(query, ())

    def with_category(self, category: str) -> Sequence[int]:
        """The products of a category."""
        return self._by_category.get(category, ())

    def keep_goal_texts(self, texts: Iterable[GoalText]) -> None:
        """Take the generated instructions."""
        self._goal_texts = {text.product: text for text in texts}

    def goal_text(self, number: int) -> GoalText:
        """The generated instruction of a product that has one."""
        return self._goal_texts[number]


def _packed(product: Product) -> bytes:
    return json.dumps(
        (
            product.asin, product.title, product.query, product.category, product.product_category, product.pricing,
            product.price_tag, product.options, product.attributes, product.bullets, product.description,
            product.rating, [(review.title, review.score, review.body) for review in product.reviews],
        ),
        separators=(",", ":"),
    ).encode()  # fmt: skip


def _unpacked(packed: bytes) -> Product:
    row = json.loads(packed)
    asin, title, query, category, path, pricing, tag, options, attributes, bullets, description, rating, reviews = row
    return Product(
        asin, title, query, category, path, tuple(pricing), tag,
        tuple((name, tuple(values)) for name, values in options), tuple(attributes), tuple(bullets), description,
        rating, tuple(Review(*review) for review in reviews),
    )  # fmt: skip


def load_catalogue(files: ShopFiles) -> ShopCatalogue:
    """The catalogue that WebShop would load from these files.

    Raises:
        InvalidCatalogue: a record is not as WebShop's loader needs it.
    """
    packed, ends, seen = bytearray(), array("Q", (0,)), dict[str, None]()
    counts: list[int] = []
    texts: list[str] = []
    queries: list[tuple[str, str]] = []
    for product in _products(files):
        seen[product.asin] = None
        counts.append(combinations_of(product))
        texts.append(_searched_text(product))
        queries.append((product.query, product.category))
        packed += _packed(product)
        ends.append(len(packed))
    if not seen:
        raise InvalidCatalogue("there is no product in it")
    shelf = PackedShelf(bytes(packed), ends, seen)
    for number, (query, category) in enumerate(queries):
        shelf.list_under(number, query, category)
    numbers = {asin: number for number, asin in enumerate(seen)}
    generated = list(_generated_texts(files.attributes, numbers))
    shelf.keep_goal_texts(generated)
    goals: dict[str, GoalSource] = {
        "synthetic": synthetic_goals(shelf, generated, [counts[text.product] for text in generated]),
        "human": HumanGoals(shelf, list(_human_texts(files.human_instructions, numbers))),
    }
    tagger = tag_by_rule if files.nouns is None else tagger_of(files.nouns)
    return ShopCatalogue(CatalogueParts(shelf, ImpactIndex(postings_of_texts(texts)), goals, tagger))


def _products(files: ShopFiles) -> Iterator[Product]:
    seen: set[str] = set()
    for record in files.products:
        if is_taken(record, seen):
            asin = cast("str", record["asin"])
            opinions = files.reviews.get(asin, _EMPTY)
            yield read_product(
                record, files.attributes.get(asin), opinions.get("reviews"), opinions.get("average_rating")
            )


def _searched_text(product: Product) -> str:
    """What WebShop's indexer puts together: title, description, the first bullet, options."""
    options = ", and ".join(f"{name}: {', '.join(values)}" for name, values in product.options)
    first_bullet = product.bullets[0] if product.bullets else ""
    return f"{product.title} {product.description} {first_bullet} {options}"


def _generated_texts(attributes: Mapping[str, Json], numbers: Mapping[str, int]) -> Iterator[GoalText]:
    for asin, number in numbers.items():
        entry = attributes.get(asin)
        instruction = entry.get("instruction") if isinstance(entry, dict) else None
        if isinstance(entry, dict) and isinstance(instruction, str):
            wished = _texts(entry.get("instruction_attributes"))
            if not wished:
                raise InvalidCatalogue(f"product {asin!r} has an instruction without attributes")
            yield GoalText(number, instruction, wished)


def _human_texts(instructions: Mapping[str, Json], numbers: Mapping[str, int]) -> Iterator[GoalText]:
    for asin, number in numbers.items():
        written = instructions.get(asin)
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
