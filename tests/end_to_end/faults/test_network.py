"""A server whose network has lost Redis, while its clients still reach it: its work passes to another, and it emits
nothing any more."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import cast

import pytest

from assay_server.store.redis.codec import unpack_operations
from assay_server.store.redis.connection import Server
from assay_server.store.redis.keys import run_keys
from assay_server.store.redis.private_server import PrivateRedis, program

from .fleet import Fleet
from .island import Island
from .parts import Endpoint, mixed_group, right

REDIS_PORT = 6379


async def log_of(redis: PrivateRedis) -> list[tuple[str, list[str]]]:
    """Writers and names of the operations in the run's log, in order."""
    server = Server(redis.url)
    rows = await server.command("XRANGE", run_keys("local", "run").log, "-", "+")
    await server.close()
    found: list[tuple[str, list[str]]] = []
    for _, values in cast("list[tuple[bytes, list[bytes]]]", rows):
        fields = dict(zip(values[::2], values[1::2], strict=True))
        operations = unpack_operations(fields[b"d"])
        found.append((fields[b"w"].decode(), [str(part) for part in operations[0][:3]]))
    return found


def takeovers(log: list[tuple[str, list[str]]]) -> list[int]:
    return [number for number, (writer, names) in enumerate(log) if not writer and names[0] == "took"]


@pytest.mark.full
async def test_a_server_that_the_network_parts_from_redis_emits_nothing(tmp_path: Path) -> None:
    if program() is None:
        pytest.skip("redis-server is not installed")
    with (
        Island() as island,
        tempfile.TemporaryDirectory(prefix="assay-") as folder,
        PrivateRedis(Path(folder), listen=f"{island.redis_address}:{REDIS_PORT}") as redis,
    ):
        fleet = Fleet(redis, tmp_path, 2, lease_seconds=1.0)
        apart, other = fleet.replicas
        apart.within = island.within
        apart.address = f"{island.address}:50051"
        apart.store = f"redis://{island.redis_address}:{REDIS_PORT}"
        async with fleet:
            token = fleet.token.read_text()
            here, there = Endpoint(apart.address, token=token), Endpoint(other.address, token=token)
            await here.create_run("run")
            members = mixed_group("g", 64, 32)
            lost = here.stream("run", "a")
            await lost.start()
            await lost.send(*members[:63])
            await lost.scored(*(member.rollout_id for member in members[:63]))
            island.cut()
            await lost.send(members[63], *mixed_group("h", 8, 3))  # would complete two groups
            async with there.stream("run", "a") as again:  # the other one answers, and takes the rest from the client
                await again.until(lambda: len(again.samples) == 63, "what was answered before")
                await again.send(members[63], *mixed_group("h", 8, 3))
                assert [sum((await again.group(name)).rewards) for name in ("g", "h")] == [32, 3]
                async with asyncio.timeout(20.0):
                    while not takeovers(await log_of(redis)):  # noqa: ASYNC110 - Redis tells nobody
                        await asyncio.sleep(0.2)
                assert (lost.ended, lost.closing) == (None, None)  # its client was still heard
                assert (len(lost.accepted), len(lost.samples), lost.groups) == (63, 63, {})
                island.mend()
                await lost.until(lambda: lost.ended is not None or lost.closing is not None, "the end of its stream")
                assert (len(lost.accepted), len(lost.samples), lost.groups) == (63, 63, {})
                async with here.stream("run", "c") as back:  # and it serves again
                    await back.send(right("y"))
                    await back.scored("y")
                assert (len(again.samples), len(again.groups), again.last) == (72, 2, 74)
            log = await log_of(redis)
            (taken,) = takeovers(log)
            gone = log[taken][1][1]
            assert gone in {writer for writer, _ in log[:taken]}
            assert gone not in {writer for writer, _ in log[taken:]}
            await lost.disconnect()
            await here.close()
            await there.close()
            assert not [event for replica in fleet.replicas for event in replica.errors()]
