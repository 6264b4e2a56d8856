from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from assay_server.execution.sql.grading import Grading
from assay_server.execution.sql.orders import Failed, Graded, GradeOrder, Queried, QueryOrder
from assay_server.execution.sql.pool import LaneStopped, SqlPool
from assay_server.execution.sql.sqlite import Caps
from assay_server.execution.sql.targets import Target
from tests.server.execution.sql.shops import ENDLESS, LONG_CALLS, make_shop

REFERENCE = "SELECT name FROM product WHERE price > 40"
LONG = LONG_CALLS["instr"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Target:
    return Target("sqlite", str(make_shop(tmp_path_factory.mktemp("shop") / "shop.sqlite")))


@pytest.fixture
async def pool() -> AsyncIterator[SqlPool]:
    pool = SqlPool(2, 1 << 30)
    yield pool
    await pool.stop()


def graded(shop: Target, sql: str, reference: str = REFERENCE, seconds: float = 5.0) -> GradeOrder:
    return GradeOrder(shop, sql, reference, Grading(seconds=seconds))


def queried(shop: Target, sql: str, seconds: float = 5.0) -> QueryOrder:
    return QueryOrder(shop, sql, Caps(), seconds)


def digest(of: Target) -> bytes:
    return hashlib.sha256(Path(of.location).read_bytes()).digest()


def environment(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def largest_file(pid: int) -> str:
    limits = Path(f"/proc/{pid}/limits").read_text(encoding="ascii")
    return next(line.split()[3] for line in limits.splitlines() if line.startswith("Max file size"))


def lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_queries_and_grades_are_answered(pool: SqlPool, shop: Target) -> None:
    rows = await pool.ask(queried(shop, "SELECT product_id, name, price, NULL, x'0aff' FROM product LIMIT 1"))
    assert isinstance(rows, Queried)
    assert rows.table.rows == [(1, "lamp", 10.5, None, "x'0aff'")]
    orders = [graded(shop, f"{REFERENCE}{' ' * number}") for number in range(100)]
    orders.append(graded(shop, "SELECT name FROM product"))
    answers = await asyncio.gather(*(pool.ask(order) for order in orders))
    assert [isinstance(one, Graded) and one.grade.equal for one in answers] == [True] * 100 + [False]
    assert pool.kills == 0


@pytest.mark.parametrize("attack", [*ENDLESS, *LONG_CALLS])
async def test_what_does_not_end_is_stopped_and_its_neighbours_are_answered(
    pool: SqlPool, shop: Target, attack: str
) -> None:
    before = digest(shop)
    sql = {**ENDLESS, **LONG_CALLS}[attack]
    await asyncio.gather(*(pool.ask(graded(shop, f"{REFERENCE} ")) for _ in range(4)))
    answers = await asyncio.gather(
        pool.ask(graded(shop, sql, seconds=0.3)),
        *(pool.ask(graded(shop, f"{REFERENCE}{' ' * number}", seconds=5.0)) for number in range(20)),
    )
    assert all(isinstance(one, Graded) and one.grade.equal for one in answers[1:])
    failed = answers[0]
    failure = failed.kind if isinstance(failed, Failed) else failed.grade.failure if isinstance(failed, Graded) else ""
    assert failure in ("timeout", "bytes", "memory") or (isinstance(failed, Graded) and not failed.grade.equal)
    assert digest(shop) == before


async def test_one_long_call_costs_its_worker_and_is_the_querys_failure(pool: SqlPool, shop: Target) -> None:
    answer = await pool.ask(graded(shop, LONG, seconds=0.2))
    assert answer == Failed("query", "timeout", "not done within 0.2 s")
    assert pool.kills == 1
    assert isinstance(await pool.ask(graded(shop, REFERENCE)), Graded)


async def test_a_reference_that_does_not_end_is_the_references_failure(pool: SqlPool, shop: Target) -> None:
    how = Grading(seconds=5.0, reference_seconds=0.3)
    answer = await pool.ask(GradeOrder(shop, "SELECT 1", LONG, how))
    assert isinstance(answer, Failed)
    assert (answer.whose, answer.kind) == ("reference", "timeout")


async def test_nobody_waits_behind_a_slow_query_while_a_worker_is_idle(pool: SqlPool, shop: Target) -> None:
    await pool.ask(graded(shop, REFERENCE))
    slow = asyncio.create_task(pool.ask(graded(shop, LONG, seconds=20.0)))
    await asyncio.sleep(0)
    assert any(pool.busy)
    quick = await asyncio.gather(*(pool.ask(graded(shop, f"{REFERENCE}{' ' * number}")) for number in range(20)))
    assert all(isinstance(one, Graded) and one.grade.equal for one in quick)
    assert not slow.done()
    slow.cancel()
    await asyncio.gather(slow, return_exceptions=True)


async def test_what_is_cancelled_is_stopped(pool: SqlPool, shop: Target) -> None:
    job = pool.begin(queried(shop, LONG, 60.0))
    await pool.turn(job)
    waiting = asyncio.create_task(pool.finish(job))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert pool.kills == 1
    assert isinstance(await pool.ask(queried(shop, "SELECT 1")), Queried)


async def test_a_worker_that_dies_is_replaced_and_its_work_done_again(pool: SqlPool, shop: Target) -> None:
    job = pool.begin(queried(shop, "SELECT count(*) FROM big a, big b, big c WHERE a.x + b.x + c.x = -1", 60.0))
    await pool.turn(job)
    victim = next(pid for pid, busy in zip(pool.worker_pids, pool.busy, strict=False) if busy)
    os.kill(victim, signal.SIGKILL)
    waiting = asyncio.create_task(pool.finish(job))
    while victim in pool.worker_pids:  # noqa: ASYNC110 - the pool tells nobody
        await asyncio.sleep(0.001)
    second = pool.worker_pids[pool.busy.index(True)]
    assert second != victim
    os.kill(second, signal.SIGKILL)
    answer = await waiting
    assert answer == Failed("query", "crash", "the process that ran it ended")


async def test_a_worker_has_nothing_of_the_servers(
    pool: SqlPool, shop: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_SECRET_OF_A_TEST", "x")
    await pool.ask(queried(shop, "SELECT 1"))
    for pid in pool.worker_pids:
        assert b"SECRET_OF_A_TEST" not in environment(pid)
    assert "0" in {largest_file(pid) for pid in pool.worker_pids}


async def test_stopping_answers_what_is_under_way() -> None:
    pool = SqlPool(1, 1 << 30)
    job = pool.begin(queried(Target("sqlite", "/nowhere"), "SELECT 1", 60.0))
    pids = pool.worker_pids
    await pool.stop()
    with pytest.raises(LaneStopped):
        await pool.finish(job)
    with pytest.raises(LaneStopped):
        pool.begin(queried(Target("sqlite", "/nowhere"), "SELECT 1"))
    deadline = time.monotonic() + 10
    while any(map(lives, pids)):
        assert time.monotonic() < deadline
