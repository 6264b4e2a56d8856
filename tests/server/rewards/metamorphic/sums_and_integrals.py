"""Sums, integrals and limits, against their closed forms.

Different by construction: every edit changes a bound, a summand or an exponent that matters.
"""

from __future__ import annotations

import random
from fractions import Fraction

from .cases import Case, form, frac, nonzero


def polynomial_sum(rng: random.Random) -> Case:
    a, b = rng.randint(2, 12), nonzero(rng, 9)
    if 3 * a + 2 * b == 0:  # both integrals below would be the same
        b += 1 if b != -1 else 2
    return Case(
        frac(Fraction(a, 2) + b),
        [f"\\int_0^1 ({a}x{b:+d})\\,dx", f"\\int_{{0}}^{{1}} \\left({b}{a:+d}t\\right) dt"],
        [f"\\int_0^1 ({a}x{b + 1:+d})\\,dx", f"\\int_0^2 ({a}x{b:+d})\\,dx", f"\\int_0^1 ({a + 2}x{b:+d})\\,dx"],
    )


def geometric_series(rng: random.Random) -> Case:
    r, c = rng.randint(2, 30), rng.randint(1, 30)
    return Case(
        frac(Fraction(c, r - 1)),
        [f"\\sum_{{n=1}}^{{\\infty}} \\frac{{{c}}}{{{r}^n}}", f"\\sum_{{k=1}}^\\infty {c}\\cdot {r}^{{-k}}"],
        [
            f"\\sum_{{n=0}}^{{\\infty}} \\frac{{{c}}}{{{r}^n}}",
            f"\\sum_{{n=1}}^{{\\infty}} \\frac{{{c}}}{{{r + 1}^n}}",
            f"\\sum_{{n=1}}^{{\\infty}} \\frac{{{c + 1}}}{{{r}^n}}",
        ],
    )


def finite_sum(rng: random.Random) -> Case:
    n, c = rng.randint(3, 60), rng.randint(1, 9)
    total = c * n * (n + 1) // 2
    return Case(
        str(total),
        [f"\\sum_{{k=1}}^{{{n}}} {c}k", f"\\sum_{{i=1}}^{{{n}}} {c}i", f"{c}\\sum_{{k=1}}^{{{n}}} k"],
        [
            f"\\sum_{{k=1}}^{{{n + 1}}} {c}k",
            f"\\sum_{{k=2}}^{{{n}}} {c}k",
            f"\\sum_{{k=1}}^{{{n}}} {c}k^2",
            f"\\sum_{{k=1}}^{{{n}}} {c + 1}k",
        ],
    )


def quotient_limit(rng: random.Random) -> Case:
    a, b = rng.sample(range(2, 40), 2)
    q = frac(Fraction(a, b))
    return Case(
        q,
        [f"\\lim_{{x\\to 0}}\\frac{{\\sin {a}x}}{{{b}x}}", f"\\lim_{{n\\to\\infty}}\\frac{{{a}n+1}}{{{b}n-3}}"],
        [
            f"\\lim_{{x\\to 0}}\\frac{{\\sin {a + 1}x}}{{{b}x}}",
            f"\\lim_{{n\\to\\infty}}\\frac{{{b}n+1}}{{{a}n-3}}",
            f"\\lim_{{x\\to 0}}\\frac{{\\cos {a}x}}{{{b}}}",
        ],
    )


def power_integral(rng: random.Random) -> Case:
    a, n = rng.randint(2, 19), rng.randint(2, 9)
    return Case(
        frac(Fraction(a, n + 1)),
        [f"\\int_0^1 {a}x^{n}\\,dx", f"\\int_{{0}}^{{1}} {a}x^{{{n}}} dx"],
        [f"\\int_0^1 {a + 1}x^{n}\\,dx", f"\\int_0^1 {a}x^{n + 1}\\,dx", f"\\int_0^2 {a}x^{n}\\,dx"],
    )


CALCULUS = (polynomial_sum, geometric_series, finite_sum, quotient_limit, power_integral)


@form("calculus")
def calculus(rng: random.Random) -> Case:
    return rng.choice(CALCULUS)(rng)


@form("closed sums")
def closed_sums(rng: random.Random) -> Case:
    c, v = rng.randint(1, 60), rng.choice(["n", "m", "N"])
    return Case(
        f"\\frac{{{c}{v}({v}+1)}}{{2}}",
        [f"\\sum_{{k=1}}^{{{v}}} {c}k", f"\\frac{{{c}{v}^2+{c}{v}}}{{2}}", f"{c}\\sum_{{j=1}}^{{{v}}} j"],
        [
            f"\\sum_{{k=1}}^{{{v}}} {c}k^2",
            f"\\frac{{{c}{v}({v}-1)}}{{2}}",
            f"\\frac{{{c + 1}{v}({v}+1)}}{{2}}",
            f"\\frac{{{c}{v}({v}+1)}}{{3}}",
        ],
    )
