"""SQL as tokens: enough to see what a query orders, limits and names, in linear time and without a grammar."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

_LARGEST = 1e15
Kind = Literal["word", "quoted", "text", "number", "sign"]

_TOKEN = re.compile(
    r"""
      (?P<skip>\s+|--[^\n]*|/\*(?:[^*]|\*(?!/))*(?:\*/|\Z))
    | (?P<text>'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])
    | (?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)
    | (?P<word>[^\W\d][\w$]*)
    | (?P<sign><>|<=|>=|!=|==|\|\||.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One token; words are in lower case, quoted names and texts without their quotes.

    Attributes:
        depth: open parentheses before it.
    """

    kind: Kind
    text: str
    depth: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What can be seen of a query without a grammar.

    Attributes:
        ordered: the outermost query has an ORDER BY.
        limited: LIMIT, FETCH or TOP stands somewhere: with ties the answer is a matter of luck.
        numbers: numeric literals.
        texts: text literals, names in double quotes included, which SQLite takes for texts where nothing is called so.
    """

    ordered: bool
    limited: bool
    numbers: tuple[float, ...]
    texts: tuple[str, ...]
    words: frozenset[str]


def tokens_of(sql: str) -> list[Token]:
    """The tokens of a text, comments and spaces left out."""
    found: list[Token] = []
    depth = 0
    for match in _TOKEN.finditer(sql):
        kind = match.lastgroup
        text = match.group()
        if kind == "sign":
            depth = max(0, depth - (text == ")"))
            found.append(Token("sign", text, depth))
            depth += text == "("
        elif kind == "word":
            found.append(Token("word", text.lower(), depth))
        elif kind == "text":
            found.append(Token("text", text[1:-1].replace("''", "'"), depth))
        elif kind == "quoted":
            found.append(Token("quoted", text[1:-1].replace(text[-1] * 2, text[-1]), depth))
        elif kind == "number":
            found.append(Token("number", text, depth))
    return found


@lru_cache(maxsize=4096)
def read_query(sql: str) -> Reading:
    """What a query shows; members of a group share their reference."""
    tokens = tokens_of(sql)
    words = frozenset(token.text for token in tokens if token.kind == "word")
    ordered = any(
        token.text == "order" and token.depth == 0 and following.text == "by"
        for token, following in pairwise(tokens)
        if token.kind == "word"
    )
    return Reading(
        ordered=ordered,
        limited=not words.isdisjoint(("limit", "fetch", "top")),
        numbers=_distinct_numbers(tokens),
        texts=tuple(dict.fromkeys(token.text for token in tokens if token.kind in ("text", "quoted"))),
        words=words,
    )


def _distinct_numbers(tokens: list[Token]) -> tuple[float, ...]:
    limits = {
        place + 1 for place, token in enumerate(tokens) if token.kind == "word" and token.text in ("limit", "offset")
    }
    found = (float(token.text) for place, token in enumerate(tokens) if token.kind == "number" and place not in limits)
    return tuple(dict.fromkeys(number for number in found if abs(number) < _LARGEST))
