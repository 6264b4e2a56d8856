"""What two queries have in common before anybody runs them: names, phrases, construction.

Names come from a parser after aliases are resolved, case-folded; what the schema does not know and stands in double
quotes is a text, as SQLite has it. A query that is too long or too deep to be parsed has nothing in common.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar, cast

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import Scope, traverse_scope

from assay_server.execution.sql.tokens import tokens_of

Schema = Mapping[str, frozenset[str]]
"""Columns of every table, in lower case."""

_Item = TypeVar("_Item", bound=Hashable)
_LONGEST = 20_000
_MOST_TOKENS = 4000
_DEEPEST = 60
_NGRAM = 2
_STRUCTURE: tuple[type[exp.Expr], ...] = (
    exp.Select, exp.Join, exp.Where, exp.Group, exp.Having, exp.Order, exp.Limit, exp.Offset, exp.Distinct,
    exp.SetOperation, exp.Subquery, exp.CTE, exp.AggFunc, exp.Window, exp.Case, exp.Predicate, exp.Connector, exp.Not,
    exp.Binary,
)  # fmt: skip
_DIALECTS = {"postgres": "postgres", "duckdb": "duckdb"}


@dataclass(frozen=True, slots=True)
class Features:
    """What is compared of a query.

    Attributes:
        columns: as ``table.column``; ``table.*`` for a star.
        structure: clauses, functions and operators, by their kinds.
    """

    parsed: bool
    tables: frozenset[str]
    columns: frozenset[str]
    ngrams: frozenset[tuple[str, ...]]
    structure: Mapping[str, int]


def shares(ours: Features, theirs: Features) -> dict[str, float]:
    """Shares in [0, 1]: ``syntax`` (it can be parsed), and Jaccard indices of ``tables``, ``columns``, both together
    (``schema``), ``ngram`` and ``structure`` (of multisets). Two empty sets share everything."""
    known = float(ours.parsed)
    return {
        "syntax": known,
        "tables": known * _jaccard(ours.tables, theirs.tables),
        "columns": known * _jaccard(ours.columns, theirs.columns),
        "schema": known * _jaccard(ours.tables | ours.columns, theirs.tables | theirs.columns),
        "ngram": _jaccard(ours.ngrams, theirs.ngrams),
        "structure": known * _multiset_jaccard(ours.structure, theirs.structure),
    }


def features_of(sql: str, schema: Schema, engine: str) -> Features:
    """The features of a query."""
    tokens = tokens_of(sql[:_LONGEST])
    words = [token.text.casefold() for token in tokens]
    ngrams = frozenset(zip(*(words[start:] for start in range(_NGRAM)), strict=False))
    small = len(sql) <= _LONGEST and len(tokens) <= _MOST_TOKENS
    tree = _parsed(sql, engine) if small and max((token.depth for token in tokens), default=0) <= _DEEPEST else None
    if tree is None:
        return Features(False, frozenset(), frozenset(), ngrams, {})
    tables, columns = _names(tree, schema)
    return Features(True, frozenset(tables), frozenset(columns), ngrams, _structure(tree))


def _parsed(sql: str, engine: str) -> exp.Query | None:
    try:
        trees = [tree for tree in sqlglot.parse(sql, read=_DIALECTS.get(engine, "sqlite")) if tree is not None]
    except (SqlglotError, RecursionError):
        return None
    return trees[0] if len(trees) == 1 and isinstance(trees[0], exp.Query) else None


def _structure(tree: exp.Query) -> Mapping[str, int]:
    return Counter(type(node).__name__ for node in tree.walk() if isinstance(node, _STRUCTURE))


def _names(tree: exp.Query, schema: Schema) -> tuple[set[str], set[str]]:
    tables: set[str] = set()
    columns: set[str] = set()
    try:
        scopes = traverse_scope(tree)
    except (SqlglotError, RecursionError):
        return tables, columns
    for scope in scopes:
        sources = _base_tables(scope)
        tables.update(sources.values())
        for column in scope.columns:
            found = _resolved(column, scope, schema)
            if found:
                columns.add(found)
        if _starred(scope):
            columns.update(f"{table}.*" for table in sources.values())
    return tables, columns


def _starred(scope: Scope) -> bool:
    selected = cast("Iterable[exp.Expr]", scope.expression.args.get("expressions") or ())
    return any(one.is_star for one in selected)


def _base_tables(scope: Scope) -> dict[str, str]:
    """Names under which tables stand here, with the tables."""
    found: dict[str, str] = {}
    for alias, source in scope.sources.items():
        if isinstance(source, exp.Table):
            found[alias.casefold()] = source.name.casefold()
    return found


def _resolved(column: exp.Column, scope: Scope, schema: Schema) -> str:
    """``table.column``; empty for what comes out of a subquery, an alias, or a text in double quotes."""
    name, qualifier = column.name.casefold(), column.table.casefold()
    inner: Scope | None = scope
    while inner is not None:
        tables = _base_tables(inner)
        if qualifier:
            if qualifier in tables:
                return f"{tables[qualifier]}.{name}"
        else:
            for table in tables.values():
                if name in schema.get(table, ()):
                    return f"{table}.{name}"
        inner = inner.parent
    return ""


def _jaccard(ours: frozenset[_Item], theirs: frozenset[_Item]) -> float:
    joined = len(ours | theirs)
    return len(ours & theirs) / joined if joined else 1.0


def _multiset_jaccard(ours: Mapping[str, int], theirs: Mapping[str, int]) -> float:
    names = ours.keys() | theirs.keys()
    joined = sum(max(ours.get(name, 0), theirs.get(name, 0)) for name in names)
    return sum(min(ours.get(name, 0), theirs.get(name, 0)) for name in names) / joined if joined else 1.0
