"""Every recorded reward of the real WebShop; and what its formula lets pass, which the strict one does not."""

from __future__ import annotations

from typing import cast

import pytest

from assay.sdk import Json, Sample, Score, Unscorable, Verdict
from assay.sdk.spec import Leaf
from assay_server.rewards import builtin_catalogue, compile_reward
from assay_server.rewards.shop_colours import colour_of
from assay_server.rewards.shop_similarity import Matcher, texts_match, token_set_ratio
from assay_server.rewards.shop_webshop import webshop
from tests.server.environments.shop.recordings import Record, goals, lines, needs_recordings, nouns, read

MATCHERS: tuple[tuple[Matcher, str, str], ...] = (
    ("difflib", "", "score"), ("levenshtein", "alt_levenshtein", "lev"), ("rapidfuzz", "alt_rapidfuzz", "rf"),
)  # fmt: skip


def purchase(goal: Json, product: Json, options: Json, price: Json) -> Sample:
    return Sample("r", "", {"goal": goal, "product": product, "options": options, "price": price})


def scored(sample: Sample, matcher: Matcher = "difflib", **parameters: object) -> Score:
    return webshop.function(sample, matcher=matcher, **parameters)


def expect(sample: Sample, record: Record) -> None:
    for matcher, other, _ in MATCHERS:
        expected = cast("Record", record.get(other, record) if other else record)
        score = scored(sample, matcher, nouns=nouns())
        assert score.value == expected["reward"]
        assert score.evidence is not None
        info = {**cast("Record", expected["info"]), "num_attr_matches": expected["num_attr_matches"]}
        assert score.evidence.detail == {**info, "num_option_matches": expected["num_option_matches"]}
        assert (score.verdict is Verdict.CORRECT) == (score.value == 1.0)


def test_every_recorded_purchase_is_worth_what_webshop_says():
    needs_recordings()
    products = {str(product["asin"]): product for product in cast("list[Record]", read("loaded_products.json.gz"))}
    records = lines("rewards.jsonl.gz")
    for record in records:
        goal = goals(str(record["goals"]))[0][cast("int", record["goal"])]
        expect(purchase(goal, products[str(record["asin"])], record["options"], record["price"]), record)
    assert len(records) == 280


def test_every_recorded_edge_is_worth_what_webshop_says():
    needs_recordings()
    records = lines("reward_edges.jsonl.gz")
    for record in records:
        sample = purchase(record["goal"], record["product"], record["options"], record["price"])
        if "raises" in record:
            with pytest.raises(Unscorable):
                scored(sample, nouns=nouns())
        else:
            expect(sample, record)
    assert len(records) == 115


def test_every_recorded_pair_of_texts_is_as_alike_as_each_release_says():
    needs_recordings()
    for record in lines("fuzz_pairs.jsonl"):
        left, right = (
            str(tuple(cast("list[str]", text))) if isinstance(text, list) else str(text)
            for text in (record["p"], record["g"])
        )
        for matcher, _, key in MATCHERS:
            assert token_set_ratio(left, right, matcher) == record[key], (matcher, left, right)
            if max(len(left), len(right)) <= 2000:
                assert texts_match(left, right, matcher) == (cast("int", record[key]) > 85)


def test_every_recorded_colour_is_read_as_webshop_reads_it():
    needs_recordings()
    for text, colour in cast("Record", read("colors.json")).items():
        assert colour_of(text) == colour


GOAL: Record = {
    "asin": "B1", "name": "Corvanne Trail Leather Boots", "query": "hiking boots",
    "product_category": "Clothing › Men › Shoes › Hiking Boots", "attributes": ["rubber sole"],
    "goal_options": {"color": "navy blue", "size": "8"}, "price_upper": 100.0,
}  # fmt: skip
PRODUCT: Record = {
    "asin": "B1", "name": "Corvanne Trail Leather Boots", "Title": "Corvanne Trail Leather Boots",
    "query": "hiking boots", "product_category": "Clothing › Men › Shoes › Hiking Boots",
    "Attributes": ["rubber sole", "non slip"], "BulletPoints": ["Made by hand."], "Description": "A boot.",
}  # fmt: skip
CHOICE: Record = {"color": "navy blue", "size": "8"}


def strict_and_loose(goal: Record, product: Record, choice: Record, price: float = 80.0) -> tuple[float, float]:
    sample = purchase(goal, product, choice, price)
    return scored(sample, mode="strict").value, scored(sample).value


def test_what_was_asked_for_is_worth_everything_to_both():
    assert strict_and_loose(GOAL, PRODUCT, CHOICE) == (1.0, 1.0)


LOOSE: list[tuple[Record, Record, Record]] = [
    ({}, {}, {"color": "dark blue", "size": "8"}),  # another blue
    ({"goal_options": ["8"]}, {}, {"size": "8 wide"}),  # one text's words among the other's
    ({}, {}, {"color": "navy blue", "lining": "8"}),  # the right value of the wrong option
    ({"goal_options": ["tan"]}, {}, {"color": "tangerine"}),  # a colour inside a word
    ({"goal_options": ["8", "8.5"]}, {}, {"size": "8.5"}),  # one choice for two wishes
    ({"attributes": ["oil"]}, {"BulletPoints": ["With foil."], "Attributes": ["plain"]}, {}),  # a word inside a word
    ({"attributes": ["sole"]}, {}, {}),  # an attribute's word is among another's words
]  # fmt: skip


@pytest.mark.parametrize(("goal", "product", "choice"), LOOSE)
def test_what_webshop_lets_pass_is_not_worth_everything_to_strict(goal: Record, product: Record, choice: Record):
    strict, loose = strict_and_loose(GOAL | goal, PRODUCT | product, choice or CHOICE)
    assert strict < loose == 1.0


def test_strict_wants_the_right_type_of_product():
    other = PRODUCT | {"asin": "B2", "query": "lamps", "product_category": "Clothing › Men › Lamps › Desk"}
    assert strict_and_loose(GOAL, other, CHOICE) == (0.5, 1.0)
    nothing_shared = other | {"name": "Lamp", "Title": "Lamp"}
    assert strict_and_loose(GOAL, nothing_shared, CHOICE) == (0.0, 0.0)
    same_category = other | {"product_category": "Clothing › Men › Shoes › Sandals", "name": "Lamp", "Title": "Lamp"}
    assert strict_and_loose(GOAL, same_category, CHOICE)[0] == 1.0


def test_a_price_above_the_bound_costs_its_share():
    assert strict_and_loose(GOAL, PRODUCT, CHOICE, price=100.5) == (0.75, 0.75)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"goal": None}, "REFERENCE_UNPARSEABLE"),
        ({"goal": GOAL | {"attributes": []}}, "GOAL_WITHOUT_ATTRIBUTES"),
        ({"goal": GOAL | {"price_upper": 0}}, "GOAL_WITHOUT_PRICE_BOUND"),
        ({"goal": GOAL | {"price_upper": True}}, "REFERENCE_UNPARSEABLE"),
        ({"goal": GOAL | {"goal_options": [1]}}, "REFERENCE_UNPARSEABLE"),
        ({"goal": GOAL | {"attributes": ["x" * 3000]}}, "REFERENCE_UNPARSEABLE"),
        ({"product": PRODUCT | {"Description": None}}, "REFERENCE_UNPARSEABLE"),
        ({"options": ["8"]}, "REFERENCE_UNPARSEABLE"),
        ({"options": {"size": 8}}, "REFERENCE_UNPARSEABLE"),
        ({"price": float("inf")}, "REFERENCE_UNPARSEABLE"),
        ({"price": "80"}, "REFERENCE_UNPARSEABLE"),
    ],
)
def test_a_purchase_that_cannot_be_read_is_never_a_zero(change: Record, reason: str):
    reference: Record = {"goal": GOAL, "product": PRODUCT, "options": CHOICE, "price": 80.0}
    with pytest.raises(Unscorable) as caught:
        scored(Sample("r", "", reference | change))
    assert caught.value.reason == reason
    for key in reference:
        with pytest.raises(Unscorable, match=key):
            scored(Sample("r", "", {name: value for name, value in reference.items() if name != key}))


def test_small_purchases_are_scored_at_once_and_large_ones_in_a_worker():
    assert webshop.quick is not None
    sample = purchase(GOAL, PRODUCT, CHOICE, 80.0)
    assert webshop.quick(sample) == scored(sample)
    large: list[Record] = [{"Description": "long " * 20_000}, {"Attributes": list[Json](["a b"] * 300)}]
    large.append({"Attributes": ["long " * 100]})
    for change in large:
        assert webshop.quick(purchase(GOAL, PRODUCT | change, CHOICE, 80.0)) is None


def test_it_is_found_by_its_short_names():
    for name in ("shop/webshop", "webshop"):
        reward = compile_reward(Leaf(name), builtin_catalogue())
        assert reward.evaluate(purchase(GOAL, PRODUCT, CHOICE, 80.0)).value == 1.0
