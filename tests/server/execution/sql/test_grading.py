from __future__ import annotations

import hashlib
import itertools
import random
import sqlite3
from pathlib import Path
from typing import cast

import pytest

from assay_server.execution.sql.grading import Grader, Grading, ReferenceBroken
from assay_server.execution.sql.sqlite import Caps, DatabaseUnusable, QueryFailed
from assay_server.execution.sql.targets import Target
from tests.server.execution.sql.geography import DATABASE, answers, needs_geography, questions
from tests.server.execution.sql.mutants import disturbed, mutants
from tests.server.execution.sql.shops import ATTACKS, ENDLESS, make_shop

ALONE = Grading(neighbours=0)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Target:
    return Target("sqlite", str(make_shop(tmp_path_factory.mktemp("shop") / "shop.sqlite")))


@pytest.fixture(scope="module")
def grader() -> Grader:
    return Grader()


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_is_no_query_or_reaches_out_is_refused(shop: Target, grader: Grader, attack: str) -> None:
    path = Path(shop.location)
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    grade = grader.grade(shop, ATTACKS[attack], "SELECT name FROM product", ALONE)
    assert not grade.equal
    assert grade.failure in ("refused", "syntax", "bytes")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("attack", ENDLESS)
def test_what_does_not_end_is_stopped(shop: Target, grader: Grader, attack: str) -> None:
    grade = grader.grade(shop, ENDLESS[attack], "SELECT name FROM product", Grading(seconds=0.2))
    assert not grade.equal
    assert grade.failure in ("timeout", "memory") or grade.reason == "more than 8 rows"


def test_ordinary_queries_of_every_kind_run(shop: Target, grader: Grader) -> None:
    queries = (
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 5) SELECT count(*), sum(x) FROM c",
        "SELECT name, rank() OVER (ORDER BY price DESC) FROM product WHERE name LIKE '%a%'",
        "SELECT p.name, (SELECT count(*) FROM sale s WHERE s.product_id = p.product_id) FROM product AS p",
        "SELECT strftime('%Y', '2020-01-02'), json_extract('{\"a\": 1}', '$.a'), round(avg(price), 2) FROM product",
        "SELECT city FROM sale UNION SELECT name FROM product EXCEPT SELECT 'lamp'",
        "SELECT value FROM json_each('[1, 2]')",
        "SELECT name FROM sqlite_master WHERE type = 'table'",
        "VALUES (1, 'a'), (2, 'b')",
        "SELECT count(*) FROM (SELECT DISTINCT city FROM sale)",
    )
    for sql in queries:
        assert grader.grade(shop, f"{sql} ", sql, Grading()).equal, sql


def test_order_counts_where_the_reference_orders(shop: Target, grader: Grader) -> None:
    ordered, turned = "SELECT name FROM product ORDER BY price", "SELECT name FROM product ORDER BY price DESC"
    assert not grader.grade(shop, turned, ordered, ALONE).equal
    assert grader.grade(shop, turned, "SELECT name FROM product", ALONE).equal
    assert grader.grade(shop, turned, "SELECT name FROM (SELECT * FROM product ORDER BY price)", ALONE).equal
    assert grader.grade(shop, turned, ordered, Grading(rows="bag", neighbours=0)).equal


def test_a_coincidence_does_not_pass(shop: Target, grader: Grader) -> None:
    reference = "SELECT name FROM product WHERE price = (SELECT max(price) FROM product)"
    for lucky in (
        "SELECT 'vase'",
        "SELECT name FROM product WHERE name = 'vase'",
        "SELECT name FROM product WHERE product_id = 8",
        "SELECT max(name) FROM product",
        "SELECT name FROM product WHERE price > 80",
    ):
        assert grader.grade(shop, lucky, reference, ALONE).equal, lucky
        assert not grader.grade(shop, lucky, reference, Grading()).equal, lucky
    same = "SELECT p.name FROM product p WHERE NOT EXISTS (SELECT 1 FROM product q WHERE q.price > p.price)"
    assert grader.grade(shop, same, reference, Grading()).equal


def test_the_same_seed_gives_the_same_grades(shop: Target) -> None:
    reference = "SELECT count(*) FROM sale WHERE amount > 3"
    pairs = [f"SELECT count(*) FROM sale WHERE amount > {number}" for number in (3, 3.5, 4, 2)]
    told = [[Grader().grade(shop, sql, reference, Grading(seed=5)).where for sql in pairs] for _ in range(2)]
    assert told[0] == told[1]


def test_a_reference_that_fails_is_nobodys_fault(shop: Target, grader: Grader) -> None:
    with pytest.raises(ReferenceBroken, match="no such table"):
        grader.grade(shop, "SELECT 1", "SELECT * FROM nowhere", ALONE)
    with pytest.raises(ReferenceBroken, match="timeout"):
        grader.grade(shop, "SELECT 1", ENDLESS["cartesian"], Grading(reference_seconds=0.1))
    with pytest.raises(ReferenceBroken, match="not authorized"):
        grader.grade(shop, "SELECT 1", ATTACKS["delete"], ALONE)


def test_a_database_that_is_none_is_told(tmp_path: Path, grader: Grader) -> None:
    (tmp_path / "text.sqlite").write_text("this is no database, however long it may be" * 100)
    for name in ("text.sqlite", "missing.sqlite", "."):
        with pytest.raises(DatabaseUnusable):
            grader.grade(Target("sqlite", str(tmp_path / name)), "SELECT 1", "SELECT 1", ALONE)


def test_a_database_that_was_replaced_is_read_again(tmp_path: Path, grader: Grader) -> None:
    target = Target("sqlite", str(make_shop(tmp_path / "shop.sqlite")))
    sql = "SELECT count(*) FROM product"
    assert grader.query(target, sql, Caps(), 1.0).rows == [(8,)]
    connection = sqlite3.connect(target.location)
    connection.execute("DELETE FROM product WHERE product_id > 3")
    connection.commit()
    connection.close()
    assert grader.query(target, sql, Caps(), 1.0).rows == [(3,)]


def test_results_have_caps(shop: Target, grader: Grader) -> None:
    table = grader.query(shop, "SELECT x FROM big", Caps(rows=10), 1.0)
    assert (len(table.rows), table.cut) == (10, True)
    with pytest.raises(QueryFailed, match="bytes of results"):
        grader.query(shop, "SELECT printf('%.*c', 1000, 'x') FROM big", Caps(bytes=5000), 1.0)


def test_text_that_is_not_utf8_can_be_read(tmp_path: Path, grader: Grader) -> None:
    path = tmp_path / "odd.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (x TEXT)")
    connection.execute("INSERT INTO t VALUES (CAST(x'66ff' AS TEXT))")
    connection.commit()
    connection.close()
    assert grader.grade(Target("sqlite", str(path)), "SELECT x FROM t ", "SELECT x FROM t", Grading()).equal


@needs_geography
def test_references_equal_themselves_and_what_is_listed_as_equivalent() -> None:
    grader, target = Grader(), Target("sqlite", str(DATABASE))
    listed = questions()
    assert len(listed) > 590
    equivalents = 0
    for sql in sorted({str(entry["sql"]) for entry in listed}):
        assert grader.grade(target, f"{sql} ", sql, Grading()).equal, sql
    for entry in listed:
        for other in cast("list[str]", entry["equivalent"]):
            if grader.grade(target, other, str(entry["sql"]), ALONE).equal:
                equivalents += 1
                assert grader.grade(target, other, str(entry["sql"]), Grading()).equal, entry
    assert equivalents >= 20


@needs_geography
def test_mutants_that_other_data_would_tell_apart_are_refused() -> None:
    grader, target = Grader(), Target("sqlite", str(DATABASE))
    original = sqlite3.connect(f"file:{DATABASE}?mode=ro", uri=True)
    tables = [name for (name,) in original.execute("SELECT name FROM sqlite_master").fetchall()]
    schema = {
        name: [str(row[1]).lower() for row in original.execute(f"PRAGMA table_info({name})").fetchall()]
        for name in tables
    }
    words = [str(row[0]) for row in original.execute("SELECT state_name FROM state UNION SELECT river_name FROM river")]
    neighbours = list(itertools.islice(disturbed(original, seed=7), 50))
    separated = refused = 0
    for sql in random.Random(4).sample(sorted({str(entry["sql"]) for entry in questions()}), 30):
        expected = [answers(copy, sql) for copy in neighbours]
        for mutant in mutants(sql, schema, words, seed=1):
            if any(answers(copy, mutant) != rows for copy, rows in zip(neighbours, expected, strict=True)):
                separated += 1
                refused += not grader.grade(target, mutant, sql, Grading()).equal
    for copy in (original, *neighbours):
        copy.close()
    assert separated > 100
    assert refused >= 0.95 * separated


def test_databases_of_every_make_have_neighbours(tmp_path: Path, grader: Grader) -> None:
    path = tmp_path / "every make?.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(
        """
        CREATE TABLE "Or der" (
            id INTEGER PRIMARY KEY, "na me" TEXT COLLATE NOCASE, amount REAL CHECK (amount > 0),
            twice GENERATED ALWAYS AS (amount * 2), flag INT
        );
        CREATE TABLE bare (k TEXT PRIMARY KEY, v INT) WITHOUT ROWID;
        CREATE TABLE firm (k INTEGER PRIMARY KEY, v TEXT) STRICT;
        CREATE TABLE empty (x);
        CREATE VIEW seen AS SELECT "na me" AS n, amount FROM "Or der";
        CREATE TRIGGER noted AFTER INSERT ON bare BEGIN SELECT 1; END;
        CREATE VIRTUAL TABLE words USING fts5 (body);
        INSERT INTO words VALUES ('hello world');
        """
    )
    connection.executemany(
        'INSERT INTO "Or der" (id, "na me", amount, flag) VALUES (?, ?, ?, ?)',
        [(number, f"n{number % 37}", number * 0.5 + 1, number % 2) for number in range(2000)],
    )
    connection.executemany("INSERT INTO bare VALUES (?, ?)", [(f"k{number}", number % 7) for number in range(50)])
    connection.executemany("INSERT INTO firm VALUES (?, ?)", [(number, str(number)) for number in range(50)])
    connection.commit()
    target = Target("sqlite", str(path))
    same = {
        "SELECT n, max(amount) FROM seen GROUP BY n": 'SELECT "na me", max(amount) FROM "Or der" GROUP BY 1',
        "SELECT count(*) FROM bare WHERE v > 3": "SELECT count(*) FROM bare WHERE v >= 4",
        'SELECT sum(twice) FROM "Or der"': 'SELECT 2 * sum(amount) FROM "Or der"',
        "SELECT v FROM firm WHERE k = 3": "SELECT v FROM firm WHERE k + 1 = 4",
        "SELECT * FROM empty": "SELECT x FROM empty WHERE x IS NOT NULL OR 1",
    }
    for sql, other in same.items():
        grade = grader.grade(target, other, sql, Grading())
        assert grade.equal, (sql, grade)
    every = "SELECT count(*) FROM bare"
    assert not grader.grade(target, "SELECT count(*) FROM bare WHERE v < 7", every, Grading()).equal
    connection.close()
