"""A position in a row of tokens."""

from __future__ import annotations

from assay_server.rewards.mathematics.scanning import Token
from assay_server.rewards.mathematics.tree import Unreadable

DEEPEST = 48
"""Nesting of brackets and exponents; deeper text is not read."""

_ENDING = Token("end of text", "")


class Cursor:
    """What the parser looks at next, and how deep it is."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.position = 0
        self.depth = 0
        self.bars = 0

    def peek(self) -> Token:
        """The next token."""
        return self.tokens[self.position] if self.position < len(self.tokens) else _ENDING

    def before(self) -> Token:
        """The token that was taken last."""
        return self.tokens[self.position - 1] if self.position else _ENDING

    def at(self, *texts: str) -> bool:
        """Whether the next token is one of these operators."""
        token = self.peek()
        return token.kind == "op" and token.text in texts

    def take(self, *texts: str) -> bool:
        """Step over one of these operators if it is next."""
        if self.at(*texts):
            self.position += 1
            return True
        return False

    def expect(self, *texts: str) -> str:
        """Step over one of these operators, which must be next."""
        token = self.peek()
        if token.kind == "op" and token.text in texts:
            self.position += 1
            return token.text
        raise Unreadable(f"expected {' or '.join(texts)}, found {token.text!r}")

    def deeper(self) -> None:
        """One level further down."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise Unreadable(f"nested more than {DEEPEST} deep")
