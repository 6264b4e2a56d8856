"""Arithmetic of the matrices and vectors in an answer, entry by entry, before it is compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from assay_server.rewards.mathematics.parsing import determinant
from assay_server.rewards.mathematics.tree import SCALARS, Node, Unreadable, num, variables

_UNITS = ("unit_i", "unit_j", "unit_k")
UNIT_VECTORS = frozenset(_UNITS)
"""Names of the unit vectors."""

_MOST_PRODUCT = 4
_TRANSPOSED = frozenset(("T", "top", "intercal"))


def folded(node: Node) -> Node:
    """``node`` with sums, multiples, products, transposes and determinants of matrices written out."""
    if node.op in SCALARS and variables(node) & UNIT_VECTORS:
        return _components(node)
    if not node.args:
        return node
    arguments = tuple(folded(argument) for argument in node.args)
    node = node._replace(args=arguments)
    if all(argument.op not in ("matrix", "group") for argument in arguments):
        return node
    try:
        return _OPERATIONS.get(node.op, _unchanged)(node)
    except Unreadable:
        return node


def _unchanged(node: Node) -> Node:
    return node


def _sum(node: Node) -> Node:
    first = node.args[0]
    if any(term.op != first.op or not _same_shape(term, first) for term in node.args):
        return node
    return _entrywise(first.op, node.args, lambda cells: Node("add", tuple(cells)))


def _same_shape(a: Node, b: Node) -> bool:
    if a.op == "group":
        return len(a.args) == len(b.args)
    return [len(row.args) for row in a.args] == [len(row.args) for row in b.args]


def _product(node: Node) -> Node:
    tables = [factor for factor in node.args if factor.op in ("matrix", "group")]
    scalars = [factor for factor in node.args if factor.op in SCALARS]
    if len(tables) + len(scalars) != len(node.args):
        return node
    product = tables[0]
    for other in tables[1:]:
        product = _times(product, other)
    if not scalars:
        return product
    if product.op == "group" and product.name not in ("()", "<>"):
        return node
    return _entrywise(product.op, (product,), lambda cells: Node("mul", (*scalars, *cells)))


def _times(a: Node, b: Node) -> Node:
    if a.op != "matrix" or b.op != "matrix":
        raise Unreadable("a product of tuples")
    rows, columns = [row.args for row in a.args], list(zip(*(row.args for row in b.args), strict=True))
    if len(rows[0]) != len(b.args) or max(len(rows), len(columns), len(b.args)) > _MOST_PRODUCT:
        raise Unreadable("a product of matrices that is not read")
    cells = [
        tuple(Node("add", tuple(Node("mul", pair) for pair in zip(row, column, strict=True))) for column in columns)
        for row in rows
    ]
    return Node("matrix", tuple(Node("row", row) for row in cells))


def _entrywise(operation: str, tables: Sequence[Node], combine: Callable[[Sequence[Node]], Node]) -> Node:
    if operation == "group":
        cells = zip(*(table.args for table in tables), strict=True)
        return Node("group", tuple(combine(cell) for cell in cells), tables[0].name)
    rows = zip(*(table.args for table in tables), strict=True)
    cells = (zip(*(part.args for part in row), strict=True) for row in rows)
    return Node("matrix", tuple(Node("row", tuple(combine(cell) for cell in row)) for row in cells))


def _power(node: Node) -> Node:
    base, exponent = node.args
    if exponent.op != "sym" or exponent.name not in _TRANSPOSED:
        return node
    if base.op == "group":
        return Node("matrix", tuple(Node("row", (cell,)) for cell in base.args))
    columns = zip(*(row.args for row in base.args), strict=True)
    return Node("matrix", tuple(Node("row", column) for column in columns))


def _function(node: Node) -> Node:
    if node.name in ("det", "abs") and node.args[0].op == "matrix":
        return determinant([row.args for row in node.args[0].args])
    return node


_OPERATIONS: dict[str, Callable[[Node], Node]] = {"add": _sum, "mul": _product, "pow": _power, "call": _function}


def _components(node: Node) -> Node:
    """``2i - j + 3k`` of unit vectors as its components."""
    present = variables(node)
    dimensions = 3 if "unit_k" in present else 2
    return Node("group", tuple(_component(node, number) for number in range(dimensions)), "()")


def _component(node: Node, wanted: int) -> Node:
    if node.op == "sym" and node.name in _UNITS:
        return num(1 if node.name == _UNITS[wanted] else 0)
    if not node.args:
        return node
    return node._replace(args=tuple(_component(argument, wanted) for argument in node.args))
