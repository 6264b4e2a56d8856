"""A fleet's store, read by who has no part in it: no lease is taken, nothing is written, no key is touched."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, cast

from assay_server.store.changes import Changes
from assay_server.store.protocol import RunRecord, StoreError, StoreUnavailable, UnknownRun
from assay_server.store.records import OBJECTS, Records

from .codec import unpack_operations
from .connection import Server
from .entries import Entry, entries_of
from .keys import objects_key, run_keys, runs_key
from .shared_run import SharedRun
from .snapshots import load

_CONNECTIONS = 2
_PAGE_ENTRIES = 16  # of 4 MiB at most
_TRIES = 5


class RunHead(NamedTuple):
    """What is known of a run without reading its log.

    Attributes:
        entries: number of the newest entry of its log, 0 = nothing happened yet.
    """

    spec_digest: str
    spec: bytes
    entries: int


class _WentOnOtherwise(Exception):
    """The log does not follow what was read of it."""


class RunReader:
    """What has come of one run's log, as far as it was read.

    Attributes:
        state: of the run.
        seen: number of the last entry that was read.
        losses: how often what had been read turned out to be no part of the log any more: Redis had lost its last
            moments, or the run was removed.
    """

    def __init__(self, server: Server, record: RunRecord) -> None:
        self.record = record
        self.state = SharedRun(record)
        self.seen = 0
        self.losses = 0
        self._server = server
        self._keys = run_keys(record.tenant, record.run_id)
        self._mark: str | None = ""  # of the last entry; None after a snapshot, which does not say it
        self._begun = False

    async def catch_up(self) -> None:
        """Read what is there by now. StoreUnavailable."""
        for _ in range(_TRIES):
            if await self._caught_up():
                return
        raise StoreUnavailable(f"the log of run {self.record.run_id!r} is cut off faster than it is read")

    async def _caught_up(self) -> bool:
        """Whether it could be done without beginning afresh."""
        try:
            if not self._begun:
                await self._begin()
            more = True
            while more:
                more = await self._read_on()
        except _WentOnOtherwise:
            self._begun = False
            return False
        return True

    async def _begin(self) -> None:
        (at,), blob = cast(
            "tuple[Sequence[bytes | None], bytes | None]",
            await self._server.together(("HMGET", self._keys.head, "snapshot"), ("GET", self._keys.snapshot)),
        )
        self.state = SharedRun(self.record) if blob is None else load(self.record, blob)
        self.seen, self._mark = (0, "") if blob is None else (int(at or 0), None)
        self._begun = True

    async def _read_on(self) -> bool:
        """Take the next entries; whether there are more."""
        head, rows = await self._server.together(
            ("HMGET", self._keys.head, "seq", "last"),
            ("XRANGE", self._keys.log, f"{self.seen + 1}-0", "+", "COUNT", _PAGE_ENTRIES),
        )
        newest, last = cast("Sequence[bytes | None]", head)
        entries = entries_of(rows)
        for entry in entries:
            self._take(entry)
        behind = int(newest or 0) - self.seen
        if behind < 0 or (not behind and self._mark not in {None, (last or b"").decode()}):
            self.losses += 1
            raise _WentOnOtherwise
        if behind and not entries:
            raise _WentOnOtherwise
        return behind > 0

    def _take(self, entry: Entry) -> None:
        if entry.number != self.seen + 1:
            raise _WentOnOtherwise  # what lay between was cut off, since a snapshot tells it
        if self._mark not in {None, entry.before}:
            self.losses += 1
            raise _WentOnOtherwise
        self._begun = False  # what is half done is begun afresh
        try:
            for operation in unpack_operations(entry.data):
                with contextlib.suppress(StoreError):  # told to the process that asked for it
                    self.state.apply(entry.writer, operation, Changes())
        except (KeyError, TypeError, ValueError) as error:
            raise StoreUnavailable("the run's log holds what this version does not know") from error
        self.seen, self._mark, self._begun = entry.number, entry.mark, True


class FleetReader:
    """The runs of a fleet, their records and their tenants' objects.

    Args:
        url: of Redis, as for :class:`RedisStore`.
        folder: of the records.
        timeout: seconds a command may take.

    Raises:
        ValueError: the URL names no Redis.
    """

    def __init__(self, url: str, folder: Path, *, timeout: float = 10.0) -> None:
        self._server = Server(url, connections=_CONNECTIONS, timeout=timeout)
        self._records = Records(folder)

    async def close(self) -> None:
        """Close connections and files."""
        await self._server.close()
        await self._records.close()

    async def rest(self) -> None:
        """Close connections and files until they are needed again."""
        await self._server.close()
        self._records.close_read()

    async def run_ids(self, tenant: str) -> list[tuple[str, int]]:
        """A tenant's runs, newest first, with the microsecond in which they were created. StoreUnavailable."""
        row = await self._server.command("ZRANGE", runs_key(tenant), 0, -1, "WITHSCORES")
        flat = cast("Sequence[bytes]", row)
        found = [(name.decode(), int(float(score))) for name, score in zip(flat[::2], flat[1::2], strict=True)]
        return found[::-1]

    async def heads(self, tenant: str, run_ids: Sequence[str]) -> list[RunHead | None]:
        """Of runs, in the order asked for; None where there is none, or Redis has forgotten it. StoreUnavailable."""
        if not run_ids:
            return []
        keys = [run_keys(tenant, run_id) for run_id in run_ids]
        rows = cast(
            "list[Sequence[bytes | None]]",
            await self._server.together(
                *(("HMGET", one.record, "digest", "spec") for one in keys),
                *(("HMGET", one.head, "seq") for one in keys),
            ),
        )
        return [
            None if digest is None or spec is None else RunHead(digest.decode(), spec, int(entries or 0))
            for (digest, spec), (entries,) in zip(rows[: len(keys)], rows[len(keys) :], strict=True)
        ]

    async def reader(self, tenant: str, run_id: str) -> RunReader:
        """A reader of a run that has not read yet. UnknownRun, StoreUnavailable."""
        (head,) = await self.heads(tenant, [run_id])
        if head is None:
            raise UnknownRun(f"there is no run {run_id!r}")
        return RunReader(self._server, RunRecord(tenant, run_id, 1, head.spec_digest, head.spec))

    async def contents(self, tenant: str, run_id: str, refs: Sequence[bytes]) -> list[bytes | None]:
        """What references of a run stand for, in order; None where the records do not hold it any more.

        Raises:
            StoreUnavailable: the folder is not there, or what lies in it is damaged.
        """
        return await self._records.read_held(tenant, run_id, refs)

    async def object(self, tenant: str, kind: str, digest: str) -> bytes | None:
        """One of the tenant's objects; None where it is gone. StoreUnavailable."""
        (ref,) = cast("Sequence[bytes | None]", await self._server.command("HMGET", objects_key(tenant, kind), digest))
        return None if ref is None else (await self._records.read_held(tenant, OBJECTS, [ref]))[0]
