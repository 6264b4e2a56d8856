"""Trees to SymPy expressions, node by node: nothing is parsed, and large numbers stay unevaluated or are refused."""

# mpmath and SymPy carry no complete types.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownLambdaType=false

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import sympy

from assay_server.execution.symbolic.guard import Refused
from assay_server.rewards.mathematics.tree import Node

_LARGEST_POWER_BITS = 20_000
_LARGEST_FACTORIAL = 3000
_MOST_SUMMANDS = 10**6

_CONSTANTS: dict[str, sympy.Expr] = {"pi": sympy.pi, "e": sympy.E, "i": sympy.I, "infty": sympy.oo}
_SAME_NAMES = (
    *("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh"),
    *("floor", "factorial", "binomial", "gcd", "lcm"),
)
_FUNCTIONS: dict[str, Callable[..., sympy.Expr]] = {
    **{name: cast("Callable[..., sympy.Expr]", getattr(sympy, name)) for name in _SAME_NAMES},
    "arcsin": sympy.asin,
    "arccos": sympy.acos,
    "arctan": sympy.atan,
    "abs": sympy.Abs,
    "ceil": sympy.ceiling,
    "double_factorial": sympy.factorial2,
    **{f"{name}()": cast("Callable[..., sympy.Expr]", sympy.Function(name)) for name in ("f", "g")},
    "zeta()": sympy.zeta,
    "Gamma()": sympy.gamma,
    "arcsinh": sympy.asinh,
    "arccosh": sympy.acosh,
    "arctanh": sympy.atanh,
    "max": sympy.Max,
    "min": sympy.Min,
}


def to_sympy(node: Node) -> sympy.Expr:
    """The expression of a scalar.

    Raises:
        Refused: a number in it would be too large, or it is no scalar.
    """
    if node.op == "num":
        return sympy.Rational(node.number.numerator, node.number.denominator)
    if node.op == "sym":
        return _CONSTANTS.get(node.name) or sympy.Symbol(node.name, real=True)
    if node.op == "call" and node.name in ("sum", "prod", "int", "lim"):
        return _bounded(node)
    arguments = [to_sympy(argument) for argument in node.args]
    if node.op == "add":
        return sympy.Add(*arguments)
    if node.op == "mul":
        return sympy.Mul(*arguments)
    if node.op == "pow":
        return _power(arguments[0], arguments[1])
    if node.op == "call":
        return _call(node.name, arguments)
    raise Refused(f"{node.op} is no scalar")


def _power(base: sympy.Expr, exponent: sympy.Expr) -> sympy.Expr:
    if isinstance(base, sympy.Rational) and isinstance(exponent, sympy.Rational):
        bits = max(int(base.p).bit_length(), int(base.q).bit_length())
        if abs(exponent) * bits > _LARGEST_POWER_BITS:
            raise Refused("a power with too many digits")
        if base < 0 and int(exponent.q) % 2 and int(exponent.q) > 1:
            return sympy.Mul(-1 if int(exponent.p) % 2 else 1, sympy.Pow(-base, exponent))
    elif isinstance(exponent, sympy.Rational) and abs(exponent) > _MOST_SUMMANDS:
        raise Refused("too high a power")
    return sympy.Pow(base, exponent)


def _call(name: str, arguments: list[sympy.Expr]) -> sympy.Expr:
    first = arguments[0]
    if name == "root":
        return _power(first, 1 / arguments[1])
    if name == "log":
        return sympy.log(first) if len(arguments) == 1 else sympy.log(first) / sympy.log(arguments[1])
    if name == "percent":
        return first / 100
    if name == "degrees":
        return first * sympy.pi / 180
    if name in ("factorial", "double_factorial", "binomial") and any(
        argument.is_Number and abs(argument) > _LARGEST_FACTORIAL for argument in arguments
    ):
        raise Refused("a factorial with too many digits")
    if name not in _FUNCTIONS:
        raise Refused(f"{name} is not known here")
    return _FUNCTIONS[name](*arguments)


def _bounded(node: Node) -> sympy.Expr:
    body, variable, *bounds = (to_sympy(argument) for argument in node.args)
    if not isinstance(variable, sympy.Symbol):
        raise Refused("a bound variable that is no name")
    if node.name == "lim":
        return sympy.limit(body, variable, bounds[0])
    low, high = bounds
    if node.name == "int":
        return sympy.integrate(body, (variable, low, high))
    if low.is_Integer and high.is_Integer and high - low > _MOST_SUMMANDS and node.name == "prod":
        raise Refused("too long a product")
    close = sympy.summation if node.name == "sum" else sympy.product
    return cast("sympy.Expr", close(body, (variable, low, high)))
