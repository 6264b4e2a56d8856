"""The ``*_json`` fields of rollouts and tasks: RFC 8259, finite numbers, whole characters, shallow nesting. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import NoReturn

from assay.sdk import Json
from assay_server.pipeline.failures import invalid_field

MAX_NESTING = 100
"""Levels of arrays and objects; code that walks a value may recurse as deep."""

_CACHED_CHARACTERS = 4096


class NotReadable(ValueError):
    """A JSON text that is refused; its words may be shown to whoever sent it."""


def parse_object(text: str, field: str) -> Mapping[str, Json]:
    """The object that a field holds, empty where the field is; not to be changed (it is shared).

    Raises:
        Failure: INVALID_ARGUMENT; not JSON, not an object, nested too deeply, or a number that is not finite.
    """
    if not text:
        return {}
    try:
        return _small_object(text) if len(text) <= _CACHED_CHARACTERS else _load_object(text)
    except NotReadable as error:
        raise invalid_field(field, f"expected a JSON object: {error}") from None


def parse_json(text: str) -> Json:
    """The value of a JSON text.

    Raises:
        NotReadable: it has none that could be worked with.
    """
    try:
        value: Json = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as error:
        raise NotReadable(f"{error.msg} at character {error.pos}") from None
    except NotReadable:
        raise
    except ValueError:  # an integer of more digits than the interpreter converts
        raise NotReadable("a number has too many digits") from None
    if text.count("[") + text.count("{") > MAX_NESTING and deeper_than(value, MAX_NESTING):
        raise _too_deep()
    if "\\ud" in text or "\\uD" in text:
        _check_characters(value)
    return value


def _load_object(text: str) -> Mapping[str, Json]:
    value = parse_json(text)
    if not isinstance(value, dict):
        raise NotReadable(f"it is {_NAMES[type(value)]}")
    return value


_small_object = lru_cache(maxsize=8192)(_load_object)

_NAMES: Mapping[type, str] = {
    list: "an array", str: "a string", bool: "a boolean", int: "a number", float: "a number", type(None): "null"
}  # fmt: skip


def deeper_than(value: Json, levels: int) -> bool:
    """Whether what is in a value lies below more than so many arrays and objects; without recursion."""
    level: list[Json] = [value]
    for _ in range(levels + 1):
        level = [item for container in level for item in _items(container)]
        if not level:
            return False
    return True


def _items(value: Json) -> list[Json]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list) else []


def _check_characters(value: Json) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise NotReadable("an escape stands for half a character (a lone surrogate)") from None


def _too_deep() -> NotReadable:
    return NotReadable(f"nested deeper than {MAX_NESTING} levels")


def _refuse_constant(name: str) -> NoReturn:
    raise NotReadable(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise NotReadable(f"the number {text[:32]} is out of range")
    return value
