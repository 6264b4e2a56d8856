"""Options of an episode, read one by one; what is wrong names the option."""

from __future__ import annotations

from collections.abc import Container, Mapping

from assay.sdk import Json
from assay_server.environments.protocol import InvalidOptions


def refuse_unknown(options: Mapping[str, Json], known: Container[str]) -> None:
    """Raises InvalidOptions where an option is none of the environment's."""
    for name in options:
        if name not in known:
            raise InvalidOptions(name, "unknown; see the environment's options")


def text_of(options: Mapping[str, Json], name: str, default: Json) -> str:
    """A text. Raises InvalidOptions."""
    value = options.get(name, default)
    if not isinstance(value, str):
        raise InvalidOptions(name, f"expected text, got {str(value)[:80]}")
    return value


def flag_of(options: Mapping[str, Json], name: str, default: bool) -> bool:
    """True or false. Raises InvalidOptions."""
    value = options.get(name, default)
    if not isinstance(value, bool):
        raise InvalidOptions(name, f"expected true or false, got {str(value)[:80]}")
    return value


def whole_of(options: Mapping[str, Json], name: str, default: Json, least: int, most: int) -> int:
    """An integer within bounds. Raises InvalidOptions."""
    value = options.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidOptions(name, f"expected an integer from {least} to {most}, got {str(value)[:80]}")
    return value


def share_of(options: Mapping[str, Json], name: str, default: Json) -> float:
    """A number from 0 to 1. Raises InvalidOptions."""
    value = options.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InvalidOptions(name, f"expected a number from 0 to 1, got {str(value)[:80]}")
    return float(value)
