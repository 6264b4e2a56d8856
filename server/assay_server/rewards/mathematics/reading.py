"""From an answer as it stood in a text to a tree and what surrounds it: labels, units, words before an equals sign."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from assay_server.rewards.latex import ascii_look_alikes, plain_text
from assay_server.rewards.mathematics.parsing import parse
from assay_server.rewards.mathematics.scanning import MOST_CHARACTERS
from assay_server.rewards.mathematics.tree import SCALARS, Node, Unreadable, negative, sym
from assay_server.rewards.mathematics.wording import named_value, without_words
from assay_server.rewards.units import is_measure, unit_of

LONGEST_INLINE = 400
"""Characters of a formula that are read on the event loop; longer ones are for the lane."""

_LONGEST_REMEMBERED = 256
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
    r"\s*\\?[$(]?\s*(?P<name>[A-Za-z](?:_\{?[a-z0-9]\}?)?)(?P<mark>\^\s?\{\s?-1\s?\}|'{1,3})?\s?"
    r"(?:(?:\\left)?\(\s?(?P<arguments>[a-z0-9](?:\s?,\s?[a-z0-9])*)\s?(?:\\right)?\)\s*="
    r"|(?::|\\colon)\s?(?=[a-z]\s?\\mapsto))"
)
_IN_ANGLES = re.compile(r"[$\s]*<([^<>=]{1,200},[^<>=]{1,200})>[$\s.]*")
_WORD = re.compile(r"[A-Za-z][a-z]*|[A-Z]{2,}")
_FORMAL = re.compile(
    r"(?:\\[,;:! ]|[\s~])*\\(?:text(?:bf|it|rm|normal)?|mathrm|operatorname|mbox)\s?\{(?P<words>[^{}]{1,60})\}"
    r"(?:\s?\^\s?\{?(?P<power>[23])\}?)?[\s.$]*$"
)
_PLAIN = re.compile(
    r"(?:(?<=[0-9})])|(?<=[\s~]))(?P<words>[A-Za-z°]{2,14}\.?(?:(?:\s|\s?/\s?| per )[A-Za-z]{1,14}){0,3})"
    r"(?:\s?\^?\s?\{?(?P<power>[23²³])\}?)?[\s.$]*$"
)
_WORDS_BEFORE = re.compile(r"(?:\\[,;: ]|\\text|[A-Za-z\s{}'$*,-]){2,60}(?:=|:|\bis\b|\bequals\b)")
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
    return _recent(text, commas_group) if len(text) <= MOST_CHARACTERS else Reading(None)


@lru_cache(maxsize=8192)
def _remembered(text: str, commas_group: bool) -> Reading:
    """Members of a group repeat their answers; the function is pure."""
    return _read(text, commas_group)


@lru_cache(maxsize=8)
def _recent(text: str, commas_group: bool) -> Reading:
    """A long answer is asked for by several comparisons, one after the other."""
    return _read(text, commas_group)


def _read(text: str, commas_group: bool) -> Reading:
    if not text.isascii():
        text = ascii_look_alikes(text)
    name = named_value(text)
    if name is not None:
        return Reading(negative(sym("infty")) if name == "-infty" else sym(name))
    if _is_prose(text):
        return Reading(None)
    stripped = text.strip(_EDGES)
    approximately = _APPROXIMATELY.match(stripped)
    if approximately is not None:
        stripped = stripped[approximately.end() :]
    if text.rstrip(" $").endswith("..."):
        stripped += "..."
    in_angles = _IN_ANGLES.fullmatch(text)
    if in_angles is not None:
        stripped = f"\\langle {in_angles[1]}\\rangle"
    return _labelled(stripped, commas_group) or _unlabelled(stripped, commas_group)


def _labelled(text: str, commas_group: bool) -> Reading | None:
    """``f(x) = body``; None where there is no such label, or the body is no single value."""
    label = _LABEL.match(text)
    if label is None:
        return None
    reading = _unlabelled(text[label.end() :], commas_group)
    body = reading.node
    if body is None or (body.op not in SCALARS and body.op not in ("cases", "rel", "matrix")):
        return Reading(None, unsupported=True) if reading.unsupported else None
    name = label["name"] + ("^-1" if label["mark"] and "1" in label["mark"] else label["mark"] or "")
    arguments = [sym(part.strip()) for part in (label["arguments"] or "").split(",") if part.strip().isalpha()]
    if body.op == "rel" and body.name == "mapsto":
        body, arguments = body.args[1], [body.args[0]]
    if not arguments or body.op == "rel":
        sides, signs = (body.args, f"= {body.name}") if body.op == "rel" else ((body,), "=")
        return reading._replace(node=Node("rel", (sym(name), *sides), signs))
    return reading._replace(node=Node("function", (body, *arguments), name))


def _unlabelled(text: str, commas_group: bool) -> Reading:
    core, unit = without_unit(text)
    try:
        return Reading(parse(core, commas_group=commas_group), unit)
    except Unreadable as error:
        unsupported = error.unsupported
    nodes = (_parsed(other, commas_group) for other in _without_lead(core))
    node = next((node for node in nodes if node is not None), None)
    return Reading(None, unsupported=unsupported) if node is None else Reading(node, unit)


def _parsed(text: str, commas_group: bool) -> Node | None:
    try:
        return parse(text, commas_group=commas_group)
    except Unreadable:
        return None


def _without_lead(core: str) -> Iterator[str]:
    """The formula behind its words, in the ways in which there may be words."""
    words = _WORDS_BEFORE.match(core)
    if words is not None and _are_words(words[0]):
        yield core[words.end() :]
    plain = without_words(core)
    if plain != core and _are_words(plain):
        yield plain


def letter_of(text: str) -> Node | None:
    """A text of one letter as a variable or constant: ``e``, ``x``."""
    plain = plain_text(text)
    return sym(plain) if len(plain) == 1 and plain.isascii() and plain.isalpha() else None


def _is_prose(text: str) -> bool:
    """Whether words and single letters are all there is: ``Monday``, ``(B)``; not ``sin x`` or ``ab``."""
    plain = plain_text(text).strip("()[].: ")
    words = plain.split(" ")
    if "\\" in plain or not all(word.isalpha() for word in words):
        return False
    if len(words) == 1:
        return len(plain) != 2 or not plain.islower() or plain in _SHORT_WORDS
    return any(len(word) > 1 and word.lower() not in _MATHEMATICAL_WORDS for word in words)


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
