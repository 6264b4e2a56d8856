"""Whether two sides are multiples of each other, and whether a decimal is a rounding."""

from __future__ import annotations

from fractions import Fraction

from assay_server.rewards.mathematics.floating import evaluate, points_for, real_value
from assay_server.rewards.mathematics.normal_form import OverBudget, cross_difference, form_of
from assay_server.rewards.mathematics.tree import Node, num, variables


def proportional(a: Node, b: Node, *, positive: bool = False) -> bool | None:
    """Whether ``a`` is a constant (positive) multiple of ``b``, denominators cleared."""
    if variables(a) != variables(b):
        return False
    try:
        left, right = form_of(a), form_of(b)
        zero = form_of(num(0))
        p, q = cross_difference(left, zero), cross_difference(right, zero)
    except OverBudget:
        return _ratio_is_constant(a, b)
    if not p or not q:
        return not p and not q
    factor = next(iter(p.values())) / q.get(next(iter(p)), Fraction(0)) if next(iter(p)) in q else None
    if factor is not None and p.keys() == q.keys() and all(p[term] == factor * q[term] for term in p):
        return factor > 0 or not positive
    if left.complete and right.complete and not _has_surds(p) and not _has_surds(q):
        return False
    return _ratio_is_constant(a, b)


def _has_surds(polynomial: dict[tuple[tuple[str, Fraction], ...], Fraction]) -> bool:
    return any(name.isdigit() or name in ("pi", "e", "i") for monomial in polynomial for name, _ in monomial)


def _ratio_is_constant(a: Node, b: Node) -> bool | None:
    """False where the quotient varies over the points; else None: floating numbers prove nothing."""
    ratios: list[complex] = []
    for point in points_for(variables(a)):
        left, right = evaluate(a, point), evaluate(b, point)
        if left is not None and right is not None and right[0]:
            ratios.append(left[0] / right[0])
    if len(ratios) < 2:
        return None
    return False if any(abs(ratio - ratios[0]) > 1e-6 * abs(ratios[0]) for ratio in ratios) else None


_SHORTEST_ROUNDING = 3


def is_rounding(exact: Node, decimal: Node) -> bool:
    """Whether ``decimal`` is ``exact`` rounded to its places, three digits at least."""
    if decimal.op != "num" or variables(exact):
        return False
    below = decimal.number.denominator
    while below % 10 == 0:
        below //= 10
    places = 0
    while places < 30 and decimal.number.denominator > 1 and 10**places % decimal.number.denominator:
        places += 1
    if not 1 <= places < 30 or len(str(abs(decimal.number.numerator))) < 1:
        return False
    if len(str(round(abs(decimal.number) * 10**places))) < _SHORTEST_ROUNDING:
        return False
    value = real_value(exact)
    return value is not None and abs(value - float(decimal.number)) <= 0.5000001 * 10**-places
