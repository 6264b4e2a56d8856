"""Redis is not there when servers start, or goes away for a while: they wait, and what they were asked for is done."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Generator
from pathlib import Path
from typing import cast

import pytest
from grpc_health.v1 import health_pb2

from assay.v1 import run_service_pb2
from assay_server.store.redis.private_server import PrivateRedis, program

from .fleet import Fleet
from .parts import Endpoint, http_get, mixed_group, right, serving, settings, spec
from .proxy import Proxy
from .ranks import assert_equal, rollouts, run_ranks


@pytest.fixture
def absent() -> Generator[PrivateRedis]:
    """A Redis that has not been started."""
    if program() is None:
        pytest.skip("redis-server is not installed")
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        server = PrivateRedis(Path(folder))
        yield server
        server.kill()


async def health(endpoint: Endpoint) -> int:
    call = cast("Awaitable[bytes]", endpoint.channel.unary_unary("/grpc.health.v1.Health/Check")(b""))
    return health_pb2.HealthCheckResponse.FromString(await call).status


async def test_a_server_without_redis_says_that_it_is_not_ready_and_becomes_so(
    absent: PrivateRedis, tmp_path: Path
) -> None:
    chosen = settings(absent.url, http=True).model_copy(update={"records": tmp_path / "records"})
    async with serving(chosen) as server:
        assert (await http_get(server.http_address, "/livez"))[0] == 200
        assert (await http_get(server.http_address, "/readyz"))[0] == 503
        assert await health(server) == health_pb2.HealthCheckResponse.NOT_SERVING
        refused = await server.refused(
            "RunService/CreateRun", run_service_pb2.CreateRunRequest(run_id="run", spec=spec())
        )
        assert (refused.reason, refused.retry_seconds is not None) == ("STORE_UNAVAILABLE", True)
        await asyncio.to_thread(absent.start)
        async with asyncio.timeout(30.0):
            async for status in server.watch_health():
                if status.status == health_pb2.HealthCheckResponse.SERVING:
                    break
        assert (await http_get(server.http_address, "/readyz"))[0] == 200
        await server.create_run("run")
        async with server.stream("run", "a") as stream:
            await stream.send(right("r"))
            await stream.scored("r")


async def test_who_sends_while_redis_is_away_gets_no_credit_and_later_every_answer(
    redis: PrivateRedis, tmp_path: Path
) -> None:
    chosen = settings(redis.url, max_in_flight=32).model_copy(update={"records": tmp_path, "lease_seconds": 1.0})
    async with serving(chosen) as server:
        await server.create_run("run")
        async with server.stream("run", "a") as stream:
            await stream.send(*mixed_group("before", 8, 3))
            await stream.group("before")
            known = set(stream.accepted)
            redis.kill()
            credit = stream.credit
            await stream.send(*mixed_group("during", credit, 5))
            await asyncio.sleep(2.0)  # longer than a lease
            assert stream.ended is None
            assert set(stream.accepted) == known
            assert stream.credit <= 0
            await asyncio.to_thread(redis.start)
            assert sum((await stream.group("during")).rewards) == 5
            assert len(stream.samples) == 8 + credit


@pytest.mark.full
async def test_a_slow_redis_slows_and_breaks_nothing(redis: PrivateRedis, tmp_path: Path) -> None:
    everything = rollouts(160)
    async with serving() as alone:
        expected = await run_ranks(alone.address, "none", everything, 2)
    async with Proxy(redis.socket.with_name("proxy.sock"), redis.socket) as way:
        way.delay = 0.05
        chosen = settings(way.url).model_copy(update={"records": tmp_path, "lease_seconds": 5.0})
        async with serving(chosen) as one, serving(chosen) as other:
            found = await run_ranks(f"{one.address},{other.address}", "none", everything, 2)
    assert_equal(found, expected)


async def away(redis: PrivateRedis, folder: Path, seconds: float, count: int) -> None:
    """Redis is gone for a while, in the middle of a step, and nobody is started again."""
    everything = rollouts(count)
    async with serving() as alone:
        expected = await run_ranks(alone.address, "none", everything, 2)
    async with Fleet(redis, folder, 2, lease_seconds=1.0) as fleet:
        ranks = asyncio.ensure_future(run_ranks(fleet.target, fleet.token.read_text(), everything, 2, seconds=2.0))
        await asyncio.sleep(0.7)
        redis.kill()
        await asyncio.sleep(seconds)
        assert not ranks.done()
        await asyncio.to_thread(redis.start)
        async with asyncio.timeout(60.0):
            assert_equal(await ranks, expected)
        assert [replica.lives for replica in fleet.replicas] == [1, 1]
        assert not [event for replica in fleet.replicas for event in replica.errors()]


@pytest.mark.full
@pytest.mark.parametrize("seconds", [2.5, 30.0])
async def test_redis_gone_is_waited_for(redis: PrivateRedis, tmp_path: Path, seconds: float) -> None:
    await away(redis, tmp_path, seconds, 1000)
