"""What every journal does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import cast

import pytest

from assay_server.store.journal import (
    HeldElsewhere,
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
from assay_server.store.journal.redis import RedisJournal
from assay_server.store.journal.servers import ServerTable
from assay_server.store.protocol import StoreUnavailable
from assay_server.store.redis.connection import Server
from assay_server.store.redis.private_server import PrivateRedis

TURNS = [JournaledTurn(f"action {number}", "", bytes([number] * 16), "é" * (number % 2)) for number in range(4)]


@pytest.fixture(params=["memory", "sqlite", "redis"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Journal]:
    backend: Journal
    match request.param:
        case "memory":
            backend = MemoryJournal()
        case "sqlite":
            backend = SqliteJournal(tmp_path / "journal.db")
        case _:
            backend = RedisJournal(request.getfixturevalue("redis").url)
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


async def test_only_the_last_to_claim_a_session_writes(redis: PrivateRedis) -> None:
    first, second = RedisJournal(redis.url), RedisJournal(redis.url)
    (key, other) = await first.create("t", [new("a"), new("b")], "", b"")
    assert await first.append([(key, 0, TURNS[0])]) == []
    claimed = await second.claim("t", "a")
    assert list(claimed.turns) == TURNS[:1]
    assert await first.append([(key, 1, TURNS[1]), (other, 0, TURNS[0])]) == [key]
    assert await second.append([(claimed.key, 1, TURNS[2])]) == []
    assert await second.append([(claimed.key, 1, TURNS[2])]) == []
    await first.retire([key, other])
    assert list((await first.read("t", "a")).turns) == [TURNS[0], TURNS[2]]
    assert [(await first.read("t", name)).closed for name in ("a", "b")] == [False, True]
    await first.close()
    await second.close()


async def test_what_a_server_holds_is_claimed_when_its_lease_has_ended_and_no_sooner(redis: PrivateRedis) -> None:
    first, second = RedisJournal(redis.url, server="one"), RedisJournal(redis.url, server="other")
    one, other = ServerTable(redis.url, "one", 600.0), ServerTable(redis.url, "other", 0.05)
    await one.announce("one:1")
    await other.announce("other:1")
    key, *_ = await first.create("t", [new("a"), new("b")], "", b"")
    with pytest.raises(HeldElsewhere) as held:
        await second.claim("t", "a")
    assert (held.value.server, await other.address_of("one"), await first.holds(key)) == ("one", "one:1", True)
    assert await second.end("t", ["b", "nothing"]) == {"b": "one"}
    assert (await second.claim("t", "b")).closed
    await one.withdraw()
    claimed = await second.claim("t", "a")
    assert (claimed.taken_over, claimed.key.fence, await first.holds(key)) == (True, 2, False)
    assert await first.append([(key, 0, TURNS[0])]) == [key]
    assert await second.append([(claimed.key, 0, TURNS[1])]) == []
    await one.announce("one:2")
    async with asyncio.timeout(30.0):
        while await one.address_of("other") is not None:  # noqa: ASYNC110 - Redis ends it by itself
            await asyncio.sleep(0.01)
    back = await first.claim("t", "a")
    assert (back.taken_over, list(back.turns)) == (True, [TURNS[1]])
    assert await first.end("t", ["a"]) == {}
    assert await first.append([(back.key, 1, TURNS[2])]) == [back.key]
    for connected in (first, second, one, other):
        await connected.close()


async def test_a_ticket_is_for_one_server_and_one_use(redis: PrivateRedis) -> None:
    one, other = ServerTable(redis.url, "one", 1.0), ServerTable(redis.url, "other", 1.0)
    tickets = [await one.ticket_for("other") for _ in range(2)]
    assert [await other.redeem(ticket) for ticket in (tickets[0], tickets[0], "guessed", "")] == [
        True,
        False,
        False,
        False,
    ]
    assert [await table.redeem(tickets[1]) for table in (one, other)] == [False, False]
    await one.close()
    await other.close()


async def test_what_lies_in_redis_goes_by_itself_unless_a_snapshot_names_it(redis: PrivateRedis) -> None:
    journal = RedisJournal(redis.url)
    key, named = await journal.create("t", [new("a"), new("named")], "once", b"digest")
    await journal.put_snapshot("t", "s", JournaledSnapshot("named", 0))
    await journal.append([(key, 0, TURNS[0]), (named, 0, TURNS[0])])
    server = Server(f"unix://{redis.socket}")
    keys = cast("list[bytes]", await server.command("KEYS", "*"))
    kept = [name for name in keys if await server.command("TTL", name) == -1]
    assert len(keys) == 6
    assert {name.split(b":")[1] for name in kept} == {b"session", b"session-snapshot"}
    assert len(kept) == 3
    await server.close()
    await journal.close()


@pytest.mark.parametrize("journal", ["memory", "sqlite"], indirect=True)
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
    assert isinstance(open_journal("redis://localhost:1/0"), RedisJournal)
    with pytest.raises(ValueError, match="has no journal"):
        open_journal("paper:")
