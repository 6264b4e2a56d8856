"""Values beside a query's own constants, planted into a neighbour: a constant that is a little off shows there."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from collections.abc import Sequence

from assay_server.execution.sql.comparison import Cell
from assay_server.execution.sql.profile import Profile, TableSample, quoted

_MOST_CONSTANTS = 12
_REACH = 20.0
_FEW = 4


def plant(
    source: sqlite3.Connection, profile: Profile, numbers: Sequence[float], texts: Sequence[str], words: frozenset[str]
) -> sqlite3.Connection:
    """A copy of a neighbour in which some rows hold what the constants of a query separate.

    Args:
        source: the neighbour; it stays as it is.
        numbers: numeric constants; the numbers around each are planted where numbers of that size stand.
        texts: text constants; planted in the texts of the tables named where no row has them.
        words: what the query names, in lower case.
    """
    connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=64)
    source.backup(connection)
    random_source = random.Random(repr((sorted(numbers), sorted(texts))))  # noqa: S311 - data, not secrets
    for table in profile.tables:
        if table.name.lower() in words:
            _plant_numbers(connection, table, numbers[:_MOST_CONSTANTS], words, random_source)
            _plant_texts(connection, table, texts[:_MOST_CONSTANTS], words, random_source)
    return connection


def _plant_numbers(
    connection: sqlite3.Connection,
    table: TableSample,
    numbers: Sequence[float],
    words: frozenset[str],
    source: random.Random,
) -> None:
    for at, column in enumerate(table.columns):
        if not (column.numeric or column.number_texts) or column.name.lower() not in words or not table.rows:
            continue
        held = [abs(float(value)) for row in table.rows if isinstance(value := row[at], int | float)]
        whole = all(isinstance(row[at], int | None) for row in table.rows)
        limit = _REACH * max(held, default=float("inf"))
        near = [value for number in numbers if abs(number) <= limit for value in _around(number, whole=whole)]
        if column.number_texts:
            near = [str(value) for value in near if value >= 0]
        _put(connection, table, at, near, source)


def _around(number: float, *, whole: bool) -> list[int | float]:
    if whole and number.is_integer():
        return [int(number) - 1, int(number), int(number) + 1]
    return [number - 0.5, number, number + 0.5]


def _plant_texts(
    connection: sqlite3.Connection,
    table: TableSample,
    texts: Sequence[str],
    words: frozenset[str],
    source: random.Random,
) -> None:
    named = {word.casefold() for word in (*words, *(column.name for column in table.columns))}
    for at, column in enumerate(table.columns):
        if column.domain < 0 or column.name.lower() not in words:
            continue
        present = {row[at] for row in table.rows}
        absent = [text.replace("%", "") for text in texts if text not in present and text.casefold() not in named]
        if "%" in "".join(texts) or len(present) > len(table.rows) // 2:
            _put(connection, table, at, [text for text in absent if text], source)


def _put(
    connection: sqlite3.Connection, table: TableSample, at: int, values: Sequence[Cell], source: random.Random
) -> None:
    """Write each value into the rows that share what decides the column with a row drawn at random."""
    names = [quoted(column.name) for column in table.columns]
    select = f"SELECT {', '.join(names)} FROM {quoted(table.name)} ORDER BY {names[at]}"  # noqa: S608 - quoted names
    rows = _rows(connection, select) if values else []
    rows = rows[1:-1] if len(rows) > _FEW else rows  # the largest and the smallest go on to be that
    decider = table.columns[at].determinant
    chosen = source.sample(rows, min(len(rows), len(values)))
    for value, row in zip(values, chosen, strict=False):
        keys = {names[decider]: row[decider]} if decider >= 0 else dict(zip(names, row, strict=True))
        where = " AND ".join(f"{name} IS ?" for name in keys)
        update = f"UPDATE OR IGNORE {quoted(table.name)} SET {names[at]} = ? WHERE {where}"  # noqa: S608 - quoted names
        with contextlib.suppress(sqlite3.Error):
            connection.execute(update, (value, *keys.values()))


def _rows(connection: sqlite3.Connection, select: str) -> list[tuple[Cell, ...]]:
    """None of a table that could not be made."""
    with contextlib.suppress(sqlite3.Error):
        return connection.execute(select).fetchall()
    return []
