"""A fleet that works for ten minutes needs no more at their end than after the first of them."""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from assay import aio
from assay_server.store.redis.connection import Server
from assay_server.store.redis.private_server import PrivateRedis

from .fleet import Fleet
from .ranks import RUN, SIZE, Received, rollouts

SECONDS = float(os.environ.get("ASSAY_SOAK_SECONDS", "600"))
"""How long it works; three minutes are the least that says something."""

WAVE = 160
EVERY = 0.8
SAMPLE_SECONDS = 10.0
CONTROL_SECONDS = 16.0

_ROOM = {"MiB": 8, "descriptors": 6}
"""By how much it may differ: Redis' log is cut in large steps, and a busy moment opens connections that stay."""

Sample = Mapping[str, float]


def of_process(name: str, pid: int) -> dict[str, float]:
    """Memory in MiB, descriptors and threads of a process."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {
        f"{name} MiB": int(status["VmRSS"].split()[0]) / 1024,
        f"{name} descriptors": len(os.listdir(f"/proc/{pid}/fd")),
        f"{name} threads": int(status["Threads"]),
    }


async def sample(fleet: Fleet, server: Server) -> Sample:
    """What the fleet occupies now."""
    found: dict[str, float] = {}
    for number, member in enumerate(fleet.members):
        found |= of_process(f"{member.role}{number}", member.pid)
    info = cast("bytes", await server.command("INFO", "memory")).decode()
    found["redis MiB"] = int(info.split("used_memory:")[1].split("\r\n", 1)[0]) / 2**20
    found["redis keys"] = float(cast("int", await server.command("DBSIZE")))
    return found


@dataclass
class Waves:
    """How far the ranks are: a wave that one has begun is sent by all, since its groups need them."""

    until: float
    begun: int = -1

    def begin(self, wave: int) -> bool:
        if wave > self.begun and time.monotonic() >= self.until:
            return False
        self.begun = max(wave, self.begun)
        return True


async def steps(client: aio.Client, rank: int, ranks: int, waves: Waves) -> int:
    """Send a rank's part of one wave after the other and await what is owed for it; how many rollouts it were."""
    wave = 0
    async with client.stream(RUN.run_id or "", consumer=f"rank-{rank}") as stream:
        while waves.begin(wave):
            began = time.monotonic()
            received = Received()
            part = rollouts(WAVE, programs_every=50, first=wave * WAVE)[rank::ranks]
            await stream.send_many(part)
            while len(received.samples) < len(part) or len(received.groups) < WAVE // SIZE:
                event = await stream.receive(120.0)
                assert event is not None
                received.note(event)
            assert not received.repeated
            wave += 1
            await asyncio.sleep(max(0.0, began + EVERY - time.monotonic()))
    return wave * WAVE // ranks


def show(series: Sequence[Sample]) -> None:
    for name in series[0]:
        print(f"{name:>20}: " + " ".join(f"{each[name]:.0f}" for each in series))  # noqa: T201 - the figures of a long run


def assert_flat(series: Sequence[Sample]) -> None:
    """The last third is like the one before."""
    third = len(series) // 3
    for name in series[0]:
        before, after = (
            statistics.median(each[name] for each in part) for part in (series[third:-third], series[-third:])
        )
        room = _ROOM.get(name.split()[-1], 1)
        assert after <= before + room, f"{name} grew from {before} to {after}"


@pytest.mark.soak
async def test_a_fleet_at_work_does_not_grow(redis: PrivateRedis, tmp_path: Path) -> None:
    also = {"ASSAY_CONTROL_SECONDS": str(CONTROL_SECONDS), "ASSAY_STREAM_SECONDS": "20", "ASSAY_LEASE_SECONDS": "5"}
    server = Server(redis.url)
    series: list[Sample] = []
    async with Fleet(redis, tmp_path, 2, workers=1, also=also) as fleet:
        async with aio.Client(fleet.target, token=fleet.token.read_text(), timeout=120.0) as client:
            await client.create_run(RUN)
            waves = Waves(time.monotonic() + SECONDS)
            ranks = [asyncio.create_task(steps(client, rank, 2, waves)) for rank in range(2)]
            while not all(rank.done() for rank in ranks):
                await asyncio.wait(ranks, timeout=SAMPLE_SECONDS)
                series.append(await sample(fleet, server))
            done = sum(await asyncio.gather(*ranks))
        assert [member.lives for member in fleet.members] == [1] * 3
    await server.close()
    print(f"\n{done} rollouts in {SECONDS:.0f} s")  # noqa: T201 - as above
    show(series)
    assert_flat(series)
