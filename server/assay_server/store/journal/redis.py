"""The journal in Redis: sessions that any server of a fleet can take over, and only the last that did can write.

A session has a head (a hash) and its turns (a list). Its ``fence`` rises with every claim, and a turn is taken only
with the present fence: a server whose session passed to another writes nothing more to it, whatever it believes.
Servers that others can reach put their name in the head; while such a one lives, nobody claims what it holds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

import msgpack

from .protocol import (
    HeldElsewhere,
    JournaledDump,
    JournaledSession,
    JournaledSnapshot,
    JournaledTurn,
    NewSession,
    RequestTaken,
    SessionKey,
    UnknownJournalEntry,
)
from .servers import life_key

if TYPE_CHECKING:
    from assay_server.store.redis.connection import Argument

_KEPT_SECONDS = 2 * 86_400

_APPEND = """
-- KEYS head, turns; ARGV fence, index, turn, seconds, actions in the dump (or ''), dump
local head = redis.call('HMGET', KEYS[1], 'fence', 'closed')
if head[1] ~= ARGV[1] or head[2] then return 0 end
local held = redis.call('LLEN', KEYS[2])
if held == tonumber(ARGV[2]) then
  redis.call('RPUSH', KEYS[2], ARGV[3])
elseif held ~= tonumber(ARGV[2]) + 1 or redis.call('LINDEX', KEYS[2], -1) ~= ARGV[3] then
  return 0
end
if ARGV[5] ~= '' then redis.call('HSET', KEYS[1], 'dumped', ARGV[5], 'dump', ARGV[6]) end
if redis.call('HEXISTS', KEYS[1], 'named') == 0 then
  redis.call('EXPIRE', KEYS[1], ARGV[4])
  redis.call('EXPIRE', KEYS[2], ARGV[4])
end
return 1
"""
_CLAIM = """
-- KEYS head, turns, life of ARGV[2]; ARGV this server (or '' = unknown to others), who is thought to hold it (or '')
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
local taken = 0
if redis.call('HEXISTS', KEYS[1], 'closed') == 0 then
  local holder = redis.call('HGET', KEYS[1], 'holder') or ''
  if holder ~= '' and holder ~= ARGV[1] then
    if ARGV[1] ~= '' and (holder ~= ARGV[2] or redis.call('EXISTS', KEYS[3]) == 1) then return holder end
    taken = 1
  end
  redis.call('HINCRBY', KEYS[1], 'fence', 1)
  redis.call('HSET', KEYS[1], 'holder', ARGV[1])
end
return {redis.call('HGETALL', KEYS[1]), redis.call('LRANGE', KEYS[2], 0, -1), taken}
"""
_READ = """
-- KEYS head, turns
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
return {redis.call('HGETALL', KEYS[1]), redis.call('LRANGE', KEYS[2], 0, -1), 0}
"""
_END = """
-- KEYS head; ARGV fence (or '' = whoever has it)
if redis.call('EXISTS', KEYS[1]) == 0 then return '' end
if ARGV[1] ~= '' and redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return '' end
redis.call('HSET', KEYS[1], 'closed', '1')
return redis.call('HGET', KEYS[1], 'holder') or ''
"""


class RedisJournal:
    """The backend.

    Args:
        url: as :func:`assay_server.store.opening.open_store` takes it.
        kept_seconds: how long a session is kept after its last action; for good where a snapshot names it.
        server: this one's name in :class:`ServerTable`; empty = it is in none, and claims whatever it is asked for.
    """

    shared = True

    def __init__(self, url: str, kept_seconds: int = _KEPT_SECONDS, server: str = "") -> None:
        from assay_server.store.redis.connection import Server

        self._name = server
        self._server = Server(url)
        self._kept_seconds = kept_seconds

    async def open(self) -> None:
        """Ask whether it is there. Raises StoreUnavailable."""
        await self._server.command("PING")

    async def close(self) -> None:
        """Close the connections."""
        await self._server.close()

    async def create(
        self, tenant: str, sessions: Sequence[NewSession], request_id: str, request_digest: bytes
    ) -> Sequence[SessionKey]:
        """Journal sessions."""
        commands: list[Sequence[Argument]] = []
        for new in sessions:
            head, turns = _keys(tenant, new.session_id)
            fields = ("group", new.group_id, "run", new.run_id, "spec", new.spec, "start", new.start, "fence", 1)
            holder = ("holder", self._name)
            commands += [("HSET", head, *fields, *holder), ("EXPIRE", head, self._kept_seconds)]
            if new.turns:
                commands += [("RPUSH", turns, *map(_packed, new.turns)), ("EXPIRE", turns, self._kept_seconds)]
        await self._server.together(*commands)
        if request_id:
            content = json.dumps([request_digest.hex(), [new.session_id for new in sessions]])
            place = _request(tenant, request_id)
            if await self._server.command("SET", place, content, "NX", "EX", self._kept_seconds) is None:
                await self._server.command("DEL", *(key for new in sessions for key in _keys(tenant, new.session_id)))
                raise RequestTaken(request_id)
        return [SessionKey(tenant, new.session_id, 0, 1) for new in sessions]

    async def of_request(self, tenant: str, request_id: str, request_digest: bytes) -> Sequence[str] | None:
        """The sessions of a request."""
        content = cast("bytes | None", await self._server.command("GET", _request(tenant, request_id)))
        if content is None:
            return None
        digest, session_ids = json.loads(content)
        if digest != request_digest.hex():
            raise RequestTaken(request_id)
        return session_ids

    async def append(
        self,
        turns: Sequence[tuple[SessionKey, int, JournaledTurn]],
        dumps: Sequence[tuple[SessionKey, JournaledDump]] = (),
    ) -> Sequence[SessionKey]:
        """Journal actions."""
        put_aside = dict(dumps)
        commands: list[Sequence[Argument]] = []
        for key, index, turn in turns:
            dump = put_aside.get(key)
            aside: tuple[Argument, Argument] = ("", "") if dump is None else dump
            names = _keys(key.tenant, key.session_id)
            commands.append(("EVAL", _APPEND, 2, *names, key.fence, index, _packed(turn), self._kept_seconds, *aside))
        taken = await self._server.together(*commands)
        return [key for (key, _, _), done in zip(turns, taken, strict=True) if done == 0]

    async def claim(self, tenant: str, session_id: str) -> JournaledSession:
        """A session, from now on this server's."""
        head, turns = _keys(tenant, session_id)
        holder = ""
        while True:
            life = life_key(holder) if holder else head
            found = await self._server.script(_CLAIM, (head, turns, life), self._name, holder)
            if not isinstance(found, bytes):
                return _session(tenant, session_id, found)
            if found.decode() == holder:
                raise HeldElsewhere(holder)
            holder = found.decode()

    async def holds(self, key: SessionKey) -> bool:
        """Whether nobody claimed it since."""
        fence = await self._server.command("HGET", _keys(key.tenant, key.session_id)[0], "fence")
        return fence == str(key.fence).encode()

    async def read(self, tenant: str, session_id: str) -> JournaledSession:
        """A session."""
        return _session(tenant, session_id, await self._server.script(_READ, _keys(tenant, session_id)))

    async def end(self, tenant: str, session_ids: Sequence[str]) -> Mapping[str, str]:
        """Mark sessions as closed."""
        if not session_ids:
            return {}
        holders = await self._server.together(
            *(("EVAL", _END, 1, _keys(tenant, session_id)[0], "") for session_id in session_ids)
        )
        named = zip(session_ids, cast("list[bytes]", holders), strict=True)
        return {session_id: name.decode() for session_id, name in named if name and name.decode() != self._name}

    async def retire(self, keys: Sequence[SessionKey]) -> None:
        """Mark one's own sessions as closed."""
        await self._server.together(
            *(("EVAL", _END, 1, _keys(key.tenant, key.session_id)[0], key.fence) for key in keys)
        )

    async def put_snapshot(self, tenant: str, snapshot: str, point: JournaledSnapshot) -> None:
        """Keep a snapshot, and its session."""
        head, turns = _keys(tenant, point.session_id)
        await self._server.together(
            ("HSET", head, "named", 1),
            ("PERSIST", head),
            ("PERSIST", turns),
            ("SET", _snapshot(tenant, snapshot), json.dumps(point), "NX"),
        )

    async def get_snapshot(self, tenant: str, snapshot: str) -> JournaledSnapshot:
        """A snapshot."""
        content = cast("bytes | None", await self._server.command("GET", _snapshot(tenant, snapshot)))
        if content is None:
            raise UnknownJournalEntry(snapshot)
        return JournaledSnapshot(*json.loads(content))

    async def forget(self, before: float) -> int:
        """Redis forgets by itself."""
        del before
        return 0


def _session(tenant: str, session_id: str, found: object) -> JournaledSession:
    """What a script found."""
    if not found:
        raise UnknownJournalEntry(session_id)
    fields, turns, taken = cast("tuple[list[bytes], list[bytes], int]", found)
    head: Mapping[bytes, bytes] = dict(zip(fields[::2], fields[1::2], strict=True))
    return JournaledSession(
        key=SessionKey(tenant, session_id, 0, int(head[b"fence"])),
        session_id=session_id,
        group_id=head[b"group"].decode(),
        run_id=head[b"run"].decode(),
        spec=head[b"spec"],
        start=head[b"start"],
        closed=b"closed" in head,
        turns=tuple(map(_unpacked, turns)),
        dump=JournaledDump(int(head[b"dumped"]), head[b"dump"]) if b"dumped" in head else None,
        taken_over=bool(taken),
    )


def _keys(tenant: str, session_id: str) -> tuple[str, str]:
    name = f"{quote(tenant, safe='')}:session:{{{quote(session_id, safe='')}}}"
    return f"{name}:head", f"{name}:turns"


def _request(tenant: str, request_id: str) -> str:
    return f"{quote(tenant, safe='')}:session-request:{quote(request_id, safe='')}"


def _snapshot(tenant: str, snapshot: str) -> str:
    return f"{quote(tenant, safe='')}:session-snapshot:{quote(snapshot, safe='')}"


def _packed(turn: JournaledTurn) -> bytes:
    return cast("bytes", msgpack.packb(tuple(turn)))


def _unpacked(data: bytes) -> JournaledTurn:
    return JournaledTurn(*cast("tuple[str, str, bytes, str]", msgpack.unpackb(data)))  # without the last, from before
