"""Neighbour databases: the same schema with other data, on which queries that only happen to agree come apart.

Made from a seed, in memory, from a sample of the database. In turn: rows about some values left out; numbers drawn
anew; texts that depend on a key dealt out anew; the names in every domain exchanged; all of them; and numbers drawn
from few, so that there are ties everywhere. The last kind is of no use for queries with LIMIT, whose answer among ties
is a matter of luck.
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from assay_server.execution.sql.comparison import Cell, Row
from assay_server.execution.sql.profile import Profile, TableSample, quoted

MOST_ROWS = 600
Kind = Literal["numbers", "mixed", "ties", "names", "thinned", "texts"]
KINDS: tuple[Kind, ...] = ("mixed", "ties", "numbers", "texts", "thinned", "names")

_KEPT_SHARE = 0.7
_NEW_SHARE = 0.15
_FEW = 3
_REACH = 0.4
_DISTINCT = 0.5
_UNIQUE = 0.9


@dataclass(frozen=True, slots=True)
class Data:
    """Rows of every table of a neighbour."""

    kind: Kind
    rows: dict[str, list[Row]]


def make_neighbour(profile: Profile, seed: int, number: int) -> Data:
    """The data of the neighbour with this number; the same for the same sample, seed and number."""
    kind = KINDS[number % len(KINDS)]
    random_source = random.Random(f"{seed}/{number}")  # noqa: S311 - data, not secrets
    rows = {table.name: list(table.rows) for table in profile.tables}
    if kind in ("thinned", "mixed"):
        rows = _thinned(profile, rows, random_source)
    if kind in ("numbers", "mixed", "ties"):
        _redraw(profile, rows, random_source, ties=kind == "ties")
    if kind in ("texts", "mixed", "ties"):
        _deal_texts(profile, rows, random_source)
    if kind in ("names", "mixed"):
        rows = _renamed(profile, rows, random_source)
    return Data(kind, rows)


def build(profile: Profile, data: Data) -> sqlite3.Connection:
    """A database in memory; rows that a constraint refuses are left out."""
    connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=256)
    connection.execute("PRAGMA ignore_check_constraints=ON")
    connection.execute("BEGIN")
    for table in profile.tables:
        if not _made(connection, table.sql):
            continue
        places = ", ".join("?" * len(table.columns))
        names = ", ".join(quoted(column.name) for column in table.columns)
        insert = f"INSERT OR IGNORE INTO {quoted(table.name)} ({names}) VALUES ({places})"  # noqa: S608 - quoted names
        with contextlib.suppress(sqlite3.Error):  # types that a strict table does not take
            connection.executemany(insert, data.rows[table.name])
    for statement in profile.rest:
        _made(connection, statement)
    connection.execute("COMMIT")
    return connection


def _made(connection: sqlite3.Connection, statement: str) -> bool:
    """Whether it is there now; a query that wants what is not passes this database over."""
    with contextlib.suppress(sqlite3.Error):
        connection.execute(statement)
        return True
    return False


def _thinned(profile: Profile, rows: dict[str, list[Row]], source: random.Random) -> dict[str, list[Row]]:
    """Without the rows that speak of some values: what holds of all rows about a value goes on to hold."""
    gone: dict[int, set[Cell]] = {}
    for domain in range(profile.domains):
        values = sorted(_values_of(profile, rows, domain), key=repr)
        if len(values) > _FEW:
            gone[domain] = {value for value in values if source.random() > _KEPT_SHARE}
    kept: dict[str, list[Row]] = {}
    domain_of_all = [column.domain for table in profile.tables for column in table.columns]
    shared = {domain for domain in gone if domain_of_all.count(domain) > 1}
    for table in profile.tables:
        watched = [(at, gone[column.domain]) for at, column in enumerate(table.columns) if column.domain in shared]
        if not watched:
            watched = [(at, gone[c.domain]) for at, c in enumerate(table.columns) if c.domain in gone][:1]
        left = [row for row in rows[table.name] if not any(row[at] in values for at, values in watched)]
        kept[table.name] = left or rows[table.name]
    return kept


def _values_of(profile: Profile, rows: dict[str, list[Row]], domain: int) -> set[Cell]:
    return {
        row[at]
        for table in profile.tables
        for at, column in enumerate(table.columns)
        if column.domain == domain
        for row in rows[table.name]
        if row[at] is not None
    }


def _redraw(profile: Profile, rows: dict[str, list[Row]], source: random.Random, *, ties: bool) -> None:
    """Numbers anew: dealt out among what decides them, kept apart where they mostly were; or from few, with ties."""
    for table in profile.tables:
        for at, column in enumerate(table.columns):
            if not column.numeric and not column.number_texts:
                continue
            held = _by_decider(table, rows[table.name], at)
            values = [value for value in held.values() if value is not None]
            if not values:
                continue
            fresh = list(held.values())
            source.shuffle(fresh)
            if ties:
                fresh = _tied(fresh, source)
            elif column.numeric and len(set(values)) > _DISTINCT * len(values):
                fresh = _apart([_moved(value, source) for value in fresh])
            _write(table, rows, at, dict(zip(held, fresh, strict=True)))


def _tied(values: Sequence[Cell], source: random.Random) -> list[Cell]:
    """Drawn from few of the values; where nearly all were different, the largest and the smallest stay alone."""
    present = [value for value in values if value is not None]
    numbers = sorted(value for value in present if isinstance(value, int | float))
    if len(set(present)) < _UNIQUE * len(present) or len(numbers) < len(present) or len(numbers) <= _FEW:
        few = source.sample(present, min(_FEW, len(present)))
        return [source.choice(few) for _ in values]
    ends = (numbers[0], numbers[-1])
    few = source.sample(numbers[1:-1], max(1, len(numbers) // 5))
    return [value if value in ends else source.choice(few) for value in values]


def _moved(value: Cell, source: random.Random) -> Cell:
    """A number of about the size."""
    if not isinstance(value, int | float):
        return value
    factor = source.uniform(1.0 - _REACH, 1.0 + _REACH)
    return round(value * factor) if isinstance(value, int) else round(value * factor, 3)


def _apart(values: Sequence[Cell]) -> list[Cell]:
    """The values with those that occur again moved a little."""
    seen: set[Cell] = set()
    apart: list[Cell] = []
    for value in values:
        while isinstance(value, int | float) and value in seen:
            value += 1  # noqa: PLW2901 - moved until it is free
        seen.add(value)
        apart.append(value)
    return apart


def _deal_texts(profile: Profile, rows: dict[str, list[Row]], source: random.Random) -> None:
    """Texts that depend on something: dealt out anew among it; where all are the same, a few become another."""
    for table in profile.tables:
        for at, column in enumerate(table.columns):
            if column.numeric or column.number_texts or column.key or column.domain < 0:
                continue
            held = _by_decider(table, rows[table.name], at)
            if len(set(held.values())) == len(held):  # it is what the rows are about
                continue
            fresh = list(held.values())
            if len(set(fresh)) == 1 and isinstance(fresh[0], str):
                fresh = [_other(text) if source.random() < _NEW_SHARE else text for text in fresh]
            elif column.determinant >= 0:
                source.shuffle(fresh)
            else:
                continue
            _write(table, rows, at, dict(zip(held, fresh, strict=True)))


def _other(text: Cell) -> Cell:
    return f"{text}_2" if isinstance(text, str) else text


def _by_decider(table: TableSample, rows: Sequence[Row], at: int) -> dict[Cell, Cell]:
    """A column's values by what decides them: another column, or the row itself."""
    decider = table.columns[at].determinant
    if decider >= 0:
        return {row[decider]: row[at] for row in rows}
    return {number: row[at] for number, row in enumerate(rows)}


def _write(table: TableSample, rows: dict[str, list[Row]], at: int, values: dict[Cell, Cell]) -> None:
    decider = table.columns[at].determinant
    rows[table.name] = [
        (*row[:at], values[number if decider < 0 else row[decider]], *row[at + 1 :])
        for number, row in enumerate(rows[table.name])
    ]


def _renamed(profile: Profile, rows: dict[str, list[Row]], source: random.Random) -> dict[str, list[Row]]:
    """Every value of a domain of texts under the name of another, wherever it stands."""
    names: dict[int, dict[Cell, Cell]] = {}
    for domain in range(profile.domains):
        values = sorted((value for value in _values_of(profile, rows, domain) if isinstance(value, str)), key=repr)
        others = source.sample(values, len(values))
        names[domain] = dict(zip(values, others, strict=True))
    renamed: dict[str, list[Row]] = {}
    for table in profile.tables:
        maps = [names.get(column.domain) for column in table.columns]
        renamed[table.name] = [
            tuple(cell if map_ is None else map_.get(cell, cell) for cell, map_ in zip(row, maps, strict=True))
            for row in rows[table.name]
        ]
    return renamed
