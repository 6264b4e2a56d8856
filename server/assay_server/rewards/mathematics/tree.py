"""The tree of a mathematical answer."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

ZERO = Fraction(0)
ONE = Fraction(1)


class Node(NamedTuple):
    """One node.

    Attributes:
        op: ``num``, ``sym``, ``add``, ``mul``, ``pow``, ``call`` for scalars; ``group`` (name: its brackets), ``set``,
            ``list``, ``rel`` (name: its operators, separated by blanks), ``union``, ``meet``, ``without``, ``either``,
            ``matrix`` (args: ``row`` nodes), ``pm`` for the rest.
        args: the children.
        name: of a symbol or function, or what ``op`` says.
        number: the value of ``num``.
    """

    op: str
    args: tuple[Node, ...] = ()
    name: str = ""
    number: Fraction = ZERO


SCALARS = frozenset(("num", "sym", "add", "mul", "pow", "call"))


class Unreadable(ValueError):
    """The text is not mathematics that this package reads.

    Attributes:
        unsupported: it is genuine notation (``\\oint``, ``cases``), only none that is read here.
    """

    def __init__(self, message: str, *, unsupported: bool = False) -> None:
        super().__init__(message)
        self.unsupported = unsupported


def num(value: Fraction | int) -> Node:
    """A rational constant."""
    return Node("num", number=Fraction(value))


def sym(name: str) -> Node:
    """A variable or a constant such as ``pi``."""
    return Node("sym", name=name)


def call(name: str, *args: Node) -> Node:
    """A function of scalars."""
    return Node("call", args, name)


def negative(node: Node) -> Node:
    """``-node``."""
    return num(-node.number) if node.op == "num" else Node("mul", (num(-1), node))


def inverse(node: Node) -> Node:
    """``1/node``."""
    return Node("pow", (node, num(-1)))


def difference(left: Node, right: Node) -> Node:
    """``left - right``."""
    return Node("add", (left, negative(right)))


CONSTANTS = frozenset(("pi", "e", "i", "infty"))


def variables(node: Node) -> frozenset[str]:
    """Names of the symbols in ``node`` that are no constants."""
    found: set[str] = set()
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if current.op == "sym" and current.name not in CONSTANTS:
            found.add(current.name)
        waiting.extend(current.args)
    return frozenset(found)


def contains(node: Node, op: str) -> bool:
    """Whether a node of kind ``op`` occurs in ``node``."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if current.op == op:
            return True
        waiting.extend(current.args)
    return False


def substituted(node: Node, name: str, value: Node) -> Node:
    """``node`` with the symbol ``name`` replaced."""
    if node.op == "sym":
        return value if node.name == name else node
    if not node.args:
        return node
    return node._replace(args=tuple(substituted(argument, name, value) for argument in node.args))
