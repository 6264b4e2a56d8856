"""The journal in memory: gone with the process."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

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


@dataclass(slots=True)
class _Held:
    tenant: str
    session: JournaledSession
    turns: list[JournaledTurn]
    closed_at: float | None = None
    dump: JournaledDump | None = None


class MemoryJournal:
    """Plain dictionaries."""

    shared = False

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._sessions: dict[tuple[str, str], _Held] = {}
        self._by_key: dict[int, _Held] = {}
        self._requests: dict[tuple[str, str], tuple[bytes, tuple[str, ...]]] = {}
        self._snapshots: dict[tuple[str, str], JournaledSnapshot] = {}
        self._keys = 0

    async def open(self) -> None:
        """Nothing to connect to."""

    async def close(self) -> None:
        """Nothing to let go of."""

    async def create(
        self, tenant: str, sessions: Sequence[NewSession], request_id: str, request_digest: bytes
    ) -> Sequence[SessionKey]:
        """Journal sessions."""
        if request_id:
            if (tenant, request_id) in self._requests:
                raise RequestTaken(request_id)
            ids = tuple(session.session_id for session in sessions)
            self._requests[tenant, request_id] = (request_digest, ids)
        keys: list[SessionKey] = []
        for new in sessions:
            self._keys += 1
            key = SessionKey(tenant, new.session_id, self._keys)
            keys.append(key)
            session = JournaledSession(
                key, new.session_id, new.group_id, new.run_id, new.spec, new.start, closed=False, turns=()
            )
            held = _Held(tenant, session, list(new.turns))
            self._sessions[tenant, new.session_id] = self._by_key[self._keys] = held
        return keys

    async def of_request(self, tenant: str, request_id: str, request_digest: bytes) -> Sequence[str] | None:
        """The sessions of a request."""
        made = self._requests.get((tenant, request_id))
        if made is None:
            return None
        if made[0] != request_digest:
            raise RequestTaken(request_id)
        return made[1]

    async def append(
        self,
        turns: Sequence[tuple[SessionKey, int, JournaledTurn]],
        dumps: Sequence[tuple[SessionKey, JournaledDump]] = (),
    ) -> Sequence[SessionKey]:
        """Journal actions."""
        for key, index, turn in turns:
            held = self._by_key[key.number]
            if index != len(held.turns):
                raise ValueError(f"action {index} of a session that has {len(held.turns)}")
            held.turns.append(turn)
        for key, dump in dumps:
            self._by_key[key.number].dump = dump
        return ()

    async def read(self, tenant: str, session_id: str) -> JournaledSession:
        """A session."""
        held = self._held(tenant, session_id)
        return replace(held.session, closed=held.closed_at is not None, turns=tuple(held.turns), dump=held.dump)

    async def claim(self, tenant: str, session_id: str) -> JournaledSession:
        """A session; there is no other server to take it from."""
        return await self.read(tenant, session_id)

    async def holds(self, key: SessionKey) -> bool:
        """There is no other server."""
        del key
        return True

    async def end(self, tenant: str, session_ids: Sequence[str]) -> Mapping[str, str]:
        """Mark sessions as closed."""
        for session_id in session_ids:
            held = self._sessions.get((tenant, session_id))
            if held is not None and held.closed_at is None:
                held.closed_at = self._now()
        return {}

    async def retire(self, keys: Sequence[SessionKey]) -> None:
        """Mark sessions as closed."""
        for tenant in {key.tenant for key in keys}:
            await self.end(tenant, [key.session_id for key in keys if key.tenant == tenant])

    async def put_snapshot(self, tenant: str, snapshot: str, point: JournaledSnapshot) -> None:
        """Keep a snapshot."""
        self._snapshots[tenant, snapshot] = point

    async def get_snapshot(self, tenant: str, snapshot: str) -> JournaledSnapshot:
        """A snapshot."""
        try:
            return self._snapshots[tenant, snapshot]
        except KeyError:
            raise UnknownJournalEntry(snapshot) from None

    async def forget(self, before: float) -> int:
        """Delete old sessions."""
        named = {(tenant, point.session_id) for (tenant, _), point in self._snapshots.items()}
        old = [
            place
            for place, held in self._sessions.items()
            if held.closed_at is not None and held.closed_at < before and place not in named
        ]
        for place in old:
            self._by_key.pop(self._sessions.pop(place).session.key.number)
        return len(old)

    def _held(self, tenant: str, session_id: str) -> _Held:
        try:
            return self._sessions[tenant, session_id]
        except KeyError:
            raise UnknownJournalEntry(session_id) from None
