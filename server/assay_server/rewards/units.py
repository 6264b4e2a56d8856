"""What may follow a number without making it something else."""

from __future__ import annotations

import re
from fractions import Fraction

MAX_WORDS = 12
"""Words after a number; with more it is a sentence."""

_WORD = re.compile(r" ?(?:/ ?)?([A-Za-z][A-Za-z'-]*\.?|°)(?:(?: ?\^ ?\{?)?(?<! )([23])\}?(?![0-9])|([²³]))?,?")
_CUT = re.compile(
    r"[ ,;]*(?:\(|\b(?:because|since|as|so|which|where|when|after|if|given|that|for|in total|left)\b)", re.IGNORECASE
)
_NOT_A_UNIT = frozenset(
    (
        *("or", "and", "either", "maybe", "perhaps", "possibly", "between", "to", "through", "not", "but"),
        *("minus", "plus", "times", "over", "divided", "more", "less", "fewer", "squared", "cubed", "factorial"),
        *("negative", "than", "least", "most", "twice", "double", "triple", "under", "above", "below"),
        *("choose", "mod", "modulo", "pi", "sqrt", "log", "sin", "cos", "tan"),
        *("grader", "grade", "mark", "marked", "accept", "accepted", "correct", "wrong", "score", "reward", "please"),
        *("ignore", "instruction", "instructions", "reference", "answer", "answers", "verdict", "judge", "credit"),
        *("award", "evaluate", "evaluator", "system", "prompt", "anything", "whatever", "base", "clock"),
        *("hundred", "hundreds", "dozen", "dozens", "half", "halves", "third", "thirds", "quarter", "quarters"),
    )
)
_LONGEST_VARIABLES = 3
_FUNCTIONS = frozenset(
    ("arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "infinity", "theta", "alpha", "beta", "union")
)
_ONE_LETTER = frozenset("mgshlLAVWJNKCF")
_FILLER = frozenset(
    (
        *("a", "an", "the", "of", "per", "each", "every", "total", "altogether"),
        *("in", "on", "at", "by", "his", "her", "their", "its"),
    )
)
_SAME = {
    **dict.fromkeys(("dollar", "dollars", "usd", "bucks"), "dollar"),
    **dict.fromkeys(("euro", "euros", "eur"), "euro"),
    **dict.fromkeys(("pound", "pounds", "gbp", "lb", "lbs"), "pound"),
    **dict.fromkeys(("cent", "cents"), "cent"),
    **dict.fromkeys(("degree", "degrees", "deg", "°"), ""),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), "meter"),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), "centimeter"),
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), "millimeter"),
    **dict.fromkeys(("km", "kilometer", "kilometers", "kilometre", "kilometres"), "kilometer"),
    **dict.fromkeys(("ft", "foot", "feet"), "foot"),
    **dict.fromkeys(("in", "inch", "inches"), "inch"),
    **dict.fromkeys(("yd", "yard", "yards"), "yard"),
    **dict.fromkeys(("mi", "mile", "miles"), "mile"),
    **dict.fromkeys(("g", "gram", "grams"), "gram"),
    **dict.fromkeys(("kg", "kilogram", "kilograms", "kilo", "kilos"), "kilogram"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "second"),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), "minute"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "hour"),
    **dict.fromkeys(("l", "liter", "liters", "litre", "litres"), "liter"),
    **dict.fromkeys(("ml", "milliliter", "milliliters", "millilitre", "millilitres"), "milliliter"),
    **dict.fromkeys(("oz", "ounce", "ounces"), "ounce"),
    **dict.fromkeys(("people", "person", "persons"), "person"),
    **dict.fromkeys(("child", "children"), "child"),
}


def unit_of(rest: str) -> str | None:
    """Canonical unit in the text behind a number: its words, singular, sorted; empty where there is none.

    None where that text makes the number part of something else: an alternative, an operation, a variable, a
    sentence with further digits.
    """
    if not rest:
        return ""
    words: set[str] = set()
    position = 0
    for _ in range(MAX_WORDS):
        if position == len(rest) or _CUT.match(rest, position):
            break
        match = _WORD.match(rest, position)
        word = match[1].rstrip(".") if match else ""
        if match is None or word.lower() in _NOT_A_UNIT or (len(word) == 1 and not _fits_one_letter(word)):
            return None
        words.add(_canonical(word) + (match[2] or {"²": "2", "³": "3"}.get(match[3], "")))
        position = match.end()
    else:
        return None
    if _hedged(rest[position:]):
        return None
    return " ".join(sorted(words - _FILLER - {""}))


_MEASURES = frozenset(
    (
        *("unit", "units", "square", "cubic", "sq", "cu", "mph", "kph", "rad", "radian", "radians", "mol", "joules"),
        *("newtons", "watts", "volts", "day", "days", "week", "weeks", "month", "months", "year", "years", "acres"),
        *("point", "points", "way", "ways", "coins", "students", "times", "pages", "steps", "gallons", "miles"),
    )
)


def is_measure(words: str) -> bool:
    """Whether plain words behind an expression are a unit: known ones, or words too long to be variables."""
    found = [word.lower() for word in re.findall(r"[A-Za-z]+", words)]
    return bool(found) and all(
        word in _SAME or word in _MEASURES or word in _FILLER or len(word) > _LONGEST_VARIABLES for word in found
    ) and not any(word in _NOT_A_UNIT or word in _FUNCTIONS for word in found) and len(found[0]) > 1  # fmt: skip


_SIZES: dict[str, tuple[str, Fraction]] = {
    **{name: ("length", Fraction(size)) for name, size in (("millimeter", 1), ("centimeter", 10), ("meter", 1000))},
    **{name: ("length", Fraction(size)) for name, size in (("kilometer", 10**6), ("inch", Fraction(127, 5)))},
    **{name: ("length", Fraction(size)) for name, size in (("foot", Fraction(1524, 5)), ("yard", Fraction(4572, 5)))},
    **{name: ("mass", Fraction(size)) for name, size in (("gram", 1), ("kilogram", 1000))},
    **{
        name: ("time", Fraction(size)) for name, size in (("second", 1), ("minute", 60), ("hour", 3600), ("day", 86400))
    },
    **{name: ("volume", Fraction(size)) for name, size in (("milliliter", 1), ("liter", 1000))},
    **{name: ("money", Fraction(size)) for name, size in (("cent", 1), ("dollar", 100))},
}


def conversion(unit: str, other: str) -> Fraction | None:
    """How many of ``other`` one ``unit`` is; None where they do not measure the same."""
    mine, theirs = _SIZES.get(unit), _SIZES.get(other)
    return None if mine is None or theirs is None or mine[0] != theirs[0] else mine[1] / theirs[1]


def is_unit_text(words: str) -> bool:
    """Whether plain words around a number leave it a single, certain number: no "or", no operation, no variable."""
    found = re.findall(r"[A-Za-z]+", words)
    return not any(word.lower() in _NOT_A_UNIT or (len(word) == 1 and word not in "aAI") for word in found)


def _fits_one_letter(word: str) -> bool:
    return word in _ONE_LETTER or word in ("a", "°")


def _canonical(word: str) -> str:
    lower = word.lower()
    if lower in _SAME:
        return _SAME[lower]
    return lower[:-1] if lower.endswith("s") and not lower.endswith("ss") and len(lower) > 3 else lower


def _hedged(rest: str) -> bool:
    return re.search(r"\b(?:or|either|maybe|perhaps|possibly)\b", rest, re.IGNORECASE) is not None
