"""Questions about generated databases, from patterns that are filled in wherever a table offers what they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from random import Random

from assay_server.environments.sql.bench import Question
from assay_server.environments.sql.generation import Cell, GeneratedDatabase, generated_database
from assay_server.environments.sql.themes import THEMES, ColumnPlan, TablePlan, Theme

_PER_DATABASE = 24
_EXTREMES = (("highest", "max"), ("lowest", "min"))
_AGGREGATES = (*_EXTREMES, ("average", "avg"), ("total", "sum"))
_SIGNS = (("more than", ">"), ("less than", "<"), ("at least", ">="), ("at most", "<="))

# {t} a table, {name} what its rows are called by, {word} and {number} columns of it, {some_word} and {some} values
# there; {p} a table that {t} refers to by {key}, {p_name} and {p_word} columns of that.
_PATTERNS = (
    ("How many rows does {t} have?", "SELECT count(*) FROM {t}"),
    ("How many entries of {t} have the {word} {some_word}?", "SELECT count(*) FROM {t} WHERE {word} = '{some_word}'"),
    ("How many different values of {word} are there in {t}?", "SELECT count(DISTINCT {word}) FROM {t}"),
    ("What is the {said} {number} in {t}?", "SELECT {function}({number}) FROM {t}"),
    (
        "Which {t} entries (by {name}) have a {number} of {sign_said} {some}?",
        "SELECT {name} FROM {t} WHERE {number} {sign} {some}",
    ),
    (
        "Which {t} entries (by {name}) have the {word} {some_word} and a {number} of {sign_said} {some}?",
        "SELECT {name} FROM {t} WHERE {word} = '{some_word}' AND {number} {sign} {some}",
    ),
    (
        "What is the {name} of the {t} with the {end_said} {number}? Name all of them if there are several.",
        "SELECT {name} FROM {t} WHERE {number} = (SELECT {end}({number}) FROM {t})",
    ),
    ("How many entries of {t} are there for each {word}?", "SELECT {word}, count(*) FROM {t} GROUP BY {word}"),
    (
        "Which values of {word} occur more than {few} times in {t}?",
        "SELECT {word} FROM {t} GROUP BY {word} HAVING count(*) > {few}",
    ),
    (
        "What is the {said} {number} in {t} for each {word}?",
        "SELECT {word}, {function}({number}) FROM {t} GROUP BY {word}",
    ),
    (
        "List every {name} of {t}, ordered by {word} and then by {name}.",
        "SELECT {name} FROM {t} ORDER BY {word}, {name}",
    ),
    (
        "Which {few} entries of {t} come last by {name}, the last one first?",
        "SELECT {name} FROM {t} ORDER BY {name} DESC LIMIT {few}",
    ),
    (
        "For each {p} that has any {t}, how many are there? Give {p_name} and the number.",
        "SELECT p.{p_name}, count(*) FROM {p} AS p JOIN {t} AS c ON c.{key} = p.{key} GROUP BY p.{key}, p.{p_name}",
    ),
    (
        "Which {p} entries (by {p_name}) have no {t}?",
        "SELECT {p_name} FROM {p} WHERE {key} NOT IN (SELECT {key} FROM {t})",
    ),
    (
        "Which {p} entries (by {p_name}) have a {t} with a {number} of {sign_said} {some}?",
        "SELECT DISTINCT p.{p_name} FROM {p} AS p JOIN {t} AS c ON c.{key} = p.{key} WHERE c.{number} {sign} {some}",
    ),
    (
        "What is the {said} {number} of a {t} for each {p_word} of its {p}?",
        "SELECT p.{p_word}, {function}(c.{number}) FROM {p} AS p JOIN {t} AS c ON c.{key} = p.{key} GROUP BY 1",
    ),
    (
        "Which {p} entries (by {p_name}) have two or more of {t} with {word} {some_word}?",
        (
            "SELECT {p_name} FROM {p} WHERE {key} IN "
            "(SELECT {key} FROM {t} WHERE {word} = '{some_word}' GROUP BY {key} HAVING count(*) > 1)"
        ),
    ),
)


@lru_cache(maxsize=8)
def generated_questions(seed: int = 0) -> tuple[Question, ...]:
    """Questions about every theme's database; their constants come from the data of the same seed."""
    found: list[Question] = []
    for name, theme in THEMES.items():
        source = Random(f"questions/{name}/{seed}")  # noqa: S311 - questions, not secrets
        data = generated_database(name, seed)
        asked = dict.fromkeys(
            pair for table in theme.tables for bound in _bindings(theme, table, data, source) for pair in _filled(bound)
        )
        chosen = source.sample(list(asked), min(_PER_DATABASE, len(asked)))
        found += [Question(text, sql, name) for text, sql in chosen]
    return tuple(found)


def _filled(bound: Mapping[str, Cell]) -> Iterator[tuple[str, str]]:
    for text, sql in _PATTERNS:
        with suppress(KeyError):  # the table has nothing of the kind
            yield text.format_map(bound), sql.format_map(bound)


def _bindings(theme: Theme, table: TablePlan, data: GeneratedDatabase, source: Random) -> Iterator[dict[str, Cell]]:
    """What patterns may name, once for each pair of a word and a number of a table."""
    for word in _of(table, "word") or [None]:
        for number in _of(table, "whole", "amount") or [None]:
            bound: dict[str, Cell] = {"t": table.name, "few": source.randint(2, 5)}
            for name in _of(table, "name"):
                bound["name"] = name.name
            bound["said"], bound["function"] = source.choice(_AGGREGATES)
            bound["end_said"], bound["end"] = source.choice(_EXTREMES)
            bound["sign_said"], bound["sign"] = source.choice(_SIGNS)
            if word is not None:
                bound |= {"word": word.name, "some_word": _some(data, table, word, source)}
            if number is not None:
                bound |= {"number": number.name, "some": _some(data, table, number, source)}
            yield bound | _parent(theme, table)


def _parent(theme: Theme, table: TablePlan) -> dict[str, Cell]:
    for reference in _of(table, "reference"):
        parent = next(one for one in theme.tables if one.name == reference.name)
        bound: dict[str, Cell] = {"p": parent.name, "key": f"{parent.name}_id"}
        for column in _of(parent, "name", "word"):
            bound[f"p_{column.kind}"] = column.name
        return bound
    return {}


def _of(table: TablePlan, *kinds: str) -> list[ColumnPlan]:
    return [column for column in table.columns if column.kind in kinds]


def _some(data: GeneratedDatabase, table: TablePlan, column: ColumnPlan, source: Random) -> Cell:
    at = 1 + table.columns.index(column)
    return source.choice([row[at] for row in data.rows[table.name] if row[at] is not None])
