"""Handing jobs in to workers elsewhere, over Redis Streams; what they say lies among the records, not in Redis."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from typing import cast

from assay_server.store.ending import end
from assay_server.store.protocol import StoreUnavailable
from assay_server.store.records import Records
from assay_server.store.redis.connection import Server
from assay_server.tracing.present import spanned

from .job_traces import envelope
from .protocol import JobFailed, Priority
from .redis_keys import KEEP_SECONDS, jobs_key, replies_key

RECORDS = "jobs"

_BLOCK_MS = 1000
_PAUSE_SECONDS = 0.1
_LONGEST_SECONDS = 900.0
_FAILURES = {
    "JOB_EXPIRED": ("its deadline passed in the queue", True),
    "JOB_DEAD": ("the workers that did it ended, again and again", False),
}


class RedisQueue:
    """One process's jobs in one lane.

    Args:
        records: where payloads and answers lie.
        longest: seconds after which a job without a deadline is given up.
    """

    def __init__(self, server: Server, records: Records, lane: str, *, longest: float = _LONGEST_SECONDS) -> None:
        self._server = server
        self._records = records
        self._lane = lane
        self._longest = longest
        self._name = uuid.uuid4().hex[:16]
        self._waiting: dict[str, asyncio.Future[tuple[str, bytes]]] = {}
        self._readers: dict[str, asyncio.Task[None]] = {}

    async def open(self) -> None:
        """Connections are made when they are needed."""

    async def close(self) -> None:
        await end(self._readers.values())
        self._readers.clear()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(JobFailed.closed())

    async def run(
        self, tenant: str, payload: bytes, *, priority: Priority = Priority.NORMAL, deadline: float | None = None
    ) -> bytes:
        with spanned("sandbox.job", {"assay.class": priority.name.lower()}):
            return await self._answer(tenant, payload, priority, deadline)

    async def _answer(self, tenant: str, payload: bytes, priority: Priority, deadline: float | None) -> bytes:
        job = uuid.uuid4().hex
        answer: asyncio.Future[tuple[str, bytes]] = asyncio.get_running_loop().create_future()
        self._waiting[job] = answer
        if tenant not in self._readers:
            self._readers[tenant] = asyncio.create_task(self._read(tenant), name="job answers")
        latest = time.time() + self._longest if deadline is None else deadline
        try:
            async with asyncio.timeout(max(0.0, latest - time.time()) + self._longest):
                await self._hand_in(tenant, job, payload, priority, latest)
                status, body = await answer
                if status == "OK":
                    return (await self._records.read(tenant, RECORDS, [body]))[0]
        except TimeoutError:
            raise JobFailed("JOB_LOST", "no worker answered in time", retryable=True) from None
        finally:
            self._waiting.pop(job, None)
        message, retryable = _FAILURES[status]
        raise JobFailed(status, message, retryable=retryable)

    async def _hand_in(self, tenant: str, job: str, payload: bytes, priority: Priority, latest: float) -> None:
        """Put the job into its stream, as often as it takes: the same job twice is answered once."""
        while True:
            try:
                (ref,) = await self._records.write(tenant, RECORDS, [payload])
                key = jobs_key(tenant, self._lane, priority)
                reply = replies_key(tenant, self._name)
                await self._server.command(
                    "XADD", key, "*", "job", job, "reply", reply, "deadline", repr(latest), "body", ref, *envelope()
                )
            except StoreUnavailable:
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            return

    async def _read(self, tenant: str) -> None:
        key, last = replies_key(tenant, self._name), b"0"
        while True:
            try:
                rows = await self._server.blocking("XREAD", "COUNT", 256, "BLOCK", _BLOCK_MS, "STREAMS", key, last)
                entries = stream_entries(rows)
                for _, fields in entries:
                    answer = self._waiting.get(fields[b"job"].decode())
                    if answer is not None and not answer.done():
                        answer.set_result((fields[b"status"].decode(), fields[b"body"]))
                if entries:
                    last = entries[-1][0]
                    await self._server.command("XDEL", key, *(name for name, _ in entries))
                    await self._server.command("EXPIRE", key, KEEP_SECONDS)
            except StoreUnavailable:  # noqa: PERF203 - waiting is what this is for
                await asyncio.sleep(_PAUSE_SECONDS)


def stream_entries(rows: object) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Entries of all streams in an answer of XREAD or XREADGROUP, in either of its two shapes."""
    if not rows:
        return []
    if isinstance(rows, dict):
        streams = list(cast("dict[bytes, object]", rows).values())
    else:
        streams = [cast("Sequence[object]", stream)[1] for stream in cast("Sequence[object]", rows)]
    return [entry for stream in streams for entry in entries_of(stream)]


def entries_of(stream: object) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Entries of one stream; those that were deleted meanwhile are left out."""
    found: list[tuple[bytes, dict[bytes, bytes]]] = []
    listed = cast("Sequence[object]", stream)
    for row in listed:
        if row is None:
            continue
        name, values = cast("tuple[bytes, object]", row)
        if isinstance(values, dict):
            found.append((name, cast("dict[bytes, bytes]", values)))
        elif values is not None:
            flat: list[bytes] = []
            for value in cast("Sequence[object]", values):
                flat.extend(
                    cast("Sequence[bytes]", value) if isinstance(value, list | tuple) else [cast("bytes", value)]
                )
            found.append((name, dict(zip(flat[::2], flat[1::2], strict=True))))
    return found
