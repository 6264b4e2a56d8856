"""The engine's side of the journal: its errors as faults, and actions written together."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Mapping, Sequence
from typing import TypeVar

from assay_server.sessions.requests import Timeouts
from assay_server.sessions.values import Reason, SessionFault, SessionSpec, Turn
from assay_server.store.journal import (
    Journal,
    JournaledDump,
    JournaledSession,
    JournaledSnapshot,
    JournaledTurn,
    NewSession,
    RequestTaken,
    SessionKey,
    UnknownJournalEntry,
)
from assay_server.store.protocol import StoreUnavailable

T = TypeVar("T")

_RETRY_SECONDS = 1.0


class Recorder:
    """A journal whose errors are faults of sessions."""

    def __init__(self, journal: Journal) -> None:
        self.shared = journal.shared
        self._journal = journal
        self._rows: list[tuple[SessionKey, int, JournaledTurn]] = []
        self._dumps: list[tuple[SessionKey, JournaledDump]] = []
        self._written: asyncio.Future[Sequence[SessionKey]] | None = None

    async def open(self) -> None:
        """Connect. Raises SessionFault: JOURNAL_UNAVAILABLE."""
        await _guarded(self._journal.open())

    async def close(self) -> None:
        """Let go."""
        await self._journal.close()

    async def create(
        self, tenant: str, sessions: Sequence[NewSession], request_id: str, digest: bytes
    ) -> Sequence[SessionKey]:
        """Journal sessions; their keys.

        Raises:
            RequestTaken: the request is there already. SessionFault: JOURNAL_UNAVAILABLE.
        """
        return await _guarded(self._journal.create(tenant, sessions, request_id, digest))

    async def of_request(self, tenant: str, request_id: str, digest: bytes) -> Sequence[str] | None:
        """The sessions that a request made; None where it is new. Raises SessionFault: REQUEST_CONFLICT."""
        try:
            return await _guarded(self._journal.of_request(tenant, request_id, digest))
        except RequestTaken as error:
            text = f"request id {request_id[:100]!r} was used for another request"
            raise SessionFault(Reason.REQUEST_CONFLICT, text, field="request_id") from error

    async def append(self, key: SessionKey, index: int, turn: Turn, dump: bytes = b"") -> None:
        """Journal an action, together with whatever else comes in the same turn of the loop.

        Raises:
            SessionFault: JOURNAL_UNAVAILABLE, SESSION_MOVED.
        """
        self._rows.append((key, index, JournaledTurn(turn.action, turn.agent_id, turn.digest, turn.heard)))
        if dump:
            self._dumps.append((key, JournaledDump(index + 1, dump)))
        if self._written is None:
            loop = asyncio.get_running_loop()
            self._written = loop.create_future()
            loop.call_soon(self._write)
        if key in await _guarded(asyncio.shield(self._written)):
            raise SessionFault(Reason.SESSION_MOVED, "another server has the session now", retry_after=_RETRY_SECONDS)

    def _write(self) -> None:
        rows, dumps, written = self._rows, self._dumps, self._written
        self._rows, self._dumps, self._written = [], [], None
        assert written is not None
        task = asyncio.ensure_future(self._journal.append(rows, dumps))
        task.add_done_callback(lambda done: _pass_on(done, written))

    async def read(self, tenant: str, session_id: str) -> JournaledSession:
        """A session. Raises SessionFault: UNKNOWN_SESSION, JOURNAL_UNAVAILABLE."""
        try:
            return await _guarded(self._journal.read(tenant, session_id))
        except UnknownJournalEntry as error:
            raise _unknown(session_id) from error

    async def claim(self, tenant: str, session_id: str) -> JournaledSession:
        """A session, from now on this server's.

        Raises:
            SessionFault: UNKNOWN_SESSION, JOURNAL_UNAVAILABLE.
            HeldElsewhere: a server that lives holds it.
        """
        try:
            return await _guarded(self._journal.claim(tenant, session_id))
        except UnknownJournalEntry as error:
            raise _unknown(session_id) from error

    async def retire(self, keys: Sequence[SessionKey]) -> None:
        """Mark sessions as closed that are this server's still."""
        await _guarded(self._journal.retire(keys))

    async def holds(self, key: SessionKey) -> bool:
        """Whether a session is this server's still. Raises SessionFault: JOURNAL_UNAVAILABLE."""
        return await _guarded(self._journal.holds(key))

    async def end(self, tenant: str, session_ids: Sequence[str]) -> Mapping[str, str]:
        """Mark sessions as closed; those of them that others hold, with who does."""
        return await _guarded(self._journal.end(tenant, session_ids))

    async def put_snapshot(self, tenant: str, snapshot: str, point: JournaledSnapshot) -> None:
        """Keep a snapshot."""
        await _guarded(self._journal.put_snapshot(tenant, snapshot, point))

    async def get_snapshot(self, tenant: str, snapshot: str) -> JournaledSnapshot:
        """A snapshot. Raises SessionFault: UNKNOWN_SNAPSHOT, JOURNAL_UNAVAILABLE."""
        try:
            return await _guarded(self._journal.get_snapshot(tenant, snapshot))
        except UnknownJournalEntry as error:
            text = f"there is no snapshot {snapshot[:100]!r}"
            raise SessionFault(Reason.UNKNOWN_SNAPSHOT, text, field="snapshot") from error

    async def forget(self, before: float) -> int:
        """Delete what was closed before this time."""
        return await _guarded(self._journal.forget(before))


def encode_spec(spec: SessionSpec, timeouts: Timeouts) -> bytes:
    """What the journal keeps of a session's making."""
    return json.dumps([timeouts.step, timeouts.idle]).encode() + b"\n" + spec.encode()


def decode_spec(data: bytes) -> tuple[SessionSpec, Timeouts]:
    """The inverse of :func:`encode_spec`."""
    head, _, spec = data.partition(b"\n")
    return SessionSpec.decode(spec), Timeouts(*json.loads(head))


def _unknown(session_id: str) -> SessionFault:
    return SessionFault(Reason.UNKNOWN_SESSION, f"there is no session {session_id[:100]!r}", field="session_id")


async def _guarded(operation: Awaitable[T]) -> T:
    try:
        return await operation
    except StoreUnavailable as error:
        raise SessionFault(Reason.JOURNAL_UNAVAILABLE, str(error), retry_after=_RETRY_SECONDS) from error


def _pass_on(done: asyncio.Future[Sequence[SessionKey]], written: asyncio.Future[Sequence[SessionKey]]) -> None:
    if done.cancelled():
        written.cancel()
    elif (error := done.exception()) is not None:
        written.set_exception(error)
        written.exception()  # whoever waited may have gone
    else:
        written.set_result(done.result())
