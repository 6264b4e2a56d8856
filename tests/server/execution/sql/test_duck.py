"""DuckDB for real, in this process and in workers."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from assay_server.execution.sql.grading import Grader, Grading, ReferenceBroken
from assay_server.execution.sql.orders import Failed, Graded, GradeOrder
from assay_server.execution.sql.pool import SqlPool
from assay_server.execution.sql.sqlite import Caps, DatabaseUnusable
from assay_server.execution.sql.targets import Target

duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed")

ATTACKS = {
    "delete": "DELETE FROM product",
    "drop": "DROP TABLE product",
    "create": "CREATE TABLE t (x INTEGER)",
    "attach": "ATTACH '/tmp/assay-attached.duckdb'",
    "copy": "COPY product TO '/tmp/assay-copied.csv'",
    "read": "SELECT * FROM read_csv('/etc/passwd')",
    "read by name": "SELECT * FROM '/etc/passwd'",
    "read text": "SELECT * FROM read_text('/etc/passwd')",
    "glob": "SELECT * FROM glob('/etc/*')",
    "install": "INSTALL httpfs",
    "load": "LOAD httpfs",
    "set": "SET enable_external_access = true",
    "pragma": "PRAGMA database_list",
    "export": "EXPORT DATABASE '/tmp/assay-exported'",
    "stacked": "SELECT 1; DROP TABLE product",
    "checkpoint": "FORCE CHECKPOINT",
    "no statement": "",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Target:
    path = tmp_path_factory.mktemp("duck") / "shop.duckdb"
    connection = duckdb.connect(str(path))
    connection.execute("CREATE TABLE product (name VARCHAR, price DECIMAL(8, 2), sold DATE)")
    connection.execute(
        "INSERT INTO product SELECT 'p' || i, i * 1.5, DATE '2024-01-01' + CAST(i AS INTEGER) FROM range(1000) AS t (i)"
    )
    connection.close()
    return Target("duckdb", str(path))


def test_queries_are_compared(shop: Target) -> None:
    grader = Grader()
    reference = "SELECT name, price, sold FROM product WHERE price > 10 AND sold < DATE '2024-02-01'"
    same = "SELECT p.price, p.name, p.sold FROM product AS p WHERE NOT price <= 10 AND sold < '2024-02-01'"
    assert grader.grade(shop, same, reference, Grading()).equal
    other = grader.grade(shop, "SELECT name, price, sold FROM product WHERE price > 11", reference, Grading())
    assert not other.equal
    mean = "SELECT sum(price) / 1000 FROM product"
    assert grader.grade(shop, "SELECT avg(price) FROM product", mean, Grading()).equal
    assert grader.grade(shop, "SELEC", reference, Grading()).failure == "syntax"
    assert grader.parts(shop, same, reference, Grading())["schema"] == 1.0
    assert grader.query(shop, "SELECT * FROM product", Caps(rows=5), 5.0).cut
    with pytest.raises(ReferenceBroken):
        grader.grade(shop, same, "SELECT * FROM nowhere", Grading())


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_is_no_query_or_reaches_out_is_refused(shop: Target, attack: str) -> None:
    path = Path(shop.location)
    before = hashlib.sha256(path.read_bytes()).digest()
    grade = Grader().grade(shop, ATTACKS[attack], "SELECT count(*) FROM product", Grading())
    assert not grade.equal
    assert grade.failure in ("refused", "syntax")
    assert "root:" not in grade.reason
    assert hashlib.sha256(path.read_bytes()).digest() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_what_does_not_end_is_stopped(shop: Target) -> None:
    grader = Grader()
    for sql in (
        "SELECT count(*) FROM product a, product b, product c, product d WHERE a.price + b.price > c.price * d.price",
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c",
    ):
        grade = grader.grade(shop, sql, "SELECT count(*) FROM product", Grading(seconds=0.3))
        assert grade.failure in ("timeout", "memory")
    assert grader.grade(shop, "SELECT 1000", "SELECT count(*) FROM product", Grading()).equal


async def test_it_runs_in_workers(shop: Target) -> None:
    pool = SqlPool(1, 1 << 30)
    reference = "SELECT count(*) FROM product"
    answer = await pool.ask(GradeOrder(shop, "SELECT 1000", reference, Grading()))
    assert isinstance(answer, Graded)
    assert answer.grade.equal
    slow = "SELECT count(*) FROM product a, product b, product c WHERE a.price + b.price > c.price"
    answer = await pool.ask(GradeOrder(shop, slow, reference, Grading(seconds=0.3)))
    assert isinstance(answer, Failed) or (isinstance(answer, Graded) and answer.grade.failure == "timeout")
    await pool.stop()


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.duckdb").write_text("no database" * 1000)
    for name in ("text.duckdb", "missing.duckdb"):
        with pytest.raises(DatabaseUnusable):
            Grader().grade(Target("duckdb", str(tmp_path / name)), "SELECT 1", "SELECT 1", Grading())
