"""The index against a plain computation of the same scores, and the catalogues that it stands on."""

from __future__ import annotations

import json
import re
from collections import Counter
from math import log1p
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.sdk import Json
from assay_server.environments.catalogue import builtin_environments
from assay_server.environments.protocol import InvalidOptions
from assay_server.environments.shop.generating import (
    all_drawn,
    asin_of,
    drawn,
    generated_catalogue,
    number_of,
)
from assay_server.environments.shop.index import ImpactIndex, postings_of_texts
from assay_server.execution.shop_folders import ShopFolders, array_items
from assay_server.sessions.environments import environment_maker
from assay_server.sessions.values import EnvironmentSources, SessionSpec

WORDS = st.sampled_from(["lamp", "red", "blue", "oak", "desk", "chair", "soft", "tea"])


def plain_scores(texts: list[str], query: str) -> dict[int, int]:
    """The rounded BM25 scores, one product at a time."""
    counts = [Counter(re.findall(r"\w+", text.lower())) for text in texts]
    lengths = [sum(count.values()) for count in counts]
    mean = sum(lengths) / len(texts) or 1.0

    def weight(product: int, word: str) -> float:
        frequency = counts[product][word]
        if not frequency:
            return 0.0
        holders = sum(word in count for count in counts)
        rarity = log1p((len(texts) - holders + 0.5) / (holders + 0.5))
        return rarity * frequency / (frequency + 0.9 * (0.6 + 0.4 * lengths[product] / mean))

    everything = [weight(product, word) for product, count in enumerate(counts) for word in count]
    top = max(everything, default=1.0)
    scores: dict[int, int] = {}
    for product in range(len(texts)):
        levels = [weight(product, word) / top * 255 for word in dict.fromkeys(re.findall(r"\w+", query.lower()))]
        score = sum(max(1, round(level)) for level in levels if level)
        if score:
            scores[product] = score
    return scores


@given(
    st.lists(st.lists(WORDS, max_size=7).map(" ".join), min_size=1, max_size=25),
    st.lists(WORDS, min_size=1, max_size=5).map(" ".join),
    st.integers(1, 10),
)
@settings(max_examples=150)
def test_the_best_products_are_found_in_order(texts: list[str], query: str, limit: int):
    found = ImpactIndex(postings_of_texts(texts)).search(query, limit)
    scores = plain_scores(texts, query)
    expected = sorted(scores, key=lambda product: (-scores[product], product))[:limit]
    # Two ways of adding floats up may round one impact differently: then the products' scores are one apart.
    assert len(found) == len(expected)
    assert all(abs(scores[ours] - scores[theirs]) <= 5 for ours, theirs in zip(found, expected, strict=True))
    assert len(set(found)) == len(found)


def test_unknown_words_and_odd_queries_find_nothing():
    index = ImpactIndex(postings_of_texts(["red lamp", "blue lamp"]))
    for query in ("", "   ", "sofa", "[]", "\u0000"):
        assert index.search(query, 50) == ()
    assert ImpactIndex(postings_of_texts([""])).search("lamp", 50) == ()


def test_long_queries_and_common_words_stay_within_the_limit():
    texts = [f"lamp red desk number{number}" for number in range(5000)]
    index = ImpactIndex(postings_of_texts(texts))
    assert index.search("lamp red desk", 50) == tuple(range(50))
    assert index.search("lamp number4321", 50)[0] == 4321
    assert len(index.search(" ".join(f"number{n}" for n in range(200)), 50)) == 32


def test_both_forms_of_the_generator_draw_the_same():
    numbers = np.array([0, 1, 2, 999, 123_456, 999_999], dtype=np.uint64)
    for seed in (0, 1, -5, 2**70):
        for field in (0, 3, 65):
            together = all_drawn(seed, field, numbers)
            assert [int(value) for value in together] == [drawn(seed, field, int(number)) for number in numbers]


def test_an_asin_is_a_products_number():
    asins = {asin_of(number) for number in range(5000)}
    assert len(asins) == 5000
    assert all(len(asin) == 10 and asin == asin.upper() for asin in asins)
    assert [number_of(asin_of(number)) for number in (0, 7, 999_999)] == [0, 7, 999_999]
    assert [number_of(text) for text in ("", "G", "X" * 10, "GAAAA-AAAA", "gaaaaaaaaa")] == [None] * 5
    assert generated_catalogue(1000, 0).find(asin_of(1000)) is None


def test_a_generated_catalogue_is_what_its_index_says():
    catalogue = generated_catalogue(1000, 3)
    for number in range(0, 1000, 37):
        product = catalogue.product(number)
        assert catalogue.find(product.asin) == number
        assert number in catalogue.search(product.title)[:10]
        assert number in catalogue.with_query(product.query)
        assert number in catalogue.with_category(product.category)
    categories = ("fashion", "beauty", "electronics", "garden", "grocery")
    assert sum(len(catalogue.with_category(name)) for name in categories) == 1000
    assert list(catalogue.with_query("nothing")) == []
    assert catalogue.search("hdmi cable") is catalogue.search("hdmi cable")


def test_other_seeds_make_other_products():
    assert generated_catalogue(1000, 3).product(0) != generated_catalogue(1000, 4).product(0)
    assert generated_catalogue(1000, 3).product(0) == generated_catalogue(2000, 3).product(0)


@pytest.mark.parametrize("chunk", [1, 3, 17, 10_000])
def test_an_array_is_read_item_by_item_whatever_the_chunks(tmp_path: Path, chunk: int):
    items: list[Json] = [{"a": [1, 2, {"b": "]["}]}, 12345, -0.5e3, "é\\u00e9,", None, True, [], {}]
    path = tmp_path / "items.json"
    for text in (json.dumps(items), json.dumps(items, indent=2), f" \n{json.dumps(items, ensure_ascii=False)}\n"):
        path.write_text(text, encoding="utf-8")
        assert list(array_items(path, chunk)) == items


@pytest.mark.parametrize("text", ["", "{}", "[1, 2", "[1, oops]", '[{"a": 1}'])
def test_what_is_no_array_is_refused(tmp_path: Path, text: str):
    path = tmp_path / "items.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"items\.json"):
        list(array_items(path, 4))


RECORD: dict[str, Json] = {
    "asin": "B1", "name": "A Lamp", "full_description": "It shines.", "small_description": ["Bright."],
    "pricing": "$10.50$20.00", "category": "garden", "query": " Lamps ", "product_category": "Home › Lamps",
    "customization_options": {"Color": [{"value": " Red/Blue "}], "None": None},
}  # fmt: skip


def test_a_folder_of_webshops_own_file_names_is_read(tmp_path: Path):
    reviews = [{"asin": "B1", "average_rating": 4.5, "reviews": [{"title": "Fine", "stars": 4, "review": "Good."}]}]
    (tmp_path / "items_shuffle_1000.json").write_text(json.dumps([RECORD, RECORD, RECORD | {"asin": "nan"}]))
    (tmp_path / "items_ins_v2_1000.json").write_text(
        json.dumps({"B1": {"attributes": ["bright"], "instruction": "a lamp", "instruction_attributes": ["bright"]}})
    )
    (tmp_path / "reviews.json").write_text(json.dumps(reviews))
    catalogue = ShopFolders().catalogue(str(tmp_path))
    product = catalogue.product(0)
    assert len(catalogue) == 1
    assert (product.pricing, product.price_tag, product.query) == ((10.5, 20.0), "$10.5 to $20.0", "lamps")
    assert product.options == (("color", ("red | blue",)),)
    assert (product.rating, product.reviews[0].score, product.attributes) == ("4.5", "4", ("bright",))
    assert catalogue.goal_kinds() == ("synthetic",)


def test_session_workers_are_told_where_the_catalogues_are(tmp_path: Path):
    (tmp_path / "lamps").mkdir()
    (tmp_path / "lamps" / "products.json").write_text(json.dumps([RECORD]))
    (tmp_path / "lamps" / "attributes.json").write_text(
        json.dumps({"B1": {"attributes": ["bright"], "instruction": "a lamp", "instruction_attributes": ["bright"]}})
    )
    shop = builtin_environments().resolve("shop")
    made = environment_maker(EnvironmentSources(shops=str(tmp_path)))(SessionSpec(shop.id, shop.digest, 0, {}))
    started = made.reset(0, {"catalogue": "lamps"})
    assert "a lamp with color: red | blue" in started.observation
    with pytest.raises(InvalidOptions, match="there are: lamps"):
        made.reset(0, {"catalogue": str(tmp_path / "lamps")})


BROKEN: list[dict[str, Json]] = [
    {"asin": 5}, {"pricing": "1.2.3"}, {"pricing": "$1.2.3"}, {"customization_options": {"a": 1}},
    {"customization_options": {"a": [{}]}}, {"customization_options": [1]},
]  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN)
def test_a_record_that_webshop_could_not_load_is_refused(tmp_path: Path, broken: dict[str, Json]):
    (tmp_path / "products.json").write_text(json.dumps([RECORD | broken]))
    with pytest.raises(InvalidOptions):
        ShopFolders().catalogue(str(tmp_path))


def test_a_folder_without_products_is_refused(tmp_path: Path):
    for folders, name in ((ShopFolders(), str(tmp_path)), (ShopFolders({}), "any"), (ShopFolders(), "/nowhere")):
        with pytest.raises(InvalidOptions) as caught:
            folders.catalogue(name)
        assert caught.value.field == "catalogue"
    (tmp_path / "products.json").write_text("[]")
    with pytest.raises(InvalidOptions, match="no product"):
        ShopFolders().catalogue(str(tmp_path))
