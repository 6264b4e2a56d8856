"""Jobs are answered once, fairly, in time or not at all, by queues of both kinds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from assay_server.execution.queue import JobFailed, JobHandler, JobQueue, LocalQueue, Priority
from assay_server.execution.queue.redis_keys import GROUP, dead_key, jobs_key
from assay_server.execution.queue.redis_queue import RedisQueue
from assay_server.execution.queue.redis_worker import RedisWorker
from assay_server.store.ending import end
from assay_server.store.records import Records
from assay_server.store.redis.connection import Server
from assay_server.store.redis.private_server import PrivateRedis

IDLE = 0.5


@dataclass
class Doing:
    """A handler that can be held up, and what it did."""

    done: list[tuple[str, bytes]] = field(default_factory=list[tuple[str, bytes]])
    begun: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    fail: int = 0

    async def __call__(self, tenant: str, payload: bytes) -> bytes:
        self.begun.release()
        await self.gate.wait()
        if self.fail:
            self.fail -= 1
            raise RuntimeError("it cannot be done here")
        self.done.append((tenant, payload))
        return payload.upper()


@asynccontextmanager
async def working(
    redis: PrivateRedis, folder: Path, handler: JobHandler, slots: int = 1
) -> AsyncGenerator[RedisWorker]:
    """A worker until the block is left; then what it had begun is left lying, as by one that is killed."""
    server, records = Server(f"unix://{redis.socket}"), Records(folder)
    worker = RedisWorker(server, records, "lane", handler, slots=slots, idle_seconds=IDLE)
    task = asyncio.create_task(worker.run(asyncio.Event()))
    try:
        yield worker
    finally:
        await end([task])
        await server.close()
        await records.close()


@asynccontextmanager
async def handing_in(redis: PrivateRedis, folder: Path) -> AsyncGenerator[RedisQueue]:
    server, records = Server(f"unix://{redis.socket}"), Records(folder)
    queue = RedisQueue(server, records, "lane", longest=20.0)
    try:
        yield queue
    finally:
        await queue.close()
        await server.close()
        await records.close()


@pytest.fixture
async def doing() -> Doing:
    return Doing()


@pytest.fixture(params=["local", "redis"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def queue(kind: str, doing: Doing, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncGenerator[JobQueue]:
    if kind == "local":
        local = LocalQueue(doing, 1)
        yield local
        await local.close()
        return
    redis: PrivateRedis = request.getfixturevalue("redis")
    async with handing_in(redis, tmp_path) as remote, working(redis, tmp_path, doing):
        yield remote


async def test_jobs_are_answered(queue: JobQueue, doing: Doing) -> None:
    doing.gate.set()
    large = bytes(range(256)) * 4096
    answers = await asyncio.gather(*(queue.run("t", payload) for payload in (b"a", b"", large)))
    assert answers == [b"A", b"", large.upper()]
    assert sorted(payload for _, payload in doing.done) == sorted([b"a", b"", large])


async def test_a_job_whose_deadline_passed_in_the_queue_is_not_begun(queue: JobQueue, doing: Doing) -> None:
    first = asyncio.ensure_future(queue.run("t", b"first"))
    await doing.begun.acquire()
    second = asyncio.ensure_future(queue.run("t", b"second", deadline=time.time() + 0.05))
    await asyncio.sleep(0.1)
    doing.gate.set()
    with pytest.raises(JobFailed) as caught:
        await second
    assert (caught.value.reason, caught.value.retryable) == ("JOB_EXPIRED", True)
    assert await first == b"FIRST"
    assert doing.done == [("t", b"first")]


async def test_heavier_classes_go_first_and_no_class_and_no_tenant_waits_for_ever(
    queue: JobQueue, doing: Doing
) -> None:
    blocker = asyncio.ensure_future(queue.run("t", b"blocker"))
    await doing.begun.acquire()
    jobs = [
        asyncio.ensure_future(queue.run(tenant, b"%s %d" % (priority.name.encode(), n), priority=priority))
        for tenant, priority in (("greedy", Priority.BULK), ("greedy", Priority.NORMAL), ("modest", Priority.NORMAL))
        for n in range(20 if tenant == "greedy" else 2)
    ]
    await asyncio.sleep(1.5)  # a worker looks for new streams once a second
    doing.gate.set()
    await asyncio.gather(blocker, *jobs)
    order = doing.done[1:]
    modest = [place for place, (tenant, _) in enumerate(order) if tenant == "modest"]
    bulk = [place for place, (_, payload) in enumerate(order) if payload.startswith(b"BULK")]
    assert max(modest) < 12
    assert bulk[0] < 12
    assert bulk[5] > 8


async def test_what_fails_three_times_is_given_up(queue: JobQueue, doing: Doing) -> None:
    doing.gate.set()
    doing.fail = 3
    with pytest.raises(JobFailed) as caught:
        await queue.run("t", b"poison")
    assert (caught.value.reason, caught.value.retryable) == ("JOB_DEAD", False)
    assert await queue.run("t", b"fine") == b"FINE"


async def test_closing_tells_who_waits(queue: JobQueue, doing: Doing) -> None:
    waiting = asyncio.ensure_future(queue.run("t", b"job"))
    await doing.begun.acquire()
    await queue.close()
    with pytest.raises(JobFailed) as caught:
        await waiting
    assert caught.value.reason == "QUEUE_CLOSED"


async def test_the_jobs_of_a_dead_worker_are_done_by_another(redis: PrivateRedis, tmp_path: Path) -> None:
    dead, alive = Doing(), Doing()
    alive.gate.set()
    async with handing_in(redis, tmp_path) as queue:
        async with working(redis, tmp_path, dead):
            waiting = asyncio.ensure_future(queue.run("t", b"job"))
            await dead.begun.acquire()
        assert not waiting.done()
        async with working(redis, tmp_path, alive):
            assert await waiting == b"JOB"
    assert dead.done == []
    assert alive.done == [("t", b"job")]


async def test_a_job_that_takes_long_is_not_taken_from_a_worker_that_lives(redis: PrivateRedis, tmp_path: Path) -> None:
    slow, other = Doing(), Doing()
    other.gate.set()
    async with (
        handing_in(redis, tmp_path) as queue,
        working(redis, tmp_path, slow),
    ):
        waiting = asyncio.ensure_future(queue.run("t", b"job"))
        await slow.begun.acquire()
        async with working(redis, tmp_path, other):
            await asyncio.sleep(4 * IDLE)
            assert not waiting.done()
            slow.gate.set()
            assert await waiting == b"JOB"
    assert other.done == []


async def test_nothing_stays_in_redis_but_what_was_given_up(redis: PrivateRedis, tmp_path: Path) -> None:
    doing = Doing(fail=3)
    doing.gate.set()
    server = Server(f"unix://{redis.socket}")
    async with handing_in(redis, tmp_path) as queue, working(redis, tmp_path, doing):
        with pytest.raises(JobFailed):
            await queue.run("t", b"poison")
        await asyncio.gather(*(queue.run("t", b"secret text %d" % n) for n in range(50)))
        key = jobs_key("t", "lane", Priority.NORMAL)
        assert await server.command("XLEN", key) == 0
        assert await server.command("XLEN", dead_key("t", "lane")) == 1
        assert not await server.command("XPENDING", key, GROUP, "-", "+", 10)
        keys = await server.command("KEYS", "*")
        assert all(name.startswith(b"t:") for name in cast("list[bytes]", keys))
    await server.close()
    assert not any(b"secret text" in path.read_bytes() for path in redis.socket.parent.rglob("*.aof"))


async def test_redis_may_be_away_for_a_moment(redis: PrivateRedis, tmp_path: Path) -> None:
    doing = Doing()
    async with handing_in(redis, tmp_path) as queue, working(redis, tmp_path, doing):
        waiting = asyncio.ensure_future(queue.run("t", b"job"))
        await doing.begun.acquire()
        redis.kill()
        doing.gate.set()
        also = asyncio.ensure_future(queue.run("t", b"also"))
        await asyncio.sleep(0.5)
        await asyncio.to_thread(redis.start)
        assert await asyncio.gather(waiting, also) == [b"JOB", b"ALSO"]
