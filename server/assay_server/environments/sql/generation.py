"""Databases from a seed, one of every theme."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from random import Random

from assay_server.environments.sql.themes import THEMES, ColumnPlan, TablePlan

Cell = int | float | str | None

_SYLLABLES = """al an ar bel bo da den el fa gor ha il ka lo mar mi nor o pe ra ro sa sel ta tor u va ve wi zo"""
_WORDS = """amber blue cedar dawn east fern gold high iron jade keen long misty north oak plain quiet red south tall"""
_NAMED = {
    "country": ("Norway", "Chile", "Japan", "Kenya", "France", "Canada", "India"),
    "city": ("Oslo", "Lima", "Kyoto", "Nairobi", "Lyon", "Toronto", "Pune", "Porto"),
    "weekday": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "month": ("spring", "summer", "autumn", "winter"),
}
_FEWEST_WORDS, _MOST_WORDS = 4, 7
_NULLS = 0.04
_CENTS = 100


@dataclass(frozen=True, slots=True)
class GeneratedDatabase:
    """Statements that make the tables, and the rows of each."""

    statements: tuple[str, ...]
    rows: dict[str, list[tuple[Cell, ...]]]


@lru_cache(maxsize=64)
def generated_database(name: str, seed: int) -> GeneratedDatabase:
    """The database of a theme.

    Raises:
        KeyError: there is no such theme.
    """
    theme = THEMES[name]
    source = Random(f"{name}/{seed}")  # noqa: S311 - data, not secrets
    rows: dict[str, list[tuple[Cell, ...]]] = {}
    for table in theme.tables:
        columns = [_cells(column, table, rows, name, source) for column in table.columns]
        rows[table.name] = list(zip(range(1, table.rows + 1), *columns, strict=True))
    return GeneratedDatabase(tuple(map(_statement, theme.tables)), rows)


def _statement(table: TablePlan) -> str:
    kinds = {"name": "TEXT NOT NULL", "word": "TEXT", "whole": "INTEGER", "amount": "REAL"}
    lines = [f"{table.name}_id INTEGER PRIMARY KEY"]
    lines += [
        f"{column.name}_id INTEGER NOT NULL REFERENCES {column.name} ({column.name}_id)"
        if column.kind == "reference"
        else f"{column.name} {kinds[column.kind]}"
        for column in table.columns
    ]
    return f"CREATE TABLE {table.name} ({', '.join(lines)})"


def _cells(
    column: ColumnPlan, table: TablePlan, rows: dict[str, list[tuple[Cell, ...]]], theme: str, source: Random
) -> list[Cell]:
    count = table.rows
    if column.kind == "name":
        return _names(count, source)
    if column.kind == "word":
        # The words of a column are the theme's, whatever the seed: questions go on to speak of them.
        fixed = Random(f"{theme}/{table.name}/{column.name}")  # noqa: S311 - as above
        words = _NAMED.get(column.name) or fixed.sample(_WORDS.split(), fixed.randint(_FEWEST_WORDS, _MOST_WORDS))
        return [source.choice(words) for _ in range(count)]
    if column.kind == "reference":
        parents = len(rows[column.name])
        return [source.randint(1, max(1, parents - 2)) for _ in range(count)]
    if column.kind == "whole":
        drawn: list[Cell] = [source.randint(int(column.low), int(column.high)) for _ in range(count)]
    else:
        drawn = [source.randint(int(column.low * _CENTS), int(column.high * _CENTS)) / _CENTS for _ in range(count)]
    return [None if source.random() < _NULLS else cell for cell in drawn]


def _names(count: int, source: Random) -> list[Cell]:
    names: dict[Cell, None] = {}
    syllables = _SYLLABLES.split()
    while len(names) < count:
        names["".join(source.choice(syllables) for _ in range(source.randint(2, 3))).capitalize()] = None
    return list(names)
