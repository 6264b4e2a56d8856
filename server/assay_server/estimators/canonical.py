"""Canonical keys of structured states: equal JSON values, and only those, have equal keys.

JSON types are distinct (``1``, ``"1"`` and ``true`` differ; ``1`` equals ``1.0``), the order of object keys does not
matter, nesting is kept.
"""

from __future__ import annotations

import math

from assay.sdk.samples import Json
from assay_server.estimators.errors import InputError

DEEPEST = 100


def canonical_key(value: Json) -> bytes:
    """An unambiguous serialisation: every value says its type, texts and containers say their length.

    Raises:
        InputError: nested deeper than 100, a number that is not finite, or no JSON value at all.
    """
    parts: list[str] = []
    _append(value, parts, 0)
    return "".join(parts).encode("utf-8", "surrogatepass")


def _append(value: Json, parts: list[str], depth: int) -> None:
    if depth > DEEPEST:
        raise InputError("state", f"nested deeper than {DEEPEST} levels")
    if isinstance(value, str):
        parts.append(f"s{len(value)}:{value}")
    elif isinstance(value, list | tuple):
        parts.append(f"[{len(value)}:")
        for item in value:
            _append(item, parts, depth + 1)
    elif isinstance(value, dict):
        parts.append(f"{{{len(value)}:")
        for name in _sorted_names(value):
            parts.append(f"{len(name)}:{name}")
            _append(value[name], parts, depth + 1)
    else:
        parts.append(_scalar(value))


def _sorted_names(value: dict[str, Json]) -> list[str]:
    try:
        return sorted(value)
    except TypeError:
        raise InputError("state", "object keys must be texts") from None


def _scalar(value: Json) -> str:
    if value is None:
        return "n;"
    if isinstance(value, bool):
        return "t;" if value else "f;"
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InputError("state", f"expected finite numbers, got {value!r}")
        if not value.is_integer():
            return f"d{value!r};"
        value = int(value)
    if isinstance(value, int):
        return f"i{value:x};"
    raise InputError("state", f"expected a JSON value, got a {type(value).__name__}")
