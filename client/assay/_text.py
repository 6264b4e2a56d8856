"""Text as the wire takes it: valid Unicode, and JSON with finite numbers only."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import TypeVar, cast

from assay.sdk.samples import Json

T = TypeVar("T")

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def json_text(value: object) -> str:
    """Compact JSON text; integers of any size and the difference between 1 and 1.0 survive.

    Raises:
        ValueError: a number is not finite, a value has no JSON form, or the nesting is too deep.
    """
    try:
        return _encode(
            value if type(value) is dict or not isinstance(value, Mapping) else dict(cast("Mapping[str, Json]", value))
        )
    except TypeError as error:
        raise ValueError(f"not a JSON value: {error}") from error
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def json_object_text(value: object) -> str:
    """Compact JSON text of an object.

    Raises:
        ValueError: as :func:`json_text`.
        TypeError: it is no mapping.
    """
    if type(value) is not dict and not isinstance(value, Mapping):
        raise TypeError(f"expected an object, got {type(value).__name__}")
    return json_text(cast("object", value))


def parse_json(text: str) -> Json:
    """The value of a JSON text.

    Raises:
        ValueError: not JSON, a number that is not finite, or nesting that is too deep.
    """
    try:
        return cast("Json", json.loads(text, parse_constant=_refuse_constant, parse_float=_finite))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at character {error.pos + 1}") from error
    except _Unfit:
        raise
    except ValueError as error:  # an integer of more digits than the interpreter converts
        raise ValueError("a number has too many digits") from error


def parse_object(text: str) -> Mapping[str, Json]:
    """The object of a JSON text; an empty one where there is no text, or it has something else.

    Raises:
        ValueError: as :func:`parse_json`.
    """
    value = parse_json(text) if text else None
    return value if isinstance(value, dict) else {}


class _Unfit(ValueError):
    """A value that JSON does not have, or a double cannot hold."""


def _refuse_constant(name: str) -> float:
    raise _Unfit(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _Unfit(f"{text[:32]} does not fit a double")
    return number


def repaired_text(text: str) -> str:
    """``text`` with surrogate pairs joined and lone surrogates replaced by U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def repaired(value: T) -> T:
    """``value`` with all text in it repaired: through dataclasses, lists, tuples and mappings."""
    return cast("T", _repaired(value))


def _repaired(value: object) -> object:
    if isinstance(value, str):
        return repaired_text(value)
    if isinstance(value, list):
        return [_repaired(item) for item in cast("list[object]", value)]
    if isinstance(value, tuple):
        return tuple(_repaired(item) for item in cast("tuple[object, ...]", value))
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {_repaired(key): _repaired(item) for key, item in items}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _repaired(getattr(value, f.name)) for f in fields(value) if f.init})
    return value
