"""PostgreSQL for real: a server of the test's own, with a superuser, a reader, and somebody who may read files."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from assay_server.execution.sql.grading import Grader, Grading, ReferenceBroken
from assay_server.execution.sql.orders import Failed, Graded, GradeOrder
from assay_server.execution.sql.pool import SqlPool
from assay_server.execution.sql.sqlite import Caps, DatabaseUnusable
from assay_server.execution.sql.targets import Target

pytestmark = pytest.mark.full
psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed")

ATTACKS = {
    "delete": "DELETE FROM product",
    "delete in with": "WITH gone AS (DELETE FROM product RETURNING *) SELECT * FROM gone",
    "drop": "DROP TABLE product",
    "create": "CREATE TABLE t (x int)",
    "copy": "COPY product TO '/tmp/assay-copied'",
    "copy program": "COPY product TO PROGRAM 'touch /tmp/assay-ran'",
    "read file": "SELECT pg_read_file('/etc/passwd')",
    "list": "SELECT pg_ls_dir('/etc')",
    "read by text": "SELECT query_to_xml('SELECT pg_read_file(''/etc/passwd'')', true, true, '')",
    "import": "SELECT lo_import('/etc/passwd')",
    "stacked": "SELECT 1; DROP TABLE product",
    "write again": "SELECT set_config('transaction_read_only', 'off', false)",
    "another role": "SET ROLE owner_of_all",
    "secrets": "SELECT rolpassword FROM pg_authid",
    "do": "DO $$ BEGIN DELETE FROM product; END $$",
    "into": "SELECT * INTO other FROM product",
    "lock": "SELECT * FROM product FOR UPDATE",
    "nothing": "-- nothing",
}


@dataclass(frozen=True, slots=True)
class Server:
    """How its users connect."""

    port: int
    folder: Path

    def dsn(self, user: str) -> str:
        return f"host={self.folder} port={self.port} dbname=postgres user={user}"


def programs() -> Path | None:
    """Where initdb and postgres are."""
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists()), None)


def run_as(user: str | None, command: Sequence[str | Path]) -> None:
    subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, user=user)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    place = programs()
    if place is None:
        pytest.skip("postgresql is not installed")
    user = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="assay-pg-", dir="/tmp") as name:
        folder = Path(name)
        if user is not None:
            shutil.chown(folder, user)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = int(taken.getsockname()[1])
        data = folder / "data"
        run_as(user, [place / "initdb", "-D", data, "-U", "owner_of_all", "-A", "trust", "-N"])
        options = f"-p {port} -k {folder} -c listen_addresses= -c fsync=off"
        control = [place / "pg_ctl", "-D", data, "-w", "-t", "60"]
        run_as(user, [*control, "-l", folder / "log", "-o", options, "start"])
        try:
            made = Server(port, folder)
            with psycopg.connect(made.dsn("owner_of_all"), autocommit=True) as connection:
                connection.execute("CREATE TABLE product (name text, price numeric(8, 2), sold date)")
                connection.execute(
                    "INSERT INTO product SELECT 'p' || i, i * 1.5, DATE '2024-01-01' + i FROM generate_series(0, 999) i"
                )
                connection.execute("CREATE ROLE reader LOGIN")
                connection.execute("CREATE ROLE narrow")
                connection.execute("GRANT narrow TO reader")
                connection.execute("GRANT SELECT ON product TO reader")
                connection.execute("CREATE ROLE file_reader LOGIN IN ROLE pg_read_server_files")
            yield made
        finally:
            run_as(user, [*control, "-m", "immediate", "stop"])


@pytest.fixture
def grader() -> Iterator[Grader]:
    grader = Grader()
    yield grader
    grader.close()


@pytest.fixture
def shop(server: Server) -> Target:
    return Target("postgres", server.dsn("reader"))


def rows_of(server: Server) -> int:
    with psycopg.connect(server.dsn("owner_of_all")) as connection:
        found = connection.execute("SELECT count(*) FROM product").fetchone()
        assert found is not None
        return int(found[0])


def test_queries_are_compared(grader: Grader, shop: Target) -> None:
    reference = "SELECT name, price, sold FROM product WHERE price > 10 AND sold < DATE '2024-02-01'"
    same = "SELECT p.price, p.name, p.sold FROM product AS p WHERE NOT price <= 10 AND sold < '2024-02-01';"
    assert grader.grade(shop, same, reference, Grading()).equal
    assert not grader.grade(shop, "SELECT name, price, sold FROM product", reference, Grading()).equal
    assert grader.grade(shop, "SELECT nam FROM product", reference, Grading()).failure == "syntax"
    assert grader.parts(shop, same, reference, Grading())["schema"] == 1.0
    table = grader.query(shop, "SELECT * FROM product", Caps(rows=5), 5.0)
    assert (table.cut, len(table.rows)) == (True, 5)
    assert grader.query(shop, "(VALUES (1, NULL))", Caps(), 5.0).rows == [(1, None)]
    with pytest.raises(ReferenceBroken):
        grader.grade(shop, same, "SELECT * FROM nowhere", Grading())


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_is_no_query_or_reaches_out_is_refused(grader: Grader, shop: Target, server: Server, attack: str) -> None:
    grade = grader.grade(shop, ATTACKS[attack], "SELECT count(*) FROM product", Grading())
    assert not grade.equal
    assert grade.failure in ("refused", "syntax")
    assert "root:" not in grade.reason
    assert rows_of(server) == 1000


def test_what_does_not_end_is_stopped(grader: Grader, shop: Target) -> None:
    for sql in (
        "SELECT pg_sleep(60)",
        "SELECT count(*) FROM product a, product b, product c, product d",
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c",
        "SELECT set_config('statement_timeout', '0', false), pg_sleep(60)",
    ):
        grade = grader.grade(shop, sql, "SELECT count(*) FROM product", Grading(seconds=0.3))
        assert grade.failure in ("timeout", "syntax"), grade
    assert grader.grade(shop, "SELECT 1000", "SELECT count(*) FROM product", Grading()).equal


def test_users_who_could_reach_out_are_refused(grader: Grader, server: Server) -> None:
    for user in ("owner_of_all", "file_reader"):
        with pytest.raises(DatabaseUnusable, match="superuser"):
            grader.grade(Target("postgres", server.dsn(user)), "SELECT 1", "SELECT 1", Grading())
    with pytest.raises(DatabaseUnusable, match="cannot be reached") as refused:
        grader.grade(Target("postgres", server.dsn("nobody_here")), "SELECT 1", "SELECT 1", Grading())
    assert "nobody_here" not in str(refused.value)


def test_queries_run_as_the_role(grader: Grader, server: Server) -> None:
    target = Target("postgres", server.dsn("reader"), "narrow")
    assert grader.query(target, "SELECT current_user", Caps(), 5.0).rows == [("narrow",)]
    assert grader.grade(target, "SELECT name FROM product", "SELECT 1", Grading()).failure == "refused"


async def test_it_runs_in_workers(shop: Target) -> None:
    pool = SqlPool(1, 1 << 30)
    answer = await pool.ask(GradeOrder(shop, "SELECT 1000", "SELECT count(*) FROM product", Grading()))
    assert isinstance(answer, Graded)
    assert answer.grade.equal
    answer = await pool.ask(GradeOrder(shop, "SELECT pg_sleep(60)", "SELECT 1", Grading(seconds=0.3)))
    assert isinstance(answer, Failed) or (isinstance(answer, Graded) and answer.grade.failure == "timeout")
    await pool.stop()
