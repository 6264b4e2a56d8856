"""The neighbours of one database with the references' answers on them, made when they are needed and kept."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assay_server.execution.sql.neighbours import build, make_neighbour
from assay_server.execution.sql.planting import plant
from assay_server.execution.sql.profile import Profile
from assay_server.execution.sql.sqlite import Caps, Clock, QueryFailed, SqliteDatabase, Table
from assay_server.execution.sql.tokens import Reading, read_query

if TYPE_CHECKING:
    from assay_server.execution.sql.parts import Features

_PLANTED_BYTES = 64 << 20
PLANTED = "planted"


@dataclass(slots=True)
class Neighbour:
    """A neighbour database of some kind, see :data:`assay_server.execution.sql.neighbours.KINDS`."""

    kind: str
    plain: sqlite3.Connection
    database: SqliteDatabase


@dataclass(slots=True)
class Reference:
    """A reference with its answers; None where it cannot be run on a neighbour.

    Attributes:
        answers: by the number of the neighbour.
        keys: names of its answer, in order or not.
        features: what was found in its text, where that was asked for.
    """

    sql: str
    caps: Caps
    table: Table
    reading: Reading
    keys: dict[bool, str] = field(default_factory=dict[bool, str])
    features: Features | None = None
    answers: dict[int, Table | None] = field(default_factory=dict[int, "Table | None"])


@dataclass(frozen=True, slots=True)
class Case:
    """A neighbour, and what the reference answers there."""

    name: str
    tied: bool
    database: SqliteDatabase
    expected: Table


class Suite:
    """The neighbours of one database for one seed.

    Args:
        preparing: called with True before neighbours are made or the reference is run, and with False after.
    """

    def __init__(
        self, profile: Profile, seed: int, clock: Clock, preparing: Callable[[bool], None], seconds: float
    ) -> None:
        self._profile = profile
        self._seed = seed
        self._clock = clock
        self._preparing = preparing
        self._seconds = seconds
        self._made: list[Neighbour] = []
        self._planted: OrderedDict[str, tuple[Neighbour, Table | None]] = OrderedDict()
        self._planted_bytes = 0
        self._present = _texts_of(profile)

    def cases(self, reference: Reference, candidate: str, count: int) -> Iterator[Case]:
        """The neighbours on which both have to agree: ``count`` of them, those with ties left out for queries with
        LIMIT, and where there are constants one or two with values beside these."""
        reading = read_query(candidate)
        lucky = reference.reading.limited or reading.limited
        for number in range(count):
            neighbour, expected = self._numbered(number, reference)
            if expected is not None and not (lucky and neighbour.kind == "ties"):
                yield Case(f"neighbour {number + 1}", neighbour.kind == "ties", neighbour.database, expected)
        if count and self._has_constants(reference.reading):
            neighbour, expected = self._beside(reference)
            if expected is not None:
                yield Case("neighbour with values beside the reference's constants", True, neighbour.database, expected)
        if count and not set(reference.reading.numbers).issuperset(reading.numbers):
            neighbour, expected = self._prepared(lambda: self._plant(reference, reading))
            try:
                if expected is not None:
                    yield Case("neighbour with values beside the query's constants", True, neighbour.database, expected)
            finally:
                neighbour.database.close()

    def _has_constants(self, reading: Reading) -> bool:
        """Whether a query compares with numbers, or with texts that no row has."""
        return bool(reading.numbers) or not self._present.issuperset(text.lower() for text in reading.texts)

    def _numbered(self, number: int, reference: Reference) -> tuple[Neighbour, Table | None]:
        if number < len(self._made) and number in reference.answers:
            return self._made[number], reference.answers[number]
        return self._prepared(lambda: self._make(number, reference))

    def _prepared(self, make: Callable[[], tuple[Neighbour, Table | None]]) -> tuple[Neighbour, Table | None]:
        """What is no doing of the candidate's does not count against it."""
        deadline = self._clock.pause()
        self._preparing(True)
        try:
            self._clock.start(self._seconds)
            return make()
        finally:
            self._preparing(False)
            self._clock.resume(deadline)

    def _make(self, number: int, reference: Reference) -> tuple[Neighbour, Table | None]:
        while len(self._made) <= number:
            data = make_neighbour(self._profile, self._seed, len(self._made))
            self._made.append(self._opened(data.kind, build(self._profile, data)))
        neighbour = self._made[number]
        if number not in reference.answers:
            reference.answers[number] = _answer(neighbour, reference)
        return neighbour, reference.answers[number]

    def _opened(self, kind: str, connection: sqlite3.Connection) -> Neighbour:
        return Neighbour(kind, connection, SqliteDatabase(connection, self._clock, guarded=False))

    def _beside(self, reference: Reference) -> tuple[Neighbour, Table | None]:
        held = self._planted.get(reference.sql)
        if held is None:
            held = self._planted[reference.sql] = self._prepared(lambda: self._plant(reference, None))
            self._planted_bytes += held[0].database.size()
            while self._planted_bytes > _PLANTED_BYTES and len(self._planted) > 1:
                _, (oldest, _) = self._planted.popitem(last=False)
                self._planted_bytes -= oldest.database.size()
                oldest.database.close()
        else:
            self._planted.move_to_end(reference.sql)
        return held

    def _plant(self, reference: Reference, further: Reading | None) -> tuple[Neighbour, Table | None]:
        readings = (reference.reading,) if further is None else (reference.reading, further)
        numbers = tuple(dict.fromkeys(number for one in readings for number in one.numbers))
        texts = tuple(dict.fromkeys(text for one in readings for text in one.texts))
        words = frozenset(text.lower() for text in texts).union(*(one.words for one in readings))
        source, _ = self._make(0, reference)
        neighbour = self._opened(PLANTED, plant(source.plain, self._profile, numbers, texts, words))
        return neighbour, _answer(neighbour, reference)

    def close(self) -> None:
        """Let go of all neighbours."""
        for one in (*self._made, *(neighbour for neighbour, _ in self._planted.values())):
            one.database.close()


def _texts_of(profile: Profile) -> set[str]:
    """Everything that is a text or a name, in lower case."""
    names = {name.lower() for table in profile.tables for name in (table.name, *(one.name for one in table.columns))}
    cells = (cell for table in profile.tables for row in table.rows for cell in row)
    return names | {cell.lower() for cell in cells if isinstance(cell, str)}


def _answer(neighbour: Neighbour, reference: Reference) -> Table | None:
    try:
        return neighbour.database.run(reference.sql, reference.caps)
    except QueryFailed:
        return None
