"""Comparing trees: collections, tuples, matrices, relations, and scalars under all of them.

Verdicts have three values; None means that some scalar inside was not decided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from assay.sdk import Strictness
from assay_server.rewards.mathematics.floating import evaluate, points_for, real_value, refuted
from assay_server.rewards.mathematics.normal_form import OverBudget, Undefined, cross_difference, equal_forms, form_of
from assay_server.rewards.mathematics.regions import NoRegion, Region, region_of, same_region
from assay_server.rewards.mathematics.tree import (
    SCALARS,
    Node,
    contains,
    difference,
    negative,
    num,
    sym,
    variables,
)

Ratio = Callable[[Node, Node, frozenset[str]], "bool | None"]
Scalars = Callable[[Node, Node], "bool | None"]
_COORDINATES = frozenset(("x", "y", "z"))
"""``m + n = 18`` tells a value; ``x + y = 18`` is a line."""

MOST_ITEMS = 200
_INFINITE = frozenset((sym("infty"), negative(sym("infty"))))
_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "!=": "!=", "=": "="}
_REGIONS = frozenset(("union", "meet", "without", "where"))


def equal_exactly(a: Node, b: Node) -> bool | None:
    """Equality of scalars by their normal forms, refuted by floating evaluation; None where neither tells."""
    if a == b:
        return True
    complete = False
    if _INFINITE & {a, b}:
        return False
    try:
        left, right = form_of(a), form_of(b)
        if equal_forms(left, right):
            return True
        complete = left.complete and right.complete
    except Undefined:
        return False
    except OverBudget:
        if _is_undefined(a) or _is_undefined(b):
            return False
    if refuted(a, b):
        return False
    return False if complete else None


def _is_undefined(node: Node) -> bool:
    try:
        form_of(node)
    except Undefined:
        return True
    except OverBudget:
        return False
    return False


def _with_common_logarithms(node: Node) -> Node:
    """``log`` without a base read as that to base ten rather than the natural one."""
    arguments = tuple(_with_common_logarithms(argument) for argument in node.args)
    if node.op == "call" and node.name == "log" and len(arguments) == 1:
        arguments = (*arguments, num(10))
    return node._replace(args=arguments) if arguments else node


@dataclass(frozen=True, slots=True)
class Structures:
    """Compares answers, asking ``scalars`` for the scalars in them."""

    strictness: Strictness = "default"
    scalars: Scalars = equal_exactly
    constant_ratio: Ratio | None = None

    def same(self, a: Node, b: Node) -> bool | None:
        """Whether the answers ``a`` and ``b`` are the same."""
        a, b = prepared(a), prepared(b)
        if a == b:
            return True
        if a.op in SCALARS and b.op in SCALARS:
            return self.scalar(a, b)
        for mine, theirs in ((a, b), (b, a)):
            if _is_region(mine):
                return self.region(mine, theirs)
        if a.op == "matrix" or b.op == "matrix":
            return self.matrix(a, b)
        if a.op == "rel" or b.op == "rel":
            return self.relation(a, b)
        return self.collection(a, b)

    def scalar(self, a: Node, b: Node) -> bool | None:
        """Scalars; a percent or degree sign that only one of them has is no difference unless strict."""
        for name in ("percent", "degrees"):
            marked = [node.op == "call" and node.name == name for node in (a, b)]
            if marked[0] != marked[1] and self.strictness != "strict":
                bare, other = (a.args[0], b) if marked[0] else (b.args[0], a)
                first = self.scalars(bare, other)
                return True if first else _either(first, self.scalars(a, b))
        verdict = self.scalars(a, b)
        if verdict is False:
            common = _with_common_logarithms(a), _with_common_logarithms(b)
            verdict = self.scalars(*common) if common != (a, b) else False
        if verdict is False and self.strictness == "lenient":
            return _rounded(a, b) or _rounded(b, a)
        return verdict

    def region(self, a: Node, b: Node) -> bool | None:
        """Sets of real numbers, one of which is an interval, a union or an inequality."""
        try:
            return same_region(region_of(a), region_of(b), self.scalars)
        except NoRegion:
            pass
        if a.op == b.op == "rel":
            return self.inequality(a, b)
        sampled = _sampled(a, b)
        if sampled is not None:
            return sampled
        if a.op == b.op and a.op in _REGIONS:
            return self.elements(a.args, b.args, ordered=False)
        return self.collection(a, b) if a.op == b.op == "group" else False

    def inequality(self, a: Node, b: Node) -> bool | None:
        """Inequalities in several variables, or not linear: up to a positive factor."""
        if len(a.args) != 2 or len(b.args) != 2:
            flipped = Node("rel", a.args[::-1], " ".join(_FLIPPED.get(name, name) for name in a.name.split()[::-1]))
            return self._same_chain(a, b) or self._same_chain(flipped, b)
        if a.name not in _FLIPPED or b.name not in _FLIPPED:
            return self.elements(a.args, b.args, ordered=True) if a.name == b.name else False
        left, right = difference(*a.args), difference(*b.args)
        if a.name == b.name:
            verdict = self.proportional(left, right, positive=a.name not in ("!=", "="))
            if verdict is not False or a.name in ("!=", "="):
                return verdict
        if _FLIPPED[a.name] == b.name:
            return self.proportional(left, Node("mul", (num(-1), right)), positive=True)
        return False

    def _same_chain(self, a: Node, b: Node) -> bool | None:
        return self.elements(a.args, b.args, ordered=True) if a.name == b.name else False

    def relation(self, a: Node, b: Node) -> bool | None:
        """Equations: up to scaling; against a value, the value that the equation gives."""
        if a.op == b.op == "rel":
            if a.name == b.name == "=" and a.args[0] == b.args[0] and a.args[0].op != "num":
                return self.same(a.args[1], b.args[1])
            if a.name == b.name == "=":
                if any(side.op not in SCALARS for side in (*a.args, *b.args)):
                    return self.elements(a.args, b.args, ordered=True)
                return self.proportional(difference(*a.args), difference(*b.args))
            left, right = self.value(a), self.value(b)
            if a.name != "=" and a.name == b.name and (left is None or right is None):
                return self.inequality(a, b)
            return False if left is None or right is None else self.same(left, right)
        if self.strictness == "strict":
            return False
        equation, other = (a, b) if a.op == "rel" else (b, a)
        value = self.value(equation)
        return False if value is None else self.same(value, other)

    def proportional(self, left: Node, right: Node, *, positive: bool = False) -> bool | None:
        """Whether two sides minus each other are multiples."""
        verdict = proportional(left, right, positive=positive)
        if verdict is None and self.constant_ratio is not None and not positive:
            return self.constant_ratio(left, right, variables(left))
        return verdict

    def value(self, equation: Node) -> Node | None:
        """What an equation says the answer is; None for a contradiction, an inequality, an equation to be solved."""
        if set(equation.name.split()) != {"="} or len(equation.args) < 2:
            return None
        sides = equation.args
        constant = [side for side in sides if side.op in SCALARS and not variables(side)]
        if any(self.scalars(left, right) is False for left, right in pairwise(constant)):
            return None
        first, last = sides[0], sides[-1]
        if last.op == "sym" and variables(last) and not variables(first):
            return first
        if first.op == "sym" or len(constant) == len(sides) or first.op not in SCALARS:
            return last
        names = variables(first)
        if (len(names) == 1 or names & _COORDINATES) and not variables(last):
            return None
        if names and names == variables(last) and self.scalars(first, last) is False:
            return None
        return last

    def matrix(self, a: Node, b: Node) -> bool | None:
        """Matrices by entries; a vector may be written as a row, a column or a tuple."""
        left, right = _rows(a), _rows(b)
        if left is None or right is None:
            return False
        if (len(left), len(left[0])) != (len(right), len(right[0])):
            vectors = _vector(left), _vector(right)
            if a.op == b.op or vectors[0] is None or vectors[1] is None:
                return False
            return self.elements(vectors[0], vectors[1], ordered=True)
        cells = [[cell for row in rows for cell in row] for rows in (left, right)]
        return self.elements(cells[0], cells[1], ordered=True)

    def collection(self, a: Node, b: Node) -> bool | None:
        """Tuples are ordered; lists and sets are not."""
        if a.op == "group" and b.op == "group":
            names = {a.name, b.name}
            if len(a.args) == 2 and len(names) > 1 and "<>" not in names:
                return False
            return self.elements(a.args, b.args, ordered=True)
        assigned = self.assignments(a, b)
        if assigned is not None:
            return self.elements(*assigned, ordered=True)
        if (_assigned(a) is None) != (_assigned(b) is None) and self.strictness != "lenient":
            return False
        if a.op == "group" or b.op == "group":
            group, other = (a, b) if a.op == "group" else (b, a)
            loose = self.strictness == "lenient" and other.op == "list"
            square = group.name == "[]" and len(group.args) > 2 and other.op == "list" and self.strictness != "strict"
            return self.elements(group.args, other.args, ordered=True) if loose or square else False
        if "list" not in (a.op, b.op) and not {a.op, b.op} <= {"list", "set", "either"}:
            return False
        left, right = _items(a), _items(b)
        if left is None or right is None:
            return False
        ordered = self.strictness == "strict" and a.op == b.op == "list"
        if "set" in (a.op, b.op):
            left, right = self.distinct(left), self.distinct(right)
        return self.elements(left, right, ordered=ordered)

    def assignments(self, a: Node, b: Node) -> tuple[tuple[Node, ...], tuple[Node, ...]] | None:
        """``x = 1, y = 2`` against another such list, or against the pair ``(1, 2)``."""
        left, right = _assigned(a), _assigned(b)
        if left is not None and right is not None and left[0] == right[0]:
            return left[1], right[1]
        if left is not None and b.op == "group" and b.name == "()":
            return left[1], b.args
        if right is not None and a.op == "group" and a.name == "()":
            return a.args, right[1]
        return None

    def distinct(self, items: Sequence[Node]) -> tuple[Node, ...]:
        """Without repetitions."""
        kept: list[Node] = []
        for item in items[:MOST_ITEMS]:
            if not any(item == other or self.same(item, other) for other in kept):
                kept.append(item)
        return tuple(kept)

    def elements(self, left: Sequence[Node], right: Sequence[Node], *, ordered: bool) -> bool | None:
        """Item by item, or each with a partner of its own."""
        if len(left) != len(right) or len(left) > MOST_ITEMS:
            return False
        if ordered:
            return _all(self.same(mine, theirs) for mine, theirs in zip(left, right, strict=True))
        waiting = list(right)
        unsure = False
        for mine in left:
            if mine in waiting:
                waiting.remove(mine)
                continue
            verdicts: list[bool | None] = []
            for theirs in waiting:
                verdicts.append(self.same(mine, theirs))
                if verdicts[-1]:
                    break
            if True in verdicts:
                waiting.pop(len(verdicts) - 1)
            elif None in verdicts:
                unsure = True
                waiting.pop(verdicts.index(None))
            else:
                return False
        return None if unsure else True


def _all(verdicts: Iterable[bool | None]) -> bool | None:
    unsure = False
    for verdict in verdicts:
        if verdict is False:
            return False
        unsure = unsure or verdict is None
    return None if unsure else True


def _either(first: bool | None, second: bool | None) -> bool | None:
    if first or second:
        return True
    return None if first is None or second is None else False


def prepared(node: Node) -> Node:
    """Plus-minus written out, ``x in S`` as S, equal labels of alternatives dropped, single items unwrapped."""
    if contains(node, "pm"):
        node = _written_out(node)
    if node.op == "rel" and node.name == "in" and node.args[0].op == "sym":
        return prepared(node.args[1])
    if node.op == "rel" and node.name == "=" and node.args[1].op in ("set", "list", "union", "group"):
        return prepared(node.args[1]) if node.args[0].op in ("sym", "group", "mul") else node
    if node.op == "add" and node.args[0] == sym("Reals") and len(node.args) == 2 and node.args[1].op == "mul":
        return Node("without", (node.args[0], node.args[1].args[-1]))
    if node.op == "set" and not node.args:
        return sym("emptyset")
    if node.op == "set" and len(node.args) == 1 and node.args[0].op == "list":
        return Node("set", node.args[0].args)
    if node.op in ("list", "either"):
        return _flattened(node)
    return node


def _flattened(node: Node) -> Node:
    items: list[Node] = []
    for item in node.args:
        inner = prepared(item)
        items += inner.args if inner.op in ("list", "either") else (inner,)
    if items[0].op == "rel" and items[0].name == "!=" and all(item.op in SCALARS for item in items[1:]):
        items[1:] = [Node("rel", (items[0].args[0], item), "!=") for item in items[1:]]
    names = {item.args[0] for item in items if item.op == "rel" and item.name == "=" and item.args[0].op == "sym"}
    if len(names) == 1 and items[0].op == "rel" and items[0].name == "=":
        (name,) = names
        rest = [item.args[1] if item.op == "rel" and item.name == "=" else item for item in items]
        if not any(name.name in variables(item) for item in rest):
            items = rest
    return Node("list" if node.op == "list" or not _any_inequality(items) else "either", tuple(items))


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


def _is_region(node: Node) -> bool:
    if node.op in _REGIONS or (node.op == "sym" and node.name == "Reals"):
        return True
    if node.op == "group" and len(node.args) == 2:
        return node.name in ("[)", "(]") or any("infty" in _names(end) for end in node.args)
    if node.op == "rel":
        return not set(node.name.split()) <= {"=", "to"}
    if node.op in ("list", "either"):
        return bool(node.args) and all(_is_region(item) for item in node.args) and node.args[0].op != "group"
    return False


def _names(node: Node) -> set[str]:
    return {node.name} if node.op == "sym" else {argument.name for argument in node.args if argument.op == "sym"}


def _items(node: Node) -> tuple[Node, ...] | None:
    if node.op in ("list", "set", "either"):
        return node.args
    if node == sym("emptyset"):
        return ()
    return (node,) if node.op in SCALARS or node.op == "group" else None


def _assigned(node: Node) -> tuple[tuple[str, ...], tuple[Node, ...]] | None:
    if node.op != "list" or not all(
        item.op == "rel" and item.name == "=" and item.args[0].op == "sym" for item in node.args
    ):
        return None
    pairs = sorted((item.args[0].name, item.args[1]) for item in node.args)
    names = tuple(name for name, _ in pairs)
    return (names, tuple(value for _, value in pairs)) if len(set(names)) == len(names) else None


def _rows(node: Node) -> list[tuple[Node, ...]] | None:
    if node.op == "matrix":
        return [row.args for row in node.args]
    if node.op == "group":
        if all(row.op == "group" and len(row.args) == len(node.args[0].args) for row in node.args):
            return [row.args for row in node.args]
        return [node.args]
    return None


def _vector(rows: list[tuple[Node, ...]]) -> tuple[Node, ...] | None:
    if len(rows) == 1:
        return rows[0]
    return tuple(row[0] for row in rows) if len(rows[0]) == 1 else None


def proportional(a: Node, b: Node, *, positive: bool = False) -> bool | None:
    """Whether ``a`` is a constant (positive) multiple of ``b``, denominators cleared."""
    if variables(a) != variables(b):
        return False
    try:
        left, right = form_of(a), form_of(b)
        zero = form_of(num(0))
        p, q = cross_difference(left, zero), cross_difference(right, zero)
    except OverBudget:
        return _ratio_is_constant(a, b)
    if not p or not q:
        return not p and not q
    factor = next(iter(p.values())) / q.get(next(iter(p)), Fraction(0)) if next(iter(p)) in q else None
    if factor is not None and p.keys() == q.keys() and all(p[term] == factor * q[term] for term in p):
        return factor > 0 or not positive
    if left.complete and right.complete and not _has_surds(p) and not _has_surds(q):
        return False
    return _ratio_is_constant(a, b)


def _has_surds(polynomial: dict[tuple[tuple[str, Fraction], ...], Fraction]) -> bool:
    return any(name.isdigit() or name in ("pi", "e", "i") for monomial in polynomial for name, _ in monomial)


def _ratio_is_constant(a: Node, b: Node) -> bool | None:
    """False where the quotient varies over the points; else None: floating numbers prove nothing."""
    ratios: list[complex] = []
    for point in points_for(variables(a)):
        left, right = evaluate(a, point), evaluate(b, point)
        if left is not None and right is not None and right[0]:
            ratios.append(left[0] / right[0])
    if len(ratios) < 2:
        return None
    return False if any(abs(ratio - ratios[0]) > 1e-6 * abs(ratios[0]) for ratio in ratios) else None


_SHORTEST_ROUNDING = 3


def _rounded(exact: Node, decimal: Node) -> bool:
    """Whether ``decimal`` is ``exact`` rounded to its places, three digits at least."""
    if decimal.op != "num" or variables(exact):
        return False
    below = decimal.number.denominator
    while below % 10 == 0:
        below //= 10
    places = 0
    while places < 30 and decimal.number.denominator > 1 and 10**places % decimal.number.denominator:
        places += 1
    if not 1 <= places < 30 or len(str(abs(decimal.number.numerator))) < 1:
        return False
    if len(str(round(abs(decimal.number) * 10**places))) < _SHORTEST_ROUNDING:
        return False
    value = real_value(exact)
    return value is not None and abs(value - float(decimal.number)) <= 0.5000001 * 10**-places


def _sampled(a: Node, b: Node) -> bool | None:
    """An inequality that is not linear, against a region: agreement at many points around the region's ends."""
    for region_node, condition in ((a, b), (b, a)):
        if condition.op != "rel" or len(variables(condition)) != 1:
            continue
        try:
            region = region_of(region_node)
        except NoRegion:
            continue
        return _agrees(region, condition)
    return None


def _agrees(region: Region, condition: Node) -> bool | None:
    (name,) = variables(condition)
    ends = [end for piece in region for end in piece if abs(end.position) != float("inf")]
    positions = [end.position for end in ends]
    widest = max([1.0, *map(abs, positions)])
    points = [position + shift * widest for position in positions for shift in (-1e-4, 1e-4, -1e-2, 1e-2)]
    points += [(number - 40) * 0.137 * widest for number in range(81)]
    for point in points:
        if any(abs(point - position) < 1e-9 for position in positions):
            continue
        inside = any(piece.low.position < point < piece.high.position for piece in region)
        holds = _holds(condition, name, point)
        if holds is None or holds != inside:
            return None if holds is None else False
    closed = "=" in condition.name
    return all(end.closed == closed for end in ends)


def _holds(condition: Node, name: str, point: float) -> bool | None:
    values = [evaluate(side, {name: point}) for side in condition.args]
    for left, operator, right in zip(values, condition.name.split(), values[1:], strict=False):
        if left is None or right is None or operator not in ("<", ">", "<=", ">="):
            return None
        gap = (left[0] - right[0]).real
        if (gap < 0) != (operator[0] == "<"):
            return False
    return True
