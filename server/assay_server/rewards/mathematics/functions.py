"""Forms of named functions: taken apart where their value is known, opaque elsewhere."""

from __future__ import annotations

import math
from fractions import Fraction

from assay_server.rewards.mathematics.normal_form import (
    Form,
    OverBudget,
    atom,
    constant,
    form_of,
    inverted,
    logarithm,
    multiply,
    negated,
    opaque,
    power,
    special_cosine,
)
from assay_server.rewards.mathematics.tree import Node

_LARGEST_FACTORIAL = 200
_DEGREE = multiply(atom("pi"), constant(Fraction(1, 180)))
_PI = (("pi", Fraction(1)),)
_ARCS = {
    "arcsin": {Fraction(0): Fraction(0), Fraction(1, 2): Fraction(1, 6), Fraction(1): Fraction(1, 2)},
    "arctan": {Fraction(0): Fraction(0), Fraction(1): Fraction(1, 4)},
}


def function_form(name: str, arguments: tuple[Node, ...]) -> Form:
    """The form of ``name(arguments)``.

    Raises:
        OverBudget: too large, without value, or with parts that are no scalars.
    """
    if name in ("sum", "prod", "int", "lim", "det"):
        raise OverBudget(f"{name} is left to the symbolic layer")
    forms = [form_of(argument) for argument in arguments]
    first = forms[0]
    if name == "root":
        return power(first, inverted(forms[1]))
    if name == "log":
        below = logarithm(forms[1]) if len(forms) == 2 else constant(1)
        return multiply(logarithm(first), inverted(below))
    if name in ("percent", "degrees"):
        return multiply(first, constant(Fraction(1, 100)) if name == "percent" else _DEGREE)
    if name in _TRIGONOMETRY:
        return _trigonometric(name, first)
    if name in _ARCS:
        return _arc(name, first)
    values = [form.constant() for form in forms]
    exact = [value for value in values if value is not None]
    if len(exact) == len(forms):
        known = _of_numbers(name, exact)
        if known is not None:
            return constant(known)
    if name == "abs":
        return _absolute(first)
    return opaque(name, *forms)


def _of_numbers(name: str, values: list[Fraction]) -> Fraction | None:
    first = values[0]
    whole = all(value.denominator == 1 for value in values)
    if name in ("abs", "floor", "ceil"):
        return {"abs": abs(first), "floor": Fraction(math.floor(first)), "ceil": Fraction(math.ceil(first))}[name]
    if name in ("max", "min"):
        return max(values) if name == "max" else min(values)
    if not whole:
        return None
    numbers = [value.numerator for value in values]
    if name == "gcd":
        return Fraction(math.gcd(*numbers))
    if name == "lcm":
        return Fraction(math.lcm(*numbers))
    if name == "factorial" and 0 <= numbers[0] <= _LARGEST_FACTORIAL:
        return Fraction(math.factorial(numbers[0]))
    if name == "double_factorial" and 0 <= numbers[0] <= _LARGEST_FACTORIAL:
        return Fraction(math.prod(range(numbers[0], 0, -2)))
    if name == "binomial" and 0 <= numbers[1] <= numbers[0] <= 2 * _LARGEST_FACTORIAL:
        return Fraction(math.comb(numbers[0], numbers[1]))
    return None


_TRIGONOMETRY = frozenset(("sin", "cos", "tan", "cot", "sec", "csc"))


def _trigonometric(name: str, argument: Form) -> Form:
    if name == "tan":
        return multiply(_trigonometric("sin", argument), inverted(_trigonometric("cos", argument)))
    if name == "cot":
        return multiply(_trigonometric("cos", argument), inverted(_trigonometric("sin", argument)))
    if name in ("sec", "csc"):
        return inverted(_trigonometric("cos" if name == "sec" else "sin", argument))
    turns = _turns(argument)
    if turns is not None:
        known = special_cosine(turns if name == "cos" else Fraction(1, 2) - turns)
        if known is not None:
            return known
    positive, sign = _leading_positive(argument)
    form = opaque(name, positive)
    return negated(form) if sign < 0 and name == "sin" else form


def _turns(argument: Form) -> Fraction | None:
    """``argument / pi`` where it is rational."""
    if not argument.numerator:
        return Fraction(0)
    single = argument.single()
    return single[1] if single is not None and single[0] == _PI else None


def _leading_positive(form: Form) -> tuple[Form, int]:
    if form.numerator and form.numerator[min(form.numerator)] < 0:
        return negated(form), -1
    return form, 1


def _arc(name: str, argument: Form) -> Form:
    value = argument.constant()
    turns = None if value is None else _ARCS[name].get(abs(value))
    if value is None or turns is None:
        return opaque(name, argument)
    return multiply(atom("pi"), constant(turns if value >= 0 else -turns))


def _absolute(argument: Form) -> Form:
    single = argument.single()
    if single is not None and all(name.isdigit() or name in ("pi", "e") for name, _ in single[0]):
        return Form({single[0]: abs(single[1])})
    return opaque("abs", _leading_positive(argument)[0])
