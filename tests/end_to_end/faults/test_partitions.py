"""A server that is asleep or cut off from Redis: its work passes to another, and nothing that it says later counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from assay_server.store.protocol import AcceptItem, LeaseEnded, ResultItem, RunKey, Store
from assay_server.store.redis import RedisStore
from assay_server.store.redis.private_server import PrivateRedis

from .fleet import Fleet
from .parts import Endpoint, mixed_group, right
from .proxy import Proxy

LEASE = 1.0


@pytest.fixture
async def way(redis: PrivateRedis) -> AsyncGenerator[Proxy]:
    async with Proxy(redis.socket.with_name("proxy.sock"), redis.socket) as proxy:
        yield proxy


def item(name: str, group: str, size: int) -> AcceptItem:
    return AcceptItem(name, name.encode(), group, size, b"text", True, ("c",))


async def taken_over(store: Store, key: RunKey) -> None:
    """Wait until a process that is gone has been noticed and its work been taken over."""
    async with asyncio.timeout(20.0):
        while not await store.deserted():  # noqa: ASYNC110 - asking is what notices
            await asyncio.sleep(LEASE / 4)
    assert (await store.recover(key)).ready


async def test_who_was_cut_off_writes_nothing_after_the_lease_has_passed(
    redis: PrivateRedis, way: Proxy, tmp_path: Path
) -> None:
    cut_off = RedisStore(way.url, tmp_path, lease_seconds=LEASE)
    other = RedisStore(redis.url, tmp_path, lease_seconds=LEASE)
    await cut_off.open()
    await other.open()
    key = (await cut_off.create_run("local", "run", "digest", b"spec"))[0].key
    await cut_off.accept_rollouts(key, [item("r1", "g", 2), item("r2", "g", 2), item("r3", "h", 1)], 1.0)
    outcome = await cut_off.complete_rollouts(key, [ResultItem("r1", b"1"), ResultItem("r2", b"2")])
    assert outcome.ready == ("g",)
    way.open.clear()
    emitting = asyncio.ensure_future(cut_off.emit_groups(key, [("g", b"from the grave", ("c",))]))
    answering = asyncio.ensure_future(cut_off.complete_rollouts(key, [ResultItem("r3", b"from the grave")]))
    await taken_over(other, key)
    assert (await other.emit_groups(key, [("g", b"G", ("c",))]))[0] == [1]
    way.open.set()
    for late in (emitting, answering):
        with pytest.raises(LeaseEnded):
            await late
    record = await other.get_group(key, "g")
    assert record is not None
    assert record.result == b"G"
    assert [stored.rollout_id for stored in (await other.recover(key)).unanswered] == ["r3"]
    assert (await cut_off.get_group(key, "g")) == record  # it starts afresh from what there is
    await cut_off.close()
    await other.close()


@pytest.mark.full
async def test_a_paused_server_is_replaced_and_emits_nothing_when_it_wakes(redis: PrivateRedis, tmp_path: Path) -> None:
    async with Fleet(redis, tmp_path, 2, lease_seconds=LEASE) as fleet:
        asleep, awake = fleet.replicas
        token = fleet.token.read_text()
        here, there = Endpoint(asleep.address, token=token), Endpoint(awake.address, token=token)
        await here.create_run("run")
        async with there.stream("run", "b") as stream:
            lost = here.stream("run", "a")
            await lost.start()
            await lost.send(*mixed_group("g", 64, 32)[:63])
            await lost.until(lambda: len(lost.accepted) == 63, "Accepted")
            fleet.pause(asleep)
            async with there.stream("run", "a") as again:  # what the paused one took over is answered here
                await again.send(mixed_group("g", 64, 32)[63])
                result = await again.group("g")
                assert sum(result.rewards) == 32
                assert len(again.samples) == 64
                fleet.go_on(asleep)
                await lost.until(lambda: lost.ended is not None or lost.closing is not None, "the end of its stream")
                await stream.send(right("x"))
                await stream.scored("x")
                assert again.last == 65
            async with here.stream("run", "c") as back:  # and it serves again
                await back.send(right("y"))
                await back.scored("y")
            await lost.disconnect()
        await here.close()
        await there.close()
