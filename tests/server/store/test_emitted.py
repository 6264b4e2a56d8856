"""What stays with a run of its emitted groups: facts, in order, through barriers, restores and put-asides."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from assay_server.store.protocol import EmittedGroup, RunKey, StaleGeneration, Store, UnknownRun
from assay_server.store.redis import RedisStore
from assay_server.store.redis.private_server import PrivateRedis
from assay_server.store.sqlite.schema import VERSION, connect, prepare

from .backends import answer, rollout


async def emitted(store: Store, key: RunKey, after: int = 0) -> list[EmittedGroup]:
    return [group async for group in store.scan_emitted(key, after)]


async def emit(store: Store, key: RunKey, *groups: str, ack: bool = True) -> None:
    """Groups of one member each, with facts that name them."""
    await store.accept_rollouts(key, [rollout(f"r-{group}", group, 1) for group in groups], 1.0)
    await answer(store, key, *(f"r-{group}" for group in groups))
    results = [(group, b"G", ("c",)) for group in groups]
    _, sequences = await store.emit_groups(key, results, [f"facts of {group}".encode() for group in groups])
    if ack:
        await store.outbox_ack(key, "c", sequences["c"])


async def test_facts_come_in_order_of_emission(store: Store, key: RunKey) -> None:
    assert await emitted(store, key) == []
    await emit(store, key, "b")
    await emit(store, key, "a", "c")
    assert await emitted(store, key) == [
        EmittedGroup("b", 1, "", b"facts of b"),
        EmittedGroup("a", 2, "", b"facts of a"),
        EmittedGroup("c", 3, "", b"facts of c"),
    ]
    assert [group.group_id for group in await emitted(store, key, 2)] == ["c"]


async def test_groups_without_facts_are_left_out_and_the_first_facts_stay(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [rollout("r", "plain", 1)], 1.0)
    await answer(store, key, "r")
    await store.emit_groups(key, [("plain", b"G", ("c",))])
    await emit(store, key, "told")
    await store.emit_groups(key, [("told", b"again", ("c",))], [b"other"])
    assert await emitted(store, key) == [EmittedGroup("told", 2, "", b"facts of told")]


async def test_a_finished_barrier_shows(store: Store, key: RunKey) -> None:
    await emit(store, key, "a", "b", "c")
    await store.arrive_at_barrier(key, "first", b"B", "c")
    assert {group.barrier_id for group in await emitted(store, key)} == {""}
    await store.finish_barrier(key, "first", ["a", "b"], [b"batch"], ["c"])
    assert [group.barrier_id for group in await emitted(store, key)] == ["first", "first", ""]


async def test_a_restore_keeps_facts_of_what_stays(store: Store, key: RunKey) -> None:
    await emit(store, key, "kept")
    await emit(store, key, "unread", ack=False)
    await store.arrive_at_barrier(key, "b", b"B", "c")
    sequences = await store.finish_barrier(key, "b", ["kept"], [b"batch"], ["c"])
    assert sequences is not None
    await store.checkpoint_run(key, "p", b"")
    await emit(store, key, "later", ack=False)
    record, _, _ = await store.restore_run("local", key.run_id, "p", 0)
    with pytest.raises(StaleGeneration):
        await emitted(store, key)
    # nobody had acknowledged the batch: its groups wait for the barrier again
    assert await emitted(store, record.key) == [EmittedGroup("kept", 1, "", b"facts of kept")]
    record, _, _ = await store.restore_run("local", key.run_id, "", 0)
    assert await emitted(store, record.key) == []


async def test_an_acknowledged_batch_survives_a_restore(store: Store, key: RunKey) -> None:
    await emit(store, key, "a")
    await store.arrive_at_barrier(key, "b", b"B", "c")
    sequences = await store.finish_barrier(key, "b", ["a"], [b"batch"], ["c"])
    assert sequences is not None
    await store.outbox_ack(key, "c", sequences["c"])
    await store.checkpoint_run(key, "p", b"")
    record, _, _ = await store.restore_run("local", key.run_id, "p", 0)
    assert await emitted(store, record.key) == [EmittedGroup("a", 1, "b", b"facts of a")]


async def test_many_groups_come_in_pages(store: Store, key: RunKey) -> None:
    await emit(store, key, *(f"g{number}" for number in range(1500)))
    found = await emitted(store, key)
    assert [group.position for group in found] == list(range(1, 1501))
    assert found[1234].facts == b"facts of g1234"


async def test_nobody_has_groups_of_an_unknown_run(store: Store) -> None:
    with pytest.raises(UnknownRun):
        await emitted(store, RunKey("local", "nobody", 1))


async def test_facts_stay_when_their_groups_are_put_aside(redis: PrivateRedis, tmp_path: Path) -> None:
    store = RedisStore(redis.url, tmp_path, lease_seconds=0.3, control_seconds=0.4)
    await store.open()
    key = (await store.create_run("local", "run", "digest", b"spec"))[0].key
    await emit(store, key, "settled", "too")
    await emit(store, key, "unread", ack=False)
    before = await emitted(store, key)
    async with asyncio.timeout(20.0):
        while await store.get_group(key, "settled") is not None:  # noqa: ASYNC110 - time itself is waited for
            await asyncio.sleep(0.05)
    assert await emitted(store, key) == before
    assert [group.group_id for group in await emitted(store, key, 1)] == ["too", "unread"]
    await store.write_down(key)
    await store.close()
    store = RedisStore(redis.url, tmp_path)
    await store.open()
    assert await emitted(store, key) == before
    record, _, _ = await store.restore_run("local", "run", "", 1)
    assert await emitted(store, record.key) == []
    await store.close()


def test_a_file_of_the_version_before_gets_the_column(tmp_path: Path) -> None:
    connection = connect(tmp_path / "store.db")
    prepare(connection)
    connection.execute("ALTER TABLE groups DROP COLUMN facts")
    connection.execute("PRAGMA user_version = 2")
    prepare(connection)
    assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
    assert connection.execute("SELECT count(facts) FROM groups").fetchone() == (0,)
    connection.close()
