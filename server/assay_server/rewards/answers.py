"""Answers ready to be compared, and the comparisons in the order in which they are asked."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from assay_server.rewards.latex import plain_text
from assay_server.rewards.numbers import Number, canonical, parse_number, sole_number

_ASIDE = re.compile(r",? (?:because|since)\b.*", re.IGNORECASE | re.DOTALL)
_ARTICLE = re.compile(r"(?:the|an?) ")
_ONE_IN_BRACES = re.compile(r"\{(\w)\}")
_LOOSE_SPACES = re.compile(r"(?<!\w)\s+|\s+(?!\w)")
_SEPARATOR = re.compile(r"\s*(?:,|;|\band\b)\s*(?:and\b\s*)?", re.IGNORECASE)
_LONGEST_KEY = 200
_LONGEST_REMEMBERED = 64
_MOST_ITEMS = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as text and, where it is one, as a number."""

    text: str
    number: Number | None

    def key(self) -> str:
        """Name of the answer's equivalence class, at most 217 characters: ``18``, ``1/2``, normalised text."""
        if self.number is not None:
            return short_key(canonical(self.number.readings()[0]))
        items = list_items(self.text)
        return short_key(normal_text(self.text) if items is None else ", ".join(items))


def read_answer(text: str) -> Answer:
    """``text`` as an answer; a number also where it is the only one amid plain words."""
    return _remembered(text) if len(text) <= _LONGEST_REMEMBERED else _read(text)


def _read(text: str) -> Answer:
    return Answer(text, parse_number(text) or sole_number(text))


@lru_cache(maxsize=8192)
def _remembered(text: str) -> Answer:
    """The same answers come again and again within a group; the function is pure."""
    return _read(text)


def normal_text(text: str) -> str:
    """One spelling for texts that mean the same: case, markup, spaces, leading article and a final full stop."""
    plain = _ASIDE.sub("", plain_text(text)).casefold().replace("π", "\\pi").replace("\\cdot", "*")
    return _LOOSE_SPACES.sub(
        "", _ONE_IN_BRACES.sub(r"\1", _ARTICLE.sub("", plain, count=1) if plain[:1] in "at" else plain)
    )


def list_items(text: str) -> list[str] | None:
    """Canonical items of a list such as ``3, 1/2 and x``, sorted (its order says nothing); None for anything else.

    Parentheses and brackets make a tuple or an interval, which is compared as text; braces make a set.
    """
    plain = plain_text(text).strip()
    if plain.startswith("\\{") and plain.endswith("\\}"):
        plain = plain[2:-2]
    if any(bracket in plain for bracket in "([{"):
        return None
    items = _SEPARATOR.split(plain, maxsplit=_MOST_ITEMS)
    if len(items) < 2 or len(items) > _MOST_ITEMS or not all(items):
        return None
    numbers = [parse_number(item) for item in items]
    return sorted(
        normal_text(item) if number is None else canonical(number.readings()[0])
        for item, number in zip(items, numbers, strict=True)
    )


def short_key(key: str) -> str:
    """``key``, cut and completed by a digest where it is long."""
    if len(key) <= _LONGEST_KEY:
        return key
    return f"{key[:_LONGEST_KEY]}#{hashlib.sha256(key.encode()).hexdigest()[:16]}"


Comparison = Callable[[Answer, Answer], "bool | None"]
"""``(answer, reference) -> equal``; None where this comparison cannot tell and the next one is asked."""


def _numbers(answer: Answer, reference: Answer) -> bool | None:
    if answer.number is None or reference.number is None:
        return None
    return answer.number.equals(reference.number)


def _lists(answer: Answer, reference: Answer) -> bool | None:
    expected = list_items(reference.text)
    if expected is None or reference.number is not None:
        return None
    return list_items(answer.text) == expected or None


def _texts(answer: Answer, reference: Answer) -> bool | None:
    return normal_text(answer.text) == normal_text(reference.text)


LAYERS: tuple[tuple[str, Comparison], ...] = (
    ("exact_number", _numbers),
    ("unordered_list", _lists),
    ("normalised_text", _texts),
)
"""Asked in this order; the first that can tell decides."""


def compare(answer: Answer, reference: Answer) -> tuple[bool, str]:
    """Whether both are the same answer, and the layer that decided."""
    for name, comparison in LAYERS:
        equal = comparison(answer, reference)
        if equal is not None:
            return equal, name
    return False, "none"
