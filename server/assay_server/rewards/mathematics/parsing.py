"""Tokens to a tree: lists, relations, sets, tuples and environments around the scalars."""

from __future__ import annotations

from assay_server.rewards.mathematics.expressions import Expressions
from assay_server.rewards.mathematics.scanning import Token, scan
from assay_server.rewards.mathematics.tree import SCALARS, Node, Unreadable, call, num, sym

_LONGEST_CHAIN = 60
_RELATIONS = frozenset(("=", "<", ">", "<=", ">=", "!=", "in", "to", "equiv", "mapsto"))
_SETS = {"cup": "union", "cap": "meet", "without": "without"}
_CLOSING = {"(": (")", "]", "["), "[": ("]", ")", "["), "]": ("[", ")", "]"), "langle": ("rangle",), "{{": ("}}",)}
_FENCES = {"lfloor": ("rfloor", "floor"), "lceil": ("rceil", "ceil")}
_NUMBER_SETS = frozenset(("Reals", "Integers", "Rationals", "Naturals", "Complexes"))
_SYSTEMS = frozenset(("cases", "aligned", "align", "gathered", "split"))
_MATRICES_WITH_LINES = frozenset(("vmatrix",))


def parse(text: str, *, commas_group: bool = True) -> Node:
    """The tree of ``text``.

    Args:
        text: an answer without surrounding words.
        commas_group: as for :func:`assay_server.rewards.mathematics.scanning.scan`.

    Raises:
        Unreadable: it is not mathematics, or too deep or long.
    """
    tokens = scan(text, commas_group=commas_group)
    while tokens and tokens[-1].text in (".", ",", ";", ":", "row"):
        tokens.pop()
    if not tokens:
        raise Unreadable("nothing to read")
    parser = _Parser(tokens)
    node = parser.whole()
    if parser.position < len(tokens):
        raise Unreadable(f"unexpected {parser.peek().text!r}")
    return node


class _Parser(Expressions):
    def whole(self) -> Node:
        node = self.either()
        if node.op not in SCALARS or not self.at(":", "ratio"):
            return node
        parts = [node]
        while self.take(":", "ratio"):
            parts.append(self.sum())
        return Node("ratio", tuple(parts))

    # lists and relations

    def either(self) -> Node:
        parts = [self.items()]
        while self.take("or") or (parts[-1].op == "rel" and self.take("cup")):
            parts.append(self.items())
        return parts[0] if len(parts) == 1 else Node("either", tuple(parts))

    def items(self) -> Node:
        items = [self.congruence()]
        joint = ""
        while self.at(",", ";", "and"):
            joint = "and" if self.at("and") else joint
            self.position += 1
            if self.take("and"):
                joint = "and"
            if self.at("or"):
                break
            items.append(self.congruence())
        return items[0] if len(items) == 1 else Node("list", tuple(items), joint)

    def congruence(self) -> Node:
        """A relation, with the modulus behind it where there is one."""
        node = self.relation()
        if not self.take("mod"):
            return node
        self.take(":")
        return Node("mod", (node, self.argument() if self.at("{") else self.product()))

    def relation(self) -> Node:
        if self.at("<", ">", "<=", ">=", "="):
            operator = self.expect("<", ">", "<=", ">=", "=")
            right = self.union()
            return right if operator == "=" else Node("rel", (sym("?"), right), operator)
        sides = [self.union()]
        operators: list[str] = []
        while self.peek().kind == "op" and self.peek().text in _RELATIONS:
            operators.append(self.peek().text)
            self.position += 1
            sides.append(self.union(between=True))
        return sides[0] if not operators else Node("rel", tuple(sides), " ".join(operators))

    def union(self, *, between: bool = False) -> Node:
        """``A \\cup B``; behind a relation's sign a number ends it: ``x < 1 \\cup x > 2``."""
        left = self.sum()
        if between and self.at("cup") and left.op in SCALARS and left.op != "sym":
            return left
        count = 0
        while self.at(*_SETS):
            operation = _SETS[self.expect(*_SETS)]
            left = Node(operation, (left, self.sum()))
            count += 1
            if count > _LONGEST_CHAIN:
                raise Unreadable("too long a union")
        return left

    # brackets

    def bracketed(self, token: Token) -> Node:
        opening = token.text
        if token.kind != "op":
            raise Unreadable(f"unexpected {opening!r}")
        if opening == "{":
            return self.braced()
        if opening == "|":
            return self.absolute()
        if opening in _FENCES:
            closing, name = _FENCES[opening]
            inner = self.sum()
            self.expect(closing)
            return call(name, inner)
        if opening == "{{":
            return self.set("}}")
        if opening in _CLOSING:
            return self.group(opening)
        raise Unreadable(f"unexpected {opening!r}")

    def absolute(self) -> Node:
        self.bars += 1
        inner = self.sum()
        self.bars -= 1
        self.expect("|")
        return call("abs", inner)

    def braced(self) -> Node:
        """LaTeX's grouping; a set where plain text has commas in braces."""
        if self.at("}"):
            self.position += 1
            return Node("set")
        return self.set("}")

    def set(self, closing: str) -> Node:
        if self.take(closing):
            return Node("set")
        bars, self.bars = self.bars, 1
        first = self.relation()
        if self.take("|", ":"):
            condition = self.either()
            self.expect(closing)
            self.bars = bars
            return Node("where", (first, condition))
        items = [first]
        while self.take(",", ";"):
            items.append(self.relation())
        self.bars = bars
        self.expect(closing)
        return first if closing == "}" and len(items) == 1 else Node("set", tuple(items))

    def group(self, opening: str) -> Node:
        bars, self.bars = self.bars, 0
        items = [self.relation()]
        while self.take(",", ";"):
            items.append(self.relation())
        self.bars = bars
        closing = self.expect(*_CLOSING[opening])
        if opening == "langle":
            return Node("group", tuple(items), "<>")
        if len(items) == 1:
            if (opening, closing) not in (("(", ")"), ("[", "]")):
                raise Unreadable("a half-open bracket around one item")
            return items[0] if opening == "(" or items[0].op != "group" else Node("group", tuple(items), "[]")
        if len(items) > 2 and (opening, closing) not in (("(", ")"), ("[", "]")):
            raise Unreadable("an interval of more than two ends")
        left = "(" if opening in "(]" else "["
        right = "]" if (closing == "]" and opening != "]") or (opening == "]" and closing == "]") else ")"
        return Node("group", tuple(items), left + right)

    # environments

    def environment(self, name: str) -> Node:
        if name in _SYSTEMS:
            return self.system(name)
        rows: list[Node] = []
        cells: list[Node] = []
        while self.peek().kind != "end":
            cells.append(self.sum())
            if self.take("&"):
                continue
            rows.append(Node("row", tuple(cells)))
            cells = []
            if not self.take("row"):
                break
        self.ending(name)
        if not rows or cells:
            raise Unreadable("a matrix that is not closed")
        if len({len(row.args) for row in rows}) != 1:
            raise Unreadable("a matrix with ragged rows")
        matrix = Node("matrix", tuple(rows))
        return call("det", matrix) if name in _MATRICES_WITH_LINES else matrix

    def ending(self, name: str) -> None:
        token = self.peek()
        if token.kind != "end" or token.text != name:
            raise Unreadable(f"{name} is not closed")
        self.position += 1

    def system(self, name: str) -> Node:
        """Equations, which hold together; or values, each with the condition under which it holds."""
        rows: list[Node] = []
        while self.peek().kind != "end":
            rows.append(self.line())
            if not self.take("row"):
                break
        self.ending(name)
        if not rows or len({row.op == "row" for row in rows}) != 1:
            raise Unreadable("a system that is not read")
        if rows[0].op == "row":
            return Node("cases", tuple(rows))
        return rows[0] if len(rows) == 1 else Node("list", tuple(rows))

    def line(self) -> Node:
        """``x &= 1``, or a value with its condition."""
        if self.peek().kind == "op" and self.peek().text == "&":
            self.position += 1
        left = self.relation()
        self.take(",", ";")
        if self.at("&"):
            self.position += 1
            if self.peek().text in _RELATIONS:
                operator = self.peek().text
                self.position += 1
                left = Node("rel", (left, self.union()), operator)
                self.take(",", ";")
                return left
            return Node("row", (left, self.condition()))
        if self.peek().text in ("if", "otherwise"):
            return Node("row", (left, self.condition()))
        return left

    def condition(self) -> Node:
        self.take(",")
        self.take("if")
        condition = Node("otherwise") if self.take("otherwise") else self.either()
        self.take(",", ";")
        return condition


def determinant(rows: list[tuple[Node, ...]]) -> Node:
    """Expanded along the first row; three rows at most.

    Raises:
        Unreadable: it has more rows, or is not square.
    """
    if len(rows) != len(rows[0]) or len(rows) > 3:
        raise Unreadable("a determinant that is not read", unsupported=True)
    if len(rows) == 1:
        return rows[0][0]
    terms: list[Node] = []
    for column, cell in enumerate(rows[0]):
        minor = determinant([row[:column] + row[column + 1 :] for row in rows[1:]])
        terms.append(Node("mul", (num(-1 if column % 2 else 1), cell, minor)))
    return Node("add", tuple(terms))
