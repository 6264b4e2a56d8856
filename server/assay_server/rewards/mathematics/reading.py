"""From an answer as it stood in a text to a tree and what surrounds it: labels, units, words before an equals sign."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from assay_server.rewards.latex import ascii_look_alikes, plain_text
from assay_server.rewards.mathematics.parsing import parse
from assay_server.rewards.mathematics.tree import Node, Unreadable, num, sym
from assay_server.rewards.units import is_measure, unit_of

_LONGEST_REMEMBERED = 256
_NOTHING = frozenset(
    (
        *("no solution", "no solutions", "no real solution", "no real solutions", "there is no solution"),
        *("there are no solutions", "there are no real solutions", "none", "empty set", "the empty set"),
        *("does not exist", "dne", "no such number", "no such x"),
    )
)
_NAMED = {
    **dict.fromkeys(("all real numbers", "all reals", "the real numbers", "all real x", "real numbers"), "Reals"),
    "infinity": "infty",
}
_UNENDING = re.compile(r"^[\s$]*(-?[0-9]{0,12})\.([0-9]{2,40})\s?(?:\.\.\.|…|\\l?dots|\\cdots)[\s$]*$")
_SHORT_WORDS = frozenset(
    (
        *("no", "is", "on", "of", "at", "it", "in", "to", "or", "an", "as", "by", "he", "we", "me", "my", "so", "do"),
        *("go", "up", "us", "if", "am", "be", "ok", "hi", "pm", "pi", "cm", "mm", "km", "kg", "mg", "ml", "ft"),
    )
)
_MATHEMATICAL_WORDS = frozenset(
    (
        "sin",
        "cos",
        "tan",
        "cot",
        "sec",
        "csc",
        "ln",
        "log",
        "lg",
        "sqrt",
        "pi",
        "exp",
        "or",
        "and",
        "infinity",
        "inf",
        "union",
    )
)
_EDGES = " \t\r\n*`.;,:$'\"“”‘’"
_LABEL = re.compile(
    r"\s*\\?[$(]?\s*([A-Za-z])(?:\^\{-1\}|')?\s?(?:\\left)?\(\s?[a-z0-9](?:\s?,\s?[a-z0-9])*\s?(?:\\right)?\)\s*="
)
_WORD = re.compile(r"[A-Za-z][a-z]*|[A-Z]{2,}")
_FORMAL = re.compile(
    r"(?:\\[,;:! ]|[\s~])*\\(?:text(?:bf|it|rm|normal)?|mathrm|operatorname|mbox)\s?\{(?P<words>[^{}]{1,60})\}"
    r"(?:\s?\^\s?\{?(?P<power>[23])\}?)?[\s.$]*$"
)
_PLAIN = re.compile(
    r"(?:(?<=[0-9})])|(?<=[\s~]))(?P<words>[A-Za-z°]{2,14}\.?(?:(?:\s|\s?/\s?| per )[A-Za-z]{1,14}){0,3})"
    r"(?:\s?\^?\s?\{?(?P<power>[23²³])\}?)?[\s.$]*$"
)
_WORDS_BEFORE = re.compile(r"(?:\\[,;: ]|\\text|[A-Za-z\s{}'$*,-]){2,60}(?:=|:|\bis\b)")
_VALUE = re.compile(r"[0-9\\]")
_APPROXIMATELY = re.compile(r"\s*(?:\\approx|≈|approximately|about|exactly)\s*")


class Reading(NamedTuple):
    """An answer as mathematics.

    Attributes:
        node: None where it is not read.
        unit: canonical words behind the value; empty where there are none.
        unsupported: it is genuine notation that is not read.
    """

    node: Node | None
    unit: str = ""
    unsupported: bool = False


def read(text: str, *, commas_group: bool = True) -> Reading:
    """``text`` as mathematics; words and letters alone are none."""
    if len(text) <= _LONGEST_REMEMBERED:
        return _remembered(text, commas_group)
    return _read(text, commas_group)


@lru_cache(maxsize=8192)
def _remembered(text: str, commas_group: bool) -> Reading:
    """Members of a group repeat their answers; the function is pure."""
    return _read(text, commas_group)


def _read(text: str, commas_group: bool) -> Reading:
    if not text.isascii():
        text = ascii_look_alikes(text)
    if _is_prose(text):
        plain = plain_text(text).casefold()
        name = "emptyset" if plain in _NOTHING else _NAMED.get(plain)
        return Reading(None if name is None else sym(name))
    unending = _UNENDING.search(text)
    if unending is not None:
        value = _periodic(unending[1], unending[2])
        return Reading(None if value is None else num(value))
    stripped = text.strip(_EDGES)
    approximately = _APPROXIMATELY.match(stripped)
    if approximately is not None:
        stripped = stripped[approximately.end() :]
    label = _LABEL.match(stripped)
    if label is not None:
        stripped = f"{label[1]} = {stripped[label.end() :]}"
    core, unit = without_unit(stripped)
    try:
        return Reading(parse(core, commas_group=commas_group), unit)
    except Unreadable as error:
        words = _WORDS_BEFORE.match(core)
        if words is not None and _are_words(words[0]):
            try:
                return Reading(parse(core[words.end() :], commas_group=commas_group), unit)
            except Unreadable:
                return Reading(None, unsupported=error.unsupported)
        return Reading(None, unsupported=error.unsupported)


def _is_prose(text: str) -> bool:
    """Whether words and single letters are all there is: ``Monday``, ``(B)``; not ``sin x`` or ``ab``."""
    plain = plain_text(text).strip("()[].: ")
    words = plain.split(" ")
    if "\\" in plain or not all(word.isalpha() for word in words):
        return False
    if len(words) == 1:
        return len(plain) != 2 or not plain.islower() or plain in _SHORT_WORDS
    return any(len(word) > 1 and word.lower() not in _MATHEMATICAL_WORDS for word in words)


def _periodic(whole: str, digits: str) -> Fraction | None:
    """``0.333...`` as the fraction it shows: a digit three times, or a longer period twice, at the end."""
    for length in range(1, len(digits) // 2 + 1):
        period = digits[-length:]
        times = 3 if length == 1 else 2
        if digits.endswith(period * times):
            fixed = digits[: len(digits) - length * times]
            scale = 10 ** len(fixed)
            size = int(whole.lstrip("-") or "0") + Fraction(int(fixed or "0"), scale)
            size += Fraction(int(period), scale * (10**length - 1))
            return -size if whole.startswith("-") else size
    return None


def _are_words(text: str) -> bool:
    lower = text.lower()
    return not re.search(
        r"\b(?:or|not|than|least|most|between|either|maybe|reference|expected|gold|truth|target|grader|any|correct)\b",
        lower,
    )


def without_unit(text: str) -> tuple[str, str]:
    """``text`` without a unit at its end, and the unit's canonical words."""
    formal = _FORMAL.search(text[-120:])
    match = formal or _PLAIN.search(text[-80:])
    if match is None:
        return text, ""
    words = match["words"].strip()
    if not words or (formal is None and not is_measure(words)):
        return text, ""
    power = {"²": "2", "³": "3"}.get(match["power"] or "", match["power"] or "")
    unit = unit_of(f"{words}^{power}" if power else words)
    core = text[: len(text) - (min(len(text), 120 if formal else 80) - match.start())].rstrip()
    if unit is None or not _VALUE.search(core) or core[-1] in "+-*/=^_<>([{,":
        return text, ""
    return core, unit
