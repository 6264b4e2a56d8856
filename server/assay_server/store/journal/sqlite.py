"""The journal in one SQLite file, written by one thread: whatever waits is done in one transaction."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar, cast

from assay_server.store.protocol import StoreError, StoreUnavailable

from .protocol import (
    JournaledDump,
    JournaledSession,
    JournaledSnapshot,
    JournaledTurn,
    NewSession,
    RequestTaken,
    SessionKey,
    UnknownJournalEntry,
)

T = TypeVar("T")

_VERSION = 2
_BEFORE_HEARING = 1
"""Files of this version have turns without what was heard; they are given the column."""
_MAX_OPERATIONS = 256
_BUSY_SECONDS = 5.0
_TABLES = """
CREATE TABLE IF NOT EXISTS sessions (
    key INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    session_id TEXT NOT NULL,
    group_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    spec BLOB NOT NULL,
    start BLOB NOT NULL,
    closed_at REAL,
    UNIQUE (tenant, session_id)
);
CREATE INDEX IF NOT EXISTS sessions_closed ON sessions (closed_at) WHERE closed_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS turns (
    session INTEGER NOT NULL,
    step INTEGER NOT NULL,
    action TEXT NOT NULL,
    agent TEXT NOT NULL,
    digest BLOB NOT NULL,
    heard TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (session, step)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dumps (session INTEGER PRIMARY KEY, step INTEGER NOT NULL, content BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS requests (
    tenant TEXT NOT NULL,
    request_id TEXT NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (tenant, request_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS request_sessions (
    tenant TEXT NOT NULL,
    request_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    session_id TEXT NOT NULL,
    PRIMARY KEY (tenant, request_id, position)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS snapshots (
    tenant TEXT NOT NULL,
    snapshot TEXT NOT NULL,
    session_id TEXT NOT NULL,
    step INTEGER NOT NULL,
    PRIMARY KEY (tenant, snapshot)
) WITHOUT ROWID;
"""


@dataclass(slots=True)
class _Operation(Generic[T]):
    work: Callable[[sqlite3.Connection], T]
    future: asyncio.Future[T]
    loop: asyncio.AbstractEventLoop
    outcome: T | None = None
    error: BaseException | None = None

    def resolve(self) -> None:
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(cast("T", self.outcome))


class SqliteJournal:
    """The backend; one process at a time, which the store beside it sees to."""

    shared = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._queue: SimpleQueue[_Operation[object] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def open(self) -> None:
        """Open the file and start the thread. Raises StoreUnavailable."""
        try:
            connection = await asyncio.to_thread(_connect, self._path)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the journal of sessions cannot be opened: {error}") from error
        self._thread = threading.Thread(target=self._work, args=(connection,), name="journal-writer")
        self._thread.start()

    async def close(self) -> None:
        """Finish what was submitted."""
        if self._thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._thread is None:
            raise StoreUnavailable("the journal of sessions is not open")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        operation = _Operation(work, future, loop)
        self._queue.put(cast("_Operation[object]", operation))
        return await future

    # ------------------------------------------------------------ the thread

    def _work(self, connection: sqlite3.Connection) -> None:
        going = True
        while going:
            operations: list[_Operation[object]] = []
            operation = self._queue.get()
            while operation is not None:
                operations.append(operation)
                if len(operations) == _MAX_OPERATIONS:
                    break
                try:
                    operation = self._queue.get_nowait()
                except Empty:
                    break
            going = operation is not None
            _write(connection, operations)
            for loop in {operation.loop for operation in operations}:
                mine = [operation for operation in operations if operation.loop is loop]
                loop.call_soon_threadsafe(_tell, mine)
        connection.close()

    # ------------------------------------------------------------ operations

    async def create(
        self, tenant: str, sessions: Sequence[NewSession], request_id: str, request_digest: bytes
    ) -> Sequence[SessionKey]:
        """Journal sessions."""

        def work(connection: sqlite3.Connection) -> Sequence[SessionKey]:
            if request_id:
                _take_request(connection, tenant, request_id, request_digest, sessions)
            (last,) = connection.execute("SELECT coalesce(max(key), 0) FROM sessions").fetchone()
            keys = range(last + 1, last + 1 + len(sessions))
            connection.executemany(
                "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
                [
                    (key, tenant, new.session_id, new.group_id, new.run_id, new.spec, new.start)
                    for key, new in zip(keys, sessions, strict=True)
                ],
            )
            connection.executemany(
                "INSERT INTO turns VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (key, index, *turn)
                    for key, new in zip(keys, sessions, strict=True)
                    for index, turn in enumerate(new.turns)
                ],
            )
            return [SessionKey(tenant, new.session_id, key) for key, new in zip(keys, sessions, strict=True)]

        return await self._do(work)

    async def of_request(self, tenant: str, request_id: str, request_digest: bytes) -> Sequence[str] | None:
        """The sessions of a request."""
        return await self._do(lambda connection: _of_request(connection, tenant, request_id, request_digest))

    async def append(
        self,
        turns: Sequence[tuple[SessionKey, int, JournaledTurn]],
        dumps: Sequence[tuple[SessionKey, JournaledDump]] = (),
    ) -> Sequence[SessionKey]:
        """Journal actions."""
        rows = [(key.number, index, *turn) for key, index, turn in turns]
        put_aside = [(key.number, *dump) for key, dump in dumps]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT INTO turns VALUES (?, ?, ?, ?, ?, ?)", rows)
            if put_aside:
                connection.executemany("INSERT OR REPLACE INTO dumps VALUES (?, ?, ?)", put_aside)

        await self._do(work)
        return ()

    async def read(self, tenant: str, session_id: str) -> JournaledSession:
        """A session."""
        return await self._do(lambda connection: _read(connection, tenant, session_id))

    async def claim(self, tenant: str, session_id: str) -> JournaledSession:
        """A session; there is no other server to take it from."""
        return await self.read(tenant, session_id)

    async def holds(self, key: SessionKey) -> bool:
        """There is no other server."""
        del key
        return True

    async def end(self, tenant: str, session_ids: Sequence[str]) -> Mapping[str, str]:
        """Mark sessions as closed."""
        rows = [(time.time(), tenant, session_id) for session_id in session_ids]
        statement = "UPDATE sessions SET closed_at = ? WHERE tenant = ? AND session_id = ? AND closed_at IS NULL"
        await self._do(lambda connection: connection.executemany(statement, rows))
        return {}

    async def retire(self, keys: Sequence[SessionKey]) -> None:
        """Mark sessions as closed."""
        for tenant in {key.tenant for key in keys}:
            await self.end(tenant, [key.session_id for key in keys if key.tenant == tenant])

    async def put_snapshot(self, tenant: str, snapshot: str, point: JournaledSnapshot) -> None:
        """Keep a snapshot."""
        row = (tenant, snapshot, *point)
        await self._do(
            lambda connection: connection.execute("INSERT OR IGNORE INTO snapshots VALUES (?, ?, ?, ?)", row)
        )

    async def get_snapshot(self, tenant: str, snapshot: str) -> JournaledSnapshot:
        """A snapshot."""

        def work(connection: sqlite3.Connection) -> JournaledSnapshot:
            found = connection.execute(
                "SELECT session_id, step FROM snapshots WHERE tenant = ? AND snapshot = ?", (tenant, snapshot)
            ).fetchone()
            if found is None:
                raise UnknownJournalEntry(snapshot)
            return JournaledSnapshot(*found)

        return await self._do(work)

    async def forget(self, before: float) -> int:
        """Delete old sessions."""

        def work(connection: sqlite3.Connection) -> int:
            keys = connection.execute(
                "SELECT key FROM sessions s WHERE closed_at < ? AND NOT EXISTS"
                " (SELECT 1 FROM snapshots p WHERE p.tenant = s.tenant AND p.session_id = s.session_id)",
                (before,),
            ).fetchall()
            connection.executemany("DELETE FROM turns WHERE session = ?", keys)
            connection.executemany("DELETE FROM dumps WHERE session = ?", keys)
            connection.executemany("DELETE FROM sessions WHERE key = ?", keys)
            return len(keys)

        return await self._do(work)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version not in (0, _BEFORE_HEARING, _VERSION):
        connection.close()
        raise sqlite3.DatabaseError(f"it was written by another version of the server ({version})")
    if version == _BEFORE_HEARING:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ALTER TABLE turns ADD COLUMN heard TEXT NOT NULL DEFAULT ''")
        connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.execute("COMMIT")
    connection.executescript(_TABLES)
    connection.execute(f"PRAGMA user_version = {_VERSION}")
    return connection


def _write(connection: sqlite3.Connection, operations: Sequence[_Operation[object]]) -> None:
    """Do them in one transaction, each in a savepoint of its own; one that fails is undone alone."""
    if not operations:
        return
    try:
        connection.execute("BEGIN IMMEDIATE")
        for operation in operations:
            _apply(connection, operation)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        for operation in operations:
            operation.error = StoreUnavailable(f"the journal of sessions cannot be written: {error}")


def _apply(connection: sqlite3.Connection, operation: _Operation[object]) -> None:
    connection.execute("SAVEPOINT one")
    try:
        operation.outcome = operation.work(connection)
    except (StoreError, sqlite3.IntegrityError) as error:
        operation.error = error
        connection.execute("ROLLBACK TO one")
    connection.execute("RELEASE one")


def _tell(operations: Sequence[_Operation[object]]) -> None:
    for operation in operations:
        operation.resolve()


def _take_request(
    connection: sqlite3.Connection, tenant: str, request_id: str, digest: bytes, sessions: Sequence[NewSession]
) -> None:
    try:
        connection.execute("INSERT INTO requests VALUES (?, ?, ?)", (tenant, request_id, digest))
    except sqlite3.IntegrityError:
        raise RequestTaken(request_id) from None
    connection.executemany(
        "INSERT INTO request_sessions VALUES (?, ?, ?, ?)",
        [(tenant, request_id, position, new.session_id) for position, new in enumerate(sessions)],
    )


def _of_request(connection: sqlite3.Connection, tenant: str, request_id: str, digest: bytes) -> Sequence[str] | None:
    place = (tenant, request_id)
    found = connection.execute("SELECT digest FROM requests WHERE tenant = ? AND request_id = ?", place).fetchone()
    if found is None:
        return None
    if found[0] != digest:
        raise RequestTaken(request_id)
    rows = connection.execute(
        "SELECT session_id FROM request_sessions WHERE tenant = ? AND request_id = ? ORDER BY position", place
    )
    return [session_id for (session_id,) in rows]


def _read(connection: sqlite3.Connection, tenant: str, session_id: str) -> JournaledSession:
    found = connection.execute(
        "SELECT key, session_id, group_id, run_id, spec, start, closed_at IS NOT NULL FROM sessions"
        " WHERE tenant = ? AND session_id = ?",
        (tenant, session_id),
    ).fetchone()
    if found is None:
        raise UnknownJournalEntry(session_id)
    turns = connection.execute(
        "SELECT action, agent, digest, heard FROM turns WHERE session = ? ORDER BY step", found[:1]
    )
    dump = connection.execute("SELECT step, content FROM dumps WHERE session = ?", found[:1]).fetchone()
    number, *values, closed = found
    return JournaledSession(
        SessionKey(tenant, session_id, number),
        *values,
        closed=bool(closed),
        turns=tuple(JournaledTurn(*turn) for turn in turns),
        dump=None if dump is None else JournaledDump(*dump),
    )
