"""Answers with labels: ``(a) 3, (b) 5``, ``(B) 12``, ``quotient 4, remainder 2``."""

from __future__ import annotations

import re
from typing import NamedTuple

from assay_server.rewards.latex import plain_text

_MAYBE = re.compile(r"[\s$*]*(?:\\[a-z]{4,8}\s?\{)*[\s*]*\(?(?:[a-hA-J1-9]|[iv]{1,3})(?:\)|[.:](?=\s))")
_LABEL = re.compile(r"(?:(?<=^)|(?<=[\s,;.$]))\(?(?P<label>[a-h]|[iv]{1,3}|[1-9])\)\s*[:.]?\s*")
_CHOICE = re.compile(r"\(?(?P<letter>[A-J])(?:\)|[.:](?=\s))\s*(?P<value>[^\s+*/^=,;)].*)", re.DOTALL)
_JOINED = re.compile(r"(?:or|and|&)\b", re.IGNORECASE)
_NAMED = re.compile(r"\\?(?P<name>[A-Za-z][A-Za-z ]{2,30}?)\s*(?:=|:|\bis\b|\bof\b)?\s*(?P<value>[-−+]?[0-9\\($√].*)")
_BETWEEN = re.compile(r"\s*(?:,|;|\band\b)\s*(?:and\b\s*)?", re.IGNORECASE)
_FAMILIES = (frozenset("abcdefgh"), frozenset(("i", "ii", "iii", "iv", "v", "vi")), frozenset("123456789"))
_LONGEST = 2000
_MOST = 12


class Choice(NamedTuple):
    """A choice letter with the value that stands beside it."""

    letter: str
    value: str


def may_be_labelled(text: str) -> bool:
    """A cheap look: whether ``text`` begins like a label."""
    return _MAYBE.match(text) is not None


def parts_of(text: str) -> dict[str, str] | None:
    """The parts of ``(a) 3, (b) 5`` by their labels; None for anything else."""
    if len(text) > _LONGEST:
        return None
    plain = plain_text(text)
    labels = list(_LABEL.finditer(plain))
    if not 2 <= len(labels) <= _MOST or labels[0].start() != 0:
        return None
    names = [label["label"] for label in labels]
    if len(set(names)) < len(names) or not any(family.issuperset(names) for family in _FAMILIES):
        return None
    ends = [*(label.start() for label in labels[1:]), len(plain)]
    values = [plain[label.end() : end].strip(" ,;.") for label, end in zip(labels, ends, strict=True)]
    if any(not value or may_be_labelled(value) for value in values):
        return None
    values = [re.sub(r"[,;\s]+and$", "", value) for value in values]
    return dict(zip(names, values, strict=True))


def choice_of(text: str) -> Choice | None:
    """``(B) 12`` as its letter and value; None for a letter alone, and for anything else."""
    if len(text) > _LONGEST:
        return None
    match = _CHOICE.fullmatch(plain_text(text).strip("$"))
    if match is None or _JOINED.match(match["value"]) or may_be_labelled(match["value"]):
        return None
    return Choice(match["letter"].lower(), match["value"])


def named_values(text: str) -> dict[str, str] | None:
    """``quotient 4, remainder 2`` by its names, in lower case; None for anything else."""
    if len(text) > _LONGEST:
        return None
    items = _BETWEEN.split(plain_text(text), maxsplit=_MOST)
    if len(items) < 2:
        return None
    found: dict[str, str] = {}
    for item in items:
        match = _NAMED.fullmatch(item)
        if match is None or match["name"].lower() in found:
            return None
        found[match["name"].lower()] = match["value"]
    return found


def separated(text: str) -> list[str]:
    """The items of a list, as texts; one where brackets keep it together."""
    plain = plain_text(text)
    return [plain] if any(bracket in plain for bracket in "([{") else _BETWEEN.split(plain, maxsplit=_MOST)
