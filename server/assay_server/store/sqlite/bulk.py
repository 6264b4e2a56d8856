"""Statements whose number does not grow with the number of rows.

Each step of a statement gives the interpreter lock away and takes it back, which costs up to a switch interval when
another thread is busy. So rows are collected and written by one statement over ``VALUES (?,?),(?,?)...``; the number of
rows is rounded up to a power of two, those that are too many having NULL as their first value, so that a handful of
prepared statements serves all sizes.

Values that come in thousands are ``int``, ``str`` and ``bytearray``: for any other type (``bytes``, ``bool`` and None
too) the sqlite3 module first looks for an adapter, which takes it up to ten times as long as binding the value.
"""

# ruff: noqa: S608  # statements are put together from constants of this package; values are always bound

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TypeAlias

Value: TypeAlias = str | bytes | bytearray | int | float | None

_MAX_ROWS = 1024


class Bulk:
    """Rows to be written by one statement.

    Args:
        statement: with ``{rows}`` where the rows go, as a table with columns ``column1``, ``column2``, ...; the
            statement passes over rows whose ``column1`` is NULL.
        columns: values of a row.
    """

    def __init__(self, statement: str, columns: int) -> None:
        self._statement = statement
        self._columns = columns
        self._values: list[Value] = []

    def add(self, *row: Value) -> None:
        self._values.extend(row)

    def flush(self, connection: sqlite3.Connection) -> None:
        """Write and forget the rows."""
        if self._values:
            values, self._values = self._values, []
            for statement, parameters in chunks(self._statement, self._columns, values):
                connection.execute(statement, parameters)

    def clear(self) -> None:
        self._values = []


def insert(table: str, columns: int) -> Bulk:
    """Rows for a table, in the order of its columns."""
    return Bulk(f"INSERT INTO {table} SELECT * FROM {{rows}} WHERE column1 IS NOT NULL", columns)


def chunks(statement: str, columns: int, values: Sequence[Value]) -> Iterator[tuple[str, Sequence[Value]]]:
    """The statements that cover all rows, each with its parameters."""
    for start in range(0, len(values), _MAX_ROWS * columns):
        part = values[start : start + _MAX_ROWS * columns]
        given = len(part) // columns
        rows = 1 << (given - 1).bit_length()
        yield _text(statement, columns, rows), [*part, *[None, *[0] * (columns - 1)] * (rows - given)]


@lru_cache(512)
def _text(statement: str, columns: int, rows: int) -> str:
    row = "(" + ",".join("?" * columns) + ")"
    return statement.replace("{rows}", "(VALUES " + ",".join([row] * rows) + ")")
