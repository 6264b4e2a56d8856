"""Servers and Redis are killed while four ranks stream: every rollout is answered once, as if nothing had happened."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from assay_server.store.redis.private_server import PrivateRedis

from .fleet import Fleet
from .parts import serving
from .ranks import assert_equal, rollouts, run_ranks


async def broken_on_schedule(fleet: Fleet, chance: random.Random, every: float, kills: int, redis_kills: int) -> None:
    """Kill a server every so often, and Redis now and then; each is started again at once.

    Where the machine is too slow for that, the next kill waits until two servers are there again.
    """
    async with asyncio.TaskGroup() as restarts:
        while kills:
            await asyncio.sleep(every)
            running = [replica for replica in fleet.replicas if replica.serves]
            if len(running) < 2:
                continue
            kills -= 1
            if redis_kills and kills % 3 == 1:
                redis_kills -= 1
                fleet.redis.kill()
                await asyncio.to_thread(fleet.redis.start)
            else:
                replica = chance.choice(running)
                await fleet.kill(replica)
                restarts.create_task(fleet.start(replica))


async def survive(
    redis: PrivateRedis, folder: Path, *, count: int, seconds: float, every: float, kills: int, redis_kills: int
) -> int:
    """Run ranks on a fleet that is being broken; how many servers there were."""
    everything = rollouts(count)
    async with serving() as alone:
        expected = await run_ranks(alone.address, "none", everything, 4)
    async with Fleet(redis, folder, 3) as fleet:
        breaking = asyncio.create_task(broken_on_schedule(fleet, random.Random(5), every, kills, redis_kills))
        try:
            found = await run_ranks(fleet.target, fleet.token.read_text(), everything, 4, seconds=seconds)
            if breaking.done():
                await breaking
        finally:
            breaking.cancel()
            await asyncio.gather(breaking, return_exceptions=True)
        assert_equal(found, expected)
        assert not [event for replica in fleet.replicas for event in replica.errors()]
        return sum(replica.lives for replica in fleet.replicas)


async def test_a_fleet_that_is_killed_piece_by_piece_answers_everything_once(
    redis: PrivateRedis, tmp_path: Path
) -> None:
    async with asyncio.timeout(120.0):
        lives = await survive(redis, tmp_path, count=1600, seconds=4.0, every=0.3, kills=3, redis_kills=1)
    assert lives >= 4


@pytest.mark.soak
async def test_twenty_thousand_rollouts_over_kills_every_two_seconds(redis: PrivateRedis, tmp_path: Path) -> None:
    async with asyncio.timeout(1200.0):
        lives = await survive(redis, tmp_path, count=20_000, seconds=60.0, every=2.0, kills=1000, redis_kills=2)
    assert lives > 15
