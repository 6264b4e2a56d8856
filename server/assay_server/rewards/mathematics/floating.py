"""Floating evaluation at fixed points: it can refute an equality, never prove one."""

from __future__ import annotations

import cmath
import hashlib
import math
from collections.abc import Callable, Mapping

from assay_server.rewards.mathematics.tree import Node, variables

_DIFFERENT = 1e-7
_LARGEST_ANGLE = 1e6
_LARGEST_FACTORIAL = 150
_SIGNS = ((1, 1), (1, 1), (1, -1), (-1, -1))
_LARGER = (1.0, 7.0, 2.0, 1.0)
_POSITIVE = 2
"""So many of the points are positive; at the others only real values count."""


class NoValue(ArithmeticError):
    """Too large, undefined at this point, or a function without an evaluation."""


class _Evaluation:
    """One evaluation; remembers the largest term that was added, for that bounds what cancellation can hide."""

    def __init__(self, point: Mapping[str, float]) -> None:
        self.point = point
        self.largest = 0.0

    def value(self, node: Node) -> complex:
        operation = node.op
        if operation == "num":
            return complex(_float(node))
        if operation == "sym":
            return self.symbol(node.name)
        values = [self.value(argument) for argument in node.args]
        if operation == "add":
            self.largest = max(self.largest, *map(abs, values))
            return sum(values)
        if operation == "mul":
            return math.prod(values, start=1 + 0j)
        if operation == "pow":
            return real_power(values[0], values[1])
        if operation == "call" and node.name in _FUNCTIONS:
            return _FUNCTIONS[node.name](*values)
        raise NoValue(node.name or operation)

    def symbol(self, name: str) -> complex:
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        if name not in self.point:
            raise NoValue(name)
        return complex(self.point[name])


_CONSTANTS = {"pi": complex(math.pi), "e": complex(math.e), "i": 1j}


def _float(node: Node) -> float:
    try:
        return float(node.number)
    except OverflowError as error:
        raise NoValue("too large") from error


def real_power(base: complex, exponent: complex) -> complex:
    """``base ** exponent``; an odd root of a negative number is real, as competition answers mean it."""
    if base == 0:
        if exponent.real <= 0:
            raise NoValue("zero to a power")
        return 0j
    if base.imag == 0 and base.real < 0 and exponent.imag == 0 and not exponent.real.is_integer():
        for root in (3, 5, 7, 9):
            times = exponent.real * root
            if abs(times - round(times)) < 1e-12:
                size = (-base.real) ** exponent.real
                return complex(-size if round(times) % 2 else size)
    if abs(exponent) * abs(math.log(abs(base))) > 600:
        raise NoValue("too large")
    return base**exponent


def _root(radicand: complex, index: complex) -> complex:
    if index == 0:
        raise NoValue("a zeroth root")
    return real_power(radicand, 1 / index)


def _logarithm(argument: complex, base: complex = complex(math.e)) -> complex:
    if argument == 0 or base in (0, 1):
        raise NoValue("a logarithm of zero")
    return cmath.log(argument) / cmath.log(base)


def _angle(function: Callable[[complex], complex]) -> Callable[[complex], complex]:
    def bounded(value: complex) -> complex:
        if abs(value) > _LARGEST_ANGLE or abs(value.imag) > 300:
            raise NoValue("too large an angle")
        return function(value)

    return bounded


def _factorial(value: complex) -> complex:
    if value.imag or not value.real.is_integer() or not 0 <= value.real <= _LARGEST_FACTORIAL:
        raise NoValue("a factorial")
    return complex(math.factorial(int(value.real)))


def _binomial(above: complex, below: complex) -> complex:
    if above.imag or below.imag or not above.real.is_integer() or not below.real.is_integer():
        raise NoValue("a binomial")
    if not 0 <= below.real <= above.real <= 2 * _LARGEST_FACTORIAL:
        raise NoValue("a binomial")
    return complex(math.comb(int(above.real), int(below.real)))


def _real(function: Callable[[list[float]], float]) -> Callable[..., complex]:
    def checked(*values: complex) -> complex:
        if any(value.imag for value in values):
            raise NoValue("a complex argument")
        return complex(function([value.real for value in values]))

    return checked


def _stable(function: Callable[[float], int]) -> Callable[[complex], complex]:
    def checked(value: complex) -> complex:
        if value.imag or abs(value.real - round(value.real)) < 1e-9:
            raise NoValue("a step")
        return complex(function(value.real))

    return checked


def _absolute(value: complex) -> complex:
    return complex(abs(value))


def _percent(value: complex) -> complex:
    return value / 100


def _degrees(value: complex) -> complex:
    return value * math.pi / 180


def _unknown(seed: complex) -> Callable[..., complex]:
    """A fixed smooth function for ``f`` in ``f(x)``: what holds for every function holds for it."""

    def applied(*values: complex) -> complex:
        if any(abs(value) > _LARGEST_ANGLE or abs(value.imag) > 30 for value in values):
            raise NoValue("too large an argument")
        return sum((cmath.sin(seed * value + number + 1) for number, value in enumerate(values)), start=1.7 * seed)

    return applied


_FUNCTIONS: dict[str, Callable[..., complex]] = {
    "root": _root,
    "log": _logarithm,
    "abs": _absolute,
    "percent": _percent,
    "degrees": _degrees,
    "factorial": _factorial,
    "binomial": _binomial,
    "floor": _stable(math.floor),
    "ceil": _stable(math.ceil),
    "max": _real(max),
    "min": _real(min),
    "sin": _angle(cmath.sin),
    "cos": _angle(cmath.cos),
    "tan": _angle(cmath.tan),
    "cot": _angle(lambda value: 1 / cmath.tan(value)),
    "sec": _angle(lambda value: 1 / cmath.cos(value)),
    "csc": _angle(lambda value: 1 / cmath.sin(value)),
    "sinh": _angle(cmath.sinh),
    "cosh": _angle(cmath.cosh),
    "tanh": _angle(cmath.tanh),
    "arcsin": cmath.asin,
    "arccos": cmath.acos,
    "arctan": cmath.atan,
    "arcsinh": cmath.asinh,
    "arccosh": cmath.acosh,
    "arctanh": cmath.atanh,
    "f()": _unknown(0.73 + 0j),
    "g()": _unknown(1.31 + 0j),
}
_FAILURES = (NoValue, ArithmeticError, ValueError)


def points_for(names: frozenset[str]) -> list[dict[str, float]]:
    """Four points, the same for the same names: small, large, of mixed signs, negative."""
    points: list[dict[str, float]] = []
    for number, signs in enumerate(_SIGNS):
        point: dict[str, float] = {}
        for name in names:
            digest = hashlib.blake2b(f"{number} {name}".encode(), digest_size=8).digest()
            size = 0.3 + int.from_bytes(digest, "big") / 2**64 * 2.1
            point[name] = size * _LARGER[number] * signs[digest[0] % 2]
        points.append(point)
    return points


def evaluate(node: Node, point: Mapping[str, float]) -> tuple[complex, float] | None:
    """Value and the size below which it is rounding; None where there is none."""
    evaluation = _Evaluation(point)
    try:
        value = evaluation.value(node)
    except _FAILURES:
        return None
    if not cmath.isfinite(value):
        return None
    return value, _DIFFERENT * max(abs(value), evaluation.largest * 1e-6)


def real_value(node: Node) -> float | None:
    """The value of a real constant."""
    found = evaluate(node, {})
    return None if found is None or abs(found[0].imag) > found[1] else found[0].real


def refuted(a: Node, b: Node) -> bool:
    """Whether ``a`` and ``b`` certainly differ at one of the points."""
    names = variables(a) | variables(b)
    for number, point in enumerate(points_for(names) if names else [{}]):
        left, right = evaluate(a, point), evaluate(b, point)
        if left is None or right is None:
            continue
        if number >= _POSITIVE and (abs(left[0].imag) > left[1] or abs(right[0].imag) > right[1]):
            continue
        if abs(left[0] - right[0]) > max(left[1], right[1]):
            return True
    return False
