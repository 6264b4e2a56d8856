"""Seeded mutants of a query, and neighbour databases made another way than the server's, to judge it by."""

from __future__ import annotations

import itertools
import random
import sqlite3
from collections.abc import Iterator

import sqlglot
from sqlglot import exp

AGGREGATES: tuple[type[exp.Func], ...] = (exp.Max, exp.Min, exp.Sum, exp.Avg, exp.Count)


def mutants(sql: str, schema: dict[str, list[str]], words: list[str], seed: int) -> Iterator[str]:
    """Texts with one change each: another constant, a condition less, another aggregate, another column."""
    source = random.Random(f"{seed}/{sql}")
    tree = sqlglot.parse_one(sql.rstrip(" ;"), read="sqlite")
    names = {column for columns in schema.values() for column in columns}
    for place, node in enumerate(list(tree.walk())):
        changed = _changed(node, schema, names, words, source)
        if changed is None:
            continue
        copy = tree.copy()
        target = list(copy.walk())[place]
        target.replace(changed)
        text = copy.sql(dialect="sqlite")
        if text != tree.sql(dialect="sqlite"):
            yield text


def _changed(
    node: exp.Expr,
    schema: dict[str, list[str]],
    names: set[str],
    words: list[str],
    source: random.Random,
) -> exp.Expr | None:
    if isinstance(node, exp.Literal) and not isinstance(node.parent, exp.Limit):
        if node.is_string:
            return exp.Literal.string(source.choice(words))
        number = float(node.name)
        other = source.choice([number + 1, number - 1, number * 2, number // 2, number * 1.1])
        return exp.Literal.number(int(other))
    if isinstance(node, exp.Column) and not node.table and node.name.lower() not in names:
        return exp.Literal.string(source.choice(words))
    if isinstance(node, exp.And):
        return source.choice([node.this, node.expression]).copy()
    if isinstance(node, exp.Where):
        return exp.Where(this=exp.true())
    if isinstance(node, AGGREGATES):
        kind = source.choice([one for one in AGGREGATES if not isinstance(node, one)])
        return kind(this=node.this.copy())
    if isinstance(node, exp.Column) and node.table:
        columns = [c for cs in schema.values() if node.name.lower() in cs for c in cs if c != node.name.lower()]
        if columns:
            return exp.column(source.choice(columns), table=node.table)
    return None


def disturbed(original: sqlite3.Connection, seed: int) -> Iterator[sqlite3.Connection]:
    """Copies with rows left out and doubled, numbers moved and columns shuffled: without regard to what holds."""
    for number in itertools.count():
        source = random.Random(f"{seed}:{number}")
        copy = sqlite3.connect(":memory:")
        original.backup(copy)
        for (table,) in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            _disturb(copy, table, source)
        yield copy


def _disturb(copy: sqlite3.Connection, table: str, source: random.Random) -> None:
    rows: list[tuple[object, ...]] = copy.execute(f'SELECT * FROM "{table}"').fetchall()
    rows = [row for row in rows if source.random() > 0.25]
    rows += [source.choice(rows) for _ in range(len(rows) // 20)]
    columns = [list(column) for column in zip(*rows, strict=True)]
    for column in columns:
        if source.random() < 0.3:
            source.shuffle(column)
        for at, value in enumerate(column):
            if isinstance(value, int | float) and source.random() < 0.3:
                column[at] = type(value)(value * source.uniform(0.5, 1.5))
    copy.execute(f'DELETE FROM "{table}"')
    places = ",".join("?" * len(columns))
    copy.executemany(f'INSERT INTO "{table}" VALUES ({places})', list(zip(*columns, strict=True)))
