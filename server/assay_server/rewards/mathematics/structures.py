"""Comparing trees: collections, tuples, matrices, relations, and scalars under all of them.

Verdicts have three values; None means that some scalar inside was not decided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from assay.sdk import Strictness
from assay_server.rewards.mathematics.effort import Effort, size_of, work_of
from assay_server.rewards.mathematics.floating import evaluate, points_for, refuted
from assay_server.rewards.mathematics.normal_form import OverBudget, Undefined, equal_forms, form_of
from assay_server.rewards.mathematics.preparation import prepared
from assay_server.rewards.mathematics.proportions import is_rounding, proportional
from assay_server.rewards.mathematics.regions import NoRegion, complement_of, region_of, same_region
from assay_server.rewards.mathematics.sampling import sampled
from assay_server.rewards.mathematics.tree import (
    SCALARS,
    Node,
    difference,
    negative,
    num,
    substituted,
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
_CONSTANTS_OF_INTEGRATION = frozenset(("C", "c"))
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
    effort: Effort | None = None

    def inline(self) -> Structures:
        """The same with an allowance of work for one comparison, after which it raises :class:`OverEffort`."""
        return replace(self, effort=Effort())

    def equal(self, a: Node, b: Node) -> bool | None:
        """Equality of scalars."""
        if self.effort is not None and a != b:
            self.effort.spend(work_of(a) + work_of(b))
        return self.scalars(a, b)

    def same(self, a: Node, b: Node) -> bool | None:
        """Whether the answers ``a`` and ``b`` are the same.

        Raises:
            OverEffort: that would take more work than it may.
        """
        if self.effort is not None:
            self.effort.spend(2 * (size_of(a) + size_of(b)))
        a, b = prepared(_chosen(a, b)), prepared(_chosen(b, a))
        if a == b:
            return True
        if a.op in SCALARS and b.op in SCALARS:
            return self.scalar(a, b)
        for mine, theirs in ((a, b), (b, a)):
            special = _SPECIAL.get(mine.op)
            if special is not None:
                return special(self, mine, theirs)
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
                first = self.equal(bare, other)
                return True if first else _either(first, self.equal(a, b))
        verdict = self.equal(a, b)
        if verdict is False and variables(a) ^ variables(b) == _CONSTANTS_OF_INTEGRATION:
            verdict = self.equal(*(substituted(node, "c", sym("C")) for node in (a, b)))
        if verdict is False:
            common = _with_common_logarithms(a), _with_common_logarithms(b)
            verdict = self.equal(*common) if common != (a, b) else False
        if verdict is False and self.strictness == "lenient":
            return is_rounding(a, b) or is_rounding(b, a)
        return verdict

    def region(self, a: Node, b: Node) -> bool | None:
        """Sets of real numbers, one of which is an interval, a union or an inequality."""
        try:
            if self.effort is not None:
                self.effort.spend(work_of(a) + work_of(b))
            return same_region(region_of(a), region_of(b), self.equal)
        except NoRegion:
            pass
        verdict = self.inequality(a, b) if a.op == b.op == "rel" else False
        found = sampled(a, b) if verdict is False else verdict
        if found is not None or a.op == b.op == "rel":
            return found if found is not None else verdict
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
                if variables(a) and variables(b):
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
        if self.effort is not None:
            self.effort.spend(work_of(left) + work_of(right))
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
        if any(self.equal(left, right) is False for left, right in pairwise(constant)):
            return None
        first, last = sides[0], sides[-1]
        if last.op == "sym" and variables(last) and not variables(first):
            return first
        if first.op == "sym" or len(constant) == len(sides) or first.op not in SCALARS:
            return last
        names = variables(first)
        if (len(names) == 1 or names & _COORDINATES) and not variables(last):
            return None
        if names and names == variables(last) and self.equal(first, last) is False:
            return None
        return last

    def congruence(self, a: Node, b: Node) -> bool | None:
        """``x \\equiv 3 \\pmod 7``: residues; against a number, the residue itself."""
        value, modulus = _residue(a.args[0]), a.args[1]
        if b.op != "mod":
            return False if self.strictness == "strict" else self.same(value, _residue(b))
        if self.same(modulus, b.args[1]) is not True:
            return False
        return _congruent(value, _residue(b.args[0]), modulus, self.scalars)

    def ratio(self, a: Node, b: Node) -> bool | None:
        """Ratios: cross products; of two terms, a quotient."""
        if num(0) in a.args or (b.op == "ratio" and num(0) in b.args):
            return a == b
        if b.op == "ratio":
            if len(a.args) != len(b.args):
                return False
            pairs = zip(a.args[1:], b.args[1:], strict=True)
            return _all(
                self.equal(Node("mul", (mine, b.args[0])), Node("mul", (theirs, a.args[0]))) for mine, theirs in pairs
            )
        quotient = len(a.args) == 2 and a.args[1] != num(1) and b.op in SCALARS
        if not quotient or self.strictness == "strict":
            return False
        return self.equal(a.args[0], Node("mul", (a.args[1], b)))

    def family(self, a: Node, b: Node) -> bool | None:
        """Solutions with a whole parameter: its name, sign and origin do not matter."""
        mine, parameter = a.args
        theirs, other = b.args if b.op == "family" else (b, parameter)
        theirs = substituted(theirs, other.name, parameter)
        verdict = False
        for shift in _SHIFTS:
            moved = (
                Node("add", (Node("mul", (num(shift[0]), parameter)), num(shift[1]))) if shift != (1, 0) else parameter
            )
            found = self.same(mine, substituted(theirs, parameter.name, moved))
            if found:
                return True
            verdict = None if found is None else verdict
        return verdict

    def function(self, a: Node, b: Node) -> bool | None:
        """``f(x) = body``: arguments may be renamed; ``y`` stands for the value."""
        body, arguments = a.args[0], a.args[1:]
        if b.op == "function":
            if a.name != b.name or len(b.args) != len(a.args):
                return False
            other = b.args[0]
            for mine, theirs in zip(arguments, b.args[1:], strict=True):
                other = substituted(other, theirs.name, mine)
            return self.same(body, other)
        if b.op == "rel" and b.name == "=" and b.args[0].op in ("sym", "call"):
            known = b.args[0].name in ("y", a.name, f"{a.name}()")
            return self.same(body, b.args[1]) if known and self.strictness != "strict" else False
        return False if self.strictness == "strict" else self.same(body, b)

    def cases(self, a: Node, b: Node) -> bool | None:
        """Piecewise values: each with a partner of the same condition."""
        if b.op == "function":
            return self.function(b, a)
        if b.op != "cases" or len(a.args) != len(b.args):
            return False
        waiting = list(_with_rest(b))
        for value, condition in _with_rest(a):
            partner = next((row for row in waiting if self.same(condition, row[1])), None)
            if partner is None:
                return False
            verdict = self.same(value, partner[0])
            if not verdict:
                return verdict
            waiting.remove(partner)
        return True

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
        single = self.strictness != "strict" and any(node.op == "set" and len(node.args) == 1 for node in (a, b))
        if not single and "list" not in (a.op, b.op) and not {a.op, b.op} <= {"list", "set", "either"}:
            return False
        left, right = _items(_unnumbered(a)), _items(_unnumbered(b))
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
        if len(left) > _MOST_PAIRWISE:
            aligned = _aligned(left, right)
            if aligned is not None:
                return _all(self.same(mine, theirs) for mine, theirs in aligned) if aligned else False
        return self.partners(left, right)

    def partners(self, left: Sequence[Node], right: Sequence[Node]) -> bool | None:
        """Each item with a partner of its own."""
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


_MOST_PAIRWISE = 4
_CLOSE = 1e-9


def _aligned(left: Sequence[Node], right: Sequence[Node]) -> list[tuple[Node, Node]] | None:
    """Items of both by the order of their floating values; empty where these differ, None where they do not tell."""
    mine, theirs = _by_value(left), _by_value(right)
    if mine is None or theirs is None:
        return None
    for (a, _), (b, _) in zip(mine, theirs, strict=True):
        if abs(a - b) > _CLOSE * max(1.0, abs(a), abs(b)):
            return []
    for items in (mine, theirs):
        if any(second - first <= _CLOSE * max(1.0, abs(first)) for (first, _), (second, _) in pairwise(items)):
            return None
    return [(a, b) for (_, a), (_, b) in zip(mine, theirs, strict=True)]


def _by_value(items: Sequence[Node]) -> list[tuple[float, Node]] | None:
    """Real values of scalars, sorted; None where one has none."""
    names = frozenset[str]().union(*(variables(item) for item in items))
    point = points_for(names)[0]
    valued: list[tuple[float, Node]] = []
    for item in items:
        found = evaluate(item, point) if item.op in SCALARS else None
        if found is None or abs(found[0].imag) > found[1]:
            return None
        valued.append((found[0].real, item))
    return sorted(valued, key=lambda pair: pair[0])


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


_SPECIAL = {
    "mod": Structures.congruence,
    "ratio": Structures.ratio,
    "family": Structures.family,
    "function": Structures.function,
    "cases": Structures.cases,
}
_SHIFTS = ((1, 0), (-1, 0), (1, 1), (1, -1))


def _residue(node: Node) -> Node:
    """What a congruence or an equation says its variable is."""
    if node.op == "rel" and node.name in ("equiv", "=") and node.args[0].op == "sym":
        return node.args[1]
    return node


def _congruent(a: Node, b: Node, modulus: Node, scalars: Scalars) -> bool | None:
    if a.op == b.op == modulus.op == "num" and modulus.number:
        return (a.number - b.number) % abs(modulus.number) == 0
    return scalars(a, b) if a.op in SCALARS and b.op in SCALARS else False


def _with_rest(node: Node) -> list[tuple[Node, Node]]:
    """Values and conditions; "otherwise" is where none of the other conditions holds."""
    rows = [(row.args[0], row.args[1]) for row in node.args]
    others = [condition for _, condition in rows if condition.op != "otherwise"]
    rest = complement_of(others)
    return [(value, rest if condition.op == "otherwise" else condition) for value, condition in rows]


def _chosen(node: Node, other: Node) -> Node:
    """``C(10, 3)`` as a binomial where a number is expected."""
    if node.op == "point" and node.name == "C" and len(node.args) == 2 and other.op in SCALARS:
        return Node("call", node.args, "binomial")
    return node


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


def _unnumbered(node: Node) -> Node:
    """``x_1 = 2, x_2 = -3`` as the values of ``x``."""
    if node.op != "list" or not all(
        item.op == "rel" and item.name == "=" and item.args[0].name.startswith("x_") for item in node.args
    ):
        return node
    return node._replace(args=tuple(item.args[1] for item in node.args))


def _assigned(node: Node) -> tuple[tuple[str, ...], tuple[Node, ...]] | None:
    if node.op != "list" or not all(
        item.op == "rel" and item.name == "=" and item.args[0].op == "sym" for item in node.args
    ):
        return None
    if all(item.args[0].name.startswith("x_") for item in node.args):
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
