"""The arguments of one instruction, as the reference has them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, TypeAlias

from assay.sdk import Json, Unscorable

Relation: TypeAlias = Literal["at least", "less than"]

_MOST = 1_000_000
_LONGEST_LIST = 1000


class Arguments:
    """One object of ``kwargs``; every reader raises :class:`assay.sdk.Unscorable` with the path of what is wrong."""

    def __init__(self, path: str, given: Mapping[str, Json]) -> None:
        self._path = path
        self._given = given

    def text(self, name: str) -> str:
        """A text that is not blank, as it stands."""
        held = self._given.get(name)
        if not isinstance(held, str) or not held.strip():
            raise self.refused(name, "a text")
        return held

    def texts(self, name: str) -> list[str]:
        """A list of texts, none of them blank."""
        held = self._given.get(name)
        if not isinstance(held, list) or not 0 < len(held) <= _LONGEST_LIST:
            raise self.refused(name, "a list of texts")
        read = [item for item in held if isinstance(item, str) and item.strip()]
        if len(read) != len(held):
            raise self.refused(name, "a list of texts")
        return read

    def count(self, name: str, fewest: int = 0) -> int:
        """A whole number; ``3.0`` is one, since tables of numbers with gaps hold it so."""
        held = self._given.get(name)
        if isinstance(held, bool) or not isinstance(held, int | float) or not fewest <= held <= _MOST:
            raise self.refused(name, f"a whole number from {fewest}")
        if held != math.floor(held):
            raise self.refused(name, f"a whole number from {fewest}")
        return int(held)

    def relation(self, name: str) -> Relation:
        """``at least`` or ``less than``."""
        match self._given.get(name):
            case "at least":
                return "at least"
            case "less than":
                return "less than"
            case _:
                raise self.refused(name, "'at least' or 'less than'")

    def refused(self, name: str, expected: str) -> Unscorable:
        """The error of an argument that is missing or something else than ``expected``."""
        held = self._given.get(name)
        reason = "REFERENCE_MISSING" if held is None else "REFERENCE_UNPARSEABLE"
        message = f"{self._path}.{name}: expected {expected}, got {str(held)[:80]!r}"
        return Unscorable(reason, message, field=f"reference.{self._path}.{name}")


def fault(number: int, relation: Relation, bound: int, what: str) -> str:
    """Why a number of things is not as asked for; empty where it is."""
    kept = number >= bound if relation == "at least" else number < bound
    return "" if kept else f"expected {relation} {bound} {what}, found {number}"
