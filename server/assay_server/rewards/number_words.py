"""Numbers in words: ``twelve``, ``one hundred and five``, ``three-fourths``, ``two and a half million``."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

_SMALL = {
    word: value
    for value, word in enumerate(
        (
            *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
            *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
        )
    )
}
_TENS = {
    word: 10 * value
    for value, word in enumerate(
        ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"), start=2
    )
}
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_PARTS = {
    "half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "eleventh": 11, "twelfth": 12, "fifteenth": 15, "sixteenth": 16, "twentieth": 20, "hundredth": 100,
    "thousandth": 1000,
}  # fmt: skip
_MANY_PARTS = {"halves": 2, **{f"{word}s": value for word, value in _PARTS.items() if word != "half"}}
_ARTICLES = frozenset(("a", "an"))
_FIRST = frozenset((*_SMALL, *_TENS, *_ARTICLES, "half", "negative", "minus"))
_WORD = re.compile(r"([a-z]+)(?:-(?=[a-z])| |(?![a-z]))")
_LONGEST = 200
_MOST_WORDS = 24


class Worded(NamedTuple):
    """A number in words at the start of a text, and where it ends."""

    value: Fraction
    end: int


def worded_number(text: str) -> Worded | None:
    """The number that ``text`` begins with in words; None where it does not begin with one."""
    if not text[:1].isalpha() or len(text) > _LONGEST:
        return None
    lower = text.lower()
    first = _WORD.match(lower)
    if first is None or first[1] not in _FIRST:
        return None
    reader = _Reader(lower)
    negative = reader.take(("negative", "minus")) is not None
    value = reader.quantity()
    if value is None:
        return None
    return Worded(-value if negative else value, reader.end)


class _Reader:
    """A cursor over the words; ``end`` is where the last word that was taken ends."""

    def __init__(self, text: str) -> None:
        self.words: list[str] = []
        self.ends: list[int] = []
        position = 0
        while len(self.words) < _MOST_WORDS:
            match = _WORD.match(text, position)
            if match is None:
                break
            self.words.append(match[1])
            self.ends.append(match.end(1))
            position = match.end()
        self.position = 0

    @property
    def end(self) -> int:
        return self.ends[self.position - 1] if self.position else 0

    def peek(self, ahead: int = 0) -> str:
        index = self.position + ahead
        return self.words[index] if index < len(self.words) else ""

    def take(self, words: tuple[str, ...]) -> str | None:
        word = self.peek()
        if word not in words:
            return None
        self.position += 1
        return word

    def quantity(self) -> Fraction | None:
        value = self.fraction()
        if value is None:
            whole = self.cardinal()
            if whole is None:
                return None
            value = Fraction(whole) + self.and_part()
        scale = _SCALES.get(self.peek()) or {"dozen": 12}.get(self.peek())
        if scale is not None:
            self.position += 1
            value *= scale
        return value

    def fraction(self) -> Fraction | None:
        """``half``, ``a half``, ``one-third``, ``three fourths``; nothing is taken where there is none."""
        start = self.position
        if self.take(("half",)):
            return Fraction(1, 2)
        if self.peek() in _ARTICLES:
            self.position += 1
            above: int | None = 1
        else:
            above = self.cardinal()
        part = None if above is None else (_PARTS if above == 1 else _MANY_PARTS).get(self.peek())
        if above is None or part is None:
            self.position = start
            return None
        self.position += 1
        return Fraction(above, part)

    def and_part(self) -> Fraction:
        """The fraction of ``two and a half``."""
        start = self.position
        if self.take(("and",)):
            part = self.fraction()
            if part is not None and part < 1:
                return part
        self.position = start
        return Fraction(0)

    def cardinal(self) -> int | None:
        total = 0
        largest = 10**15
        while True:
            start = self.position
            if total:
                self.take(("and",))
            group = self.hundreds()
            if group is None:
                self.position = start
                return total or None
            scale = _SCALES.get(self.peek(), 1)
            if scale >= largest:
                self.position = start
                return total or None
            largest = scale
            total += group * scale
            if scale == 1:
                return total if total or group == 0 else None
            self.position += 1

    def hundreds(self) -> int | None:
        if self.peek() in _ARTICLES and self.peek(1) in ("hundred", "dozen", *_SCALES):
            self.position += 1
            group: int | None = 1
        else:
            group = self.below_hundred()
        if group is not None and 0 < group < 100 and self.take(("hundred",)):
            start = self.position
            self.take(("and",))
            rest = self.below_hundred()
            if not rest:
                self.position = start
            group = 100 * group + (rest or 0)
        return group

    def below_hundred(self) -> int | None:
        tens = _TENS.get(self.peek())
        if tens is not None:
            self.position += 1
            unit = _SMALL.get(self.peek(), 0)
            if 1 <= unit <= 9 and self.peek(1) != "hundred":
                self.position += 1
                return tens + unit
            return tens
        small = _SMALL.get(self.peek())
        if small is not None:
            self.position += 1
        return small
