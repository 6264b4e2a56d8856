"""A fleet's store read by who has no part in it: it sees what a store sees, whatever becomes of the log."""

from __future__ import annotations

import shutil
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import cast

import pytest

from assay_server.store.protocol import RunKey, StoreUnavailable, UnknownRun
from assay_server.store.records import folder_name
from assay_server.store.redis import RedisStore
from assay_server.store.redis.connection import Server
from assay_server.store.redis.keys import run_keys
from assay_server.store.redis.private_server import PrivateRedis
from assay_server.store.redis.reading import FleetReader, RunReader

from .backends import answer, rollout

READING = {"auth", "client|setinfo", "select", "multi", "exec", "hmget", "get", "xrange", "zrange"}


@pytest.fixture
async def store(redis: PrivateRedis, tmp_path: Path) -> AsyncGenerator[RedisStore]:
    opened = RedisStore(redis.url, tmp_path)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def key(store: RedisStore) -> RunKey:
    return (await store.create_run("local", "run", "digest", b"spec"))[0].key


@pytest.fixture
async def fleet(redis: PrivateRedis, tmp_path: Path) -> AsyncGenerator[FleetReader]:
    reader = FleetReader(redis.url, tmp_path)
    yield reader
    await reader.close()


@pytest.fixture
async def admin(redis: PrivateRedis) -> AsyncGenerator[Server]:
    """Redis for who may do everything."""
    server = Server(f"unix://{redis.socket}")
    yield server
    await server.close()


def held(reader: RunReader) -> dict[str, bool]:
    """Rollouts that were read, and whether they are answered."""
    return {name: rollout.result is not None for name, rollout in reader.state.run.rollouts.items()}


def files_in(folder: Path) -> dict[Path, tuple[int, int]]:
    """Sizes and times of everything in a folder."""
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*")}


async def test_what_a_store_writes_is_read_on(store: RedisStore, key: RunKey, fleet: FleetReader) -> None:
    reader = await fleet.reader("local", "run")
    await reader.catch_up()
    assert (held(reader), reader.seen) == ({}, 0)
    await store.accept_rollouts(key, [rollout("r1", size=2), rollout("r2", size=2)], 1.0)
    await reader.catch_up()
    assert held(reader) == {"r1": False, "r2": False}
    await answer(store, key, "r1")
    await reader.catch_up()
    await reader.catch_up()
    assert held(reader) == {"r1": True, "r2": False}
    (result,) = await fleet.contents("local", "run", [cast("bytes", reader.state.run.rollouts["r1"].result)])
    assert result == b"result r1"


async def test_reading_writes_nothing_and_takes_no_lease(
    store: RedisStore, key: RunKey, fleet: FleetReader, admin: Server, tmp_path: Path
) -> None:
    await store.accept_rollouts(key, [rollout("r", size=1)], 1.0)
    await answer(store, key, "r")
    await store.put_objects("local", "task", {"d": b"task"})
    await store.write_down(key)
    await answer(store, key, "r")
    files = files_in(tmp_path)
    head = await admin.command("HKEYS", run_keys("local", "run").head)
    await admin.command("CONFIG", "RESETSTAT")
    reader = await fleet.reader("local", "run")
    await reader.catch_up()
    assert await fleet.object("local", "task", "d") == b"task"
    assert await fleet.object("local", "task", "other") is None
    assert [name for name, _ in await fleet.run_ids("local")] == ["run"]
    await fleet.contents("local", "run", [reader.state.run.rollouts["r"].item.payload])
    said = cast("bytes", await admin.command("INFO", "commandstats")).decode()
    used = {line.removeprefix("cmdstat_").partition(":")[0] for line in said.splitlines() if line.startswith("cmdstat")}
    assert used <= READING | {"config|resetstat", "info", "evalsha", "xread", "xadd", "hget", "hset", "time"}
    assert used >= {"hmget", "xrange", "zrange"}
    assert await admin.command("HKEYS", run_keys("local", "run").head) == head
    assert files_in(tmp_path) == files
    assert len(reader.state.members) == 1


async def test_a_reader_that_fell_behind_the_cut_begins_at_the_snapshot(
    store: RedisStore, key: RunKey, fleet: FleetReader, admin: Server
) -> None:
    reader = await fleet.reader("local", "run")
    await store.accept_rollouts(key, [rollout(f"r{n}", "g", 3) for n in range(3)], 1.0)
    await reader.catch_up()
    await answer(store, key, "r0")
    await answer(store, key, "r1")
    await store.write_down(key)
    await admin.command("XTRIM", run_keys("local", "run").log, "MAXLEN", 0)
    await reader.catch_up()
    assert held(reader) == {"r0": True, "r1": True, "r2": False}
    assert reader.losses == 0
    await answer(store, key, "r2")
    await reader.catch_up()
    assert held(reader) == {"r0": True, "r1": True, "r2": True}


async def test_a_log_without_its_middle_is_not_read(
    store: RedisStore, key: RunKey, fleet: FleetReader, admin: Server
) -> None:
    await store.accept_rollouts(key, [rollout("r1", size=2), rollout("r2", size=2)], 1.0)
    await answer(store, key, "r1")
    await answer(store, key, "r2")
    await admin.command("XDEL", run_keys("local", "run").log, "2-0")
    with pytest.raises(StoreUnavailable, match="cut off"):
        await (await fleet.reader("local", "run")).catch_up()


async def test_a_run_that_is_removed_and_made_again_is_another_one(
    store: RedisStore, key: RunKey, fleet: FleetReader, redis: PrivateRedis
) -> None:
    reader = await fleet.reader("local", "run")
    await store.accept_rollouts(key, [rollout("old", size=1)], 1.0)
    await answer(store, key, "old")
    await reader.catch_up()
    await store.close()
    redis.empty()
    await store.open()
    await store.create_run("local", "run", "digest", b"spec")
    await store.accept_rollouts(key, [rollout("new", size=1)], 1.0)
    await reader.catch_up()
    assert held(reader) == {"new": False}
    assert reader.losses == 1


async def test_a_restore_is_read(store: RedisStore, key: RunKey, fleet: FleetReader) -> None:
    reader = await fleet.reader("local", "run")
    await store.accept_rollouts(key, [rollout("r", size=1)], 1.0)
    await reader.catch_up()
    await store.restore_run("local", "run", "", 1)
    await reader.catch_up()
    assert (held(reader), reader.state.run.record.generation) == ({}, 2)


async def test_what_is_not_there(store: RedisStore, key: RunKey, fleet: FleetReader, tmp_path: Path) -> None:
    with pytest.raises(UnknownRun):
        await fleet.reader("local", "unheard of")
    with pytest.raises(UnknownRun):
        await fleet.reader("another", "run")
    assert await fleet.run_ids("another") == []
    (run, none) = await fleet.heads("local", ["run", "unheard of"])
    assert run is not None
    assert (run.spec, none) == (b"spec", None)
    await store.accept_rollouts(key, [rollout("r", size=1)], 1.0)
    reader = await fleet.reader("local", "run")
    await reader.catch_up()
    ref = reader.state.run.rollouts["r"].item.payload
    assert await fleet.contents("local", "run", [ref]) == [b"content"]
    (path,) = (tmp_path / folder_name("local") / folder_name("run")).glob("*.records")
    path.unlink()
    assert await fleet.contents("local", "run", [ref]) == [b"content"]  # the file was open
    await fleet.rest()
    assert await fleet.contents("local", "run", [ref]) == [None]
    shutil.rmtree(tmp_path)
    with pytest.raises(StoreUnavailable):
        await fleet.contents("local", "run", [ref])
