"""A visit as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from assay_server.environments.shop.browsing import Visit
from assay_server.environments.shop.pages import (
    SEPARATOR,
    Piece,
    ProductView,
    done_pieces,
    instruction_pieces,
    plain,
    results_pieces,
    rich,
    start_pieces,
)
from assay_server.environments.shop.products import Product
from assay_server.environments.shop.setting import Setting

# What Flask's template filter writes for characters that end a script.
_ESCAPED = {ord(character): f"\\u{ord(character):04x}" for character in "<>&'"}


class Renderer:
    """Shows the pages of one episode."""

    __slots__ = ("_head", "_instruction", "_prices_told", "_rich_head", "_setting", "_text_head")

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._instruction = setting.goal.instruction
        self._head = instruction_pieces(self._instruction)
        self._text_head = plain(self._head)
        self._rich_head = rich(self._head, "", frozenset())
        self._prices_told = setting.options.rules == "strict"

    def page(self, visit: Visit) -> str:
        """The page of a visit in the episode's observation mode."""
        shopper, on_item = self._setting.shopper, visit.place == "item"
        if self._setting.options.observation == "text":
            if on_item:
                return f"{self._text_head}{SEPARATOR}{self._view(visit.product).item_text(shopper.shows_attributes)}"
            return plain(self._pieces(visit))
        url = shopper.url(visit)
        unchosen = self._view(visit.product).item_rich(shopper.shows_attributes, url) if on_item else ""
        return f"{self._rich_head}{unchosen}" if unchosen else rich(self._pieces(visit), url, visit.visited)

    def _pieces(self, visit: Visit) -> list[Piece]:
        if visit.place == "start":
            return start_pieces(self._instruction)
        if visit.place == "done":
            return done_pieces(visit.asin, options_in_page(visit.options), visit.reward)
        if visit.place == "results":
            shown = [self._product(number) for number in self._setting.shopper.shown(visit)]
            return self._head + results_pieces(shown, visit.page, len(visit.hits))
        view = self._view(visit.product)
        if visit.place == "item":
            return self._head + view.item_pieces(self._setting.shopper.shows_attributes)
        return self._head + view.sub_pieces(visit.sub_page)

    def _view(self, number: int) -> ProductView:
        if self._prices_told:
            return ProductView(self._product(number))
        return self._setting.catalogue.view(number)

    def _product(self, number: int) -> Product:
        product = self._setting.catalogue.product(number)
        if self._prices_told and len(product.pricing) > 1:
            return replace(product, price_tag=f"${self._setting.price_of(number):.2f}")
        return product


def options_in_page(options: Mapping[str, str]) -> str:
    """Chosen options as the page after the purchase writes them."""
    return json.dumps(dict(options), sort_keys=True).translate(_ESCAPED)
