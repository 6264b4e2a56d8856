"""Scalars from tokens: sums, products, powers, functions. Recursive descent with a capped depth."""

from __future__ import annotations

from abc import ABC, abstractmethod
from fractions import Fraction

from assay_server.rewards.mathematics.cursor import Cursor
from assay_server.rewards.mathematics.numerals import numeral, repeating
from assay_server.rewards.mathematics.scanning import Token
from assay_server.rewards.mathematics.tree import (
    CONSTANTS,
    SCALARS,
    Node,
    Unreadable,
    call,
    contains,
    inverse,
    negative,
    num,
    substituted,
    sym,
)

_MOST_POSTFIXES = 6
_START_OPERATORS = frozenset(("(", "{", "lfloor", "lceil"))
_ONE_ARGUMENT = {"sqrt", "cbrt", "abs", "floor", "ceil", "exp", "det"}
_OF_SEVERAL = ("gcd", "lcm", "max", "min")
_INVERSES = frozenset(("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh"))
_FUNCTION_LETTERS = frozenset(("f", "g", "zeta", "Gamma"))
_POINT_LETTERS = frozenset("ABCDEFGHMNOPQRSTV")


class Expressions(Cursor, ABC):
    """The part of the parser that reads scalars."""

    @abstractmethod
    def bracketed(self, token: Token) -> Node:
        """What stands in brackets, ``token`` being the opening one."""

    @abstractmethod
    def environment(self, name: str) -> Node:
        """A matrix or ``cases``, behind its ``\\begin``."""

    @abstractmethod
    def relation(self) -> Node:
        """A relation, a set or a scalar."""

    def sum(self) -> Node:
        """Terms; ``{a \\over b}`` and ``{n \\choose k}`` divide all that stands in the braces."""
        node = self.terms()
        if self.take("over"):
            return Node("mul", (node, inverse(self.terms())))
        if self.take("choose"):
            return call("binomial", node, self.terms())
        return node

    def terms(self) -> Node:
        """``a + b - c``."""
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
        """``a b / c``."""
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
        """A factor without a sign between: a product, or the fraction of a mixed number."""
        token = self.peek()
        last = factors[-1]
        before = self.before()
        integer = last.op == "num" and last.number.denominator == 1 and before.kind == "num"
        if token.kind == "num":
            following = self.tokens[self.position + 1 : self.position + 3]
            ratio = len(following) == 2 and following[0].text == "/" and following[1].kind == "num"
            if before.text == "!" or (before.text == ")" and not token.spaced):
                return [*factors, self.power()]
            if not (integer and ratio and token.spaced):
                raise Unreadable("two numbers side by side")
            self.position += 1
            return [*factors[:-1], Node("mixed", (last, num(Fraction(token.text))))]
        if self.at("["):
            return [*factors, self.in_square_brackets()]
        if integer and len(factors) == 1 and token.kind == "fn" and token.text == "frac":
            return self.maybe_mixed(last)
        return [*factors, self.power()]

    def maybe_mixed(self, whole: Node) -> list[Node]:
        """``3\\frac{1}{7}`` is a sum, ``3\\frac{x}{7}`` a product."""
        start = self.position
        part = self.primary()
        if _is_plain_fraction(part) and not self.at("^"):
            return [self.postfix(Node("add", (whole, negative(part) if whole.number < 0 else part)))]
        self.position = start
        return [whole, self.power()]

    def in_square_brackets(self) -> Node:
        """A factor in square brackets."""
        inner = self.power()
        if inner.op not in SCALARS:
            raise Unreadable("brackets behind a factor")
        return inner

    def starts_factor(self) -> bool:
        """Whether the next token can be a factor."""
        token = self.peek()
        if token.kind in ("num", "sym", "fn", "repeating", "begin"):
            return True
        if token.kind != "op":
            return False
        if token.text == "[":
            return (self.before().kind in ("num", "sym") or self.before().text in (")", "}")) and self.holds_factor()
        return token.text in _START_OPERATORS or (token.text == "|" and not self.bars)

    def holds_factor(self) -> bool:
        """Whether the square bracket that opens here closes around something without commas."""
        depth = 0
        for token in self.tokens[self.position : self.position + 60]:
            if token.kind != "op":
                continue
            depth += {"[": 1, "]": -1}.get(token.text, 0)
            if depth == 0:
                return True
            if depth == 1 and token.text in (",", ";", "cup"):
                return False
        return False

    def signed(self) -> Node:
        """A factor with its sign."""
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
        """``a^b``, ``a!``."""
        base = self.postfix(self.primary())
        if self.take("^"):
            self.deeper()
            exponent = self.exponent()
            self.depth -= 1
            base = self.postfix(Node("pow", (base, exponent)))
        return base

    def exponent(self) -> Node:
        """What stands behind ``^``."""
        if self.take("{"):
            inner = self.sum()
            self.expect("}")
            return inner
        if self.at("-", "+"):
            minus = self.expect("-", "+") == "-"
            inner = self.exponent()
            return negative(inner) if minus else inner
        token = self.peek()
        if token.kind == "num" and len(token.text) > 1 and self.before().text == "^":
            self.position += 1
            return num(numeral(token.text))
        base = self.postfix(self.primary())
        return Node("pow", (base, self.deep_exponent())) if self.take("^") else base

    def deep_exponent(self) -> Node:
        """The exponent of an exponent."""
        self.deeper()
        inner = self.exponent()
        self.depth -= 1
        return inner

    def postfix(self, node: Node) -> Node:
        """Factorials, percent and degree signs."""
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
        """A number, a name, a function, or what stands in brackets."""
        self.deeper()
        token = self.peek()
        self.position += 1
        if token.kind == "num":
            node = self.number(token)
        elif token.kind == "repeating":
            node = num(repeating(token.text))
        elif token.kind == "sym":
            node = self.symbol(token)
        elif token.kind == "fn":
            node = self.function(token.text)
        elif token.kind == "begin":
            node = self.environment(token.text)
        else:
            node = self.bracketed(token)
        self.depth -= 1
        return node

    def number(self, token: Token) -> Node:
        """A numeral."""
        if self.at("_"):
            raise Unreadable("a numeral with a base inside an expression")
        return num(numeral(token.text))

    def symbol(self, token: Token) -> Node:
        """A name with its subscript and primes; ``f(x)`` is a value of f, ``P(1, 2)`` a point."""
        name = token.text
        if self.take("_"):
            name = f"{name}_{self.subscript()}"
        while self.at("'"):
            self.position += 1
            name += "'"
        if self.at("(") and not self.peek().spaced:
            if name.rstrip("'") in _FUNCTION_LETTERS:
                return call(f"{name}()", *self.listed())
            if name in _POINT_LETTERS and self.has_comma():
                return Node("point", self.listed(), name)
        return sym(name)

    def has_comma(self) -> bool:
        """Whether the parenthesis that opens here holds a comma of its own."""
        depth = 0
        for token in self.tokens[self.position : self.position + 60]:
            if token.kind != "op":
                continue
            depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.text, 0)
            if depth == 0:
                return False
            if depth == 1 and token.text == ",":
                return True
        return False

    def listed(self) -> tuple[Node, ...]:
        """Arguments in parentheses."""
        self.expect("(")
        items = [self.sum()]
        while self.take(",", ";"):
            items.append(self.sum())
        self.expect(")")
        return tuple(items)

    def subscript(self) -> str:
        """The text of a subscript."""
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

    def function(self, name: str) -> Node:
        """A function with its arguments."""
        if name == "frac":
            above = self.argument()
            return Node("mul", (above, inverse(self.argument())))
        if name in ("binom", "arrangements"):
            return self.chosen(name)
        if name == "sqrt":
            return self.root()
        if name in ("sum", "prod", "int", "lim"):
            return self.bounded(name)
        if name == "overline":
            raise Unreadable("an overline is not read")
        return self.applied(name)

    def chosen(self, name: str) -> Node:
        """``\\binom{n}{k}``, or the number of arrangements of k out of n."""
        above, below = self.argument(), self.argument()
        if name == "binom":
            return call("binomial", above, below)
        rest = call("factorial", Node("add", (above, negative(below))))
        return Node("mul", (call("factorial", above), inverse(rest)))

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
        """``\\sqrt[n]{x}``, ``sqrt(x)``."""
        index: Node | None = None
        if self.at("["):
            self.position += 1
            index = self.sum()
            self.expect("]")
        if self.at("(") or self.peek().kind != "num":
            radicand = self.argument() if not self.at("(") else self.primary()
        else:
            radicand = self.primary() if self.before().text == "sqrt" else self.argument()
        return call("root", radicand, index if index is not None else num(2))

    def applied(self, name: str) -> Node:
        """``\\log_2 x``, ``\\sin^2 x``, ``\\gcd(a, b)``."""
        base: Node | None = None
        exponent: Node | None = None
        for _ in range(2):
            if self.take("_"):
                base = self.argument()
            elif self.take("^"):
                exponent = self.exponent()
        if exponent is None and self.names_value():
            return sym(name)
        arguments = self.arguments(name)
        if name in _OF_SEVERAL:
            return call(name, *arguments)
        if name == "log" and len(arguments) == 2 and base is None:
            base, arguments = arguments[1], arguments[:1]
        if len(arguments) != 1 or (base is not None and name != "log"):
            raise Unreadable(f"arguments of {name}")
        inner = arguments[0]
        if name in ("log", "lg") and base is None and name == "lg":
            base = num(10)
        if exponent is not None and exponent == num(-1) and name in _INVERSES:
            return _named(f"arc{name}", inner)
        node = call("log", inner, base) if base is not None else _named(name, inner)
        return node if exponent is None else Node("pow", (node, exponent))

    def names_value(self) -> bool:
        """``max = 5``: the name of a value, not a function of one."""
        return self.at("=", ":") and self.before().text in ("max", "min", "gcd", "lcm")

    def arguments(self, name: str) -> tuple[Node, ...]:
        """What a function is applied to, in parentheses or not."""
        if self.at("("):
            return self.listed()
        if name == "cbrt" and self.peek().kind == "num":
            return (self.primary(),)
        if name in _OF_SEVERAL or name in _ONE_ARGUMENT:
            return (self.argument(),)
        factors = [self.negative_power()]
        while self.starts_factor() and not (self.peek().kind == "fn" and self.peek().text not in ("frac", "sqrt")):
            if self.at("(", "["):
                break
            factors.append(self.power())
        if self.at("/") and len(factors) <= 2 and self.peek_simple_divisor():
            self.position += 1
            factors.append(inverse(self.power()))
        return (factors[0] if len(factors) == 1 else Node("mul", tuple(factors)),)

    def peek_simple_divisor(self) -> bool:
        """``\\sin x/2``."""
        following = self.tokens[self.position + 1 : self.position + 2]
        return bool(following) and following[0].kind == "num" and not self.peek().spaced

    def negative_power(self) -> Node:
        """A power with its sign."""
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
        body, lower = _with_free_name(self.product(), lower)
        if name == "lim":
            return call("lim", body, *lower.args)
        if upper is None:
            raise Unreadable(f"the bounds of {name}", unsupported=True)
        return call(name, body, *lower.args, upper)

    def braced_relation(self) -> Node:
        """``{k=1}``."""
        if self.take("{"):
            inner = self.relation()
            self.expect("}")
            return inner
        return self.primary()

    def integral(self, lower: Node | None, upper: Node | None) -> Node:
        """The body up to ``dx``."""
        body = self.sum()
        factors = body.args if body.op == "mul" else (body,)
        if lower is None or upper is None or len(factors) < 2 or factors[-2] != sym("d") or factors[-1].op != "sym":
            raise Unreadable("an integral without bounds or without dx at its end", unsupported=True)
        rest = factors[:-2]
        inner = num(1) if not rest else rest[0] if len(rest) == 1 else Node("mul", rest)
        return call("int", inner, factors[-1], lower, upper)


def _with_free_name(body: Node, lower: Node) -> tuple[Node, Node]:
    """A bound ``i`` or ``e`` is a name, not the constant."""
    name = lower.args[0].name
    if name not in CONSTANTS:
        return body, lower
    free = sym(f"bound_{name}")
    return substituted(body, name, free), lower._replace(args=(free, *lower.args[1:]))


def _named(name: str, inner: Node) -> Node:
    if name == "cbrt":
        return call("root", inner, num(3))
    if name == "exp":
        return Node("pow", (sym("e"), inner))
    if name == "cis":
        return Node("pow", (sym("e"), Node("mul", (sym("i"), inner))))
    if name == "arccot":
        return Node("add", (Node("mul", (num(Fraction(1, 2)), sym("pi"))), negative(call("arctan", inner))))
    if name in ("arcsec", "arccsc"):
        return call("arccos" if name == "arcsec" else "arcsin", inverse(inner))
    return call("log", inner, sym("e")) if name == "ln" else call(name, inner)


def _is_plain_fraction(node: Node) -> bool:
    if node.op != "mul" or len(node.args) != 2 or node.args[1].op != "pow":
        return False
    above, below = node.args[0], node.args[1].args[0]
    return above.op == below.op == "num" and 0 < above.number < below.number
