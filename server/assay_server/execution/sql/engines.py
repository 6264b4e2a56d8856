"""Databases of other engines, each read-only in its own way. Their drivers come with the extra ``sql``."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from assay_server.execution.sql.comparison import Cell
from assay_server.execution.sql.sqlite import Caps, Clock, DatabaseUnusable, QueryFailed, Table
from assay_server.execution.sql.targets import Target


class Database(Protocol):
    """A connection that can only read."""

    @property
    def schema(self) -> dict[str, frozenset[str]]:
        """Columns of every table, in lower case."""
        ...

    def run(self, sql: str, caps: Caps, most_rows: int | None = None) -> Table:
        """The rows of a query, ``most_rows`` of them where that is given. Raises QueryFailed."""
        ...

    def close(self) -> None: ...


def open_other(target: Target, clock: Clock) -> Database:
    """A database that is not SQLite's.

    Raises:
        DatabaseUnusable: it cannot be reached, or its driver is not installed.
    """
    try:
        if target.engine == "duckdb":
            from assay_server.execution.sql.duck import DuckDatabase

            return DuckDatabase(target, clock)
        from assay_server.execution.sql.postgres import PostgresDatabase

        return PostgresDatabase(target, clock)
    except ImportError as error:
        raise DatabaseUnusable(f"{target.engine} needs {error.name}; install assay-server[sql]") from error


def cell_of(value: object) -> Cell:
    """A driver's value as one that can be compared: numbers by value, anything else that is no text as its text."""
    if value is None or isinstance(value, int | float | str | bytes):
        return int(value) if isinstance(value, bool) else value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)


class Gathered:
    """Rows as they come, up to the caps.

    Args:
        most_rows: where given, more are not an error: the table is cut there.
    """

    def __init__(self, caps: Caps, most_rows: int | None) -> None:
        self._caps = caps
        self._cutting = most_rows is not None
        self._wanted = caps.rows if most_rows is None else min(caps.rows, most_rows)
        self._held = 0
        self.rows: list[tuple[Cell, ...]] = []

    def add(self, values: tuple[object, ...]) -> bool:
        """Take a row; False where no more is wanted.

        Raises:
            QueryFailed: a cap is broken.
        """
        if len(self.rows) == self._wanted:
            if not self._cutting:
                raise QueryFailed("rows", f"more than {self._caps.rows} rows")
            self.rows.append(())
            return False
        row = tuple(map(cell_of, values))
        self._held += sum(len(cell) for cell in row if isinstance(cell, str | bytes))
        if self._held > self._caps.bytes:
            raise QueryFailed("bytes", f"more than {self._caps.bytes} bytes of results")
        self.rows.append(row)
        return True

    def table(self, columns: tuple[str, ...]) -> Table:
        """All that was taken."""
        return Table(columns, self.rows[: self._wanted], cut=len(self.rows) > self._wanted)
