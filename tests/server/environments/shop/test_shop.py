"""The shop on generated catalogues, and what must hold of it as an environment."""

from __future__ import annotations

import json
import re
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.sdk import Json
from assay_server.environments import Dumping, EpisodeOver, InvalidDump, InvalidOptions
from assay_server.environments.shop import SHOP, Shop
from assay_server.environments.shop.browsing import parsed_action
from assay_server.environments.shop.generating import generated_catalogue
from assay_server.environments.shop.setting import NoCatalogues, setting_of
from assay_server.environments.shop.vocabulary import CHOICES
from assay_server.rewards.shop_colours import colour_of
from assay_server.rewards.shop_similarity import texts_match

SMALL: dict[str, Json] = {"catalogue": {"products": 2000, "seed": 7}}
KINDS = ("synthetic", "human")


def walk(shop: Shop, rng: Random, steps: int) -> list[str]:
    """A random walk; what was seen."""
    seen: list[str] = []
    for _ in range(steps):
        admissible = shop.admissible_actions()
        if not admissible:
            break
        action = "search[premium black]" if rng.random() < 0.05 else rng.choice(admissible)
        result = shop.step(action)
        assert result.action_valid
        seen.append(f"{action} {result.observation} {result.reward} {shop.state_digest()} {shop.anchor()}")
    return seen


@pytest.mark.parametrize("rules", ["webshop", "strict"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_drawn_goal_can_be_bought_and_is_worth_everything(kind: str, rules: str):
    shop = Shop()
    for seed in range(150):
        shop.reset(seed, {**SMALL, "goals": kind, "rules": rules})
        results = [shop.step(action) for action in shop.solution()]
        assert all(result.action_valid for result in results)
        assert [result.reward for result in results] == [0.0] * (len(results) - 1) + [1.0], shop.goal
        last = results[-1]
        assert (last.won, last.terminated, last.task_score, last.stop_reason) == (True, True, 1.0, "won")


def test_a_choice_is_not_mistaken_for_a_colour_that_hides_in_it():
    for name, values in CHOICES.items():
        for value in values:
            assert texts_match(colour_of(value), str(("color", value))), (name, value)


def test_members_of_a_group_start_equal_and_other_seeds_start_elsewhere():
    starts = [Shop().reset(seed, SMALL) for seed in (1, 1, 1, 2)]
    assert starts[0] == starts[1] == starts[2]
    assert starts[3].state_digest != starts[0].state_digest


def test_prices_and_bounds_come_from_the_seed():
    catalogue = generated_catalogue(2000, 7)
    ranged = next(number for number in range(2000) if len(catalogue.product(number).pricing) == 2)
    product = catalogue.product(ranged)
    prices: list[float] = []
    for seed in (3, 3, 4):
        shop = Shop()
        shop.reset(seed, SMALL)
        prices.append(shop.price_of(product.asin))
        assert product.pricing[0] <= prices[-1] <= product.pricing[1]
    assert prices[0] == prices[1] != prices[2]
    with pytest.raises(LookupError):
        shop.price_of("nothing")


@pytest.mark.parametrize("observation", ["text", "text_rich"])
def test_a_walk_goes_on_from_its_dump(observation: str):
    options: dict[str, Json] = {**SMALL, "observation": observation, "numPrevObs": 1, "numPrevActions": 2}
    for seed in range(12):
        shop, other = Shop(), Shop()
        shop.reset(seed, options)
        walk(shop, Random(seed), seed)
        assert isinstance(other, Dumping)
        other.reset(seed, options)
        other.restore(shop.dump())
        assert other.dump() == shop.dump()
        assert len(shop.dump()) < 24 * 1024
        assert walk(other, Random(99), 15) == walk(shop, Random(99), 15)


@pytest.mark.parametrize("dumped", [b"", b"[]", b"{}", b"\xff", b'{"keywords":["<a>"],"asin":""}'])
def test_what_is_no_dump_is_refused_and_changes_nothing(dumped: bytes):
    shop = Shop()
    with pytest.raises(EpisodeOver):
        shop.restore(dumped)
    shop.reset(0, SMALL)
    before = shop.state_digest()
    with pytest.raises(InvalidDump):
        shop.restore(dumped)
    assert shop.state_digest() == before


def test_the_digest_tells_states_apart_and_the_anchor_names_the_page():
    shop = Shop()
    shop.reset(0, SMALL)
    digests: list[str] = [shop.state_digest()]
    anchors: list[str] = [shop.anchor()]
    for action in shop.solution():
        shop.step(action)
        digests.append(shop.state_digest())
        anchors.append(shop.anchor())
    assert len(set(digests)) == len(digests)
    assert len(set(anchors)) == len(anchors)
    assert anchors[0] == "start"
    assert all(shop.goal.instruction not in anchor for anchor in anchors)
    shop.step("nonsense")
    assert (shop.state_digest(), shop.anchor()) == (digests[-1], anchors[-1])


def test_going_round_comes_back_to_the_same_state():
    shop = Shop()
    start = shop.reset(5, SMALL).state_digest
    query, link = shop.admissible_actions()[0], ""
    shop.step(query)
    link = shop.admissible_actions()[-1]
    shop.step(link)
    item = shop.state_digest()
    for page in ("description", "features", "reviews"):
        shop.step(f"click[{page}]")
        assert shop.state_digest() != item
        shop.step("click[< prev]")
        assert shop.state_digest() == item
    shop.step("click[back to search]")
    assert shop.state_digest() == start


def test_webshop_goes_on_after_a_purchase_and_strict_does_not():
    loose, strict = Shop(), Shop()
    for shop, rules in ((loose, "webshop"), (strict, "strict")):
        shop.reset(0, {**SMALL, "rules": rules})
        for action in shop.solution():
            shop.step(action)
        assert shop.admissible_actions() == ()
    assert loose.step("search[lamp]").action_valid
    with pytest.raises(EpisodeOver):
        strict.step("search[lamp]")
    assert SHOP.goes_on


def test_strict_pages_show_the_price_that_is_asked():
    shop, catalogue = Shop(), generated_catalogue(2000, 7)
    ranged = next(number for number in range(2000) if len(catalogue.product(number).pricing) == 2)
    product = catalogue.product(ranged)
    searches: Json = {"it": [product.asin]}
    for rules, shown in (("webshop", product.price_tag), ("strict", "")):
        shop.reset(0, {**SMALL, "rules": rules, "searches": searches})
        tag = shown or f"${shop.price_of(product.asin):.2f}"
        assert tag in shop.step("search[it]").observation.split(" [SEP] ")
        assert f"Price: {tag}" in shop.step(f"click[{product.asin.lower()}]").observation


def test_a_step_limit_truncates():
    shop = Shop()
    shop.reset(0, {**SMALL, "maxSteps": 2})
    assert not shop.step("nothing").truncated
    last = shop.step("nothing")
    assert (last.truncated, last.terminated, last.stop_reason) == (True, False, "max_steps")
    assert not last.action_valid
    with pytest.raises(EpisodeOver):
        shop.step("nothing")


def test_reviews_are_shown():
    catalogue = generated_catalogue(2000, 7)
    product = next(catalogue.product(number) for number in range(50) if catalogue.product(number).reviews)
    shop = Shop()
    shop.reset(0, {**SMALL, "searches": {"it": [product.asin]}})
    shop.step("search[it]")
    shop.step(f"click[{product.asin.lower()}]")
    shown = shop.step("click[reviews]").observation
    for review in product.reviews:
        assert f'"{review.title}" [SEP] {review.score} [SEP] {review.body}' in shown


def test_a_query_that_looks_like_an_address_misleads_webshop_and_so_the_shop():
    shop = Shop()
    product = generated_catalogue(2000, 7).product(0)
    shop.reset(0, {**SMALL, "searches": {"search_results": [product.asin]}})
    shop.step("search[search_results]")
    shop.step(f"click[{product.asin.lower()}]")
    below_the_first = shop.step("click[< prev]").observation
    assert "Page 0 (Total results: 1)" in below_the_first
    assert product.asin not in below_the_first


@pytest.mark.parametrize(
    ("query", "valid"),
    [("<q> hdmi cable", True), ("<c> garden", True), ("<r>", True), ("<q>", True), ("<c>", False), ("<a> soft", False)],
)
def test_queries_that_are_commands(query: str, valid: bool):
    shop, catalogue = Shop(), generated_catalogue(2000, 7)
    before = shop.reset(0, SMALL).observation
    result = shop.step(f"search[{query}]")
    assert (result.action_valid, result.executed) == (valid, valid)
    assert (result.observation != before) == valid
    if query == "<q> hdmi cable":
        assert f"Total results: {len(catalogue.with_query('hdmi cable'))}" in result.observation


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"catalog": 1}, "catalog"),
        ({"catalogue": "somewhere"}, "catalogue"),
        ({"catalogue": {"products": 10}}, "catalogue.products"),
        ({"catalogue": {"seed": "x"}}, "catalogue.seed"),
        ({"catalogue": [1]}, "catalogue"),
        ({"goals": "mine"}, "goals"),
        ({"goal": {"name": 1}}, "goal.name"),
        ({"session": 5000}, "session"),
        ({"session": True}, "session"),
        ({"prices": {"B": "1"}}, "prices.B"),
        ({"nouns": "lamp"}, "nouns"),
        ({"searches": {"q": "B"}}, "searches.q"),
        ({"observation": "html"}, "observation"),
        ({"rules": "mine"}, "rules"),
        ({"showAttributes": 1}, "showAttributes"),
        ({"maxSteps": 0}, "maxSteps"),
    ],
)
def test_options_outside_their_bounds_are_refused(options: dict[str, Json], field: str):
    with pytest.raises(InvalidOptions) as caught:
        Shop().reset(0, {**SMALL, **options})
    assert caught.value.field == field


def test_a_session_number_picks_a_goal():
    shop = Shop()
    shop.reset(0, {**SMALL, "session": 12})
    assert shop.goal.asin == generated_catalogue(2000, 7).product(12).asin
    assert setting_of(NoCatalogues(), 0, {**SMALL, "session": 12}).shopper.session == "12"


@given(st.one_of(st.text(max_size=60), st.text(alphabet="ab[]\n", max_size=12)))
@settings(max_examples=400)
def test_actions_are_taken_apart_as_the_pattern_of_webshop_does(action: str):
    match = re.match(r"(.+)\[(.+)\]", action)
    assert parsed_action(action) == (match.groups() if match else None)


def test_a_hostile_action_costs_linear_time():
    assert parsed_action("[" * 200_000) is None
    assert parsed_action("a" + "[" * 200_000 + "x]") == ("a" + "[" * 199_999, "x")


def test_an_endless_action_is_ignored_and_not_kept():
    shop = Shop()
    shop.reset(0, SMALL)
    assert shop.step(f"search[{'lamp ' * 700}]").action_valid
    before = shop.state_digest()
    assert not shop.step(f"search[{'lamp ' * 1000}]").action_valid
    assert shop.state_digest() == before


def test_the_options_schema_names_every_option_that_is_read():
    shop = Shop()
    properties = SHOP.options["properties"]
    assert isinstance(properties, dict)
    json.dumps(properties)
    for name, schema in properties.items():
        if isinstance(schema, dict) and "default" in schema:
            shop.reset(0, {**SMALL, name: schema["default"]})
