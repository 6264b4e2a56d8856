"""What only a store in Redis can get wrong: logs, leases, lost ends, what is put aside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import cast

import pytest

from assay_server.store.protocol import GroupState, LeaseEnded, OutboxState, RunKey, StoreUnavailable
from assay_server.store.redis import RedisStore
from assay_server.store.redis.connection import Server
from assay_server.store.redis.keys import run_keys
from assay_server.store.redis.private_server import PrivateRedis

from .backends import answer, everything, rollout


@pytest.fixture
async def pair(redis: PrivateRedis, tmp_path: Path) -> AsyncGenerator[tuple[RedisStore, RedisStore]]:
    stores = tuple(RedisStore(redis.url, tmp_path, lease_seconds=1.0) for _ in range(2))
    for store in stores:
        await store.open()
    yield stores[0], stores[1]
    for store in stores:
        await store.close()


@pytest.fixture
async def key(pair: tuple[RedisStore, RedisStore]) -> RunKey:
    return (await pair[0].create_run("local", "run", "digest", b"spec"))[0].key


async def test_what_one_process_writes_the_other_reads(pair: tuple[RedisStore, RedisStore], key: RunKey) -> None:
    one, other = pair
    await one.accept_rollouts(key, [rollout("r1", size=2), rollout("r2", size=2)], 1.0)
    await answer(one, key, "r1")
    assert (await answer(other, key, "r2")).ready == ("g",)
    assert await other.emit_groups(key, [("g", b"G", ("c",))]) == ([1], {"c": 3})
    assert await one.outbox_state(key, "c") == OutboxState(3, 0)
    assert [entry.payload for entry in await everything(one, key)] == [b"result r1", b"result r2", b"G"]


async def test_concurrent_writes_of_two_processes_are_one_history(
    pair: tuple[RedisStore, RedisStore], key: RunKey
) -> None:
    names = [f"r{n}" for n in range(200)]
    ready: list[str] = []

    async def write(number: int, name: str) -> None:
        mine, theirs = pair[number % 2], pair[(number + 1) % 2]
        await mine.accept_rollouts(key, [rollout(name, f"g{number // 8}", 8)], 1.0)
        await theirs.outbox_ack(key, "c", 0)
        ready.extend((await answer(theirs, key, name)).ready)

    await asyncio.gather(*(write(number, name) for number, name in enumerate(names)))
    assert sorted(ready) == sorted(f"g{n}" for n in range(25))
    for store in pair:
        await store.outbox_ack(key, "c", 0)
        assert [entry.sequence for entry in await everything(store, key)] == list(range(1, 201))
        assert (await store.pending(key)).unanswered == 0  # type: ignore[union-attr]  # it is shared


async def test_a_process_that_starts_late_knows_what_was(
    pair: tuple[RedisStore, RedisStore], key: RunKey, redis: PrivateRedis, tmp_path: Path
) -> None:
    one, _ = pair
    await one.accept_rollouts(key, [rollout(f"r{n}", "g", 3) for n in range(3)], 1.0)
    await answer(one, key, "r0")
    await one.write_down(key)
    await answer(one, key, "r1")
    late = RedisStore(redis.url, tmp_path, lease_seconds=1.0)
    await late.open()
    assert [found.result for found in await late.read_rollouts(key, ["r0", "r1", "r2"]) if found] == [
        b"result r0", b"result r1", None,
    ]  # fmt: skip
    assert (await late.recover(key)).unanswered == ()  # that is the other's work
    assert (await answer(late, key, "r2")).ready == ("g",)
    await late.close()


async def test_what_a_process_leaves_is_the_next_ones(pair: tuple[RedisStore, RedisStore], key: RunKey) -> None:
    one, other = pair
    await one.accept_rollouts(key, [rollout("r", size=2), rollout("s", size=2), rollout("t", "h", 1)], 1.0)
    await answer(one, key, "t")
    await other.outbox_state(key, "c")
    await one.close()
    await other.outbox_ack(key, "c", 0)
    recovery = await other.recover(key)
    assert [found.rollout_id for found in recovery.unanswered] == ["r", "s"]
    assert [group.group_id for group in recovery.ready] == ["h"]


async def test_a_log_that_lost_its_end_is_mended_by_who_remembers(
    pair: tuple[RedisStore, RedisStore], key: RunKey, redis: PrivateRedis
) -> None:
    one, other = pair
    await one.accept_rollouts(key, [rollout("r1", size=2), rollout("r2", size=2)], 1.0)
    await other.outbox_ack(key, "c", 0)
    await cut_off_the_end(redis, key, 2)
    assert (await answer(one, key, "r1")).stored == (True,)
    assert (await answer(other, key, "r2")).ready == ("g",)


async def test_a_log_that_went_on_otherwise_is_begun_afresh(
    pair: tuple[RedisStore, RedisStore], key: RunKey, redis: PrivateRedis
) -> None:
    one, other = pair
    await one.outbox_state(key, "c")
    await one.accept_rollouts(key, [rollout("lost", size=1)], 1.0)
    await cut_off_the_end(redis, key, 1)
    await other.accept_rollouts(key, [rollout("new", size=1)], 1.0)  # it had not read so far: it opens the log now
    with pytest.raises(LeaseEnded):
        await one.accept_rollouts(key, [rollout("more", size=1)], 1.0)
    assert [found.rollout_id async for found in one.scan_rollouts(key)] == ["new"]


async def cut_off_the_end(redis: PrivateRedis, key: RunKey, entries: int) -> None:
    """Make the log what it would be had Redis lost its last moments."""
    server, keys = Server(f"unix://{redis.socket}"), run_keys(key.tenant, key.run_id)
    found = await server.command("XREVRANGE", keys.log, "+", "-", "COUNT", entries)
    rows = cast("list[tuple[bytes, list[bytes]]]", found)
    last = b""
    for name, fields in rows:
        await server.command("XDEL", keys.log, name)
        last = dict(zip(fields[::2], fields[1::2], strict=True))[b"p"]
    seq = int(rows[-1][0].split(b"-")[0]) - 1
    await server.command("HSET", keys.head, "seq", seq, "last", last)
    await server.command("XSETID", keys.log, f"{seq}-0") if seq else await server.command("DEL", keys.log)
    await server.close()


async def test_what_is_settled_is_put_aside_and_can_still_be_scanned(redis: PrivateRedis, tmp_path: Path) -> None:
    store = RedisStore(redis.url, tmp_path, lease_seconds=0.3, control_seconds=0.4)
    await store.open()
    key = (await store.create_run("local", "run", "digest", b"spec"))[0].key
    for number in range(3):
        names = [f"{number}-{n}" for n in range(4)]
        await store.accept_rollouts(key, [rollout(name, f"g{number}", 4) for name in names], 1.0)
        await answer(store, key, *names)
        _, sequences = await store.emit_groups(key, [(f"g{number}", b"G", ("c",))])
        if number:
            await store.outbox_ack(key, "c", sequences["c"] - 5 * (number == 2))
    async with asyncio.timeout(20.0):
        while await store.get_group(key, "g1") is not None:  # noqa: ASYNC110 - time itself is waited for
            await asyncio.sleep(0.05)
    assert await store.get_group(key, "g0") is None
    unsettled = await store.get_group(key, "g2")
    assert unsettled is not None
    assert unsettled.state is GroupState.EMITTED
    assert [found.rollout_id async for found in store.scan_rollouts(key)] == [
        f"{number}-{n}" for number in range(3) for n in range(4)
    ]
    assert {found.result async for found in store.scan_rollouts(key)} >= {b"result 0-0"}
    record, _, _ = await store.restore_run("local", "run", "", 1)
    assert [found async for found in store.scan_rollouts(record.key)] == []
    await store.close()


async def test_a_redis_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="Redis"):
        await RedisStore(f"unix://{tmp_path}/nothing", tmp_path).open()
