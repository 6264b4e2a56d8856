"""Values of the numerals inside expressions: decimals and repeating decimals."""

from __future__ import annotations

import re
from fractions import Fraction

from assay_server.rewards.mathematics.tree import Unreadable

MAX_DIGITS = 4000
_LONGEST_REPEATING = 200
_MARK = r"\\(?:overline|bar|dot)\s?"
_REPEATING = re.compile(
    rf"([0-9]*)\.([0-9]*)(?:{_MARK}\{{\s?([0-9]+)\s?\}}|{_MARK}([0-9])|\(([0-9]+)\)|((?:[0-9]\u0305)+))"
)
_DOTS = re.compile(r"([0-9]*)\.([0-9]*)\\dot\s?\{?([0-9])\}?([0-9]*)\\dot\s?\{?([0-9])\}?")
_UNENDING = re.compile(r"([0-9]*)\.([0-9]{2,40})\s?(?:\.\.\.|…|\\[lc]?dots)")


def numeral(text: str) -> Fraction:
    """``12``, ``1.5``, ``2e-3``.

    Raises:
        Unreadable: too many digits, or too large an exponent.
    """
    mantissa, _, exponent = text.lower().partition("e")
    if len(mantissa) > MAX_DIGITS or len(exponent) > 5 or abs(int(exponent or "0")) > MAX_DIGITS:
        raise Unreadable("a number with too many digits")
    return Fraction(text.rstrip(".") if mantissa == text.lower() else text)


def repeating(text: str) -> Fraction:
    """``0.1\\overline{6}``, ``0.(3)``, ``0.\\dot{1}4\\dot{2}``, ``0.333...``.

    Raises:
        Unreadable: no period can be told.
    """
    if len(text) > _LONGEST_REPEATING:
        raise Unreadable("too long a repeating decimal")
    unending = _UNENDING.fullmatch(text)
    if unending is not None:
        return _shown(unending[1], unending[2])
    match = _DOTS.fullmatch(text)
    if match is not None:
        return _value(match[1], match[2], f"{match[3]}{match[4]}{match[5]}")
    match = _REPEATING.fullmatch(text)
    if match is None:
        raise Unreadable("a repeating decimal that is not read")
    period = match[3] or match[4] or match[5] or match[6]
    return _value(match[1], match[2], period.replace("\u0305", ""))


def _value(whole: str, fixed: str, period: str) -> Fraction:
    scale = 10 ** len(fixed)
    return Fraction(int(whole + fixed or "0"), scale) + Fraction(int(period), scale * (10 ** len(period) - 1))


def _shown(whole: str, digits: str) -> Fraction:
    """A digit three times, or a longer period twice, at the end."""
    for length in range(1, len(digits) // 2 + 1):
        period = digits[-length:]
        times = 3 if length == 1 else 2
        if digits.endswith(period * times):
            return _value(whole, digits[: len(digits) - length * times], period)
    raise Unreadable("digits that show no period")
