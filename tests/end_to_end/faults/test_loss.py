"""Redis loses its last moments, and every server that had seen them is dead: clients make up for it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

import assay
from assay import aio
from assay_server.store.redis.private_server import PrivateRedis, program

from .fleet import Fleet
from .parts import serving
from .ranks import RUN, Received, assert_equal, rollouts, run_ranks


@pytest.fixture
def forgetful() -> Generator[PrivateRedis]:
    if program() is None:
        pytest.skip("redis-server is not installed")
    with (
        tempfile.TemporaryDirectory(prefix="assay-") as folder,
        PrivateRedis(Path(folder), appendfsync="everysec") as server,
    ):
        yield server


def lose_the_end(redis: PrivateRedis, share: float) -> None:
    """What a machine that dies has not written yet."""
    (file,) = redis.socket.parent.rglob("*.incr.aof")
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * (1.0 - share))])


@pytest.mark.full
async def test_clients_make_up_for_what_redis_lost(forgetful: PrivateRedis, tmp_path: Path) -> None:
    everything = rollouts(800)
    async with serving() as alone:
        expected = await run_ranks(alone.address, "none", everything, 1)
    received = Received()
    async with Fleet(forgetful, tmp_path, 1) as fleet, asyncio.timeout(90.0):
        (replica,) = fleet.replicas
        async with aio.Client(fleet.target, token=fleet.token.read_text()) as client:
            await client.create_run(RUN)
            async with client.stream("run", consumer="rank-0") as stream:
                await stream.send_many(everything[:500])
                await take(stream, received, 300)
                await fleet.kill(replica)
                forgetful.kill()
                lose_the_end(forgetful, 0.4)
                await asyncio.to_thread(forgetful.start)
                await fleet.start(replica)
                await stream.send_many(everything[500:])
                while len(received.samples) < 800 or len(received.groups) < 100:
                    await take(stream, received, 1)
    assert_equal({0: received}, expected)


async def take(stream: aio.RolloutStream, received: Received, count: int) -> None:
    for _ in range(count):
        event = await stream.receive()
        assert isinstance(event, assay.SampleResult | assay.GroupResult)
        received.note(event)
