"""Answers whose writing says more than a value: numerals in a base, ratios, times of day, dates."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from assay_server.rewards.latex import plain_text

_BASE_WORDS = {
    "two": 2, "binary": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "octal": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "sixteen": 16, "hex": 16,
}  # fmt: skip
_BASED = re.compile(
    r"\(?(?P<sign>-?)(?P<digits>[0-9A-Za-z]{1,400})\)? ?"
    r"(?:_ ?\{? ?\(?(?:base ?)?(?P<base>[0-9]{1,2}|[a-z]+)\)? ?\}?"
    r"|\(? ?(?:in )?base[- ](?P<named>[0-9]{1,2}|[a-z]+)\)?)"
)
_RATIO = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?(?:/[0-9]+)?)(?: ?(?::|to) ?([0-9]+(?:\.[0-9]+)?(?:/[0-9]+)?)){1,5}")
_TIME = re.compile(
    r"(?P<hour>[0-2]?[0-9])(?::(?P<minute>[0-5][0-9])(?::(?P<second>[0-5][0-9]))?)? ?"
    r"(?P<half>[ap]\.? ?m\.?|noon|midnight|o'clock|hours|h)?",
    re.IGNORECASE,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?"
    r"|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thur?s?|fri|sat(?:ur)?|sun)(?:day)?,? )?"
_MONTH_FIRST = re.compile(
    rf"{_WEEKDAY}{_MONTH} (?P<day>[0-3]?[0-9])(?:st|nd|rd|th)?(?:,? (?P<year>[0-9]{{4}}))?", re.IGNORECASE
)
_DAY_FIRST = re.compile(
    rf"{_WEEKDAY}(?:the )?(?P<day>[0-3]?[0-9])(?:st|nd|rd|th)?(?: of)? {_MONTH}(?:,? (?P<year>[0-9]{{4}}))?",
    re.IGNORECASE,
)
_ISO = re.compile(r"(?P<year>[0-9]{4})[-/](?P<month>[0-9]{1,2})[-/](?P<day>[0-9]{1,2})")
_AMERICAN = re.compile(r"(?P<month>[0-9]{1,2})/(?P<day>[0-9]{1,2})/(?P<year>[0-9]{4})")
_LONGEST = 450


class Form(NamedTuple):
    """A written form and its value.

    Attributes:
        kind: ``base``, ``ratio``, ``time`` or ``date``.
        value: comparable within the kind.
        half: of a time, ``a``, ``p`` or empty.
    """

    kind: str
    value: tuple[Fraction | int, ...]
    half: str = ""


_NAMED_TIMES = {"noon": Form("time", (12, 0, 0), "p"), "midnight": Form("time", (12, 0, 0), "a")}


@lru_cache(maxsize=4096)
def written_forms(text: str) -> tuple[Form, ...]:
    """Every written form that ``text`` may be; ``10:20`` is a time and a ratio."""
    if len(text) > _LONGEST:
        return ()
    plain = plain_text(text).replace("\\colon", ":").replace(" : ", ":").replace("{:}", ":")
    found = (_based(plain), _time(plain), _date(plain), _ratio(plain))
    return tuple(form for form in found if form is not None)


def same_form(left: tuple[Form, ...], right: tuple[Form, ...], *, lenient: bool) -> bool | None:
    """Whether two answers with written forms agree; None where they have no kind in common."""
    verdict: bool | None = None
    for mine in left:
        for theirs in right:
            if mine.kind == theirs.kind and not verdict:
                verdict = _same(mine, theirs, lenient=lenient)
    return verdict


def _same(mine: Form, theirs: Form, *, lenient: bool) -> bool:
    if mine.kind == "base":
        return mine.value[0] == theirs.value[0] and (lenient or mine.value[1] == theirs.value[1])
    if mine.kind == "time":
        if (mine.half and theirs.half) or mine.value[0] >= 13 or theirs.value[0] >= 13:
            return _minutes(mine) == _minutes(theirs)
        return mine.value == theirs.value and (mine.half == theirs.half or lenient)
    if mine.kind == "date" and lenient and 0 in (mine.value[0], theirs.value[0]):
        return mine.value[1:] == theirs.value[1:]
    return mine.value == theirs.value


def _minutes(form: Form) -> Fraction | int:
    hour, minute, second = form.value
    if form.half:
        hour = hour % 12 + (12 if form.half == "p" else 0)
    return (hour * 60 + minute) * 60 + second


def _based(text: str) -> Form | None:
    match = _BASED.fullmatch(text)
    if match is None:
        return None
    name = match["base"] or match["named"]
    base = int(name) if name.isdigit() else _BASE_WORDS.get(name, 0)
    digits = match["digits"]
    if not 2 <= base <= 36 or not (digits[0].isdigit() or base > 10):
        return None
    try:
        value = int(digits, base)
    except ValueError:
        return None
    return Form("base", (-value if match["sign"] else value, base))


def _ratio(text: str) -> Form | None:
    if _RATIO.fullmatch(text) is None:
        return None
    parts = [_quotient(part) for part in re.split(r" ?(?::|to) ?", text)]
    scale = math.lcm(*(part.denominator for part in parts))
    whole = [int(part * scale) for part in parts]
    common = math.gcd(*whole)
    return Form("ratio", tuple(part // common for part in whole)) if common else None


def _quotient(text: str) -> Fraction:
    above, _, below = text.partition("/")
    divisor = Fraction(below or "1")
    return Fraction(above) / divisor if divisor else Fraction(0)


def _time(text: str) -> Form | None:
    if text.casefold() in _NAMED_TIMES:
        return _NAMED_TIMES[text.casefold()]
    match = _TIME.fullmatch(text)
    if match is None or (
        match["minute"] is None and (match["half"] or "")[:1].lower() not in ("a", "p", "n", "m", "o")
    ):
        return None
    hour, half = int(match["hour"]), (match["half"] or "").lower()
    if half[:1] == "n":
        half = "p"
    elif half[:1] == "m":
        half = "a"
    if hour > 24 or (half[:1] in ("a", "p") and not 1 <= hour <= 12):
        return None
    return Form(
        "time", (hour, int(match["minute"] or 0), int(match["second"] or 0)), half[:1] if half[:1] in "ap" else ""
    )


def _date(text: str) -> Form | None:
    for pattern in (_MONTH_FIRST, _DAY_FIRST, _ISO, _AMERICAN):
        match = pattern.fullmatch(text)
        if match is not None:
            name = match["month"].lower()
            month = int(name) if name.isdigit() else _MONTHS.index(name[:3]) + 1
            day = int(match["day"])
            if not (1 <= month <= 12 and 1 <= day <= 31):
                return None
            return Form("date", (int(match["year"] or 0), month, day))
    return None
