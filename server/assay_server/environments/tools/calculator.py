"""Arithmetic for the ``calculator`` tool: exact fractions as long as nothing else is asked for, floats after that.

A text is read once, from left to right, by two stacks (operators, values); nothing of it is run. What a result may
grow to is bounded before it is worked out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import TypeAlias

Number: TypeAlias = "Fraction | float"

_Operation: TypeAlias = "Callable[[Number, Number], Number | complex]"
_Function: TypeAlias = "Callable[[Sequence[Number]], Number]"

LONGEST = 500
"""Characters of an expression."""

_DEEPEST = 60
_MOST_BITS = 4096
_LARGEST_EXPONENT = 10_000
_DIGITS = 15
_EXACT_DIGITS = 40
_SPELLINGS = str.maketrans({"×": "*", "·": "*", "⋅": "*", "÷": "/", "−": "-", "–": "-", "[": "(", "]": ")", "_": ""})
_TOKEN = re.compile(
    r"\s*+(?:(?P<number>(?:\d++\.?+\d*+|\.\d++)(?:[eE][+-]?\d{1,3}(?!\d))?)"
    r"|(?P<name>[a-z][a-z0-9]*+)|(?P<mark>\*\*|//|[-+*/%^(),]))"
)
_BINARY = {"+": 1, "-": 1, "*": 2, "/": 2, "//": 2, "%": 2, "**": 4}
_SIGNS = {"+": "pos", "-": "neg"}
_SIGN_RANK = 3
_CONSTANTS = {"pi": math.pi, "e": math.e, "tau": math.tau}


class CalculatorError(ValueError):
    """An expression cannot be worked out; the message says why."""


def calculated(text: str) -> str:
    """The value of an expression, as text.

    Raises:
        CalculatorError: it is none, divides by zero, has no real value, or grows too large.
    """
    return shown(value_of(text))


def value_of(text: str) -> Number:
    """The value of an expression. Raises CalculatorError."""
    if len(text) > LONGEST:
        raise CalculatorError(f"longer than {LONGEST} characters")
    reading = _Reading()
    for kind, part in _tokens(text.translate(_SPELLINGS).lower()):
        reading.take(kind, part)
    return reading.result()


def shown(value: Number) -> str:
    """A number as text: exactly where its decimals end soon, else with 15 significant digits."""
    if isinstance(value, Fraction):
        if value.denominator == 1 and value.numerator.bit_length() <= _MOST_BITS:
            return str(value.numerator)
        exact = _decimals(value)
        if exact is not None:
            return exact
        value = _float(value)
    return f"{value:.{_DIGITS}g}"


def _decimals(value: Fraction) -> str | None:
    """All decimals of a fraction; None where they do not end within 40 digits."""
    rest, places = value.denominator, 0
    while rest % 10 == 0:
        rest, places = rest // 10, places + 1
    for factor in (2, 5):
        while rest % factor == 0:
            rest, places = rest // factor, places + 1
    if rest != 1 or places > _EXACT_DIGITS or value.numerator.bit_length() > _MOST_BITS:
        return None
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}".rstrip("0").rstrip(".")


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            if not text[at:].strip():
                return
            raise CalculatorError(f"cannot read {text[at : at + 20].strip()!r}")
        at = token.end()
        kind = token.lastgroup or ""
        yield kind, token[kind]


class _Reading:
    """Two stacks; ``(`` on the stack of operators stands for a bracket, a function's name below it for its call."""

    def __init__(self) -> None:
        self._operators: list[str] = []
        self._values: list[Number] = []
        self._counts: list[int] = []
        self._wants_value = True

    def take(self, kind: str, part: str) -> None:
        """The next token."""
        if kind == "number":
            self._value(_number(part))
        elif kind == "name":
            self._name(part)
        elif part == "(":
            self._open("")
        elif part in (")", ","):
            self._close(part)
        else:
            self._operator("**" if part == "^" else part)

    def result(self) -> Number:
        """What is left when all was taken."""
        if self._wants_value:
            raise CalculatorError("it breaks off" if self._values or self._operators else "nothing to work out")
        self._reduce(0)
        if self._operators:
            raise CalculatorError("a bracket is not closed")
        return self._values[0]

    def _value(self, value: Number) -> None:
        if not self._wants_value:
            raise CalculatorError("an operator is missing between two values")
        self._values.append(value)
        self._wants_value = False

    def _name(self, name: str) -> None:
        if name in _CONSTANTS:
            self._value(_CONSTANTS[name])
        elif name in _FUNCTIONS and self._wants_value:
            self._operators.append(name)
        else:
            raise CalculatorError(f"unknown name {name[:20]!r}; functions are {', '.join(_FUNCTIONS)}")

    def _open(self, part: str) -> None:
        if not self._wants_value:
            raise CalculatorError("an operator is missing before a bracket")
        if len(self._counts) >= _DEEPEST:
            raise CalculatorError(f"brackets deeper than {_DEEPEST}")
        self._operators.append(part or "(")
        self._counts.append(1)

    def _close(self, part: str) -> None:
        if self._wants_value:
            raise CalculatorError(f"a value is missing before {part!r}")
        self._reduce(0)
        if not self._counts:
            raise CalculatorError(f"{part!r} without a bracket")
        function = self._operators[-2] if len(self._operators) > 1 and self._operators[-2] in _FUNCTIONS else ""
        if part == ",":
            if not function:
                raise CalculatorError("',' outside of a function's brackets")
            self._counts[-1] += 1
            self._wants_value = True
            return
        self._operators.pop()
        count = self._counts.pop()
        if function:
            self._operators.pop()
            arguments = self._values[-count:]
            del self._values[-count:]
            self._values.append(_called(function, arguments))

    def _operator(self, part: str) -> None:
        if self._operators and self._operators[-1] in _FUNCTIONS:
            raise CalculatorError(f"{self._operators[-1]} needs brackets")
        if self._wants_value:
            if part not in _SIGNS:
                raise CalculatorError(f"a value is missing before {part!r}")
            if len(self._operators) > LONGEST:
                raise CalculatorError("too many signs")
            self._operators.append(_SIGNS[part])
            return
        self._reduce(_BINARY[part] + (part == "**"))  # powers group to the right
        self._operators.append(part)
        self._wants_value = True

    def _reduce(self, rank: int) -> None:
        """Work out what is on the stack down to the last bracket, as far as it binds at least so tightly."""
        while self._operators and self._operators[-1] != "(":
            last = self._operators[-1]
            if last in _FUNCTIONS:
                raise CalculatorError(f"{last} needs brackets")
            sign = last in ("pos", "neg")
            if (_SIGN_RANK if sign else _BINARY[last]) < rank:
                return
            self._operators.pop()
            right = self._values.pop()
            if sign:
                self._values.append(-right if last == "neg" else right)
            else:
                self._values.append(_bounded(_APPLIED[last](self._values.pop(), right)))


def _number(text: str) -> Number:
    if len(text) > _DIGITS * 20:
        raise CalculatorError("a number with too many digits")
    return Fraction(text)


def _bounded(value: Number | complex) -> Number:
    if isinstance(value, Fraction):
        wide = max(value.numerator.bit_length(), value.denominator.bit_length()) > _MOST_BITS
        return _float(value) if wide else value
    if isinstance(value, complex) or not math.isfinite(value):
        raise CalculatorError("no real number" if isinstance(value, complex) else "too large")
    return value


def _float(value: Number) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise CalculatorError("too large") from error


def _both(exact: Callable[[Fraction, Fraction], Number], rough: Callable[[float, float], float]) -> _Operation:
    def applied(left: Number, right: Number) -> Number:
        try:
            if isinstance(left, Fraction) and isinstance(right, Fraction):
                return exact(left, right)
            return rough(_float(left), _float(right))
        except ZeroDivisionError as error:
            raise CalculatorError("division by zero") from error
        except OverflowError as error:
            raise CalculatorError("too large") from error

    return applied


def _power(left: Number, right: Number) -> Number | complex:
    whole = int(right) if isinstance(right, Fraction) and right.denominator == 1 else None
    try:
        if whole is not None and isinstance(left, Fraction) and abs(whole) <= _LARGEST_EXPONENT:
            bits = max(left.numerator.bit_length(), left.denominator.bit_length())
            if bits * abs(whole) <= 2 * _MOST_BITS:
                return left**whole
        return _float(left) ** _float(right)
    except ZeroDivisionError as error:
        raise CalculatorError("division by zero") from error
    except OverflowError as error:
        raise CalculatorError("too large") from error


_APPLIED: Mapping[str, _Operation] = {
    "+": _both(lambda a, b: a + b, lambda a, b: a + b),
    "-": _both(lambda a, b: a - b, lambda a, b: a - b),
    "*": _both(lambda a, b: a * b, lambda a, b: a * b),
    "/": _both(lambda a, b: a / b, lambda a, b: a / b),
    "//": _both(lambda a, b: Fraction(a // b), lambda a, b: a // b),
    "%": _both(lambda a, b: a % b, lambda a, b: a % b),
    "**": _power,
}


def _called(name: str, arguments: list[Number]) -> Number:
    least, most, function = _FUNCTIONS[name]
    if not least <= len(arguments) <= most:
        raise CalculatorError(f"{name} takes {least if least == most else f'{least} to {most}'} values")
    try:
        return _bounded(function(arguments))
    except CalculatorError:
        raise
    except (ValueError, ZeroDivisionError) as error:
        raise CalculatorError(f"{name}: {error}") from error
    except OverflowError as error:
        raise CalculatorError("too large") from error


def _rough(function: Callable[[float], float]) -> _Function:
    return lambda values: function(_float(values[0]))


def _root(values: Sequence[Number]) -> Number:
    value = values[0]
    if isinstance(value, Fraction) and value >= 0:
        top, bottom = math.isqrt(value.numerator), math.isqrt(value.denominator)
        if top * top == value.numerator and bottom * bottom == value.denominator:
            return Fraction(top, bottom)
    return math.sqrt(_float(value))


def _rounded(values: Sequence[Number]) -> Number:
    value, places = (*values, Fraction(0))[:2]
    if not isinstance(places, Fraction) or places.denominator != 1 or abs(places) > _EXACT_DIGITS:
        raise CalculatorError(f"round: places are whole numbers up to {_EXACT_DIGITS}")
    return round(value, int(places)) if places else Fraction(round(value))


def _logarithm(values: Sequence[Number]) -> Number:
    return math.log(*map(_float, values))


_MANY = 100
_FUNCTIONS: Mapping[str, tuple[int, int, _Function]] = {
    "sqrt": (1, 1, _root),
    "abs": (1, 1, lambda values: abs(values[0])),
    "min": (1, _MANY, min),
    "max": (1, _MANY, max),
    "sum": (1, _MANY, lambda values: sum(values, Fraction(0))),
    "round": (1, 2, _rounded),
    "floor": (1, 1, lambda values: Fraction(math.floor(values[0]))),
    "ceil": (1, 1, lambda values: Fraction(math.ceil(values[0]))),
    "ln": (1, 1, _rough(math.log)),
    "log": (1, 2, _logarithm),
    "log10": (1, 1, _rough(math.log10)),
    "log2": (1, 1, _rough(math.log2)),
    "exp": (1, 1, _rough(math.exp)),
    "sin": (1, 1, _rough(math.sin)),
    "cos": (1, 1, _rough(math.cos)),
    "tan": (1, 1, _rough(math.tan)),
}
"""Least and most values, and what is made of them."""
