"""What errands ask of the outside: programs that act, and what a judge says as the user.

Who answers plays the action on an episode of his own that stands where this one does, one *need* after the other, and
hands back the *tape* of what happened. The episode plays the action along the tape, comes to the same, and asks nobody.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar, cast

from assay.sdk import Json
from assay_server.environments.asked import JudgeQuestion
from assay_server.environments.protocol import EnvironmentFault

ERRAND = '{"errand": '
"""How a request begins that is an errand's."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Errand:
    """An action to be played.

    Attributes:
        dump: where the episode stands.
    """

    seed: int
    options: Mapping[str, Json]
    dump: str
    action: str

    def encode(self) -> str:
        """As JSON."""
        return json.dumps({"errand": [self.seed, dict(self.options), self.dump, self.action]})

    @classmethod
    def decode(cls, text: str) -> Errand:
        """The inverse. Raises ValueError."""
        seed, options, dump, action = cast("tuple[int, dict[str, Json], str, str]", json.loads(text)["errand"])
        return cls(seed, options, dump, action)


# ---------------------------------------------------------------- what happens


@dataclass(frozen=True, slots=True)
class Called:
    """The program calls a function."""

    name: str
    positional: tuple[Json, ...]
    named: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Ended:
    """The program is over; ``error`` says what ended it before its end."""

    output: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """The judge's answer."""

    verdict: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Nobody:
    """There is nobody to answer."""


Event: TypeAlias = "Called | Ended | Said | Nobody"


# ---------------------------------------------------------------- what is needed


@dataclass(frozen=True, slots=True)
class Program:
    """Run a program; it calls a function, or ends."""

    code: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What a call of the program came to, or why it was not made; the program goes on."""

    value: Json = None
    error: str = ""


Need: TypeAlias = "Program | Answered | JudgeQuestion"


def played(play: Generator[Need, Event, T], tape: Sequence[Event]) -> T:
    """What a play comes to along a tape; where it ends early nobody answers."""
    events = iter(tape)
    try:
        next(play)
        while True:
            play.send(next(events, Nobody()))
    except StopIteration as end:
        return cast("T", end.value)


def encode_tape(tape: Sequence[Event]) -> str:
    """As JSON."""
    return json.dumps([_parts(one) for one in tape])


def _parts(event: Event) -> list[Json]:
    match event:
        case Called():
            return ["called", event.name, [*event.positional], dict(event.named)]
        case Ended():
            return ["ended", event.output, event.error]
        case Said():
            return ["said", dict(event.verdict)]
        case Nobody():
            return ["nobody"]


def decode_tape(text: str) -> tuple[Event, ...]:
    """The inverse of :func:`encode_tape`. Raises EnvironmentFault."""
    try:
        return tuple(_event(*one) for one in cast("list[list[Json]]", json.loads(text)))
    except (ValueError, TypeError, RecursionError) as error:
        raise EnvironmentFault(f"an answer of the outside cannot be read: {str(error)[:100]}") from error


def _event(kind: Json, *parts: Json) -> Event:
    match (kind, *parts):
        case ("called", str() as name, list() as positional, dict() as named):
            return Called(name, tuple(positional), named)
        case ("ended", str() as output, str() as error):
            return Ended(output, error)
        case ("said", dict() as verdict):
            return Said(verdict)
        case ("nobody",):
            return Nobody()
        case _:
            raise ValueError(f"no event: {str(kind)[:40]}")
