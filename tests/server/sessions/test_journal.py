"""What every journal does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from assay_server.store.journal import (
    Journal,
    JournaledSnapshot,
    JournaledTurn,
    MemoryJournal,
    NewSession,
    RequestTaken,
    SqliteJournal,
    UnknownJournalEntry,
    open_journal,
)
from assay_server.store.protocol import StoreUnavailable

TURNS = [JournaledTurn(f"action {number}", "", bytes([number] * 16)) for number in range(4)]


@pytest.fixture(params=["memory", "sqlite"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Journal]:
    backend = MemoryJournal() if request.param == "memory" else SqliteJournal(tmp_path / "journal.db")
    await backend.open()
    yield backend
    await backend.close()


def new(name: str, turns: int = 0) -> NewSession:
    return NewSession(name, "group", "run", b"spec", b"start", TURNS[:turns])


async def test_a_session_is_read_as_it_was_written(journal: Journal) -> None:
    first, second = await journal.create("t", [new("a"), new("b", 2)], "", b"")
    await asyncio.gather(
        journal.append([(first, 0, TURNS[0]), (second, 2, TURNS[2])]), journal.append([(first, 1, TURNS[1])])
    )
    read = await journal.read("t", "a")
    assert (read.key, read.group_id, read.run_id, read.spec, read.start) == (first, "group", "run", b"spec", b"start")
    assert (read.closed, list(read.turns)) == (False, TURNS[:2])
    assert list((await journal.read("t", "b")).turns) == TURNS[:3]


async def test_tenants_do_not_see_each_other(journal: Journal) -> None:
    await journal.create("t", [new("a")], "once", b"digest")
    await journal.create("u", [new("a")], "once", b"digest")
    await journal.put_snapshot("t", "s", JournaledSnapshot("a", 1))
    await journal.end("u", ["a"])
    assert not (await journal.read("t", "a")).closed
    with pytest.raises(UnknownJournalEntry):
        await journal.get_snapshot("u", "s")
    with pytest.raises(UnknownJournalEntry):
        await journal.read("v", "a")


async def test_a_request_is_taken_once(journal: Journal) -> None:
    assert await journal.of_request("t", "once", b"digest") is None
    await journal.create("t", [new("b"), new("a")], "once", b"digest")
    assert list(await journal.of_request("t", "once", b"digest") or ()) == ["b", "a"]
    with pytest.raises(RequestTaken):
        await journal.of_request("t", "once", b"other")
    with pytest.raises(RequestTaken):
        await journal.create("t", [new("c")], "once", b"digest")
    with pytest.raises(UnknownJournalEntry):
        await journal.read("t", "c")


async def test_old_sessions_are_forgotten_unless_a_snapshot_names_them(journal: Journal) -> None:
    await journal.create("t", [new("open"), new("closed", 2), new("named", 2)], "", b"")
    await journal.put_snapshot("t", "s", JournaledSnapshot("named", 1))
    await journal.end("t", ["closed", "named", "unknown"])
    assert await journal.forget(time.time() - 60) == 0
    assert await journal.forget(time.time() + 60) == 1
    assert (await journal.read("t", "named")).closed
    assert await journal.get_snapshot("t", "s") == JournaledSnapshot("named", 1)
    with pytest.raises(UnknownJournalEntry):
        await journal.read("t", "closed")


async def test_a_file_keeps_what_it_was_told(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    first = SqliteJournal(path)
    await first.open()
    (key,) = await first.create("t", [new("a")], "once", b"digest")
    await asyncio.gather(*(first.append([(key, step, TURNS[step])]) for step in range(4)))
    await first.close()
    second = SqliteJournal(path)
    await second.open()
    assert list((await second.read("t", "a")).turns) == TURNS
    assert list(await second.of_request("t", "once", b"digest") or ()) == ["a"]
    await second.close()
    with pytest.raises(StoreUnavailable):
        await second.read("t", "a")


async def test_a_file_that_is_none_is_said(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"no database, but a text that is long enough to be taken for one" * 100)
    with pytest.raises(StoreUnavailable):
        await SqliteJournal(path).open()


def test_a_store_says_which_journal_it_has(tmp_path: Path) -> None:
    assert isinstance(open_journal("memory:"), MemoryJournal)
    assert isinstance(open_journal(f"sqlite:{tmp_path / 'a.db'}"), SqliteJournal)
    with pytest.raises(ValueError, match="has no journal"):
        open_journal("paper:")
