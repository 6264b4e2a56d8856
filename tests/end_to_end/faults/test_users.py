"""The users of Redis that deploy/ defines: each role can do its work and nothing else."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from assay_server.execution.queue.redis_queue import RedisQueue
from assay_server.execution.queue.redis_worker import RedisWorker
from assay_server.store.ending import end
from assay_server.store.protocol import StoreUnavailable
from assay_server.store.records import Records
from assay_server.store.redis.connection import Server
from assay_server.store.redis.private_server import PrivateRedis, program

from .parts import mixed_group, serving, settings

TEMPLATE = Path(__file__).parents[3] / "deploy/redis/users.acl.in"


@pytest.fixture
def guarded() -> Generator[PrivateRedis]:
    if program() is None:
        pytest.skip("redis-server is not installed")
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        users = Path(folder) / "users.acl"
        users.write_text(re.sub(r"(\w+)_PASSWORD", lambda match: match[1].lower(), TEMPLATE.read_text()))
        with PrivateRedis(Path(folder), users=users) as server:
            yield server


def as_user(redis: PrivateRedis, user: str) -> str:
    return f"unix://{user}:{user}@{redis.socket}"


async def test_the_gateway_user_serves(guarded: PrivateRedis, tmp_path: Path) -> None:
    chosen = settings(as_user(guarded, "gateway")).model_copy(update={"records": tmp_path, "lease_seconds": 0.5})
    async with serving(chosen) as server:
        await server.create_run("run")
        async with server.stream("run", "a") as stream:
            await stream.send(*mixed_group("g", 8, 3))
            assert sum((await stream.group("g")).rewards) == 3
            await stream.ack()
        await asyncio.sleep(1.0)  # leases are renewed, others are looked for
        log = (guarded.socket.parent / "redis.log").read_text()
    assert "NOPERM" not in log


async def test_the_worker_user_works_and_sees_no_run(guarded: PrivateRedis, tmp_path: Path) -> None:
    async def shout(_: str, payload: bytes) -> bytes:
        return payload.upper()

    records = Records(tmp_path)
    gateway, worker = Server(as_user(guarded, "gateway")), Server(as_user(guarded, "worker"))
    queue = RedisQueue(gateway, records, "sandbox")
    working = asyncio.create_task(RedisWorker(worker, records, "sandbox", shout).run(asyncio.Event()))
    try:
        assert await asyncio.wait_for(queue.run("local", b"job"), 20.0) == b"JOB"
        for forbidden in (("GET", "local:{run}:snapshot"), ("XREAD", "STREAMS", "local:{run}:log", "0"), ("FLUSHALL",)):
            with pytest.raises(StoreUnavailable, match="NoPermission"):
                await worker.command(*forbidden)
    finally:
        await end([working])
        await queue.close()
        for server in (gateway, worker):
            await server.close()
        await records.close()


async def test_nobody_comes_in_without_a_name_and_the_operator_only_reads(guarded: PrivateRedis) -> None:
    stranger, operator = Server(guarded.url), Server(as_user(guarded, "operator"))
    with pytest.raises(StoreUnavailable, match="Authentication"):
        await stranger.command("GET", "local:{run}:snapshot")
    assert await operator.command("GET", "local:{run}:snapshot") is None
    with pytest.raises(StoreUnavailable, match="NoPermission"):
        await operator.command("SET", "local:{run}:snapshot", b"")
    await stranger.close()
    await operator.close()
