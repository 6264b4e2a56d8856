"""What rewards ask of the world: Protocols, implemented in ``assay_server.execution``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Strictness = Literal["strict", "default", "lenient"]
"""How forms are judged; the table in the documentation has a row for each difference."""


@dataclass(frozen=True, slots=True)
class SymbolicVerdict:
    """What a computer algebra system says of two answers.

    Attributes:
        equal: None where it could not decide.
        layer: which stage decided, or was asked last.
        reason: one sentence for people.
    """

    equal: bool | None
    layer: Literal["symbolic", "numeric"]
    reason: str


class Symbolic(Protocol):
    """Symbolic equality, then high-precision numeric evaluation. May take long: callers give it a killable place."""

    def compare(self, prediction: str, reference: str, strictness: Strictness = "default") -> SymbolicVerdict:
        """Whether both texts are the same answer."""
        ...
