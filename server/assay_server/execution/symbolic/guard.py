"""What is refused before anything is computed: sizes are estimated on the tree."""

from __future__ import annotations

import math

from assay_server.rewards.mathematics.floating import real_value
from assay_server.rewards.mathematics.tree import Node, variables

MOST_NODES = 1500
_LARGEST_BITS = 1e6
_LARGEST_FACTORIAL = 1e6
_LARGEST_TREE_POWER = 300
_MOST_SUMMANDS = 2000
_HIGHEST_POWER = 20


class Refused(ArithmeticError):
    """Too large to be computed."""


def check(node: Node) -> None:
    """Pass ``node`` if its evaluation stays small.

    Raises:
        Refused: too many nodes, a power or factorial whose value has too many digits, or one that cannot be bounded.
    """
    waiting = [node]
    count = 0
    while waiting:
        current = waiting.pop()
        count += 1
        if count > MOST_NODES:
            raise Refused(f"more than {MOST_NODES} nodes")
        if current.op == "pow":
            _check_power(*current.args)
        elif current.op == "call" and current.name in ("factorial", "double_factorial", "binomial"):
            _check_factorial(current)
        elif current.op == "call" and current.name in ("sum", "prod"):
            _check_range(current)
        waiting.extend(current.args)


def _check_power(base: Node, exponent: Node) -> None:
    if exponent.op == "num":
        times = abs(float(exponent.number)) if abs(exponent.number) < 10**9 else math.inf
        if base.op == "num":
            bits = max(base.number.numerator.bit_length(), base.number.denominator.bit_length())
            if times * bits > _LARGEST_BITS:
                raise Refused("a power with too many digits")
        elif times > _LARGEST_TREE_POWER and base.op != "sym" and real_value(base) is None:
            raise Refused("too high a power")
        return
    if _is_tower(exponent):
        value = real_value(exponent)
        if value is None or abs(value) > _LARGEST_BITS:
            raise Refused("a power tower")


def _check_range(node: Node) -> None:
    body, variable, low, high = node.args
    first, last = real_value(low), real_value(high)
    if first is not None and last is not None and last - first > _MOST_SUMMANDS and not _is_polynomial(body, variable):
        raise Refused("too long a sum or product")


def _is_polynomial(body: Node, variable: Node) -> bool:
    if body.op == "call":
        return variable.name not in variables(body)
    if body.op == "pow":
        exponent = body.args[1]
        return variable.name not in variables(body) or (exponent.op == "num" and 0 < exponent.number <= _HIGHEST_POWER)
    return all(_is_polynomial(argument, variable) for argument in body.args)


def _is_tower(exponent: Node) -> bool:
    """Whether an exponent holds a power or a function that may grow: not ``1/x``."""
    return any(
        part.op == "call" or (part.op == "pow" and not (part.args[1].op == "num" and abs(part.args[1].number) <= 1))
        for part in (exponent, *exponent.args)
    )


def _check_factorial(node: Node) -> None:
    for argument in node.args:
        if argument.op == "num":
            if abs(argument.number) > _LARGEST_FACTORIAL:
                raise Refused("a factorial with too many digits")
        elif argument.op in ("pow", "call", "mul", "add"):
            value = real_value(argument)
            if value is not None and abs(value) > _LARGEST_FACTORIAL:
                raise Refused("a factorial with too many digits")
            if value is None and argument.op in ("pow", "call"):
                raise Refused("a factorial of what cannot be bounded")
