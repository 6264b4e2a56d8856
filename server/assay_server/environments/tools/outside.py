"""What tools ask of the world outside: Python, run where it can do no harm. Declared here, answered by the server.

A request names the pieces of code that an action has, and all that were run before, so that an interpreter that was
lost can be made again: it stands where ``chain`` says when what the earlier pieces say is the same again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import cast

from assay_server.environments.protocol import EnvironmentFault

FIRST = ""
"""The chain of an interpreter that was told nothing."""


class Unreadable(ValueError):
    """A text is no request, or no answer."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a piece of code.

    Attributes:
        output: what it printed, and the value of its last expression.
        error: the exception that ended it.
        lost: why the interpreter is gone, with all its variables; the pieces after it were not run.
    """

    output: str = ""
    error: str = ""
    lost: str = ""


@dataclass(frozen=True, slots=True)
class PythonRequest:
    """Pieces of code for an interpreter that was told ``before`` and stands at ``chain``."""

    codes: tuple[str, ...]
    before: tuple[str, ...] = ()
    chain: str = FIRST

    def encode(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, text: str) -> PythonRequest:
        """The inverse. Raises Unreadable."""
        named = _object(text)
        return cls(_texts(named.get("codes")), _texts(named.get("before")), _text(named.get("chain")))


@dataclass(frozen=True, slots=True)
class PythonAnswer:
    """What came of them.

    Attributes:
        ran: one for each piece, fewer where the interpreter was lost.
        forgotten: nothing was run: what was told before cannot be brought back.
        unavailable: nothing was run: why there is no interpreter.
    """

    ran: tuple[Ran, ...] = ()
    forgotten: bool = False
    unavailable: str = ""

    def encode(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, text: str) -> PythonAnswer:
        """The inverse. Raises EnvironmentFault."""
        try:
            named = _object(text)
            listed = named.get("ran", [])
            ran = [_ran(one) for one in cast("list[object]", listed)] if isinstance(listed, list) else []
            return cls(tuple(ran), named.get("forgotten") is True, _text(named.get("unavailable", "")))
        except Unreadable as error:
            raise EnvironmentFault(f"an answer of the outside cannot be read: {error}") from error


def chained(chain: str, code: str, ran: Ran) -> str:
    """Where an interpreter stands after a piece: a digest of all pieces and of what they said."""
    parts = (chain, code, ran.output, ran.error)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _object(text: str) -> dict[str, object]:
    try:
        value = cast("object", json.loads(text))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"no JSON: {str(error)[:100]}") from error
    if not isinstance(value, dict):
        raise Unreadable("expected an object")
    return cast("dict[str, object]", value)


def _ran(value: object) -> Ran:
    if not isinstance(value, dict):
        raise Unreadable("expected an object")
    named = cast("dict[str, object]", value)
    return Ran(*(_text(named.get(name, "")) for name in ("output", "error", "lost")))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Unreadable("expected text")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise Unreadable("expected a list of texts")
    return tuple(_text(one) for one in cast("Sequence[object]", value))
