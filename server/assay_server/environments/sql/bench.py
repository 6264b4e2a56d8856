"""What the environment needs of the world: questions, and databases to ask. Declared here, given by the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from assay.sdk import Json

GENERATED = "generated"


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its query.

    Attributes:
        database: under which name the set's folder, or the generator, has it.
        evidence: what is to be known besides, where the set says something.
    """

    text: str
    sql: str
    database: str
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query gave: rows, or why there are none.

    Attributes:
        cut: there are more rows.
    """

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Json, ...], ...] = ()
    cut: bool = False
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A database: of which set, under which name, and with which data where it is generated."""

    questions: str
    database: str
    data_seed: int


class SqlBench(Protocol):
    """Sets of questions, and the databases that they are about."""

    def questions(self, name: str, split: str) -> Sequence[Question]:
        """The questions of a set's split.

        Raises:
            InvalidOptions: there is no such set or split.
        """
        ...

    def tables(self, place: Place) -> dict[str, str]:
        """Every table with the statement that made it."""
        ...

    def query(self, place: Place, sql: str, rows: int) -> Answer:
        """At most so many rows."""
        ...

    def correct(self, place: Place, sql: str, reference: str) -> tuple[bool, str]:
        """Whether a query answers what the reference answers, and what differs where it does not."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...
