"""Does what a program printed answer what was expected? In linear time, whatever was printed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TypeAlias

BUILT_IN = {"exact": 0.0, "tokens": 0.0, "float": 1e-6, "unordered": 0.0}
"""Names of the comparisons, with the tolerance each has by itself.

``exact``: the same characters, but for line ends and white space at the end. ``tokens``: the same words, whatever white
space is between. ``float``: the same words, numbers within the tolerance, absolute or relative. ``unordered``: the same
lines in any order, each compared by its words.
"""

_LONGEST_SHOWN = 200
_LONGEST_NUMBER = 400


@dataclass(frozen=True, slots=True)
class Comparison:
    """A built-in checker."""

    name: str
    tolerance: float = 0.0


@dataclass(frozen=True, slots=True)
class Program:
    """A program of the suite's: a checker or a judge."""

    language: str
    source: str


Checker: TypeAlias = "Comparison | Program"


def difference(checker: Comparison, printed: str, expected: str) -> str:
    """What is wrong with what was printed; empty where nothing is."""
    match checker.name:
        case "exact":
            return _lines_difference(_trimmed(printed), _trimmed(expected))
        case "unordered":
            return _unordered_difference(printed, expected)
        case _:
            return _words_difference(printed.split(), expected.split(), checker)


def _trimmed(text: str) -> list[str]:
    return text.replace("\r\n", "\n").rstrip().split("\n")


def _lines_difference(printed: Sequence[str], expected: Sequence[str]) -> str:
    for number, (one, other) in enumerate(zip_longest(printed, expected), 1):
        if one is None:
            return f"line {number} is missing"
        if other is None:
            return f"line {number} is one too many: {_shown(one)}"
        if one.rstrip() != other.rstrip():
            return f"line {number} is {_shown(one)}, expected {_shown(other)}"
    return ""


def _words_difference(printed: Sequence[str], expected: Sequence[str], checker: Comparison) -> str:
    if len(printed) != len(expected):
        return f"{len(printed)} words, expected {len(expected)}"
    for number, (one, other) in enumerate(zip(printed, expected, strict=True), 1):
        if one != other and not (checker.name == "float" and _near(one, other, checker.tolerance)):
            return f"word {number} is {_shown(one)}, expected {_shown(other)}"
    return ""


def _near(one: str, other: str, tolerance: float) -> bool:
    if max(len(one), len(other)) > _LONGEST_NUMBER or "_" in one:
        return False
    try:
        printed, expected = float(one), float(other)
    except ValueError:
        return False
    if not (math.isfinite(printed) and math.isfinite(expected)):
        return printed == expected or (math.isnan(printed) and math.isnan(expected))
    return abs(printed - expected) <= tolerance * max(1.0, abs(expected))


def _unordered_difference(printed: str, expected: str) -> str:
    ours, theirs = _word_lines(printed), _word_lines(expected)
    for line in theirs:
        if ours[line] < theirs[line]:
            return f"the line {_shown(' '.join(line))} is missing"
    for line in ours:
        if theirs[line] < ours[line]:
            return f"the line {_shown(' '.join(line))} is one too many"
    return ""


def _word_lines(text: str) -> Counter[tuple[str, ...]]:
    return Counter(tuple(line.split()) for line in text.splitlines() if line.strip())


def _shown(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "...")
