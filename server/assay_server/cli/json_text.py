"""One line of JSON to a value and back, for input that may be anything."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import NoReturn, cast

from assay.sdk import Json
from assay_server.cli.line_source import MAX_LINE_BYTES, Line

MAX_DEPTH = 200
"""Deeper nesting is refused: everything behind this may recurse over a value."""

_ESCAPE_QUOTE_OR_BRACKET = re.compile(rb'\\.|["\[\]{}]', re.DOTALL)
_LOOKED_AT_FOR_ID = 4096


class BadLine(Exception):
    """A line that is not one JSON object.

    Args:
        reason: stable UPPER_SNAKE_CASE name.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def read_object(line: Line) -> dict[str, Json]:
    """The JSON object that a line holds.

    Raises:
        BadLine: too long, not UTF-8, not JSON, nested too deep, a number that is not finite, or no object.
    """
    if line.size > len(line.text):
        raise BadLine("LINE_TOO_LONG", f"the line has {line.size} bytes; at most {MAX_LINE_BYTES} are read")
    _check_depth(line.text)
    try:
        text = line.text.decode("utf-8-sig" if line.number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise BadLine("NOT_UTF8", f"byte {error.start + 1} of the line is not UTF-8") from error
    try:
        value = cast("Json", json.loads(text, parse_constant=_refuse_constant, parse_float=_finite))
    except json.JSONDecodeError as error:
        raise BadLine("NOT_JSON", f"not JSON: {error.msg} at character {error.pos + 1}") from error
    except ValueError as error:
        raise BadLine("NOT_JSON", "an integer in the line has too many digits") from error
    if not isinstance(value, dict):
        raise BadLine("NOT_AN_OBJECT", f"expected a JSON object, got {_kind(value)}")
    return value


def find_text(line: Line, key: str) -> str:
    """The text under ``key`` in a line that could not be read as a whole; empty where there is none."""
    pattern = rb'"' + re.escape(key.encode()) + rb'"\s{0,20}:\s{0,20}("(?:[^"\\]|\\.){0,512}")'
    match = re.search(pattern, line.text[:_LOOKED_AT_FOR_ID])
    if not match:
        return ""
    try:
        found = cast("str", json.loads(match[1].decode("utf-8", "replace"), strict=False))
    except json.JSONDecodeError:
        return ""
    return found


def write_line(value: Mapping[str, Json]) -> bytes:
    """One line of JSON, UTF-8, with its end. Numbers must be finite."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(value, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def _check_depth(text: bytes) -> None:
    if text.count(b"[") + text.count(b"{") <= MAX_DEPTH:
        return
    depth, in_text = 0, False
    for found in _ESCAPE_QUOTE_OR_BRACKET.finditer(text):
        token = found[0]
        if token == b'"':
            in_text = not in_text
        elif not in_text and token in b"[]{}":
            depth += 1 if token in b"[{" else -1
        if depth > MAX_DEPTH:
            raise BadLine("NESTED_TOO_DEEP", f"nested deeper than {MAX_DEPTH} levels")


def _refuse_constant(name: str) -> NoReturn:
    raise BadLine("NOT_FINITE", f"{name} is not a JSON number; numbers must be finite")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise BadLine("NOT_FINITE", f"{text[:40]} is too large for a number")
    return value


def _kind(value: Json) -> str:
    if value is None:
        return "null"
    names: dict[type, str] = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "an array"}
    return names[type(value)]
