"""Servers, workers and Redis are killed while four ranks stream: every rollout is answered once, as if nothing had
happened."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from assay_sandbox.protocol import Grade
from assay_server.execution.sandboxes import Sandboxes, SandboxSettings
from assay_server.store.redis.private_server import PrivateRedis

from .fleet import Fleet, Member
from .parts import serving
from .ranks import assert_equal, rollouts, run_ranks


@dataclass
class Schedule:
    """What is broken, and when.

    Attributes:
        every: seconds between two kills.
        kills: at most so many.
        redis_at: the numbers of the kills that are Redis's.
        done: how often who was killed.
    """

    every: float
    kills: int
    redis_at: tuple[int, ...]
    done: Counter[str] = field(default_factory=Counter[str])

    async def carry_out(self, fleet: Fleet, chance: random.Random) -> None:
        """Kill a process every so often; each is started again at once.

        Where the machine is too slow for that, the next kill waits until two servers are there again.
        """
        async with asyncio.TaskGroup() as restarts:
            for number in range(self.kills):
                await asyncio.sleep(self.every)
                while not (victims := _victims(fleet, number)):  # noqa: ASYNC110 - processes tell nobody
                    await asyncio.sleep(self.every / 10)
                if number in self.redis_at:
                    fleet.redis.kill()
                    self.done["redis"] += 1
                    await asyncio.to_thread(fleet.redis.start)
                else:
                    member = chance.choice(victims)
                    await fleet.kill(member)
                    self.done[member.role] += 1
                    restarts.create_task(fleet.start(member))


def _victims(fleet: Fleet, number: int) -> list[Member]:
    """Who can be killed so that somebody is left; nobody while too many are being started. One in three is a worker."""
    servers = [member for member in fleet.replicas if member.serves]
    workers = [member for member in fleet.workers if member.serves]
    if len(servers) < 2:
        return []
    return workers if workers and number % 3 == 2 else [*servers, *workers]


async def survive(
    redis: PrivateRedis,
    folder: Path,
    schedule: Schedule,
    *,
    count: int,
    seconds: float,
    workers: int = 0,
    programs_every: int = 0,
) -> None:
    """Run ranks on a fleet that is being broken, and compare with what a single server says in peace."""
    everything = rollouts(count, programs_every=programs_every)
    async with serving() as alone:
        expected = await run_ranks(alone.address, "none", everything, 4)
    async with Fleet(redis, folder, 3, workers=workers) as fleet:
        breaking = asyncio.create_task(schedule.carry_out(fleet, random.Random(5)))
        try:
            found = await run_ranks(fleet.target, fleet.token.read_text(), everything, 4, seconds=seconds)
            if breaking.done():
                await breaking
        finally:
            breaking.cancel()
            await asyncio.gather(breaking, return_exceptions=True)
        assert_equal(found, expected)
        assert not [event for member in fleet.members for event in member.errors()]


def needs_sandbox() -> None:
    if Sandboxes(SandboxSettings(), lambda _: None).level().grade < Grade.FLOOR:
        pytest.skip("this machine gives no sandbox")


async def test_a_fleet_that_is_killed_piece_by_piece_answers_everything_once(
    redis: PrivateRedis, tmp_path: Path
) -> None:
    schedule = Schedule(every=0.3, kills=3, redis_at=(0,))
    async with asyncio.timeout(120.0):
        await survive(redis, tmp_path, schedule, count=1600, seconds=4.0)
    assert schedule.done["redis"] == 1
    assert schedule.done["serve"] > 0


@pytest.mark.full
async def test_programs_are_judged_once_while_servers_workers_and_redis_are_killed(
    redis: PrivateRedis, tmp_path: Path
) -> None:
    needs_sandbox()
    schedule = Schedule(every=1.0, kills=8, redis_at=(4,))
    async with asyncio.timeout(240.0):
        await survive(redis, tmp_path, schedule, count=1200, seconds=12.0, workers=2, programs_every=4)
    assert schedule.done["redis"] == 1
    assert schedule.done["serve"] > 0
    assert schedule.done["work"] > 0


@pytest.mark.soak
async def test_twenty_thousand_rollouts_over_kills_every_two_seconds(redis: PrivateRedis, tmp_path: Path) -> None:
    needs_sandbox()
    schedule = Schedule(every=2.0, kills=1000, redis_at=(5, 15))
    async with asyncio.timeout(1200.0):
        await survive(redis, tmp_path, schedule, count=20_000, seconds=90.0, workers=2, programs_every=20)
    print(f"killed: {dict(schedule.done)}")  # noqa: T201 - the figures of a long run
    assert schedule.done["redis"] == 2
    assert schedule.done["serve"] >= 8
    assert schedule.done["work"] >= 4
