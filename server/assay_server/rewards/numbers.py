"""Exact values of the numbers that models and references write.

Everything is rational (:class:`fractions.Fraction`): ``0.5``, ``1/2`` and ``\\frac{2}{4}`` are one value, ``0.33`` and
``1/3`` are two. Text that only may be a number is not one: the caller compares it as text.
"""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import islice

from assay.sdk.values import value
from assay_server.rewards.latex import plain_text
from assay_server.rewards.number_words import worded_number
from assay_server.rewards.units import factor_between, is_unit_text, size_of, unit_of

MAX_DIGITS = 4000
"""Digits of a number; also the largest absolute exponent, and the two together."""

_SMALL = re.compile(r"-?[0-9]{1,15}")
_UNSIGNED = (
    r"(?:[0-9]{1,3}(?:'[0-9]{3})+"
    r"|[0-9]{1,3}(?:\.[0-9]{3}){2,}|[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,3}(?:\ [0-9]{3})+|[0-9]+)"
    r"(?![0-9])(?:\.[0-9]*)?|\.[0-9]+"
)
_LATEX_FRACTION = r"\\frac\ *(?:\{\ *([+-]?[0-9]+)\ *\}|([0-9]))\ *(?:\{\ *([+-]?[0-9]+)\ *\}|([0-9]))"
_NUMBER = re.compile(
    rf"""
    (?P<sign>[+-]?)\ ?(?:(?P<currency>[$€£¥])\ ?(?P<inner>-?))?
    (?:
      (?:(?P<whole>[0-9]+)\ *)?{_LATEX_FRACTION}
    | (?:(?P<units>[0-9]+)(?:\ +|\ and\ ))?(?P<over>[0-9]+(?:,[0-9]{{3}})*)\ ?/\ ?(?P<under>[0-9]+)(?![0-9/.])
    | (?P<decimal>{_UNSIGNED})
      (?:[eE](?P<exponent>[+-]?[0-9]+)
      |\ ?(?:\\times|\\cdot|[x×*])\ ?10\^(?:\{{(?P<braced>[+-]?[0-9]+)\}}|(?P<bare>[+-]?[0-9]+)))?
    )
    """,
    re.VERBOSE,
)
NUMERAL = re.compile(
    r"""(?<![\w.^/])(?<![0-9],)(?:-\ ?|−|–|[Nn]egative\ )?(?:\\?\$|€|£)?-?
    (?:(?:[0-9]{1,9}\ ?)?\\[dtc]?frac\ ?\{-?[0-9]{1,40}\}\ ?\{-?[0-9]{1,40}\}
      |(?:[0-9]{1,9}\ )?[0-9]{1,40}/[0-9]{1,40}(?![0-9/])
      |(?:[0-9]{1,3}(?:(?:,|\{,\}|\\,)[0-9]{3}(?![0-9]))+|[0-9]+)(?:\.[0-9]+)?(?:,[0-9]+(?:\.[0-9]+)?){0,20}
      |\.[0-9]+)
    (?![0-9]|(?:st|nd|rd|th|[xyzn])\b)(?:\ ?\\?%)?""",
    re.VERBOSE,
)
"""A number within text. A list written without spaces (``3,5``) is one match, and no number."""

_SCALE = re.compile(r" ?(dozen|hundred|thousand|million|billion|trillion)s?\b", re.IGNORECASE)
_SCALES = {"dozen": 12, "hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_PERCENT = re.compile(r" ?(?:%|percent(?:age)?\b(?! points?)|per cent\b)", re.IGNORECASE)
_CURRENCIES = {None: "", "$": "dollar", "€": "euro", "£": "pound", "¥": "yen"}
_APPROXIMATELY = re.compile(
    r"(?:(?:exactly|approximately|about|around|roughly|only|just|simply|equal to|a total of|≈|~|=|:) *)+", re.IGNORECASE
)
_CURRENCY_BEHIND = re.compile(r"^ ?\\?\$(?=$| )")
_PART = re.compile(r"(?P<number>[0-9]{1,12}(?:\.[0-9]{1,12})?) ?(?P<unit>[A-Za-z]{1,12}\.?|°)(?:,? and |, | |$)")
_Dimensions = tuple[tuple[str, int], ...]
_ANGLES: dict[str, tuple[_Dimensions, Fraction]] = {
    "degree": ((("angle", 1),), Fraction(1)),
    "arcminute": ((("angle", 1),), Fraction(1, 60)),
    "arcsecond": ((("angle", 1),), Fraction(1, 3600)),
}
_LONGEST_QUANTITY = 120
_MOST_WORDS_BEHIND = 4
_NEGATIVE = re.compile(r"^(?:negative|minus) (?=[0-9.$€£\\])", re.IGNORECASE)
_PLAIN_WORDS = re.compile(r"[A-Za-z\s.,:;'\"?°]*")
_ASSIGNED = re.compile(r"[A-Za-z](?:_\{?[A-Za-z0-9]{1,4}\}?)?(?:\([a-z0-9]{1,2}\))? ?= ?(?=[^=])")


@value
class Number:
    """A number as it was written.

    Attributes:
        value: exact, as written: 50 for ``50%``.
        percent: whether a percent sign followed.
        unit: canonical name of its unit; empty where there was none.
    """

    value: Fraction
    percent: bool = False
    unit: str = ""

    def readings(self) -> tuple[Fraction, ...]:
        """The values it may stand for, the most natural first: ``50%`` is a half or fifty."""
        return (self.value / 100, self.value) if self.percent else (self.value,)

    def equals(self, other: Number) -> bool:
        """Whether both are the same quantity; a missing or added unit, percent or degree sign is no difference."""
        if self.percent == other.percent:
            if self.unit == other.unit:
                return self.value == other.value
            factor = factor_between(self.unit, other.unit)
            return factor is not None and self.value * factor == other.value
        if (self if other.percent else other).unit:
            return False
        return any(mine == theirs for mine in self.readings() for theirs in other.readings())


def canonical(value: Fraction) -> str:
    """``18`` or ``1/2``: one text per value."""
    return str(value.numerator) if value.denominator == 1 else f"{value.numerator}/{value.denominator}"


def parse_number(text: str) -> Number | None:
    """The number that ``text`` is, if it is one number: with a sign, currency, unit or percent at most.

    Understands integers, decimals, thousands (``1,000``, ``1{,}000``, ``1\\,000``, ``1 000``), fractions (``3/4``,
    ``\\frac{3}{4}``, ``\\dfrac34``), mixed numbers (``1 3/4``), scientific notation, ``2 million``, ``x = 5``, and
    full-width or mathematical digits. None for anything else: lists, alternatives, expressions, digits of other
    scripts, and numbers beyond :data:`MAX_DIGITS`.
    """
    if _SMALL.fullmatch(text):
        return Number(Fraction(int(text)))
    if len(text) > MAX_DIGITS + 200:
        return None
    plain = plain_text(text)
    plain = _APPROXIMATELY.sub("", plain, count=1) if _APPROXIMATELY.match(plain) else plain
    plain = _NEGATIVE.sub("-", plain, count=1)
    assigned = _ASSIGNED.match(plain)
    plain = plain[assigned.end() :] if assigned else plain
    found = _parse_plain(plain)
    if found is not None or len(plain) > _LONGEST_QUANTITY:
        return found
    return _in_words(plain) if plain[:1].isalpha() else _compound(plain)


def _in_words(plain: str) -> Number | None:
    """``twelve inches``, ``three-fourths``."""
    worded = worded_number(plain)
    if worded is None or plain.count(" ", worded.end) > _MOST_WORDS_BEHIND:
        return None
    return _with_unit(worded.value, plain[worded.end :], "")


def _compound(plain: str) -> Number | None:
    """``1 hour 30 minutes``, ``18 dollars and 90 cents``, ``22° 30 arcminutes``: one quantity in its first unit."""
    total = Fraction(0)
    first: tuple[str, _Dimensions, Fraction] | None = None
    position = 0
    smallest: Fraction | None = None
    while position < len(plain):
        match = _PART.match(plain, position)
        if match is None:
            return None
        unit = unit_of(match["unit"]) or ""
        measure = _ANGLES.get(unit) or size_of(unit)
        if measure is None or (first is not None and measure[0] != first[1]):
            return None
        if smallest is not None and measure[1] >= smallest:
            return None
        smallest = measure[1]
        first = first or (unit, measure[0], measure[1])
        total += Fraction(match["number"]) * measure[1]
        position = match.end()
    return None if first is None else Number(total / first[2], unit=first[0])


def sole_number(text: str) -> Number | None:
    """The number that a phrase comes down to: what follows its last ``=``, or its only number amid plain words.

    ``9 * 2 = 18`` and ``Janet makes 18 dollars`` are 18; ``7 or 8``, ``x = 1, y = 2`` and ``f(3)`` are no number.
    """
    text = text[: 2 * MAX_DIGITS]
    before, equals, after = text.rpartition("=")
    if equals and not re.search(r"[,;=]|\b(?:or|and)\b", before, re.IGNORECASE):
        return parse_number(after.partition("≈")[0].partition("\\approx")[0])
    plain = plain_text(text)
    found = list(islice(NUMERAL.finditer(plain), 2))
    if len(found) != 1:
        return None
    rest = f"{plain[: found[0].start()]} {plain[found[0].end() :]}"
    if not _PLAIN_WORDS.fullmatch(rest) or not is_unit_text(rest) or plain[found[0].end() :][:1].isalpha():
        return None
    return parse_number(found[0][0])


def _parse_plain(plain: str) -> Number | None:
    if plain.startswith("(") and plain.endswith(")") and plain.count("(") == 1 and "," not in plain:
        plain = plain[1:-1].strip()
    match = _NUMBER.match(plain)
    if match is None or sum(map(str.isdigit, plain)) > MAX_DIGITS:
        return None
    value = _value_of(match)
    if value is None:
        return None
    rest = plain[match.end() :]
    if scale := _SCALE.match(rest):
        value *= _SCALES[scale[1].lower()]
        rest = rest[scale.end() :]
    return _with_unit(value, rest, _CURRENCIES[match["currency"]])


def _with_unit(value: Fraction, rest: str, currency: str) -> Number | None:
    percent = _PERCENT.match(rest)
    unit = unit_of(_CURRENCY_BEHIND.sub(" dollars", rest[percent.end() :] if percent else rest, count=1))
    return None if unit is None else Number(value, percent is not None, unit or currency)


def _value_of(match: re.Match[str]) -> Fraction | None:
    if match["decimal"] is not None:
        size = _decimal(match["decimal"], match["exponent"] or match["braced"] or match["bare"] or "0")
    else:
        size = _fraction(match)
    if size is None:
        return None
    return -size if (match["sign"] == "-") != (match["inner"] == "-") else size


def _decimal(digits: str, exponent: str) -> Fraction | None:
    if len(exponent) > 6 or abs(int(exponent)) > MAX_DIGITS - len(digits) > 0:
        return None
    digits = digits.replace(",", "").replace(" ", "").replace("'", "")
    whole, _, decimals = (digits.replace(".", "") if digits.count(".") > 1 else digits).partition(".")
    shift = int(exponent) - len(decimals)
    mantissa = int(f"{whole}{decimals}")
    return Fraction(mantissa * 10**shift) if shift >= 0 else Fraction(mantissa, 10**-shift)


def _fraction(match: re.Match[str]) -> Fraction | None:
    if match["over"] is not None:
        above, below, whole = int(match["over"].replace(",", "")), int(match["under"]), int(match["units"] or "0")
    else:
        braced_above, bare_above, braced_below, bare_below = match.group(5, 6, 7, 8)
        above, below = int(braced_above or bare_above), int(braced_below or bare_below)
        whole = int(match["whole"] or "0")
    return whole + Fraction(above, below) if below else None
