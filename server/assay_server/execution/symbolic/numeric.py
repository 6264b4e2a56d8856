"""High-precision evaluation with mpmath, at seeded points where there are variables."""

# mpmath and SymPy carry no complete types.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownLambdaType=false

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import TypeAlias

import mpmath

from assay_server.execution.symbolic.guard import Refused
from assay_server.rewards.mathematics.tree import Node

DIGITS = 60
"""Decimal digits of the evaluation."""

_AGREE = mpmath.mpf(10) ** -45
_CANCELLED = mpmath.mpf(10) ** -52
_LARGER = (1, 1, 11, 3, 1)
_SIGNS = ((1, 1), (1, 1), (1, 1), (1, -1), (-1, -1))
_POINTS = len(_SIGNS)
_POSITIVE = 3
"""So many of the points are positive; at the others only real values count."""
_LARGEST_EXPONENT = mpmath.mpf(10) ** 7

Value: TypeAlias = complex
"""A number of mpmath, which has the operators of a complex number."""


class NoValue(ArithmeticError):
    """Undefined at this point, or a function without an evaluation."""


class _Evaluation:
    def __init__(self, point: Mapping[str, Value]) -> None:
        self.point = point
        self.largest: float = mpmath.mpf(0)

    def value(self, node: Node) -> Value:
        if node.op == "num":
            return _rational(node.number)
        if node.op == "sym":
            return self.symbol(node.name)
        values = [self.value(argument) for argument in node.args]
        if node.op == "add":
            self.largest = max(self.largest, *map(abs, values))
            return mpmath.fsum(values)
        if node.op == "mul":
            return mpmath.fprod(values)
        if node.op == "pow":
            return _power(values[0], values[1], node.args[1])
        if node.op == "call" and node.name in _FUNCTIONS:
            return _FUNCTIONS[node.name](*values)
        raise NoValue(node.name or node.op)

    def symbol(self, name: str) -> Value:
        if name == "pi":
            return +mpmath.pi
        if name == "e":
            return +mpmath.e
        if name == "i":
            return mpmath.mpc(0, 1)
        if name not in self.point:
            raise NoValue(name)
        return self.point[name]


def _rational(value: Fraction) -> Value:
    return mpmath.mpf(value.numerator) / value.denominator


def _power(base: Value, exponent: Value, written: Node) -> Value:
    if base == 0:
        if mpmath.re(exponent) <= 0:
            raise NoValue("zero to a power")
        return mpmath.mpf(0)
    if abs(exponent) > _LARGEST_EXPONENT:
        raise Refused("too large an exponent")
    real = mpmath.im(base) == 0 and mpmath.re(base) < 0
    if real and written.op == "num" and written.number.denominator % 2 and written.number.denominator > 1:
        size = mpmath.power(-mpmath.re(base), exponent)
        return -size if written.number.numerator % 2 else size
    if (
        real
        and written.op != "num"
        and mpmath.im(exponent) == 0
        and mpmath.re(exponent) != mpmath.nint(mpmath.re(exponent))
    ):
        for root in (3, 5, 7, 9):
            times = mpmath.re(exponent) * root
            if abs(times - mpmath.nint(times)) < _AGREE:
                size = mpmath.power(-mpmath.re(base), exponent)
                return -size if int(mpmath.nint(times)) % 2 else size
    return mpmath.power(base, exponent)


def _root(radicand: Value, index: Value) -> Value:
    whole = int(mpmath.nint(mpmath.re(index)))
    if whole == 0 or index != whole:
        return mpmath.power(radicand, 1 / index)
    return _power(radicand, mpmath.mpf(1) / whole, Node("num", number=Fraction(1, whole)))


def _logarithm(argument: Value, base: Value | None = None) -> Value:
    if argument == 0 or base == 0 or base == 1:
        raise NoValue("a logarithm of zero")
    return mpmath.log(argument) if base is None else mpmath.log(argument) / mpmath.log(base)


def _step(function: Callable[[Value], Value]) -> Callable[[Value], Value]:
    def stable(value: Value) -> Value:
        nearest = mpmath.nint(mpmath.re(value))
        return nearest if abs(value - nearest) < _AGREE else function(value)

    return stable


def _unknown(seed: Value) -> Callable[..., Value]:
    """A fixed smooth function for ``f`` in ``f(x)``."""

    def applied(*values: Value) -> Value:
        return mpmath.fsum([1.7 * seed, *(mpmath.sin(seed * value + at + 1) for at, value in enumerate(values))])

    return applied


_FUNCTIONS: dict[str, Callable[..., Value]] = {
    "root": _root,
    "log": _logarithm,
    "abs": abs,
    "percent": lambda value: value / 100,
    "degrees": lambda value: value * mpmath.pi / 180,
    "factorial": mpmath.factorial,
    "double_factorial": mpmath.fac2,
    "binomial": mpmath.binomial,
    "floor": _step(mpmath.floor),
    "ceil": _step(mpmath.ceil),
    "max": lambda *values: max(values),
    "min": lambda *values: min(values),
    **{name: getattr(mpmath, name) for name in ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh")},
    "arcsin": mpmath.asin,
    "arccos": mpmath.acos,
    "arctan": mpmath.atan,
    "arcsinh": mpmath.asinh,
    "arccosh": mpmath.acosh,
    "arctanh": mpmath.atanh,
    "zeta()": mpmath.zeta,
    "Gamma()": mpmath.gamma,
    "f()": _unknown(mpmath.mpf("0.73")),
    "g()": _unknown(mpmath.mpf("1.31")),
}
_FAILURES = (NoValue, ArithmeticError, ValueError, TypeError)


def _points(names: frozenset[str]) -> list[dict[str, Value]]:
    points: list[dict[str, Value]] = []
    for number in range(_POINTS):
        point: dict[str, Value] = {}
        for name in names:
            digest = hashlib.sha256(f"{number} {name}".encode()).digest()
            size = mpmath.mpf(int.from_bytes(digest, "big")) / mpmath.mpf(2) ** 256 * 2 + mpmath.mpf(1) / 3
            point[name] = size * _LARGER[number] * _SIGNS[number][digest[0] % 2]
        points.append(point)
    return points


def agree(a: Node, b: Node, names: frozenset[str]) -> bool | None:
    """Whether both have the same value, to 45 digits, wherever both have one.

    None where they have none in common.

    Raises:
        Refused: an exponent is too large to be evaluated.
    """
    seen = 0
    with mpmath.workdps(DIGITS):
        for number, point in enumerate(_points(names) if names else [{}]):
            pair = _pair(a, b, point)
            if pair is None:
                continue
            left, right, noise = pair
            if number >= _POSITIVE and (mpmath.im(left) or mpmath.im(right)):
                continue
            if abs(left - right) > max(_AGREE * max(abs(left), abs(right)), noise):
                return False
            seen += 1
    return True if seen else None


def _pair(a: Node, b: Node, point: Mapping[str, Value]) -> tuple[Value, Value, float] | None:
    left, right = _Evaluation(point), _Evaluation(point)
    try:
        values = left.value(a), right.value(b)
    except Refused:
        raise
    except _FAILURES:
        return None
    if not (mpmath.isfinite(values[0]) and mpmath.isfinite(values[1])):
        return None
    return values[0], values[1], _CANCELLED * max(left.largest, right.largest)


def ratio_is_constant(a: Node, b: Node, names: frozenset[str]) -> bool | None:
    """Whether ``a / b`` has one real value at all points: the equations ``a = 0`` and ``b = 0`` are then the same."""
    ratios: list[Value] = []
    with mpmath.workdps(DIGITS):
        for point in _points(names):
            pair = _pair(a, b, point)
            if pair is not None and pair[1] != 0:
                ratios.append(pair[0] / pair[1])
        if len(ratios) < 2:
            return None
        return all(abs(ratio - ratios[0]) <= _AGREE * abs(ratios[0]) for ratio in ratios[1:])
