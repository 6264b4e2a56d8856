"""What a comparison may cost where it must not take long: work is estimated on the trees before it is done."""

from __future__ import annotations

from functools import reduce
from typing import NamedTuple

from assay_server.rewards.mathematics.tree import Node

INLINE = 5000
"""Units for one comparison on the event loop: about a microsecond each."""

_VISIT = 8
"""A node: its place in the form, and its floating value at four points."""

_PRODUCT = 3
"""A product of two terms."""

_LARGEST_POWER = 64
_MOST_TERMS = 41
_MOST_PRODUCTS = 800


class OverEffort(ArithmeticError):
    """The comparison would take longer than it may."""


class Effort:
    """An allowance of work; spending more than it holds ends the comparison."""

    __slots__ = ("left",)

    def __init__(self, units: int = INLINE) -> None:
        self.left = units

    def spend(self, units: int) -> None:
        """Take ``units`` of the allowance.

        Raises:
            OverEffort: it does not hold so many.
        """
        self.left -= units
        if self.left < 0:
            raise OverEffort("more work than a comparison may take here")


def work_of(node: Node) -> int:
    """About how many units the normal form and the floating evaluation of ``node`` take."""
    return _estimated(node).work


class _Estimate(NamedTuple):
    """Terms of numerator and denominator of a form at most, and the products on the way to it."""

    above: int = 1
    below: int = 1
    work: int = _VISIT


_LEAF = _Estimate()


def _estimated(node: Node) -> _Estimate:
    if not node.args:
        return _LEAF
    parts = [_estimated(argument) for argument in node.args]
    if node.op == "add":
        return reduce(_sum, parts)
    if node.op == "mul":
        return reduce(_product, parts)
    work = sum(part.work for part in parts) + _VISIT
    return _power(parts[0], node.args[1], work) if node.op == "pow" else _Estimate(1, 1, work)


def _sum(a: _Estimate, b: _Estimate) -> _Estimate:
    work = a.work + b.work + a.above + b.above
    if a.below == b.below == 1:
        return _Estimate(min(a.above + b.above, _MOST_TERMS), 1, work)
    products = (a.above * b.below, b.above * a.below, a.below * b.below)
    above, below = min(products[0] + products[1], _MOST_TERMS), min(products[2], _MOST_TERMS)
    return _Estimate(above, below, work + _PRODUCT * sum(min(count, _MOST_PRODUCTS) for count in products))


def _product(a: _Estimate, b: _Estimate) -> _Estimate:
    above, below = a.above * b.above, a.below * b.below
    work = a.work + b.work + _PRODUCT * (min(above, _MOST_PRODUCTS) + min(below, _MOST_PRODUCTS))
    return _Estimate(min(above, _MOST_TERMS), min(below, _MOST_TERMS), work)


def _power(base: _Estimate, exponent: Node, work: int) -> _Estimate:
    terms = max(base.above, base.below)
    if exponent.op != "num" or exponent.number.denominator != 1 or terms == 1:
        return _Estimate(1, 1, work + 2 * terms)
    times = abs(exponent.number.numerator)
    if times > _LARGEST_POWER:
        return _Estimate(1, 1, work)
    raised = 1
    for step in range(1, terms):
        raised = raised * (times + step) // step
        if raised > _MOST_TERMS:
            break
    work += _PRODUCT * times.bit_length() * min(raised * raised, _MOST_PRODUCTS)
    above, below = (min(raised, _MOST_TERMS) if part > 1 else 1 for part in (base.above, base.below))
    return _Estimate(above, below, work) if exponent.number > 0 else _Estimate(below, above, work)


def size_of(node: Node) -> int:
    """Nodes of a tree."""
    count = 0
    waiting = [node]
    while waiting:
        current = waiting.pop()
        count += 1
        waiting.extend(current.args)
    return count
