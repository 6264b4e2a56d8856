"""Quantiles of Student's t distribution."""

from __future__ import annotations

import math
from functools import cache

_ROUNDS = 200
_CLOSE = 1e-15
_TINY = 1e-300


@cache
def student_quantile(level: float, degrees: int) -> float:
    """The value that a t variable with that many degrees of freedom stays below with probability ``level``.

    Args:
        level: in (0.5, 1).
        degrees: at least 1.
    """
    low, high = 0.0, 1.0
    while _below(high, degrees) < level:
        high *= 2.0
    for _ in range(_ROUNDS):
        middle = (low + high) / 2.0
        if _below(middle, degrees) < level:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def _below(t: float, degrees: int) -> float:
    return 1.0 - _regularised_beta(degrees / (degrees + t * t), degrees / 2.0, 0.5) / 2.0


def _regularised_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function by its continued fraction."""
    if x <= 0.0 or x >= 1.0:
        return float(x >= 1.0)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _fraction(x, a, b) / a
    return 1.0 - front * _fraction(1.0 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    """Lentz's method."""
    c, d = 1.0, 1.0 / _apart(1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, _ROUNDS):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        change = 1.0
        for term in (even, odd):
            d = 1.0 / _apart(1.0 + term * d)
            c = _apart(1.0 + term / c)
            change = c * d
            value *= change
        if abs(change - 1.0) < _CLOSE:
            break
    return value


def _apart(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
