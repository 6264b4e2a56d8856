"""WebShop's pages as texts: what its templates show, in its observation modes ``text`` and ``text_rich``.

A page is a row of pieces. ``text`` joins them; ``text_rich`` writes one a line and marks what can be clicked. The
wording is that of WebShop's templates (princeton-nlp/WebShop, MIT).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Literal, TypeAlias

from assay_server.environments.shop.products import Product

Observation: TypeAlias = Literal["text", "text_rich"]
"""How a page is shown."""

SEPARATOR = " [SEP] "
PAGE_SIZE = 10
"""Products on a results page."""

BUY, NEXT, PREVIOUS, BACK = "buy now", "next >", "< prev", "back to search"
SUB_PAGES = {"description": "Description", "features": "Features", "reviews": "Reviews", "attributes": "Attributes"}
"""Pages of a product, by what is clicked."""

_SPACE = " \t\n\f\r"


class Mark(Enum):
    """What a piece is to a reader."""

    PLAIN = 0
    BUTTON = 1
    OPTION = 2
    LINK = 3


class Click(Enum):
    """What a clickable text is, where it is no value of an option."""

    BUTTON = 0
    PRODUCT = 1


Piece: TypeAlias = tuple[Mark, str]
Clickables: TypeAlias = "Mapping[str, Click | str]"
"""What can be clicked, in order: a button, a product, or the name of the option that the text is a value of."""


def piece(text: str, mark: Mark = Mark.PLAIN) -> tuple[Piece, ...]:
    """A text between two tags: none where it is empty; white space alone is one space, or nothing with a line break."""
    if text.strip(_SPACE):
        return ((mark, text),)
    return ((mark, " "),) if text and "\n" not in text else ()


_BACK_BUTTON = (Mark.BUTTON, "Back to Search")
_PREVIOUS_BUTTON = (Mark.BUTTON, "< Prev")
_NEXT_BUTTON = (Mark.BUTTON, "Next >")


class ProductView:
    """A product with what its pages show and take; made once, shared."""

    __slots__ = ("_actions", "_clickables", "_rich", "_tails", "product")

    def __init__(self, product: Product) -> None:
        self.product = product
        self._clickables: list[Clickables | None] = [None, None]
        self._actions: list[tuple[str, ...] | None] = [None, None]
        self._tails: list[str | None] = [None, None]
        self._rich: list[str | None] = [None, None]

    def item_pieces(self, show_attributes: bool) -> list[Piece]:
        """The item page below the instruction."""
        product = self.product
        pieces: list[Piece] = [_BACK_BUTTON, _PREVIOUS_BUTTON]
        for name, values in product.options:
            pieces += piece(name)
            for value in values:
                pieces += piece(value, Mark.OPTION)
        pieces += piece(product.title)
        pieces += ((Mark.PLAIN, f"Price: {product.price_tag}"), (Mark.PLAIN, f"Rating: {product.rating}"))
        pieces += ((Mark.BUTTON, label) for label in list(SUB_PAGES.values())[: 4 if show_attributes else 3])
        pieces.append((Mark.BUTTON, "Buy Now"))
        return pieces

    def item_text(self, show_attributes: bool) -> str:
        """The same in the mode ``text``."""
        tail = self._tails[show_attributes]
        if tail is None:
            tail = self._tails[show_attributes] = plain(self.item_pieces(show_attributes))
        return tail

    def item_rich(self, show_attributes: bool, url: str) -> str:
        """The same in the mode ``text_rich`` with nothing chosen; empty where something may be."""
        if '"' in url:
            return ""
        page = self._rich[show_attributes]
        if page is None:
            page = self._rich[show_attributes] = rich(self.item_pieces(show_attributes), "", frozenset())
        return page

    def item_clickables(self, show_attributes: bool) -> Clickables:
        """What the item page takes. A value of two options belongs to the later one."""
        clickables = self._clickables[show_attributes]
        if clickables is None:
            labels = list(SUB_PAGES)[: 4 if show_attributes else 3]
            found: dict[str, Click | str] = dict.fromkeys((BACK, PREVIOUS, *labels, BUY), Click.BUTTON)
            for name, values in self.product.options:
                for value in values:
                    found[value] = name
            clickables = self._clickables[show_attributes] = found
        return clickables

    def item_actions(self, show_attributes: bool) -> tuple[str, ...]:
        """The actions that click them."""
        actions = self._actions[show_attributes]
        if actions is None:
            actions = self._actions[show_attributes] = admissible_clicks(self.item_clickables(show_attributes))
        return actions

    def sub_pieces(self, sub_page: str) -> list[Piece]:
        """A page of the product (a value of ``SUB_PAGES``) below the instruction."""
        product = self.product
        pieces: list[Piece] = [_BACK_BUTTON, _PREVIOUS_BUTTON]
        if sub_page == "Description":
            pieces += piece(product.description)
        elif sub_page == "Features":
            for bullet in product.bullets:
                pieces += piece(f" {bullet}")
        elif sub_page == "Reviews":
            for review in product.reviews:
                pieces += (*piece(f'"{review.title}"'), *piece(review.score), *piece(review.body))
        else:
            for attribute in product.attributes:
                pieces += piece(f" {attribute}")
            for text in (product.category, product.query, product.product_category):
                pieces += piece(text)
        return pieces


def admissible_clicks(clickables: Clickables) -> tuple[str, ...]:
    """Actions for what can be clicked, where ``click[text]`` is read as it is meant.

    WebShop lower-cases an action's argument and parts it at the last bracket, and takes no click on ``search``.
    """
    return tuple(
        [
            f"click[{text}]"
            for text in clickables
            if text and text != "search" and "[" not in text and "\n" not in text and text == text.lower()
        ]
    )


def start_pieces(instruction: str) -> list[Piece]:
    """The page with the search bar."""
    return [
        (Mark.PLAIN, "WebShop"), (Mark.PLAIN, "Instruction: "), *piece(instruction), (Mark.BUTTON, "Search"),
    ]  # fmt: skip


def instruction_pieces(instruction: str) -> list[Piece]:
    """What every page but the first and the last starts with."""
    return [(Mark.PLAIN, "Instruction:"), *piece(instruction)]


def results_pieces(products: Sequence[Product], page: int, total: int) -> list[Piece]:
    """A page of found products below the instruction."""
    pieces: list[Piece] = [_BACK_BUTTON, (Mark.PLAIN, f"Page {page} (Total results: {total})")]
    if page > 1:
        pieces.append(_PREVIOUS_BUTTON)
    pieces.append(_NEXT_BUTTON)
    for product in products:
        pieces += (*piece(product.asin, Mark.LINK), *piece(product.title), *piece(product.price_tag))
    return pieces


def results_clickables(asins: Sequence[str], page: int) -> Clickables:
    """What a page of found products takes."""
    buttons = (BACK, PREVIOUS, NEXT) if page > 1 else (BACK, NEXT)
    clickables: dict[str, Click | str] = dict[str, Click | str].fromkeys(buttons, Click.BUTTON)
    clickables.update((asin.lower(), Click.PRODUCT) for asin in asins)
    return clickables


def done_pieces(asin: str, options_json: str, reward: float) -> list[Piece]:
    """The page after a purchase; the template's fields that WebShop leaves empty stay so."""
    texts = (
        "Thank you for shopping with us!", "Your code: ", "None", " (Paste it in your MTurk interface.)", "Purchased",
        "asin", asin, "options", options_json, "attrs", "None", "category", "None", "query", "None",
        "product category", "None", "Target", "asin", "options", "attrs", "price upper", "instuction text",
        "category", "product category", "query", "Goal ", "None", "Reward", "Your score (min 0.0, max 1.0)",
        str(reward), "Reward Details ", "None",
    )  # fmt: skip
    return [(Mark.PLAIN, text) for text in texts]


def plain(pieces: Sequence[Piece]) -> str:
    """Pieces in the mode ``text``."""
    return SEPARATOR.join([text.strip() for _, text in pieces])


def rich(pieces: Sequence[Piece], url: str, visited: frozenset[str]) -> str:
    """Pieces in the mode ``text_rich``.

    Args:
        pieces: of the page.
        url: its address: a value counts as chosen where it stands in the address in quotation marks.
        visited: asins that were looked at.
    """
    lines: list[str] = []
    chosen: list[str] = []
    for mark, text in pieces:
        if mark is Mark.PLAIN:
            lines.append(f"{text}\n")
        elif mark is Mark.BUTTON:
            lines.append(f"[button] {text} [button_]\n")
        elif mark is Mark.LINK:
            word = "clicked button" if text in visited else "button"
            lines.append(f"\n[{word}] {text} [{word}_]\n")
        elif f'"{text}"' in url:
            lines.append(f"  [clicked button] {text} [clicked button_]\n")
            chosen.append(f"You have clicked {text}.\n")
        else:
            lines.append(f"  [button] {text} [button_]\n")
    return "".join([*reversed(chosen), *lines])
