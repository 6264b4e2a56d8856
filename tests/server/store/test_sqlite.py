"""What only a store in a file can get wrong: re-opening, sudden death, other processes, full disks."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from assay_server.store.opening import open_store
from assay_server.store.protocol import GroupState, RunKey, StaleGeneration, StoreUnavailable
from assay_server.store.redis import RedisStore
from assay_server.store.sqlite import SqliteStore
from assay_server.store.sqlite.log import LogMover
from assay_server.store.sqlite.schema import connect, prepare

from .backends import answer, everything, partial, rollout

VICTIM = Path(__file__).with_name("victim.py")


async def opened(path: Path) -> SqliteStore:
    store = SqliteStore(path)
    await store.open()
    return store


async def test_everything_is_there_after_opening_again(tmp_path: Path) -> None:
    store = await opened(tmp_path / "store.db")
    key = (await store.create_run("local", "run", "digest", b"spec"))[0].key
    await store.accept_rollouts(key, [rollout(f"r{n}", "g", 3) for n in range(3)] + [partial("p", b"0")], 1.5)
    await store.accept_rollouts(key, [rollout("e", "emitted", 1)], 2.5)
    await answer(store, key, "r0", "r1", "e")
    await store.emit_groups(key, [("emitted", b"E", ("c",))])
    await store.arrive_at_barrier(key, "b", b"B", "c")
    await store.outbox_ack(key, "c", 2)
    before = (await store.recover(key), await everything(store, key), await store.outbox_state(key, "c"))
    await store.close()
    store = await opened(tmp_path / "store.db")
    assert (await store.recover(key), await everything(store, key), await store.outbox_state(key, "c")) == before
    outcome = await answer(store, key, "r2")
    assert (outcome.sequences, outcome.ready) == ({"c": 5}, ("g",))
    await store.close()


async def test_nothing_promised_is_missing_after_sudden_death(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    promised = await asyncio.to_thread(promises_before_sudden_death, path)
    store = await opened(path)
    key = RunKey("local", "run", 1)
    found = {item.rollout_id: item async for item in store.scan_rollouts(key)}
    for name in names_of(promised, "accepted"):
        assert found[name].payload == name.encode() * 100
    for name in names_of(promised, "completed"):
        assert found[name].result == b"result of " + name.encode()
    for group in names_of(promised, "emitted"):
        record = await store.get_group(key, group)
        assert record is not None
        assert (record.state, record.result) == (GroupState.EMITTED, group.encode())
    state = await store.outbox_state(key, "c")
    assert state.acked >= max(int(name) for name in names_of(promised, "acked"))
    held = await everything(store, key)
    assert [entry.sequence for entry in held] == list(range(state.acked + 1, state.last_sequence + 1))
    assert {kind for kind, _ in promised} == {"accepted", "completed", "emitted", "acked"}
    await store.close()


def promises_before_sudden_death(path: Path) -> list[tuple[str, list[object]]]:
    victim = subprocess.Popen([sys.executable, str(VICTIM), str(path)], stdout=subprocess.PIPE, text=True)
    assert victim.stdout is not None
    promised: list[tuple[str, list[object]]] = []
    for line in victim.stdout:
        if line.endswith("\n"):
            promised.append(json.loads(line))
        if len(promised) == 150:
            victim.send_signal(signal.SIGKILL)
    victim.stdout.close()
    assert victim.wait() == -signal.SIGKILL
    return promised


def names_of(promised: list[tuple[str, list[object]]], kind: str) -> list[str]:
    return [str(name) for this, names in promised if this == kind for name in names]


async def test_a_second_process_is_refused(tmp_path: Path) -> None:
    store = await opened(tmp_path / "store.db")
    code = "import sys, asyncio, pathlib; from assay_server.store.sqlite import SqliteStore\n"
    code += "asyncio.run(SqliteStore(pathlib.Path(sys.argv[1])).open())"
    other = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code, str(tmp_path / "store.db")], capture_output=True, text=True
    )
    assert other.returncode == 1
    assert "StoreUnavailable: the store 'store.db' is in use by another process" in other.stderr
    with pytest.raises(StoreUnavailable, match="in use"):
        await opened(tmp_path / "store.db")
    await store.close()
    await (await opened(tmp_path / "store.db")).close()


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreUnavailable, match=r"schema version 99.*newer server"):
        await opened(tmp_path / "store.db")


async def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"this is not a database, whatever it is\n" * 200)
    with pytest.raises(StoreUnavailable, match="not a database"):
        await opened(tmp_path / "store.db")
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        await opened(tmp_path / "no folder" / "store.db")


async def test_a_closed_store_is_unavailable(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    with pytest.raises(StoreUnavailable, match="not open"):
        await store.list_runs()
    await store.open()
    await store.open()
    await store.close()
    await store.close()
    with pytest.raises(StoreUnavailable, match="not open"):
        await store.create_run("local", "run", "digest", b"")


async def test_what_was_submitted_is_finished_by_closing(tmp_path: Path) -> None:
    store = await opened(tmp_path / "store.db")
    key = (await store.create_run("local", "run", "digest", b"spec"))[0].key
    waiting = [asyncio.ensure_future(store.accept_rollouts(key, [rollout(f"r{n}")], 1.0)) for n in range(200)]
    await asyncio.sleep(0)
    await store.close()
    assert len(await asyncio.gather(*waiting)) == 200


async def test_a_full_disk_is_unavailable_and_changes_nothing(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db", max_bytes=1_000_000)
    await store.open()
    key = (await store.create_run("local", "run", "digest", b"spec"))[0].key
    await store.accept_rollouts(key, [rollout("before", size=2)], 1.0)
    with pytest.raises(StoreUnavailable, match="full"):
        await store.accept_rollouts(key, [rollout("big", size=2, content=bytes(4_000_000))], 1.0)
    (outcome,) = await store.accept_rollouts(key, [rollout("small", size=2)], 1.0)
    assert not outcome.late
    assert (await answer(store, key, "before", "small")).ready == ("g",)
    assert [found.rollout_id async for found in store.scan_rollouts(key)] == ["before", "small"]
    await store.close()


async def test_text_that_cannot_be_stored_fails_alone(tmp_path: Path) -> None:
    store = await opened(tmp_path / "store.db")
    key = (await store.create_run("local", "run", "digest", b"spec"))[0].key
    outcomes = await asyncio.gather(
        store.accept_rollouts(key, [rollout("r1", size=2)], 1.0),
        store.accept_rollouts(key, [rollout("lone \ud800 surrogate", size=2)], 1.0),
        store.accept_rollouts(key._replace(generation=9), [rollout("r3", size=2)], 1.0),
        store.accept_rollouts(key, [rollout("r2", size=2)], 1.0),
        return_exceptions=True,
    )
    assert isinstance(outcomes[1], UnicodeEncodeError)
    assert isinstance(outcomes[2], StaleGeneration)
    assert [found.rollout_id async for found in store.scan_rollouts(key)] == ["r1", "r2"]
    assert (await answer(store, key, "r1", "r2")).ready == ("g",)
    await store.close()


async def test_many_operations_share_a_transaction(tmp_path: Path) -> None:
    store = await opened(tmp_path / "store.db")
    key = (await store.create_run("local", "run", "digest", b"spec"))[0].key
    await asyncio.gather(*(store.accept_rollouts(key, [rollout(f"r{n}")], 1.0) for n in range(300)))
    statistics = store.statistics()
    assert statistics.operations == 301
    assert statistics.commits < 100
    await store.close()


async def test_full_synchronisation_is_an_option(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db", synchronous="FULL")
    await store.open()
    key = (await store.create_run("local", "run", "digest", b"spec"))[0].key
    await store.accept_rollouts(key, [rollout("r")], 1.0)
    assert [found.rollout_id async for found in store.scan_rollouts(key)] == ["r"]
    await store.close()


def test_a_log_that_is_written_all_the_time_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with closing(connect(path)) as writing:
        prepare(writing)
        mover = LogMover(connect(path), interval_seconds=0.001, long_log_pages=8)
        log = tmp_path / "store.db-wal"
        try:
            begun = log.read_bytes()[12:16]  # how often the log was begun
            for row in range(50_000):
                writing.execute("INSERT INTO texts VALUES (?, zeroblob(9000))", (row,))
                mover.after_commit(writing)
                with log.open("rb") as file:
                    if file.read(16)[12:] != begun:
                        break
            else:
                pytest.fail(f"the log only grew, to {log.stat().st_size} bytes")
        finally:
            mover.stop()


@pytest.mark.parametrize("url", ["", "memory:x", "sqlite:", "redis:", "redis://", "http://localhost"])
def test_unknown_urls_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="names no store"):
        open_store(url)


def test_redis_needs_a_folder_for_records(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--records"):
        open_store("redis://localhost")
    assert isinstance(open_store("redis://localhost", records=tmp_path), RedisStore)
