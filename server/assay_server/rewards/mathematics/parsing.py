"""Tokens to a tree: recursive descent with a capped depth, no look-ahead over more than a few tokens."""

from __future__ import annotations

import re
from fractions import Fraction

from assay_server.rewards.mathematics.scanning import Token, scan
from assay_server.rewards.mathematics.tree import SCALARS, Node, Unreadable, call, contains, inverse, negative, num, sym

DEEPEST = 48
"""Nesting of brackets and exponents; deeper text is not read."""

MAX_DIGITS = 4000
_LONGEST_CHAIN = 60
_MOST_POSTFIXES = 6

_RELATIONS = frozenset(("=", "<", ">", "<=", ">=", "!=", "in", "to"))
_SETS = {"cup": "union", "cap": "meet", "without": "without"}
_CLOSING = {"(": (")", "]", "["), "[": ("]", ")", "["), "]": ("[", ")", "]"), "langle": ("rangle",), "{{": ("}}",)}
_FENCES = {"lfloor": ("rfloor", "floor"), "lceil": ("rceil", "ceil")}
_REPEATING = re.compile(
    r"([0-9]*)\.([0-9]*)(?:\\(?:overline|bar|dot)\s?\{\s?([0-9]+)\s?\}|\(([0-9]+)\)|((?:[0-9]\u0305)+))"
)
_DOTS = re.compile(r"([0-9]*)\.([0-9]*)\\dot\{([0-9])\}([0-9]*)\\dot\{([0-9])\}")
_START_OPERATORS = frozenset(("(", "{", "lfloor", "lceil"))
_ONE_ARGUMENT = {"sqrt", "cbrt", "abs", "floor", "ceil", "exp", "det"}
_ENDING = Token("end of text", "")


def parse(text: str, *, commas_group: bool = True) -> Node:
    """The tree of ``text``.

    Args:
        text: an answer without surrounding words.
        commas_group: as for :func:`assay_server.rewards.mathematics.scanning.scan`.

    Raises:
        Unreadable: it is not mathematics, or too deep or long.
    """
    tokens = scan(text, commas_group=commas_group)
    while tokens and tokens[-1].text in (".", ",", ";", ":"):
        tokens.pop()
    if not tokens:
        raise Unreadable("nothing to read")
    parser = _Parser(tokens)
    node = parser.either()
    if parser.position < len(tokens):
        raise Unreadable(f"unexpected {parser.peek().text!r}")
    return node


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.position = 0
        self.depth = 0
        self.bars = 0

    def peek(self) -> Token:
        return self.tokens[self.position] if self.position < len(self.tokens) else _ENDING

    def at(self, *texts: str) -> bool:
        token = self.peek()
        return token.kind == "op" and token.text in texts

    def take(self, *texts: str) -> bool:
        if self.at(*texts):
            self.position += 1
            return True
        return False

    def expect(self, *texts: str) -> str:
        token = self.peek()
        if token.kind == "op" and token.text in texts:
            self.position += 1
            return token.text
        raise Unreadable(f"expected {' or '.join(texts)}, found {token.text!r}")

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise Unreadable(f"nested more than {DEEPEST} deep")

    # lists and relations

    def either(self) -> Node:
        parts = [self.items()]
        while self.take("or"):
            parts.append(self.items())
        return parts[0] if len(parts) == 1 else Node("either", tuple(parts))

    def items(self) -> Node:
        items = [self.relation()]
        while self.at(",", ";", "and"):
            self.position += 1
            self.take("and")
            if self.at("or"):
                break
            items.append(self.relation())
        return items[0] if len(items) == 1 else Node("list", tuple(items))

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
            sides.append(self.union())
        return sides[0] if not operators else Node("rel", tuple(sides), " ".join(operators))

    def union(self) -> Node:
        left = self.sum()
        count = 0
        while self.at(*_SETS):
            operation = _SETS[self.expect(*_SETS)]
            left = Node(operation, (left, self.sum()))
            count += 1
            if count > _LONGEST_CHAIN:
                raise Unreadable("too long a union")
        return left

    # scalars

    def sum(self) -> Node:
        left = Node("pm", (num(0), self.product())) if self.take("pm", "mp") else self.product()
        terms = [left]
        while self.at("+", "-", "pm", "mp"):
            operator = self.expect("+", "-", "pm", "mp")
            right = self.product()
            if operator in ("pm", "mp"):
                if contains(Node("add", tuple(terms)), "pm"):
                    raise Unreadable("plus-minus more than once")
                left = terms[0] if len(terms) == 1 else Node("add", tuple(terms))
                terms = [Node("pm", (left, right))]
            else:
                terms.append(negative(right) if operator == "-" else right)
        return terms[0] if len(terms) == 1 else Node("add", tuple(terms))

    def product(self) -> Node:
        factors = [self.signed()]
        while True:
            if self.take("*"):
                factors.append(self.signed())
            elif self.at("/"):
                self.position += 1
                below = self.signed()
                factors = self.divided(factors, below)
            elif self.starts_factor():
                factors = self.beside(factors)
            else:
                break
        return factors[0] if len(factors) == 1 else Node("mul", tuple(factors))

    def divided(self, factors: list[Node], below: Node) -> list[Node]:
        """``a b / c``; a mixed number where whole number and fraction stand side by side."""
        over = inverse(below)
        if factors[-1].op == "mixed":
            whole, above = factors[-1].args
            part = Node("mul", (above, over))
            return [*factors[:-1], Node("add", (whole, negative(part) if whole.number < 0 else part))]
        return [*factors, over]

    def beside(self, factors: list[Node]) -> list[Node]:
        token = self.peek()
        last = factors[-1]
        integer = last.op == "num" and last.number.denominator == 1 and self.tokens[self.position - 1].kind == "num"
        if token.kind == "num":
            following = self.tokens[self.position + 1 : self.position + 3]
            ratio = len(following) == 2 and following[0].text == "/" and following[1].kind == "num"
            if self.tokens[self.position - 1].text == "!":
                return [*factors, self.power()]
            if not (integer and ratio and token.spaced):
                raise Unreadable("two numbers side by side")
            self.position += 1
            return [*factors[:-1], Node("mixed", (last, num(Fraction(token.text))))]
        fraction = token.kind == "fn" and token.text == "frac"
        right = self.power()
        if integer and fraction and len(factors) == 1 and _is_plain_fraction(right):
            return [Node("add", (last, negative(right) if last.number < 0 else right))]
        return [*factors, right]

    def starts_factor(self) -> bool:
        token = self.peek()
        if token.kind in ("num", "sym", "fn", "repeating", "begin"):
            return True
        if token.kind != "op":
            return False
        return token.text in _START_OPERATORS or (token.text == "|" and not self.bars)

    def signed(self) -> Node:
        sign = 1
        count = 0
        while self.at("+", "-"):
            sign = -sign if self.expect("+", "-") == "-" else sign
            count += 1
            if count > 1:
                raise Unreadable("too many signs")
        if self.at("pm", "mp"):
            raise Unreadable("a sign before plus-minus")
        node = self.power()
        return negative(node) if sign < 0 else node

    def power(self) -> Node:
        base = self.postfix(self.primary())
        if self.take("^"):
            self.deeper()
            exponent = self.exponent()
            self.depth -= 1
            base = self.postfix(Node("pow", (base, exponent)))
        return base

    def exponent(self) -> Node:
        if self.take("{"):
            inner = self.sum()
            self.expect("}")
            return inner
        if self.at("-", "+"):
            minus = self.expect("-", "+") == "-"
            inner = self.exponent()
            return negative(inner) if minus else inner
        token = self.peek()
        if token.kind == "num" and len(token.text) > 1 and self.tokens[self.position - 1].text == "^":
            self.position += 1
            return num(_value(token.text))
        base = self.postfix(self.primary())
        return Node("pow", (base, self.deep_exponent())) if self.take("^") else base

    def deep_exponent(self) -> Node:
        self.deeper()
        inner = self.exponent()
        self.depth -= 1
        return inner

    def postfix(self, node: Node) -> Node:
        for _ in range(_MOST_POSTFIXES):
            if self.at("!") and node.op in SCALARS:
                self.position += 1
                name = "factorial"
                if self.at("!"):
                    self.position += 1
                    name = "double_factorial"
                node = call(name, node)
            elif self.at("%"):
                self.position += 1
                node = call("percent", node)
            elif self.at("deg"):
                self.position += 1
                node = call("degrees", node)
            else:
                return node
        raise Unreadable("too many signs behind a value")

    def primary(self) -> Node:
        self.deeper()
        token = self.peek()
        self.position += 1
        if token.kind == "num":
            node = self.number(token)
        elif token.kind == "repeating":
            node = num(_repeating(token.text))
        elif token.kind == "sym":
            node = self.symbol(token)
        elif token.kind == "fn":
            node = self.function(token.text)
        elif token.kind == "begin":
            node = self.matrix(token.text)
        else:
            node = self.bracketed(token)
        self.depth -= 1
        return node

    def number(self, token: Token) -> Node:
        if self.at("_"):
            raise Unreadable("a numeral with a base inside an expression")
        return num(_value(token.text))

    def symbol(self, token: Token) -> Node:
        name = token.text
        if self.take("_"):
            name = f"{name}_{self.subscript()}"
        while self.at("'"):
            self.position += 1
            name += "'"
        return sym(name)

    def subscript(self) -> str:
        if not self.take("{"):
            token = self.peek()
            if token.kind not in ("num", "sym"):
                raise Unreadable("a subscript that is no name")
            self.position += 1
            return token.text
        parts: list[str] = []
        while not self.at("}"):
            token = self.peek()
            if token.kind not in ("num", "sym", "op") or token.text in ("{", "^") or len(parts) > 8:
                raise Unreadable("a subscript that is no name")
            parts.append(token.text)
            self.position += 1
        self.position += 1
        return "".join(parts)

    def bracketed(self, token: Token) -> Node:
        opening = token.text
        if token.kind != "op":
            raise Unreadable(f"unexpected {opening!r}")
        if opening == "{":
            return self.braced()
        if opening == "|":
            self.bars += 1
            inner = self.sum()
            self.bars -= 1
            self.expect("|")
            return call("abs", inner)
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

    # functions

    def function(self, name: str) -> Node:
        if name == "frac":
            above = self.argument()
            return Node("mul", (above, inverse(self.argument())))
        if name == "binom":
            above = self.argument()
            return call("binomial", above, self.argument())
        if name == "sqrt":
            return self.root()
        if name in ("sum", "prod", "int", "lim"):
            return self.bounded(name)
        if name == "overline":
            raise Unreadable("an overline is not read", unsupported=True)
        return self.applied(name)

    def argument(self) -> Node:
        """One argument of a LaTeX command: a group, or the next digit or letter."""
        if self.take("{"):
            inner = self.sum()
            self.expect("}")
            return inner
        token = self.peek()
        if token.kind == "num" and len(token.text) > 1:
            if not token.text.isdigit():
                raise Unreadable("a fraction without braces")
            self.tokens[self.position] = Token("num", token.text[1:])
            return num(int(token.text[0]))
        if token.kind == "op" and token.text == "(":
            raise Unreadable("a fraction of parentheses")
        return self.primary()

    def root(self) -> Node:
        index: Node | None = None
        if self.at("["):
            self.position += 1
            index = self.sum()
            self.expect("]")
        if self.at("(") or self.peek().kind != "num":
            radicand = self.argument() if not self.at("(") else self.primary()
        else:
            radicand = self.primary() if self.tokens[self.position - 1].text == "sqrt" else self.argument()
        return call("root", radicand, index if index is not None else num(2))

    def applied(self, name: str) -> Node:
        base: Node | None = None
        exponent: Node | None = None
        for _ in range(2):
            if self.take("_"):
                base = self.argument()
            elif self.take("^"):
                exponent = self.exponent()
        arguments = self.arguments(name)
        if name in ("gcd", "lcm", "max", "min"):
            return call(name, *arguments)
        if name == "log" and len(arguments) == 2 and base is None:
            base, arguments = arguments[1], arguments[:1]
        if len(arguments) != 1 or (base is not None and name != "log"):
            raise Unreadable(f"arguments of {name}")
        inner = arguments[0]
        if name in ("log", "lg") and base is None and name == "lg":
            base = num(10)
        if exponent is not None and exponent == num(-1) and name in ("sin", "cos", "tan"):
            return call(f"arc{name}", inner)
        node = call("log", inner, base) if base is not None else _named(name, inner)
        return node if exponent is None else Node("pow", (node, exponent))

    def arguments(self, name: str) -> tuple[Node, ...]:
        if self.at("("):
            self.position += 1
            items = [self.sum()]
            while self.take(","):
                items.append(self.sum())
            self.expect(")")
            return tuple(items)
        if name in ("gcd", "lcm", "max", "min") or name in _ONE_ARGUMENT:
            return (self.argument(),)
        factors = [self.negative_power()]
        while self.starts_factor() and not (self.peek().kind == "fn" and self.peek().text not in ("frac", "sqrt")):
            if self.at("("):
                break
            factors.append(self.power())
        if self.at("/") and len(factors) <= 2 and self.peek_simple_divisor():
            self.position += 1
            factors.append(inverse(self.power()))
        return (factors[0] if len(factors) == 1 else Node("mul", tuple(factors)),)

    def peek_simple_divisor(self) -> bool:
        following = self.tokens[self.position + 1 : self.position + 2]
        return bool(following) and following[0].kind == "num" and not self.peek().spaced

    def negative_power(self) -> Node:
        return negative(self.power()) if self.take("-") else self.power()

    def bounded(self, name: str) -> Node:
        """``\\sum_{k=1}^{n} body``, ``\\int_a^b body dx``, ``\\lim_{x \\to a} body``."""
        lower: Node | None = None
        upper: Node | None = None
        for _ in range(2):
            if self.take("_"):
                lower = self.braced_relation()
            elif self.take("^"):
                upper = self.exponent()
        if name == "int":
            return self.integral(lower, upper)
        if lower is None or lower.op != "rel" or lower.args[0].op != "sym" or len(lower.args) != 2:
            raise Unreadable(f"the bounds of {name}", unsupported=True)
        body = self.product()
        if name == "lim":
            return call("lim", body, *lower.args)
        if upper is None:
            raise Unreadable(f"the bounds of {name}", unsupported=True)
        return call(name, body, *lower.args, upper)

    def braced_relation(self) -> Node:
        if self.take("{"):
            inner = self.relation()
            self.expect("}")
            return inner
        return self.primary()

    def integral(self, lower: Node | None, upper: Node | None) -> Node:
        body = self.sum()
        factors = body.args if body.op == "mul" else (body,)
        if lower is None or upper is None or len(factors) < 2 or factors[-2] != sym("d") or factors[-1].op != "sym":
            raise Unreadable("an integral without bounds or without dx at its end", unsupported=True)
        rest = factors[:-2]
        inner = num(1) if not rest else rest[0] if len(rest) == 1 else Node("mul", rest)
        return call("int", inner, factors[-1], lower, upper)

    def matrix(self, environment: str) -> Node:
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
        if self.peek() != Token("end", environment, self.peek().spaced) or not rows or cells:
            raise Unreadable("a matrix that is not closed")
        self.position += 1
        if len({len(row.args) for row in rows}) != 1:
            raise Unreadable("a matrix with ragged rows")
        matrix = Node("matrix", tuple(rows))
        return _determinant([list(row.args) for row in rows]) if environment == "vmatrix" else matrix


def _determinant(rows: list[list[Node]]) -> Node:
    """Expanded along the first row; three rows at most."""
    if len(rows) != len(rows[0]) or len(rows) > 3:
        raise Unreadable("a determinant that is not read", unsupported=True)
    if len(rows) == 1:
        return rows[0][0]
    terms: list[Node] = []
    for column, cell in enumerate(rows[0]):
        minor = _determinant([row[:column] + row[column + 1 :] for row in rows[1:]])
        term = Node("mul", (cell, minor))
        terms.append(negative(term) if column % 2 else term)
    return Node("add", tuple(terms))


def _named(name: str, inner: Node) -> Node:
    if name == "cbrt":
        return call("root", inner, num(3))
    if name == "exp":
        return Node("pow", (sym("e"), inner))
    return call("log", inner, sym("e")) if name == "ln" else call(name, inner)


def _is_plain_fraction(node: Node) -> bool:
    if node.op != "mul" or len(node.args) != 2 or node.args[1].op != "pow":
        return False
    above, below = node.args[0], node.args[1].args[0]
    return above.op == below.op == "num" and 0 < above.number < below.number


def _value(text: str) -> Fraction:
    mantissa, _, exponent = text.lower().partition("e")
    if len(mantissa) > MAX_DIGITS or len(exponent) > 5 or abs(int(exponent or "0")) > MAX_DIGITS:
        raise Unreadable("a number with too many digits")
    return Fraction(text.rstrip(".") if mantissa == text.lower() else text)


def _repeating(text: str) -> Fraction:
    match = _REPEATING.fullmatch(text) or _DOTS.fullmatch(text)
    if match is None or len(text) > 200:
        raise Unreadable("a repeating decimal that is not read")
    groups = match.groups()
    whole, fixed = groups[0], groups[1]
    dotted = match.re is _DOTS
    period = (
        f"{groups[2]}{groups[3]}{groups[4]}" if dotted else (groups[2] or groups[3] or groups[4]).replace("\u0305", "")
    )
    scale = 10 ** len(fixed)
    return Fraction(int(whole + fixed or "0"), scale) + Fraction(int(period), scale * (10 ** len(period) - 1))
