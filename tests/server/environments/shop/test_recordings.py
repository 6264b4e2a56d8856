"""Every recorded page, action list, address and reward of the real WebShop."""

from __future__ import annotations

from random import Random
from typing import cast

import pytest

from assay_server.environments.protocol import InvalidOptions
from assay_server.environments.shop import Shop
from assay_server.environments.shop.browsing import Shopper, Visit, parsed_action
from assay_server.environments.shop.goals import GeneratedTexts, combinations_of
from assay_server.environments.shop.setting import setting_of
from assay_server.execution.environment_ports import folders_in
from assay_server.execution.shop_folders import ShopFolders
from tests.server.environments.shop.recordings import (
    FOLDER,
    Record,
    catalogue,
    episodes,
    goals,
    needs_recordings,
    options_of,
    read,
)


@pytest.fixture(scope="module")
def folders() -> ShopFolders:
    needs_recordings()
    return ShopFolders()


@pytest.mark.parametrize(("observation", "key"), [("text", "text"), ("text_rich", "rich")])
def test_every_recorded_page_and_reward_is_shown_again(folders: ShopFolders, observation: str, key: str):
    steps = 0
    for episode in episodes():
        shop = Shop(folders)
        started = shop.reset(0, options_of(episode, observation))
        assert started.observation == cast("Record", episode["reset"])[key]
        for step in cast("list[Record]", episode["steps"]):
            result = shop.step(cast("str", step["a"]))
            assert result.observation == step[key], (episode["kind"], step["a"])
            assert (result.reward, result.terminated) == (step["r"], step["d"])
            clickables = cast("Record", step["avail"])["clickables"]
            can_be_clicked = [f"click[{text}]" for text in cast("list[str]", clickables) if text != "search"]
            assert [action for action in shop.admissible_actions() if action.startswith("click")] == can_be_clicked
            steps += 1
    assert steps == 280


def test_what_came_before_is_shown_where_the_options_ask_for_it(folders: ShopFolders):
    shown = 0
    for episode in episodes():
        observations, actions = episode["num_prev_obs"], episode["num_prev_actions"]
        shop = Shop(folders)
        shop.reset(0, {**options_of(episode, "text"), "num_prev_obs": observations, "num_prev_actions": actions})
        for step in cast("list[Record]", episode["steps"]):
            result = shop.step(cast("str", step["a"]))
            assert result.observation == step.get("obs", step["text"])
            shown += "obs" in step
    assert shown == 12


def test_addresses_are_those_that_webshop_imagines(folders: ShopFolders):
    for episode in episodes():
        setting = setting_of(folders, 0, options_of(episode, "text"))
        visit = Visit()
        assert setting.shopper.url(visit) == cast("Record", episode["reset"])["url"]
        for step in cast("list[Record]", episode["steps"]):
            visit = _after(setting.shopper, visit, cast("str", step["a"]))
            assert setting.shopper.url(visit) == step["url"]


def _after(shopper: Shopper, visit: Visit, action: str) -> Visit:
    name, argument = parsed_action(action) or ("", "")
    argument = argument.lower()
    if name == "search":
        return shopper.searched(visit, argument)
    target = shopper.clickables(visit).get(argument)
    if name != "click" or argument == "search" or target is None:
        return visit
    following = shopper.clicked(visit, argument, target)
    return following or Visit("done", asin=visit.asin, options=visit.options)


def test_products_are_loaded_as_webshop_loads_them():
    needs_recordings()
    loaded = cast("list[Record]", read("loaded_products.json.gz"))
    ours = catalogue()
    assert len(ours) == len(loaded) == 120
    for number, expected in enumerate(loaded):
        product = ours.product(number)
        assert ours.find(product.asin) == number
        assert (product.asin, product.title, product.description) == (
            expected["asin"], expected["Title"], expected["Description"],
        )  # fmt: skip
        assert (list(product.pricing), product.price_tag) == (expected["pricing"], expected["Price"])
        assert {name: list(values) for name, values in product.options} == expected["options"]
        assert list(product.attributes) == expected["Attributes"]
        assert list(product.bullets) == expected["BulletPoints"]
        assert (product.query, product.category) == (expected["query"], expected["category"])
        assert (product.product_category, product.rating) == (expected["product_category"], expected["Rating"])


@pytest.mark.parametrize("kind", ["synthetic", "human"])
def test_goals_are_made_and_ordered_as_webshop_does(kind: str):
    needs_recordings()
    expected, prices = goals(kind)
    ours = catalogue()
    made = ours.goals(kind)
    assert len(made) == len(expected)

    def price_of(number: int) -> float:
        return prices[ours.product(number).asin]

    for index, goal in enumerate(expected):
        ours_here = made.at(index, Random(index), price_of)
        options = ours_here.options
        assert (list(options) if isinstance(options, tuple) else dict(options)) == goal["goal_options"]
        assert list(ours_here.attributes) == goal["attributes"]
        assert (ours_here.asin, ours_here.name, ours_here.query) == (goal["asin"], goal["name"], goal["query"])
        assert _unpriced(ours_here.instruction) == _unpriced(cast("str", goal["instruction_text"]))
        # Bounds are drawn by a generator that WebShop does not seed: from the same four multiples of ten.
        bounds = sorted(
            {made.at(index, Random(seed), price_of).price_upper for seed in range(40)} | {ours_here.price_upper}
        )
        assert bounds[0] <= cast("float", goal["price_upper"]) <= bounds[-1]


def test_goals_weigh_what_webshop_lets_them_weigh():
    needs_recordings()
    texts, asins = GeneratedTexts(), list[str]()
    entries = cast("dict[str, Record]", read("attributes.json"))
    ours = catalogue()
    for number in range(len(ours)):
        product = ours.product(number)
        entry = entries.get(product.asin, {})
        if entry.get("instruction") is not None:
            wished = cast("list[str]", entry["instruction_attributes"])
            texts.add(number, wished, combinations_of(product))
            asins.append(product.asin)
    weights = dict(zip(asins, texts.weights().tolist(), strict=True))
    for goal in goals("synthetic")[0]:
        assert weights[str(goal["asin"])] == pytest.approx(cast("float", goal["weight"]), rel=1e-12)


def _unpriced(instruction: str) -> str:
    return instruction.partition(", and price lower than")[0]


def test_the_folder_can_be_named_to_a_server_that_has_it():
    needs_recordings()
    named = ShopFolders({"invented": FOLDER})
    assert named.catalogue("invented") is named.catalogue("invented")
    shop = Shop(named)
    assert "Instruction" in shop.reset(1, {"catalogue": "invented"}).observation
    served = Shop(ShopFolders(folders_in(str(FOLDER.parent))))
    assert (
        served.reset(1, {"catalogue": FOLDER.name}).observation == shop.reset(1, {"catalogue": "invented"}).observation
    )
    with pytest.raises(InvalidOptions, match="there are: "):
        served.reset(1, {"catalogue": "../webshop"})
