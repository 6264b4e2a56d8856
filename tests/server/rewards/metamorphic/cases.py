"""What the generators of cases are made of: a case, the registry of forms, small random values.

Different by construction: every edit changes a value, a sign, a bracket, an order or a name that matters.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple


class Case(NamedTuple):
    """An answer, forms that mean the same, and forms that do not."""

    base: str
    equal: list[str]
    different: list[str]


Maker = Callable[[random.Random], Case]
FORMS: dict[str, Maker] = {}


def form(name: str) -> Callable[[Maker], Maker]:
    """Register a generator."""

    def keep(maker: Maker) -> Maker:
        FORMS[name] = maker
        return maker

    return keep


def frac(value: Fraction) -> str:
    """LaTeX of a fraction."""
    sign = "-" if value < 0 else ""
    if value.denominator == 1:
        return str(value)
    return f"{sign}\\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def proper(rng: random.Random, most: int = 40) -> Fraction:
    """A positive fraction that is not whole."""
    below = rng.randint(2, most)
    above = rng.choice([n for n in range(1, 3 * below) if math.gcd(n, below) == 1])
    return Fraction(above, below)


def nonzero(rng: random.Random, most: int = 12) -> int:
    """A whole number other than 0."""
    return rng.choice([-1, 1]) * rng.randint(1, most)


def squarefree(rng: random.Random) -> int:
    """A number without a square factor."""
    return rng.choice([2, 3, 5, 6, 7, 10, 11, 13, 14, 15, 17, 19, 21])


def distinct(rng: random.Random, count: int) -> list[int]:
    """Different small numbers."""
    return rng.sample(range(-30, 40), count)
