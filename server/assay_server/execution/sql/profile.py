"""What the data of a database keep to: value domains that columns share, and what determines what.

Neighbour databases are made by changing values; what holds of the data, and would be taken for granted by somebody who
writes a query for it, goes on to hold: columns that are joined still share their values, a river has one length in
every row that tells of it, a relation that is symmetric stays so.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

from assay_server.execution.sql.comparison import Cell, Row

_SHARED = 0.5
_FEWEST_SHARED = 3
_MOST_COLUMNS = 40


@dataclass(slots=True)
class Column:
    """A column of the sample.

    Attributes:
        numeric: holds numbers, and is no key.
        number_texts: holds texts that all are numbers.
        determinant: another column of its table that decides its value in every row; -1 = there is none.
        domain: number of the domain whose values it shares; -1 for a column that stands alone.
        key: declared or evident identity: never drawn anew.
    """

    name: str
    numeric: bool = False
    number_texts: bool = False
    key: bool = False
    determinant: int = -1
    domain: int = -1


@dataclass(slots=True)
class TableSample:
    """Rows of one table, with what was found out about its columns."""

    name: str
    sql: str
    columns: list[Column]
    rows: list[Row] = field(default_factory=list[Row])


@dataclass(slots=True)
class Profile:
    """A database in small.

    Attributes:
        rest: further statements of the schema, such as views.
        domains: number of domains; columns of one share their values.
        whole: the sample is the database.
    """

    tables: list[TableSample]
    rest: list[str]
    domains: int
    whole: bool


def read_profile(connection: sqlite3.Connection, most_rows: int) -> Profile:
    """Sample at most so many rows of every table, and find out what they keep to."""
    schema = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    tables: list[TableSample] = []
    whole = True
    for _, name, sql in (entry for entry in schema if _is_plain_table(*entry)):
        table = _sampled(connection, str(name), str(sql), most_rows)
        whole = whole and len(table.rows) < most_rows
        tables.append(table)
    rest = [str(sql) for kind, _, sql in schema if kind == "view"]
    domains = _share_domains(tables, _foreign_keys(connection, tables))
    for table in tables:
        _find_determinants(table)
    return Profile(tables, rest, domains, whole)


def _is_plain_table(kind: str, name: str, sql: str) -> bool:
    return (
        kind == "table"
        and not name.startswith("sqlite_")
        and not sql.lstrip()[:14].upper().startswith("CREATE VIRTUAL")
    )


def quoted(name: str) -> str:
    """A name as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'


def _sampled(connection: sqlite3.Connection, name: str, sql: str, most_rows: int) -> TableSample:
    described = connection.execute(f"PRAGMA table_xinfo({quoted(name)})").fetchall()
    shown = [entry for entry in described if entry[6] == 0]
    columns = [Column(str(entry[1]), key=bool(entry[5])) for entry in shown]
    table = TableSample(name, sql, columns)
    if not columns:
        return table
    names = ", ".join(quoted(column.name) for column in columns)
    table.rows = _spread_rows(connection, f"SELECT {names} FROM {quoted(name)}", quoted(name), most_rows)  # noqa: S608 - names
    for place, column in enumerate(columns):
        _classify(column, [row[place] for row in table.rows], str(shown[place][2]))
    return table


def _spread_rows(connection: sqlite3.Connection, select: str, name: str, most_rows: int) -> list[Row]:
    """The first rows, or, of a table that has many, rows from all over it."""
    rows: list[Row] = connection.execute(f"{select} LIMIT {most_rows:d}").fetchall()
    if len(rows) < most_rows:
        return rows
    try:
        ((last,),) = connection.execute(f"SELECT max(rowid) FROM {name}")  # noqa: S608 - quoted
        found: list[Row] = []
        pieces = 10
        for piece in range(pieces):
            start = int(last) * piece // pieces
            found += connection.execute(f"{select} WHERE rowid > {start:d} LIMIT {most_rows // pieces:d}").fetchall()
        return list(dict.fromkeys(found)) if found else rows
    except (sqlite3.Error, TypeError, ValueError):  # a table without rowids: its first rows do
        return rows


def _classify(column: Column, cells: Sequence[Cell], declared: str) -> None:
    present = [cell for cell in cells if cell is not None]
    if not present:
        kind = declared.lower()
        column.numeric = any(word in kind for word in ("int", "real", "num", "doub", "floa", "dec"))
        return
    numbers = all(isinstance(cell, int | float) for cell in present)
    name = column.name.lower()
    column.key = column.key or (numbers and (name == "id" or name.endswith(("_id", "id", "_key", "code"))))
    column.numeric = numbers and not column.key
    column.number_texts = not numbers and all(isinstance(cell, str) and _is_number(cell) for cell in present)


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdigit()


def _foreign_keys(connection: sqlite3.Connection, tables: Sequence[TableSample]) -> set[tuple[str, str, str, str]]:
    found: set[tuple[str, str, str, str]] = set()
    for table in tables:
        for entry in connection.execute(f"PRAGMA foreign_key_list({quoted(table.name)})").fetchall():
            target = str(entry[2]).lower()
            named = entry[4]
            if named is None:
                parents = (one for one in tables if one.name.lower() == target)
                named = next((column.name for one in parents for column in one.columns if column.key), "")
            found.add((table.name.lower(), str(entry[3]).lower(), target, str(named).lower()))
    return found


def _share_domains(tables: list[TableSample], declared: set[tuple[str, str, str, str]]) -> int:
    """Number the domains: columns that are joined by declaration or share most of their texts are of one domain."""
    places = [
        (table, column, {row[at] for row in table.rows if row[at] is not None})
        for table in tables
        for at, column in enumerate(table.columns)
    ]
    above = list(range(len(places)))

    def root(one: int) -> int:
        while above[one] != one:
            one = above[one]
        return one

    for one, (table, column, values) in enumerate(places):
        for other in range(one):
            table_2, column_2, values_2 = places[other]
            names = (table.name.lower(), column.name.lower()), (table_2.name.lower(), column_2.name.lower())
            bound = (*names[0], *names[1]) in declared or (*names[1], *names[0]) in declared
            if bound or _shares(column, values, column_2, values_2):
                above[root(one)] = root(other)
                if bound:
                    column.key = column_2.key = True
                    column.numeric = column_2.numeric = False
    numbers: dict[int, int] = {}
    for one, (_, column, values) in enumerate(places):
        texts = bool(values) and all(isinstance(value, str) for value in values)
        if not column.numeric and not column.number_texts and (texts or column.key):
            column.domain = numbers.setdefault(root(one), len(numbers))
    return len(numbers)


def _shares(column: Column, values: set[Cell], other: Column, values_2: set[Cell]) -> bool:
    if column.numeric or other.numeric or column.number_texts or other.number_texts:
        return False
    few, many = sorted((values, values_2), key=len)
    if len(few) < _FEWEST_SHARED or not all(isinstance(value, str) for value in few):
        return bool(few) and column.key and other.key and column.name.lower() == other.name.lower()
    return len(few & many) >= _SHARED * len(few)


def _find_determinants(table: TableSample) -> None:
    """For every column the column that decides it, where rows repeat; of several the one with the fewest values."""
    columns = table.columns[:_MOST_COLUMNS]
    sizes = [len({row[at] for row in table.rows}) for at in range(len(columns))]
    for at, column in enumerate(columns):
        if sizes[at] <= 1:
            continue
        fitting = [
            other
            for other in range(len(columns))
            if other != at
            and sizes[at] <= sizes[other] < len(table.rows)
            and not columns[other].numeric
            and len({(row[other], row[at]) for row in table.rows}) == sizes[other]
        ]
        if fitting:
            column.determinant = min(fitting, key=lambda other: sizes[other])
