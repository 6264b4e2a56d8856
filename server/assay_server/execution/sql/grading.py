"""Grading a query against a reference: on the database itself, and on its neighbours."""

from __future__ import annotations

import hashlib
import math
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Literal

from assay_server.execution.sql.comparison import ColumnsMode, RowsMode, Semantics, difference
from assay_server.execution.sql.engines import Database, open_other
from assay_server.execution.sql.neighbours import MOST_ROWS
from assay_server.execution.sql.profile import Profile, read_profile
from assay_server.execution.sql.sqlite import (
    Caps,
    Clock,
    DatabaseUnusable,
    QueryFailed,
    SqliteDatabase,
    Table,
    connected,
    identity_of,
    lenient,
)
from assay_server.execution.sql.suites import Reference, Suite
from assay_server.execution.sql.targets import GENERATED, POSTGRES, WITH_NEIGHBOURS, Target
from assay_server.execution.sql.tokens import Reading, read_query

_MOST_DATABASES = 12
_MOST_REFERENCES = 1024
_REMEMBERED_SECONDS = 60.0
_CAPS = Caps()


class ReferenceBroken(Exception):
    """The reference cannot be run: nobody can be graded against it."""


@dataclass(frozen=True, slots=True)
class Grading:
    """How a query is graded.

    Attributes:
        rows: ``reference`` = in order where the reference orders, else as multisets.
        neighbours: neighbour databases on which both must agree, too.
        seconds: for the candidate, on all databases together.
        reference_seconds: for the reference, and for making neighbours.
        repeats: runs of both that tell how their times compare; 0 = none.
    """

    rows: RowsMode | Literal["reference"] = "reference"
    columns: ColumnsMode = "free"
    tolerance: float = 1e-6
    neighbours: int = 3
    seed: int = 0
    seconds: float = 5.0
    reference_seconds: float = 60.0
    caps: Caps = _CAPS
    repeats: int = 0


@dataclass(frozen=True, slots=True)
class Grade:
    """What came of it.

    Attributes:
        failure: why the query did not run, as :class:`QueryFailed` has it; empty where it ran.
        reason: what differs, or what failed.
        where: the database on which it does: ``database``, or which neighbour.
        neighbours: on how many neighbours it was compared.
        key: a name of what the query answers; the reference's where they are equal, empty where the query failed or
            gives more rows than the reference.
        ratio: the reference's shortest time as a share of the query's, 1 at most; 0 where it was not taken.
    """

    equal: bool
    failure: str = ""
    reason: str = ""
    where: str = ""
    rows: int = 0
    reference_rows: int = 0
    neighbours: int = 0
    ratio: float = 0.0
    key: str = ""


@dataclass(slots=True)
class _Opened:
    """A database with what is remembered of it."""

    candidates: Database
    references: Database
    identity: tuple[int, ...]
    known: OrderedDict[tuple[str, Caps], Reference] = field(default_factory=OrderedDict[tuple[str, Caps], Reference])
    suites: dict[int, Suite] = field(default_factory=dict[int, Suite])
    profile: Profile | None = None

    def close(self) -> None:
        self.candidates.close()
        self.references.close()
        for suite in self.suites.values():
            suite.close()


class Grader:
    """Grades queries one after the other, and keeps what it needs again: connections, references, neighbours.

    Args:
        preparing: called with True before work that is not the candidate's doing, and with False after it.
    """

    def __init__(self, preparing: Callable[[bool], None] = lambda _: None) -> None:
        self._preparing = preparing
        self._clock = Clock()
        self._opened: OrderedDict[Target, _Opened] = OrderedDict()

    def close(self) -> None:
        """Let go of all databases."""
        for opened in self._opened.values():
            opened.close()
        self._opened.clear()

    def query(self, target: Target, sql: str, caps: Caps, seconds: float, operations: float = math.inf) -> Table:
        """The first rows of a query, ``cut`` where there are more.

        Raises:
            DatabaseUnusable: the database cannot be read. QueryFailed: the query failed.
        """
        database = self._open(target).candidates
        self._clock.start(seconds, operations)
        return database.run(sql, caps, caps.rows)

    def grade(self, target: Target, candidate: str, reference: str, how: Grading) -> Grade:
        """Whether a query says what the reference says.

        Raises:
            DatabaseUnusable: the database cannot be read.
            ReferenceBroken: the reference fails on it.
        """
        opened = self._open(target)
        known = self._reference(opened, reference, how)
        semantics = _semantics(known.reading, how)
        size = len(known.table.rows)
        self._clock.start(how.seconds)
        try:
            said = opened.candidates.run(candidate, how.caps, None if semantics.rows == "set" else size)
        except QueryFailed as error:
            return Grade(False, error.kind, error.message, "database", reference_rows=size)
        reason = _reason(said, known.table, semantics)
        where, neighbours = "database" if reason else "", 0
        if not reason and how.neighbours and candidate != reference and target.engine in WITH_NEIGHBOURS:
            reason, where, neighbours = self._on_neighbours(target, opened, candidate, known, how, semantics)
        failure = "timeout" if reason and self._clock.over() else ""
        ratio = self._ratio(opened, candidate, reference, how) if how.repeats and not reason else 0.0
        key = _key(said, known, where, ordered=semantics.rows == "ordered")
        return Grade(not reason, failure, reason, where, len(said.rows), size, neighbours, ratio, key)

    def _ratio(self, opened: _Opened, candidate: str, reference: str, how: Grading) -> float:
        """How the times compare, by the shortest of some runs of each in turn; as many as there is time for."""
        best = {candidate: math.inf, reference: math.inf}
        try:
            for _ in range(how.repeats):
                for sql, shortest in best.items():
                    started = time.perf_counter()
                    opened.candidates.run(sql, how.caps)
                    best[sql] = min(shortest, time.perf_counter() - started)
        except QueryFailed:  # the time was over, or all rows are more than may be
            return 0.0
        return min(1.0, best[reference] / best[candidate])

    def parts(self, target: Target, candidate: str, reference: str, how: Grading) -> dict[str, float]:
        """What a query has in common with a reference; see :mod:`assay_server.execution.sql.parts`.

        Raises:
            DatabaseUnusable: the database cannot be read.
            ReferenceBroken: the reference fails on it.
        """
        opened = self._open(target)
        known = self._reference(opened, reference, how)
        schema = opened.candidates.schema
        with self._prepared() if known.features is None else nullcontext():
            from assay_server.execution.sql.parts import features_of, shares  # a parser that most workers never need

            known.features = known.features or features_of(reference, schema, target.engine)
        return shares(features_of(candidate, schema, target.engine), known.features)

    def _on_neighbours(
        self, target: Target, opened: _Opened, candidate: str, known: Reference, how: Grading, semantics: Semantics
    ) -> tuple[str, str, int]:
        suite = opened.suites.get(how.seed)
        if suite is None:
            suite = opened.suites[how.seed] = self._suite(target, opened, how)
        number = 0
        for number, case in enumerate(suite.cases(known, candidate, how.neighbours), 1):
            rows = "bag" if case.tied and semantics.rows == "ordered" else semantics.rows
            wanted = Semantics(rows, semantics.columns, semantics.tolerance)
            try:
                said = case.database.run(candidate, how.caps, None if rows == "set" else len(case.expected.rows))
                reason = _reason(said, case.expected, wanted)
            except QueryFailed as error:
                reason = error.message
            if reason:
                return reason, case.name, number
        return "", "", number

    def _reference(self, opened: _Opened, sql: str, how: Grading) -> Reference:
        key = (sql, how.caps)
        known = opened.known.get(key)
        if known is not None:
            opened.known.move_to_end(key)
            return known
        self._preparing(True)
        try:
            self._clock.start(how.reference_seconds)
            table = opened.references.run(sql, how.caps)
        except QueryFailed as error:
            raise ReferenceBroken(f"{error.kind}: {error.message}") from error
        finally:
            self._preparing(False)
        known = opened.known[key] = Reference(sql, how.caps, table, read_query(sql))
        if len(opened.known) > _MOST_REFERENCES:
            opened.known.popitem(last=False)
        return known

    def _suite(self, target: Target, opened: _Opened, how: Grading) -> Suite:
        if opened.profile is None:
            with self._prepared():
                opened.profile = _profile_of(target)
        return Suite(opened.profile, how.seed, self._clock, self._preparing, how.reference_seconds)

    @contextmanager
    def _prepared(self) -> Generator[None]:
        """Around what is no doing of the candidate's."""
        left = self._clock.pause()
        self._preparing(True)
        try:
            yield
        finally:
            self._preparing(False)
            self._clock.resume(left)

    def _open(self, target: Target) -> _Opened:
        identity = _identity(target)
        opened = self._opened.get(target)
        if opened is not None and opened.identity == identity:
            self._opened.move_to_end(target)
            return opened
        if opened is not None:
            self._opened.pop(target).close()
        self._clock.deadline = math.inf
        candidates, references = (_opened_database(target, self._clock) for _ in range(2))
        opened = self._opened[target] = _Opened(candidates, references, identity)
        if len(self._opened) > _MOST_DATABASES:
            self._opened.popitem(last=False)[1].close()
        return opened


def _key(said: Table, known: Reference, where: str, *, ordered: bool) -> str:
    """Digest of the rows on the database; what only a neighbour tells apart from the reference gets a mark."""
    expected = known.keys.get(ordered)
    if expected is None:
        expected = known.keys[ordered] = _digest(known.table, ordered=ordered)
    if not where:
        return expected
    if said.cut:
        return ""
    found = _digest(said, ordered=ordered)
    return f"{found} {where}" if found == expected else found


def _digest(table: Table, *, ordered: bool) -> str:
    rows = list(map(repr, table.rows))
    if not ordered:
        rows.sort()
    return hashlib.blake2b("\n".join(rows).encode("utf-8", "backslashreplace"), digest_size=12).hexdigest()


def _identity(target: Target) -> tuple[int, ...]:
    if target.engine == GENERATED:
        return ()
    if target.engine == POSTGRES:  # nobody says when it was written to: nothing is remembered for long
        return (int(time.monotonic() / _REMEMBERED_SECONDS),)
    return identity_of(target.location)


def _opened_database(target: Target, clock: Clock) -> Database:
    if target.engine in WITH_NEIGHBOURS:
        return SqliteDatabase.open(target, clock)
    return open_other(target, clock)


def _profile_of(target: Target) -> Profile:
    connection = connected(target)
    connection.text_factory = lenient
    try:
        return read_profile(connection, MOST_ROWS)
    except sqlite3.Error as error:
        raise DatabaseUnusable(f"SQLite cannot read it: {error}") from error
    finally:
        connection.close()


def _reason(said: Table, expected: Table, semantics: Semantics) -> str:
    if said.cut:
        return f"more than {len(expected.rows)} rows"
    if not said.rows and len(said.columns) != len(expected.columns):
        return f"{len(said.columns)} columns instead of {len(expected.columns)}"
    return difference(said.rows, expected.rows, semantics)


def _semantics(reference: Reading, how: Grading) -> Semantics:
    if how.rows == "reference":
        return Semantics("ordered" if reference.ordered else "bag", how.columns, how.tolerance)
    return Semantics(how.rows, how.columns, how.tolerance)
