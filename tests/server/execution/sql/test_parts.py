from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_server.execution.sql.parts import features_of, shares

SCHEMA = {
    "singer": frozenset(("id", "name", "age")),
    "concert": frozenset(("id", "singer_id", "year")),
    "t": frozenset(("a", "b")),
}
QUERIES = st.sampled_from(
    [
        "SELECT name FROM singer WHERE age > 20",
        "SELECT count(*) FROM concert",
        "SELECT s.name FROM singer s JOIN concert c ON s.id = c.singer_id GROUP BY s.name",
        "SELECT * FROM t ORDER BY a LIMIT 1",
        "SELECT a FROM t UNION SELECT b FROM t",
        "no query at all",
        "",
    ]
)


def names(sql: str) -> tuple[set[str], set[str]]:
    features = features_of(sql, SCHEMA, "sqlite")
    return set(features.tables), set(features.columns)


@pytest.mark.parametrize(
    ("sql", "tables", "columns"),
    [
        ("SELECT NAME FROM Singer", {"singer"}, {"singer.name"}),
        ("SELECT x.name FROM singer AS x", {"singer"}, {"singer.name"}),
        ('SELECT name FROM singer WHERE name = "Joe"', {"singer"}, {"singer.name"}),
        (
            "SELECT s.name, year FROM singer s JOIN concert ON s.id = singer_id",
            {"singer", "concert"},
            {"singer.name", "singer.id", "concert.year", "concert.singer_id"},
        ),
        ("WITH c AS (SELECT age FROM singer) SELECT max(c.age) FROM c", {"singer"}, {"singer.age"}),
        (
            "SELECT name FROM singer WHERE EXISTS (SELECT 1 FROM concert WHERE singer_id = singer.id)",
            {"singer", "concert"},
            {"singer.name", "singer.id", "concert.singer_id"},
        ),
        ("SELECT q.n FROM (SELECT name AS n FROM singer) AS q", {"singer"}, {"singer.name"}),
        ("SELECT * FROM t", {"t"}, {"t.*"}),
        ("SELECT count(*) FROM t", {"t"}, set[str]()),
        ("SELECT 1", set[str](), set[str]()),
    ],
)
def test_names_are_those_of_the_schema_after_aliases(sql: str, tables: set[str], columns: set[str]) -> None:
    assert names(sql) == (tables, columns)


@given(QUERIES, QUERIES)
def test_shares_are_shares_and_symmetric(one: str, other: str) -> None:
    ours, theirs = features_of(one, SCHEMA, "sqlite"), features_of(other, SCHEMA, "sqlite")
    there, back = shares(ours, theirs), shares(theirs, ours)
    assert all(0.0 <= share <= 1.0 for share in there.values())
    if ours.parsed and theirs.parsed:
        assert there == back


@given(QUERIES.filter(lambda sql: sql.startswith("SELECT")))
def test_a_query_shares_everything_with_itself(sql: str) -> None:
    features = features_of(sql, SCHEMA, "sqlite")
    assert set(shares(features, features).values()) == {1.0}


def test_golden_numbers() -> None:
    gold = features_of("SELECT name FROM singer WHERE age > 20", SCHEMA, "sqlite")
    said = shares(features_of("SELECT name FROM singer", SCHEMA, "sqlite"), gold)
    assert said["tables"] == 1.0
    assert said["columns"] == 0.5  # name of name, age
    assert said["schema"] == pytest.approx(2 / 3)
    assert said["ngram"] == pytest.approx(3 / 7)
    assert said["structure"] == pytest.approx(1 / 3)  # Select of Select, Where, GT


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT " + "(" * 5000 + "1" + ")" * 5000,
        "SELECT 1 " + "UNION SELECT 1 " * 5000,
        "SELECT " + "-" * 100_001 + "1",
        "SELECT '" + "x" * 100_000,
        "SELECT 1; SELECT 2",
        "DROP TABLE t",
        "\0",
    ],
)
def test_what_cannot_be_parsed_in_bounds_has_no_parts(sql: str) -> None:
    features = features_of(sql, SCHEMA, "sqlite")
    assert not features.parsed
    assert shares(features, features_of("SELECT a FROM t", SCHEMA, "sqlite"))["syntax"] == 0.0
