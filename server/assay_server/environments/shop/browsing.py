"""Where a shopper stands, and where a click or a search leads: WebShop's text environment as a state machine.

What WebShop's server does is followed to the letter, its accidents included: which page one is on is read from the
address, so a query that contains ``search_results`` changes what ``< Prev`` does; a search works on every page, also
after the purchase; ``<q>``, ``<c>``, ``<r>`` and ``<a>`` at the start of a query are commands.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from types import MappingProxyType
from typing import Literal, TypeAlias

from assay_server.environments.shop.catalogue import SEARCH_RESULTS, ShopCatalogue
from assay_server.environments.shop.pages import (
    BACK,
    BUY,
    NEXT,
    PAGE_SIZE,
    PREVIOUS,
    SUB_PAGES,
    Click,
    Clickables,
    results_clickables,
)

BASE_URL = "http://127.0.0.1:3000"
"""Where WebShop's text environment imagines its server."""

Place: TypeAlias = Literal["start", "results", "item", "sub", "done"]
Searcher: TypeAlias = "Callable[[str], Sequence[int]]"
"""``query -> numbers of the products found, best first``."""

_PAGE_NAMES = ("search_results", "item_page", "item_sub_page", "done")
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Visit:
    """Everything that changes while shopping.

    Attributes:
        place: the kind of page.
        keywords: of the last search.
        page: of its results, from 1; WebShop goes below where an address is misread.
        hits: what it found.
        product: the number of the product looked at; -1 = none.
        options: chosen values by name, in order of choice.
        visited: asins that were looked at since the start page.
        sub_page: a value of ``SUB_PAGES``, on such a page.
        reward: of the last purchase, on the page after it.
    """

    place: Place = "start"
    keywords: tuple[str, ...] = ()
    page: int = 0
    hits: Sequence[int] = ()
    product: int = -1
    asin: str = ""
    options: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    visited: frozenset[str] = frozenset()
    sub_page: str = ""
    reward: float = 0.0


class Unanswerable(Exception):
    """WebShop itself fails on this action."""


def parsed_action(action: str) -> tuple[str, str] | None:
    """``name[argument]`` as WebShop's pattern ``(.+)\\[(.+)\\]`` takes it apart, in linear time; None = no match.

    The last bracket that opens before the last one that closes parts the two; nothing after a line break is read.
    """
    line = action.partition("\n")[0]
    closing = line.rfind("]")
    opening = line.rfind("[", 0, max(0, closing - 1))
    if opening < 1:
        return None
    return line[:opening], line[opening + 1 : closing]


class Shopper:
    """Follows actions through one catalogue.

    Args:
        catalogue: what is sold.
        search: what the search bar does.
        session: the session's name in addresses.
        shows_attributes: whether product pages have the button ``Attributes``.
        seed: of the products that ``<r>`` finds.
    """

    __slots__ = ("_catalogue", "_search", "_seed", "_start_url", "session", "shows_attributes")

    def __init__(
        self, catalogue: ShopCatalogue, search: Searcher, session: str, shows_attributes: bool, seed: int
    ) -> None:
        self._catalogue = catalogue
        self._search = search
        self._seed = seed
        self._start_url = f"{BASE_URL}/{session}"
        self.session = session
        self.shows_attributes = shows_attributes

    def searched(self, visit: Visit, query: str) -> Visit:
        """The results of a query that is not empty.

        Raises:
            Unanswerable: a command that WebShop's text environment fails on.
        """
        keywords = tuple(query.split(" "))
        return self._results(visit, keywords, 1, self.found(keywords))

    def clicked(self, visit: Visit, text: str, target: Click | str) -> Visit | None:
        """Where a clickable text leads, ``target`` being what it is; None = to a purchase.

        Raises:
            Unanswerable: the product of this link is not to be found (its asin is not in capitals).
        """
        if text == BUY:
            return None
        if text == BACK:
            return Visit()
        name = self._page_name(visit) if text in (NEXT, PREVIOUS) else ""
        if name == "search_results":
            page = visit.page + (1 if text == NEXT else -1)
            return self._results(visit, visit.keywords, page, self.found(visit.keywords))
        if text == PREVIOUS and name == "item_page":
            return self._results(visit, visit.keywords, visit.page, self.found(visit.keywords))
        if text in SUB_PAGES:
            return replace(visit, place="sub", sub_page=SUB_PAGES[text])
        return self._item(visit, text, target)

    def _item(self, visit: Visit, text: str, target: Click | str) -> Visit:
        if target is Click.PRODUCT:
            asin = text.upper()
            number = self._catalogue.find(asin)
            if number is None:
                raise Unanswerable(f"there is no product {asin!r}")
            visited = visit.visited | {asin}
            return replace(visit, place="item", product=number, asin=asin, visited=visited, sub_page="")
        if isinstance(target, Click):
            return replace(visit, place="item", sub_page="")
        options = MappingProxyType({**visit.options, target.lower(): text})
        return replace(visit, place="item", options=options, sub_page="")

    def _results(self, visit: Visit, keywords: tuple[str, ...], page: int, hits: Sequence[int]) -> Visit:
        return Visit("results", keywords, page, hits, visited=visit.visited)

    def found(self, keywords: tuple[str, ...]) -> Sequence[int]:
        """What a search for these words finds; equal words always find the same.

        Raises:
            Unanswerable: a command that WebShop's text environment fails on.
        """
        first = keywords[0]
        if first == "<r>":
            count = len(self._catalogue)
            return Random(f"{self._seed} {keywords}").sample(range(count), min(SEARCH_RESULTS, count))  # noqa: S311
        if first == "<a>":
            raise Unanswerable("WebShop's text environment cannot search by attribute")
        if first == "<c>":
            if len(keywords) < 2:
                raise Unanswerable("<c> needs a category")
            return self._catalogue.with_category(keywords[1].strip())
        if first == "<q>":
            return self._catalogue.with_query(" ".join(keywords[1:]).strip())
        return self._search(" ".join(keywords))

    def shown(self, visit: Visit) -> list[int]:
        """The products on a results page; a page below 1 counts from the end, as a slice of Python does."""
        return list(visit.hits[(visit.page - 1) * PAGE_SIZE : visit.page * PAGE_SIZE])

    def clickables(self, visit: Visit) -> Clickables:
        """What can be clicked on a page."""
        if visit.place == "item":
            return self._catalogue.view(visit.product).item_clickables(self.shows_attributes)
        if visit.place == "results":
            return results_clickables(
                [self._catalogue.product(number).asin for number in self.shown(visit)], visit.page
            )
        if visit.place == "sub":
            return _ON_SUB_PAGE
        return _ON_START if visit.place == "start" else _ON_DONE

    def url(self, visit: Visit) -> str:
        """The address of a page."""
        if visit.place == "start":
            return self._start_url
        session, words = self.session, "+".join(visit.keywords)
        if visit.place == "results":
            return f"{BASE_URL}/search_results/{session}/{words}/{visit.page}"
        if visit.place == "item":
            chosen = json.dumps(dict(visit.options))
            return f"{BASE_URL}/item_page/{session}/{visit.asin}/{words}/{visit.page}/{chosen}"
        if visit.place == "sub":
            place = f"{visit.asin}/{words}/{visit.page}/{visit.sub_page}"
            return f"{BASE_URL}/item_sub_page/{session}/{place}/{dict(visit.options)}"
        return f"{BASE_URL}/done/{session}/{visit.asin}/{dict(visit.options)}"

    def _page_name(self, visit: Visit) -> str:
        url = self.url(visit)
        return next((name for name in _PAGE_NAMES if name in url), "")


_ON_START: Clickables = {"search": Click.BUTTON}
_ON_SUB_PAGE: Clickables = dict.fromkeys((BACK, PREVIOUS), Click.BUTTON)
_ON_DONE: Clickables = {}
