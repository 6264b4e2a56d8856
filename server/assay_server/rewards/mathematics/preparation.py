"""Trees as they are compared: what is only a way of writing is taken away."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from assay_server.rewards.mathematics.matrices import UNIT_VECTORS, folded
from assay_server.rewards.mathematics.tree import SCALARS, Node, contains, num, sym, variables

_TABLES = frozenset(("matrix", "group", "point"))
_WHOLE = frozenset(("Integers", "Naturals", "Integers+"))


def prepared(node: Node) -> Node:
    """Plus-minus written out, matrices computed, ``x in S`` as S, labels dropped, single items unwrapped."""
    if node.op in ("num", "sym"):
        return node
    kinds, names = _inventory(node)
    if "pm" in kinds:
        node = _written_out(node)
    if kinds & _TABLES or names & UNIT_VECTORS:
        node = folded(_without_names(node))
    return _PREPARED.get(node.op, _set)(node)


def _set(node: Node) -> Node:
    if node.op == "function" and node.args[0].op in ("matrix", "group", "set", "union"):
        return prepared(node.args[0])
    if node.op == "add" and node.args[0] == sym("Reals") and len(node.args) == 2 and node.args[1].op == "mul":
        return _without(node.args[0], node.args[1].args[-1])
    if node.op == "set" and not node.args:
        return sym("emptyset")
    if node.op == "set" and len(node.args) == 1 and node.args[0].op == "list":
        return Node("set", node.args[0].args)
    return node


def _inventory(node: Node) -> tuple[set[str], set[str]]:
    """The kinds of nodes and the names of the symbols in a tree."""
    kinds: set[str] = set()
    names: set[str] = set()
    waiting = [node]
    while waiting:
        current = waiting.pop()
        kinds.add(current.op)
        if current.op == "sym":
            names.add(current.name)
        waiting.extend(current.args)
    return kinds, names


def _without_names(node: Node) -> Node:
    """Points without the letters that name them."""
    if not node.args:
        return node
    arguments = tuple(_without_names(argument) for argument in node.args)
    return Node("group", arguments, "()") if node.op == "point" else node._replace(args=arguments)


def _relation(node: Node) -> Node:
    left, right = node.args[0], node.args[1]
    if node.name == "in" and left.op in ("sym", "group"):
        return prepared(right)
    if node.name == "=" and right.op in ("set", "list", "union", "group", "matrix", "cases"):
        return prepared(right) if left.op in ("sym", "group", "mul", "call") else node
    if node.name == "mapsto" and left.op == "sym":
        return Node("function", (right, left), "f")
    return node


def _without(left: Node, right: Node) -> Node:
    return Node("without", (left, Node("set", (right,)) if right.op in SCALARS else right))


def _flattened(node: Node) -> Node:
    parameter = next((item.args[0] for item in node.args if _is_whole(item)), None)
    items: list[Node] = []
    for item in node.args:
        if _is_whole(item) or _is_real(item):
            continue
        inner = prepared(item)
        items += inner.args if inner.op in ("list", "either") else (inner,)
    if not items:
        return prepared(node.args[0])
    if parameter is not None:
        whole = items[0] if len(items) == 1 else node._replace(args=tuple(items))
        return Node("family", (whole, parameter))
    if len(items) == 1:
        return items[0]
    if items[0].op == "rel" and items[0].name == "!=" and all(item.op in SCALARS for item in items[1:]):
        items[1:] = [Node("rel", (items[0].args[0], item), "!=") for item in items[1:]]
    names = {
        item.args[0] for item in items if item.op == "rel" and item.name == "=" and item.args[0].op in ("sym", "call")
    }
    if len(names) == 1 and items[0].op == "rel" and items[0].name == "=":
        (name,) = names
        rest = [item.args[1] if item.op == "rel" and item.name == "=" else item for item in items]
        if name.op == "call" or not any(name.name in variables(item) for item in rest):
            items = rest
    if node.op == "list" or not _any_inequality(items):
        return Node("list", tuple(items), node.name)
    return Node("either", tuple(items))


def _is_whole(item: Node) -> bool:
    """``k \\in \\mathbb{Z}``."""
    return item.op == "rel" and item.name == "in" and item.args[0].op == "sym" and item.args[1].name in _WHOLE


def _is_real(item: Node) -> bool:
    return item.op == "rel" and item.name == "in" and item.args[1] == sym("Reals")


def _any_inequality(items: Sequence[Node]) -> bool:
    return any(item.op in ("rel", "group", "union") for item in items)


def _written_out(node: Node) -> Node:
    if node.op in ("list", "either", "set"):
        items: list[Node] = []
        for item in node.args:
            items += (_signed(item, 1), _signed(item, -1)) if contains(item, "pm") else (item,)
        return node._replace(args=tuple(items))
    return Node("list", (_signed(node, 1), _signed(node, -1)))


def _signed(node: Node, sign: int) -> Node:
    if node.op == "pm":
        left, right = (_signed(argument, sign) for argument in node.args)
        right = right if sign > 0 else Node("mul", (num(-1), right))
        return right if left == num(0) else Node("add", (left, right))
    return node._replace(args=tuple(_signed(argument, sign) for argument in node.args)) if node.args else node


_PREPARED: dict[str, Callable[[Node], Node]] = {
    "rel": _relation,
    "list": _flattened,
    "either": _flattened,
    "without": lambda node: _without(*node.args),
}
