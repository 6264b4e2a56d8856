"""What is declared about an environment, so that it can be named, listed, checked and replayed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from assay.sdk import Json
from assay_server.environments.protocol import Environment


class Replay(Enum):
    """How an episode can be brought back."""

    PURE = "pure"
    """A function of seed, options and actions."""
    RECORDED = "recorded"
    """Answers of the outside are recorded and replayed."""
    NONE = "none"
    """It cannot be forked or restored."""


def _any_options() -> Mapping[str, Json]:
    return {"type": "object"}


@dataclass(frozen=True, slots=True)
class EnvironmentDefinition:
    """An environment that can be named.

    Attributes:
        id: ``namespace/name-vN``. Its version rises when equal seeds or actions give other answers.
        make: a new instance, without an episode. Called in the process where the episodes run.
        summary: one line.
        options: JSON Schema of what ``reset`` takes.
        aliases: short names.
        goes_on: an end is a mark: ``step`` answers after it, until it raises ``EpisodeOver``. Sessions do end there.
        digest: sha256 of the source; filled in by the catalogue.
    """

    id: str
    make: Callable[[], Environment]
    summary: str
    options: Mapping[str, Json] = field(default_factory=_any_options)
    replay: Replay = Replay.PURE
    aliases: tuple[str, ...] = ()
    doc: str = ""
    goes_on: bool = False
    digest: str = ""
