"""Arithmetic as people write it, read without evaluating any code: whole numbers, ``+ - * /`` and brackets, exactly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

_LONGEST = 200
_LONGEST_TEXT = 20_000
_MOST_FRACTIONS = 20
_MARK = re.compile(r"\s*(?:(\d{1,9})(?![\d.])|([+\-*/()]))")
_SPELLINGS = {
    "\\left": "", "\\right": "", "\\times": "*", "\\cdot": "*", "\\div": "/", "\\dfrac": "\\frac", "\\tfrac": "\\frac",
    "\\,": " ", "\\ ": " ", "\\(": " ", "\\)": " ", "×": "*", "·": "*", "∗": "*", "⋅": "*", "÷": "/", "−": "-",
    "–": "-", "[": "(", "]": ")", "$": " ", "`": " ",
}  # fmt: skip
_RUN = re.compile(r"[\d+\-*/() \t]+")
_CHAIN = frozenset(" =.0123456789")
_CLAIM = re.compile(r"=[ \t]*(\d{1,12})[ \t]*(?=$|[^\d\s.,+\-*/(^]|[.,](?:\D|$)|[^\S \t])")
_STEPS = {"+": 1, "-": 1, "*": 2, "/": 2}


@dataclass(frozen=True, slots=True)
class Expression:
    """What an expression is worth, and the numbers in it in the order they are written.

    Attributes:
        claimed: what the line says that it is, after ``=``, where that is another whole number.
    """

    text: str
    value: Fraction
    numbers: tuple[int, ...]
    claimed: int | None = None


def read_expression(text: str) -> Expression | None:
    """The expression that a text is; None where it is none, or longer than 200 characters, or divides by zero.

    Numbers have nine digits at most; there is no sign before a number or a bracket.
    """
    plain = _plain(text)
    return None if plain is None or len(plain) > _LONGEST else _read(plain.strip())


def expressions_in(text: str) -> list[list[Expression]]:
    """By line, the expressions with at least one operation; of ``a = b = c`` the first one alone."""
    plain = _plain(text[-_LONGEST_TEXT:])
    lines = (list(_in_line(line)) for line in (plain or "").splitlines())
    return [line for line in lines if line]


def _in_line(line: str) -> Iterator[Expression]:
    end = None
    for run in _RUN.finditer(line):
        if len(run[0]) > _LONGEST:
            continue
        found = _read(run[0].strip())
        if found is None or len(found.numbers) < 2:
            continue
        between = "" if end is None else line[end : run.start()]
        if "=" not in between or not _CHAIN.issuperset(between):
            yield replace(found, claimed=_other_claim(line, run.end(), found.value))
        end = run.end()


def _other_claim(line: str, start: int, value: Fraction) -> int | None:
    """A whole number that directly after an expression is said to be its value, and is not."""
    match = _CLAIM.match(line, start)
    return None if match is None or int(match[1]) == value else int(match[1])


def _plain(text: str) -> str | None:
    if len(text) > _LONGEST_TEXT:
        return None
    for spelling, meaning in _SPELLINGS.items():
        if spelling in text:
            text = text.replace(spelling, meaning)
    if "\\frac" in text:
        text = _without_fractions(text)
    return text.replace("{", "(").replace("}", ")")


def _without_fractions(text: str) -> str:
    """``\\frac{a}{b}`` as ``((a)/(b))``, the innermost first."""
    for _ in range(_MOST_FRACTIONS):
        start = text.rfind("\\frac{")
        middle = text.find("}{", start)
        end = text.find("}", middle + 2)
        if start < 0 or middle < 0 or end < 0:
            break
        upper, lower = text[start + 6 : middle], text[middle + 2 : end]
        text = f"{text[:start]}(({upper})/({lower})){text[end + 1 :]}"
    return text


def _read(text: str) -> Expression | None:
    marks = _marks(text)
    if not marks:
        return None
    values: list[Fraction] = []
    waiting: list[str] = []
    wants_value = True
    for mark in marks:
        if wants_value != (mark == "(" or mark.isdigit()):
            return None
        if mark.isdigit():
            values.append(Fraction(int(mark)))
            wants_value = False
        elif mark == "(":
            waiting.append(mark)
        elif not _operate(mark, values, waiting):
            return None
        else:
            wants_value = mark != ")"
    if wants_value or not _reduce(values, waiting, 0) or waiting:
        return None
    return Expression(text, values[0], tuple(int(mark) for mark in marks if mark.isdigit()))


def _marks(text: str) -> list[str]:
    found: list[str] = []
    at = 0
    while at < len(text):
        match = _MARK.match(text, at)
        if match is None:
            return []
        found.append(match[1] or match[2])
        at = match.end()
    return found


def _operate(mark: str, values: list[Fraction], waiting: list[str]) -> bool:
    """Take an operator or a closing bracket; False where it cannot stand here."""
    if mark != ")":
        sound = _reduce(values, waiting, _STEPS[mark])
        waiting.append(mark)
        return sound
    if not _reduce(values, waiting, 0) or not waiting:
        return False
    waiting.pop()
    return True


def _reduce(values: list[Fraction], waiting: list[str], down_to: int) -> bool:
    """Work off the operators that bind at least as tightly; False where something is divided by zero."""
    while waiting and waiting[-1] != "(" and _STEPS[waiting[-1]] >= down_to:
        operator, right, left = waiting.pop(), values.pop(), values.pop()
        if operator == "/":
            if right == 0:
                return False
            values.append(left / right)
        else:
            values.append(left + right if operator == "+" else left - right if operator == "-" else left * right)
    return True
