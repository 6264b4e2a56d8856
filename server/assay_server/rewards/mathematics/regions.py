"""Sets of real numbers: intervals, unions, inequalities in one variable, points."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

from assay_server.rewards.mathematics.floating import real_value
from assay_server.rewards.mathematics.normal_form import Form, OverBudget, form_of
from assay_server.rewards.mathematics.tree import Node, difference, inverse, negative, num, substituted, sym, variables

Equal = Callable[[Node, Node], "bool | None"]

_INFINITY = sym("infty")
_MOST_PIECES = 50
_ORDERED = frozenset(("<", ">", "<=", ">="))


class End(NamedTuple):
    """An end of an interval: its floating position, its exact value, and whether it belongs to the interval."""

    position: float
    value: Node
    closed: bool


class Piece(NamedTuple):
    """An interval, possibly a point."""

    low: End
    high: End


Region = list[Piece]
EVERYTHING: Region = [Piece(End(-math.inf, negative(_INFINITY), False), End(math.inf, _INFINITY, False))]


_ZERO = End(0.0, num(0), False)
_NAMED: dict[str, Region] = {"Reals": EVERYTHING, "emptyset": [], "Reals+": [Piece(_ZERO, EVERYTHING[0].high)]}


class NoRegion(ValueError):
    """The node is no set of real numbers that is read here."""


def region_of(node: Node) -> Region:
    """The region that ``node`` names, its pieces sorted and merged.

    Raises:
        NoRegion: it is something else.
    """
    return _merged(_pieces(node))


def _pieces(node: Node) -> Region:
    if node.op == "group" and len(node.args) == 2 and node.name != "<>":
        low, high = node.args
        left, right = _end(low, node.name[0] == "["), _end(high, node.name[1] == "]")
        if left.position > right.position:
            raise NoRegion("an interval that runs backwards")
        return [Piece(left, right)]
    if node.op in ("set", "list", "either"):
        return _collected(node)
    if node.op == "union":
        return [*_pieces(node.args[0]), *_pieces(node.args[1])]
    if node.op == "meet":
        return _meet(region_of(node.args[0]), region_of(node.args[1]))
    if node.op == "without":
        return _meet(region_of(node.args[0]), _complement(region_of(node.args[1])))
    if node.op == "sym" and node.name in _NAMED:
        return list(_NAMED[node.name])
    if node.op == "where":
        return _pieces(node.args[1])
    if node.op == "rel":
        return _relation(node)
    raise NoRegion(node.op)


def complement_of(conditions: Sequence[Node]) -> Node:
    """Where none of the conditions holds."""
    return Node("without", (sym("Reals"), Node("either", tuple(conditions))))


def _collected(node: Node) -> Region:
    relations = [item.op == "rel" and item.name != "=" for item in node.args]
    names = {item.name for item in node.args}
    if node.op == "list" and all(relations) and node.args and names != {"!="}:
        region = list(EVERYTHING)
        for item in node.args:
            region = _meet(region, region_of(item))
        if region or node.name == "and":
            return region
    if node.op == "list" and all(relations) and node.args and names == {"!="}:
        region = list(EVERYTHING)
        for item in node.args:
            region = _meet(region, region_of(item))
        return region
    pieces: Region = []
    for item in node.args:
        pieces += (
            _pieces(item)
            if item.op in ("rel", "union", "group", "list", "either") and node.op != "set"
            else [_point(item)]
        )
    if len(pieces) > _MOST_PIECES:
        raise NoRegion("too many pieces")
    return pieces


def _point(node: Node) -> Piece:
    end = _end(node, closed=True)
    if math.isinf(end.position):
        raise NoRegion("infinity is no point")
    return Piece(end, end)


def _end(node: Node, closed: bool) -> End:
    if node == _INFINITY:
        return End(math.inf, node, False)
    if node.op == "mul" and node.args == (num(-1), _INFINITY):
        return End(-math.inf, node, False)
    if node.op not in ("num", "sym", "add", "mul", "pow", "call") or variables(node):
        raise NoRegion("an end that is no number")
    position = real_value(node)
    if position is None:
        raise NoRegion("an end without a real value")
    return End(position, node, closed)


def _relation(node: Node) -> Region:
    operators = node.name.split()
    if operators == ["in"]:
        return _pieces(node.args[1])
    names = variables(node)
    if len(names) != 1 or len(operators) > 3:
        raise NoRegion("not one variable")
    (name,) = names
    region = list(EVERYTHING)
    for left, operator, right in zip(node.args, operators, node.args[1:], strict=False):
        region = _meet(region, _merged(_half_line(left, operator, right, name)))
    return region


def _half_line(left: Node, operator: str, right: Node, name: str) -> Region:
    boundary, flipped = _boundary(left, right, name)
    if operator in ("=", "in"):
        return [Piece(End(boundary.position, boundary.value, True), End(boundary.position, boundary.value, True))]
    if operator == "!=":
        open_end = boundary._replace(closed=False)
        return [Piece(EVERYTHING[0].low, open_end), Piece(open_end, EVERYTHING[0].high)]
    if operator not in _ORDERED:
        raise NoRegion(operator)
    end = boundary._replace(closed="=" in operator and not math.isinf(boundary.position))
    below = (operator[0] == "<") != flipped
    return [Piece(EVERYTHING[0].low, end) if below else Piece(end, EVERYTHING[0].high)]


def _boundary(left: Node, right: Node, name: str) -> tuple[End, bool]:
    """Where ``left - right`` vanishes, and whether it falls as the variable grows."""
    variable = sym(name)
    if left == variable and name not in variables(right):
        return _end(right, closed=True), False
    if right == variable and name not in variables(left):
        return _end(left, closed=True), True
    gap = difference(left, right)
    if not _is_linear(gap, name):
        raise NoRegion("an inequality that is not linear")
    at_zero = substituted(gap, name, num(0))
    slope = difference(substituted(gap, name, num(1)), at_zero)
    steepness = real_value(slope)
    if steepness is None or abs(steepness) < 1e-12:
        raise NoRegion("an inequality without its variable")
    value = Node("mul", (num(-1), at_zero, inverse(slope)))
    return _end(value, closed=True), steepness < 0


def _is_linear(gap: Node, name: str) -> bool:
    try:
        form: Form = form_of(gap)
    except OverBudget:
        return False
    below = all(name != factor for monomial in form.denominator for factor, _ in monomial)
    exponents = {power for monomial in form.numerator for factor, power in monomial if factor == name}
    opaque = any("[" in factor or "log " in factor for monomial in form.numerator for factor, _ in monomial)
    return below and not opaque and exponents <= {Fraction(1)}


def _close(a: float, b: float) -> bool:
    return a == b or (not math.isinf(a - b) and abs(a - b) <= 1e-11 * max(1.0, abs(a), abs(b)))


def _merged(pieces: Region) -> Region:
    if len(pieces) > _MOST_PIECES:
        raise NoRegion("too many pieces")
    merged: Region = []
    for piece in sorted(pieces, key=lambda piece: (piece.low.position, not piece.low.closed)):
        if _close(piece.low.position, piece.high.position) and not (piece.low.closed and piece.high.closed):
            continue
        last = merged[-1] if merged else None
        touching = last is not None and _close(piece.low.position, last.high.position)
        if (
            last is None
            or (piece.low.position > last.high.position and not touching)
            or (touching and not (piece.low.closed or last.high.closed))
        ):
            merged.append(piece)
        elif _close(piece.high.position, last.high.position):
            end = last.high._replace(closed=last.high.closed or piece.high.closed)
            merged[-1] = Piece(last.low, end)
        elif piece.high.position > last.high.position:
            merged[-1] = Piece(last.low, piece.high)
    return merged


def _meet(a: Region, b: Region) -> Region:
    pieces: Region = []
    for left in a:
        for right in b:
            low = _tighter(left.low, right.low, larger=True)
            high = _tighter(left.high, right.high, larger=False)
            if low.position < high.position or (_close(low.position, high.position) and low.closed and high.closed):
                pieces.append(Piece(low, high))
    return _merged(pieces)


def _tighter(a: End, b: End, *, larger: bool) -> End:
    if _close(a.position, b.position):
        return a._replace(closed=a.closed and b.closed)
    return max(a, b) if (larger and a.position != b.position) else min(a, b)


def _complement(region: Region) -> Region:
    rest: Region = []
    low = EVERYTHING[0].low
    for piece in region:
        high = piece.low._replace(closed=not piece.low.closed and not math.isinf(piece.low.position))
        rest.append(Piece(low, high))
        low = piece.high._replace(closed=not piece.high.closed and not math.isinf(piece.high.position))
    rest.append(Piece(low, EVERYTHING[0].high))
    return _merged([piece for piece in rest if piece.low.position < piece.high.position or piece.low.closed])


def same_region(a: Region, b: Region, equal: Equal) -> bool | None:
    """Whether both are the same set; ends are compared by ``equal``."""
    if len(a) != len(b):
        return False
    unsure = False
    for mine, theirs in zip(a, b, strict=True):
        for left, right in ((mine.low, theirs.low), (mine.high, theirs.high)):
            if left.closed != right.closed or math.isinf(left.position) != math.isinf(right.position):
                return False
            if math.isinf(left.position):
                continue
            verdict = equal(left.value, right.value)
            if verdict is False:
                return False
            unsure = unsure or verdict is None
    return None if unsure else True
