"""What every store promises of a run's counters."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from assay_server.store.protocol import RunKey, Store, UnknownRun
from assay_server.store.sqlite import SqliteStore


async def test_counters_of_a_run_add_up_and_outlive_its_generations(store: Store, key: RunKey) -> None:
    assert await store.add_to_counters("local", "run", {}) == {}
    await asyncio.gather(*(store.add_to_counters("local", "run", {"calls": 1, "cost": 0.25}) for _ in range(8)))
    await store.checkpoint_run(key, "here", b"")
    assert await store.add_to_counters("local", "run", {"tokens": 5}) == {"calls": 8, "cost": 2.0, "tokens": 5}
    await store.restore_run("local", "run", "here", 0)
    assert await store.add_to_counters("local", "run", {}) == {"calls": 8, "cost": 2.0, "tokens": 5}
    await store.create_run("local", "other", "spec digest", b"spec")
    assert await store.add_to_counters("local", "other", {}) == {}
    with pytest.raises(UnknownRun):
        await store.add_to_counters("elsewhere", "run", {"calls": 1})


async def test_a_file_made_before_there_were_counters_is_taken_up(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = SqliteStore(path)
    await store.open()
    await store.create_run("local", "run", "spec digest", b"spec")
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("DROP TABLE counters; ALTER TABLE groups DROP COLUMN facts; PRAGMA user_version = 1;")
    await store.open()
    assert await store.add_to_counters("local", "run", {"calls": 2}) == {"calls": 2}
    await store.close()
