"""Reading Python call syntax, ``f(a=1, b=["x"])``, without running or compiling any of it.

One pass over tokens; depth and length are bounded. Only literals are values: numbers, texts, True, False, None (and
their JSON spellings), lists, tuples, dictionaries.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from assay.sdk import Json
from assay.sdk.values import value

# A possessive group looks ahead first where it could fail after its first character: CPython before 3.11.5 then goes on
# behind what the failed attempt had read (gh-106052).
_TOKEN = re.compile(
    r"""[\s\\]*+(?:(?P<name>[A-Za-z_]\w*+(?:(?=\.[A-Za-z_])\.[A-Za-z_]\w*+)*+)
      |(?P<number>[+-]?(?:\d++(?:(?=_\d)_\d++)*+(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?)(?![\w.])
      |(?P<text>"{3}(?:[^"\\]|\\.|(?="[^"])"|(?=""[^"])"")*+"{3}|'{3}(?:[^'\\]|\\.|(?='[^'])'|(?=''[^'])'')*+'{3}
        |"(?:[^"\\\n]++|\\.)*+"|'(?:[^'\\\n]++|\\.)*+')
      |(?P<mark>[()\[\]{},:;=]))""",
    re.VERBOSE | re.DOTALL,
)
_PLAIN_ARGUMENT = re.compile(
    r"""[\s\\]*+([A-Za-z_]\w*+)[\s\\]*+=[\s\\]*+
      (?:"([^"\\\n]*+)"|'([^'\\\n]*+)'|([+-]?\d{1,18}+)(?![\w.])|(true|True|false|False|null|None)(?![\w.]))
      [\s\\]*+([,)])""",
    re.VERBOSE,
)
"""A named argument that is a text without escapes, a number or a constant, with the mark after it."""

_ESCAPE = re.compile(r"\\(\n|[\\'\"abfnrtv]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|.)", re.DOTALL)
_ESCAPED = {"\n": "", "\\": "\\", "'": "'", '"': '"', "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r",
            "t": "\t", "v": "\v"}  # fmt: skip
_CONSTANTS: dict[str, Json] = {
    "True": True, "False": False, "None": None, "true": True, "false": False, "null": None,
}  # fmt: skip
_DEEPEST = 32
_LONGEST_NUMBER = 1000
_LARGEST_CODE_POINT = 0x10FFFF

Lexeme: TypeAlias = "tuple[str, str, int]"
"""Kind (``name``, ``number``, ``text``, a mark itself, or empty at the end or at what is no token), text, end."""


class UnreadableCall(ValueError):
    """What the model wrote is no call that can be read; the message says why."""


@value
class Call:
    """One call: keyword arguments, and positional ones, which only a schema can name."""

    name: str
    arguments: dict[str, Json]
    positional: tuple[Json, ...] = ()


class LiteralReader:
    """Reads calls and literals from a text, from a place on.

    Attributes:
        end: one past the last token that was taken.
    """

    def __init__(self, text: str, start: int = 0) -> None:
        self._text = text
        self.end = start
        self._token = self._next(start)

    def _next(self, start: int) -> Lexeme:
        match = _TOKEN.match(self._text, start)
        if match is None:
            return "", self._text[start : start + 20], start
        kind = match.lastgroup or ""
        text = match[kind]
        return (text if kind == "mark" else kind), text, match.end()

    def peek(self) -> str:
        """The kind of the next token."""
        return self._token[0]

    def take(self, kind: str) -> str:
        """The text of the next token, which must be of this kind.

        Raises:
            UnreadableCall: it is another one.
        """
        found, text, end = self._token
        if found != kind:
            raise UnreadableCall(f"expected {kind} at character {self.end}, got {text[:20]!r}")
        self.end = end
        self._token = self._next(end)
        return text

    def took(self, kind: str) -> bool:
        """Whether the next token was of this kind, and was taken."""
        if self._token[0] != kind:
            return False
        self.take(kind)
        return True

    def call(self) -> Call:
        """``name(...)``."""
        name = self.take("name")
        keywords: dict[str, Json] = {}
        positional: list[Json] = []
        if self._plain_arguments(name, keywords):
            return Call(name, keywords)
        if not keywords:
            self.take("(")
        while not self.took(")"):
            self._argument(name, keywords, positional)
            if not self.took(","):
                self.take(")")
                break
        return Call(name, keywords, tuple(positional))

    def _plain_arguments(self, name: str, keywords: dict[str, Json]) -> bool:
        """The arguments that are plain, up to the first that is not; whether the call ends with them.

        One match each instead of four tokens: most arguments that models write are such.
        """
        kind, _, end = self._token
        if kind != "(":
            return False
        start = end
        while (match := _PLAIN_ARGUMENT.match(self._text, start)) is not None:
            keyword, double, single, number, constant, mark = match.groups()
            if keyword in _CONSTANTS:
                break
            if keyword in keywords:
                raise UnreadableCall(f"{name}: argument {keyword} is given twice")
            text = single if double is None else double
            keywords[keyword] = text if text is not None else _CONSTANTS[constant] if number is None else int(number)
            start = match.end()
            if mark == ")":
                self._go_on(start)
                return True
        if keywords:
            self._go_on(start)
        return False

    def _go_on(self, start: int) -> None:
        self.end = start
        self._token = self._next(start)

    def _argument(self, name: str, keywords: dict[str, Json], positional: list[Json]) -> None:
        if self.peek() == "name" and self._token[1] not in _CONSTANTS:
            keyword = self.take("name")
            self.take("=")
            if keyword in keywords:
                raise UnreadableCall(f"{name}: argument {keyword} is given twice")
            keywords[keyword] = self.literal(1)
        elif keywords:
            raise UnreadableCall(f"{name}: a positional argument follows a named one")
        else:
            positional.append(self.literal(1))

    def literal(self, depth: int = 0) -> Json:
        """A value.

        Raises:
            UnreadableCall: anything else: a variable, an expression, an f-string.
        """
        kind, text, _ = self._token
        if kind == "text":
            self.take("text")
            return _unquoted(text)
        if kind == "number":
            self.take("number")
            return _number(text)
        if kind == "name" and text in _CONSTANTS:
            self.take("name")
            return _CONSTANTS[text]
        if depth >= _DEEPEST:
            raise UnreadableCall(f"nested deeper than {_DEEPEST}")
        if kind in ("[", "("):
            return self._items(kind, depth)
        if kind == "{":
            return self._entries(depth)
        raise UnreadableCall(f"expected a value at character {self.end}, got {text[:20]!r}")

    def _items(self, opening: str, depth: int) -> Json:
        self.take(opening)
        closing = "]" if opening == "[" else ")"
        items: list[Json] = []
        commas = 0
        while not self.took(closing):
            items.append(self.literal(depth + 1))
            if not self.took(","):
                self.take(closing)
                break
            commas += 1
        return items[0] if opening == "(" and len(items) == 1 and not commas else items

    def _entries(self, depth: int) -> Json:
        self.take("{")
        entries: dict[str, Json] = {}
        while not self.took("}"):
            key = _unquoted(self.take("text"))
            self.take(":")
            if key in entries:
                raise UnreadableCall(f"key {key[:40]!r} is given twice")
            entries[key] = self.literal(depth + 1)
            if not self.took(","):
                self.take("}")
                break
        return entries


def _number(text: str) -> Json:
    if len(text) > _LONGEST_NUMBER:
        raise UnreadableCall(f"a number of {len(text)} characters")
    if "." in text or "e" in text or "E" in text:
        number = float(text)
        if number - number != 0.0:
            raise UnreadableCall(f"{text[:20]} is too large")
        return number
    return int(text)


def _unquoted(text: str) -> str:
    width = 3 if text[:3] in ('"""', "'''") and len(text) >= 6 else 1
    inner = text[width:-width]
    return _ESCAPE.sub(_unescaped, inner) if "\\" in inner else inner


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    if code in _ESCAPED:
        return _ESCAPED[code]
    if len(code) > 1 and code[0] in "xuU":
        point = int(code[1:], 16)
        return chr(point) if point <= _LARGEST_CODE_POINT else match[0]
    return chr(int(code, 8)) if code[0] in "01234567" else match[0]
