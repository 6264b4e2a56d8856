"""What may follow a number without making it something else, and which units measure the same."""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction
from functools import lru_cache

MAX_WORDS = 12
"""Words after a number; with more it is a sentence."""

_WORD = re.compile(
    r"[ ~*·⋅-]?(?P<per>/ ?|\bper )?(?:\\cdot ?)?(?P<word>[A-Za-z][A-Za-z'-]*\.?|°)"
    r"(?:(?: ?\^ ?\{?)?(?<! )(?P<power>-?[1-3])\}?(?![0-9])|(?P<raised>⁻?[¹²³]))?,?"
)
_CUT = re.compile(
    r"[ ,;]+(?:\((?![^()]*\b(?:sin|cos|tan|cot|log|ln|sqrt|mod|pi|base)\b)"
    r"(?=[^()\\=^]*\b[A-Za-z]{2,}[^()\\=^]*\)[. ]*$)"
    r"|\b(?:because|since|as|so|which|where|when|after|if|given|that|for|in total|left)\b)",
    re.IGNORECASE,
)
_RAISED = str.maketrans("⁻¹²³", "-123")
_NOT_A_UNIT = frozenset(
    (
        *("or", "and", "either", "maybe", "perhaps", "possibly", "between", "to", "through", "not", "but"),
        *("minus", "plus", "times", "over", "divided", "more", "less", "fewer", "factorial"),
        *("st", "nd", "rd", "th"),
        *("january", "february", "march", "april", "june", "july", "august", "september", "october", "november"),
        *("december", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec"),
        *("negative", "than", "least", "most", "twice", "double", "triple", "under", "above", "below"),
        *("choose", "mod", "modulo", "pi", "sqrt", "log", "sin", "cos", "tan"),
        *("grader", "grade", "mark", "marked", "accept", "accepted", "correct", "wrong", "score", "reward", "please"),
        *("ignore", "instruction", "instructions", "reference", "answer", "answers", "verdict", "judge", "credit"),
        *("award", "evaluate", "evaluator", "system", "prompt", "anything", "whatever", "base", "clock"),
        *("hundred", "hundreds", "dozen", "dozens", "half", "halves", "third", "thirds", "quarter", "quarters"),
        *("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
        *("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "zero", "first"),
    )
)
_LONGEST_VARIABLES = 3
_FUNCTIONS = frozenset(
    ("arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "infinity", "theta", "alpha", "beta", "union")
)
_ONE_LETTER = frozenset("mgshlLAVWJNKCF")
_FILLER = frozenset(
    (
        *("a", "an", "the", "of", "each", "every", "total", "altogether", "old", "long", "wide", "tall", "high"),
        *("in", "on", "at", "by", "his", "her", "their", "its", "different", "distinct", "possible", "rad", "radian"),
    )
)
_EXPONENTS = {"square": 2, "sq": 2, "squared": 2, "cubic": 3, "cu": 3, "cubed": 3}
_POSTFIXES = frozenset(("squared", "cubed"))
_SAME = {
    **dict.fromkeys(("dollar", "dollars", "usd", "bucks"), "dollar"),
    **dict.fromkeys(("euro", "euros", "eur"), "euro"),
    **dict.fromkeys(("pound", "pounds", "gbp", "lb", "lbs"), "pound"),
    **dict.fromkeys(("cent", "cents"), "cent"),
    **dict.fromkeys(("degree", "degrees", "deg", "°"), "degree"),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), "meter"),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), "centimeter"),
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), "millimeter"),
    **dict.fromkeys(("dm", "decimeter", "decimeters", "decimetre", "decimetres"), "decimeter"),
    **dict.fromkeys(("km", "kilometer", "kilometers", "kilometre", "kilometres"), "kilometer"),
    **dict.fromkeys(("ft", "foot", "feet"), "foot"),
    **dict.fromkeys(("in", "inch", "inches"), "inch"),
    **dict.fromkeys(("yd", "yds", "yard", "yards"), "yard"),
    **dict.fromkeys(("mi", "mile", "miles"), "mile"),
    **dict.fromkeys(("g", "gram", "grams"), "gram"),
    **dict.fromkeys(("mg", "milligram", "milligrams"), "milligram"),
    **dict.fromkeys(("kg", "kilogram", "kilograms", "kilo", "kilos"), "kilogram"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "second"),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), "minute"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "hour"),
    **dict.fromkeys(("d", "day", "days"), "day"),
    **dict.fromkeys(("wk", "wks", "week", "weeks"), "week"),
    **dict.fromkeys(("yr", "yrs", "year", "years"), "year"),
    **dict.fromkeys(("l", "liter", "liters", "litre", "litres"), "liter"),
    **dict.fromkeys(("ml", "milliliter", "milliliters", "millilitre", "millilitres"), "milliliter"),
    **dict.fromkeys(("oz", "ounce", "ounces"), "ounce"),
    **dict.fromkeys(("f", "fahrenheit"), "fahrenheit"),
    **dict.fromkeys(("c", "celsius", "centigrade"), "celsius"),
    **dict.fromkeys(("k", "kelvin", "kelvins"), "kelvin"),
    **dict.fromkeys(("people", "person", "persons"), "person"),
    **dict.fromkeys(("child", "children", "kid", "kids"), "child"),
    **dict.fromkeys(("u", "unit", "units"), "unit"),
}
_COMPOUND = {
    "mph": (("mile", 1), ("hour", -1)),
    "kph": (("kilometer", 1), ("hour", -1)),
    "kmh": (("kilometer", 1), ("hour", -1)),
    "fps": (("foot", 1), ("second", -1)),
    "cc": (("centimeter", 3),),
}
_SIZES: dict[str, tuple[str, int, Fraction]] = {
    **{
        name: ("length", 1, Fraction(size))
        for name, size in (
            *(("millimeter", 1), ("centimeter", 10), ("decimeter", 100), ("meter", 1000), ("kilometer", 10**6)),
            *(("inch", "127/5"), ("foot", "1524/5"), ("yard", "4572/5"), ("mile", 1609344)),
        )
    },
    **{name: ("mass", 1, Fraction(size)) for name, size in (("milligram", "1/1000"), ("gram", 1), ("kilogram", 1000))},
    **{
        name: ("time", 1, Fraction(size))
        for name, size in (("second", 1), ("minute", 60), ("hour", 3600), ("day", 86400), ("week", 604800))
    },
    **{name: ("length", 3, Fraction(size)) for name, size in (("milliliter", 1000), ("liter", 10**6))},
    **{name: ("money", 1, Fraction(size)) for name, size in (("cent", 1), ("dollar", 100))},
}
"""Dimension, its exponent and the size in its smallest unit."""

_ANYTHING = frozenset(
    (
        *(
            "person",
            "thing",
            "item",
            "object",
            "piece",
            "element",
            "way",
            "arrangement",
            "possibility",
            "possibilities",
        ),
        *("outcome", "method", "choice", "combination", "permutation", "time", "number", "value", "case", "solution"),
    )
)
"""Words for what is counted that say nothing about it."""

_TEMPERATURES = frozenset(("fahrenheit", "celsius"))


def unit_of(rest: str) -> str | None:
    """Canonical unit in the text behind a number: ``hour^-1 mile``, its words singular; empty where there is none.

    None where that text makes the number part of something else: an alternative, an operation, a variable, a
    sentence with further digits.
    """
    if not rest:
        return ""
    powers: Counter[str] = Counter()
    position = 0
    sign = 1
    pending = 1
    for _ in range(MAX_WORDS):
        if position == len(rest) or _CUT.match(rest, position):
            break
        match = _WORD.match(rest, position)
        word = match["word"].rstrip(".") if match else ""
        if match is None or word.lower() in _NOT_A_UNIT or (len(word) == 1 and not _fits_one_letter(word)):
            return None
        position = match.end()
        sign = -1 if match["per"] or word.lower() == "per" else sign
        if word.lower() == "per":
            continue
        exponent = _EXPONENTS.get(word.lower())
        if exponent is not None:
            if not powers and word.lower() in _POSTFIXES:
                return None
            pending = _raise(powers, exponent) if word.lower() in _POSTFIXES else exponent
            continue
        given = int(match["power"] or (match["raised"] or "1").translate(_RAISED))
        _count(powers, word, sign * given * pending)
        sign, pending = (1 if match["per"] and sign < 0 else sign), 1
    else:
        return None
    if _hedged(rest[position:]):
        return None
    return _spelled(powers)


def _raise(powers: Counter[str], exponent: int) -> int:
    """``meters squared``: the last word gets the exponent."""
    if powers:
        powers[next(reversed(powers))] *= exponent
    return 1


def _count(powers: Counter[str], word: str, exponent: int) -> None:
    lower = word.lower()
    for part, times in _COMPOUND.get(lower, ((_canonical(word), 1),)):
        powers[part] += times * exponent


def _spelled(powers: Counter[str]) -> str:
    named = {name: power for name, power in powers.items() if power and name not in _FILLER}
    if "degree" in named and named.keys() & {"fahrenheit", "celsius"}:
        del named["degree"]
    return " ".join(name if power == 1 else f"{name}^{power}" for name, power in sorted(named.items()))


@lru_cache(maxsize=4096)
def factor_between(unit: str, other: str) -> Fraction | None:
    """How many ``other`` one ``unit`` is: 1 for the same, a missing or an unspecific one; None for different ones."""
    if unit == other or not unit or not other or "unit" in (unit, other):
        return Fraction(1)
    if "degree" in (unit, other) and {unit, other} & _TEMPERATURES:
        return Fraction(1)
    mine, theirs = _measure(unit), _measure(other)
    for generic, exact in ((mine, theirs), (theirs, mine)):
        if generic.words.keys() == {"unit"} and not exact.words:
            return Fraction(1) if exact.dimensions == {"length": generic.words["unit"]} else None
    if mine.dimensions != theirs.dimensions:
        return None
    shared = mine.words.items() & theirs.words.items()
    one_says_nothing = not mine.words or not theirs.words
    unspecific = mine.words.keys() <= _ANYTHING or theirs.words.keys() <= _ANYTHING
    if shared or (one_says_nothing and mine.dimensions) or (unspecific and not one_says_nothing):
        return mine.size / theirs.size
    return None


class _Measure:
    """A unit as dimensions with exponents, a size, and the words that are no known unit."""

    __slots__ = ("dimensions", "size", "words")

    def __init__(self, unit: str) -> None:
        self.dimensions: dict[str, int] = {}
        self.size = Fraction(1)
        self.words: dict[str, int] = {}
        for part in unit.split():
            name, _, raised = part.partition("^")
            power = int(raised or 1)
            known = _SIZES.get(name)
            if known is None:
                self.words[name] = power
                continue
            dimension, exponent, size = known
            self.dimensions[dimension] = self.dimensions.get(dimension, 0) + exponent * power
            self.size *= size**power


@lru_cache(maxsize=4096)
def _measure(unit: str) -> _Measure:
    return _Measure(unit)


_MEASURES = frozenset(
    (
        *("unit", "units", "square", "cubic", "sq", "cu", "mph", "kph", "rad", "radian", "radians", "mol", "joules"),
        *("newtons", "watts", "volts", "day", "days", "week", "weeks", "month", "months", "year", "years", "acres"),
        *("point", "points", "way", "ways", "coins", "students", "times", "pages", "steps", "gallons", "miles", "per"),
    )
)


def is_measure(words: str) -> bool:
    """Whether plain words behind an expression are a unit: known ones, or words too long to be variables."""
    found = [word.lower() for word in re.findall(r"[A-Za-z]+", words)]
    return bool(found) and all(
        (word in _SAME and len(word) > 1)
        or word in _MEASURES
        or word in _FILLER
        or len(word) > _LONGEST_VARIABLES
        or (len(word) == 1 and len(found) > 1 and word in _SAME)
        for word in found
    ) and not any(word in _NOT_A_UNIT or word in _FUNCTIONS for word in found) and len(found[0]) > 1  # fmt: skip


def size_of(unit: str) -> tuple[tuple[tuple[str, int], ...], Fraction] | None:
    """Dimensions and size of a unit whose words are all known; None for any other."""
    measure = _measure(unit)
    if measure.words or not measure.dimensions:
        return None
    return tuple(sorted(measure.dimensions.items())), measure.size


def is_unit_text(words: str) -> bool:
    """Whether plain words around a number leave it a single, certain number: no "or", no operation, no variable."""
    found = re.findall(r"[A-Za-z]+", words)
    return not any(
        word.lower() in _NOT_A_UNIT or word.lower() in _POSTFIXES or (len(word) == 1 and word not in "aAI")
        for word in found
    )


def _fits_one_letter(word: str) -> bool:
    return word in _ONE_LETTER or word in ("a", "°")


def _canonical(word: str) -> str:
    lower = word.lower()
    if lower in _SAME:
        return _SAME[lower]
    return lower[:-1] if lower.endswith("s") and not lower.endswith("ss") and len(lower) > 3 else lower


def _hedged(rest: str) -> bool:
    return re.search(r"\b(?:or|either|maybe|perhaps|possibly)\b", rest, re.IGNORECASE) is not None
