"""Doing jobs that other processes handed in.

A worker takes no more jobs than it has slots. While it does one it says so every third of the time after which others
would take the job for a dead worker's. A dead worker's jobs are done by the others; a job whose workers ended three
times is given up, since it may well be the job that ends them.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

import structlog

from assay_server.store.ending import end
from assay_server.store.protocol import StoreUnavailable
from assay_server.store.records import Records
from assay_server.store.redis.connection import Server

from .job_traces import job_span
from .protocol import JobHandler, Priority
from .redis_keys import BEAT, BURY, FINISH, GROUP, KEEP_SECONDS, dead_key, jobs_pattern, read_jobs_key
from .redis_queue import RECORDS, entries_of, stream_entries
from .turns import Turns

if TYPE_CHECKING:
    from assay_server.tracing.recording import Tracing

_log = structlog.get_logger(__name__)

MAX_DELIVERIES = 3

_LOOK_SECONDS = 1.0
_PAUSE_SECONDS = 0.2
_POLL_SECONDS = 0.02
_BLOCK_MS = 500


class _Job(NamedTuple):
    """A job that this worker has taken."""

    stream: str
    entry: bytes
    fields: dict[bytes, bytes]


class RedisWorker:
    """Does the jobs of one lane.

    Args:
        slots: jobs at a time.
        idle_seconds: a job of which nothing was heard for so long is taken for a dead worker's.
        tracing: spans of jobs whose submitters have one.
    """

    def __init__(
        self,
        server: Server,
        records: Records,
        lane: str,
        handler: JobHandler,
        *,
        slots: int = 4,
        idle_seconds: float = 15.0,
        tracing: Tracing | None = None,
    ) -> None:
        self._server = server
        self._records = records
        self._lane = lane
        self._handler = handler
        self._tracing = tracing
        self._slots = asyncio.Semaphore(slots)
        self._idle_ms = int(idle_seconds * 1000)
        self._name = uuid.uuid4().hex[:16]
        self._turns: Turns[str] = Turns()
        self._streams: dict[str, Priority] = {}
        self._looked = 0.0
        self._jobs: set[asyncio.Task[None]] = set()
        self.done = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set, and finish what was begun."""
        try:
            while not stop.is_set():
                await self._slots.acquire()
                job = await self._next(stop)
                if job is None:
                    break
                task = asyncio.create_task(self._do(job), name="job")
                self._jobs.add(task)
                task.add_done_callback(self._finished)
            await asyncio.gather(*self._jobs)
        finally:
            await end(self._jobs)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._jobs.discard(task)
        self._slots.release()

    # ------------------------------------------------------------ taking

    async def _next(self, stop: asyncio.Event) -> _Job | None:
        while not stop.is_set():
            try:
                if time.monotonic() - self._looked > _LOOK_SECONDS:
                    await self._look()
                    self._looked = time.monotonic()
                    if (orphan := await self._orphan()) is not None:
                        self._looked = 0.0  # there may be more
                        return orphan
                job = await self._take()
            except StoreUnavailable as error:
                _log.warning("the queue is not there, trying again", error=str(error))
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            if job is not None:
                return job
        return None

    async def _look(self) -> None:
        """Find the lane's streams, and see to it that each has its group."""
        cursor, found = 0, dict[str, Priority]()
        while True:
            page = cast(
                "Sequence[object]", await self._server.command("SCAN", cursor, "MATCH", jobs_pattern(self._lane))
            )
            cursor = int(cast("bytes", page[0]))
            for name in cast("Sequence[bytes]", page[1]):
                found[name.decode()] = read_jobs_key(name.decode())[1]
            if not cursor:
                break
        for name in found:
            if name not in self._streams:
                await self._join(name)
        self._streams = found
        self._turns.set_queues((priority, name) for name, priority in found.items())

    async def _join(self, stream: str) -> None:
        try:
            await self._server.command("XGROUP", "CREATE", stream, GROUP, "0", "MKSTREAM")
        except StoreUnavailable as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def _take(self) -> _Job | None:
        """The next job of the stream whose turn it is; None after a while without one."""
        order = self._turns.order()
        if not order:
            await asyncio.sleep(_PAUSE_SECONDS)
            return None
        for stream in order:
            rows = await self._server.command(
                "XREADGROUP", "GROUP", GROUP, self._name, "COUNT", 1, "STREAMS", stream, ">"
            )
            if (job := self._taken(stream, rows)) is not None:
                return job
        self._turns.idle()
        if len(order) > 1:  # to wait for all at once could bring more than one
            await asyncio.sleep(_POLL_SECONDS)
            return None
        rows = await self._server.blocking(
            "XREADGROUP", "GROUP", GROUP, self._name, "COUNT", 1, "BLOCK", _BLOCK_MS, "STREAMS", order[0], ">"
        )
        return self._taken(order[0], rows)

    def _taken(self, stream: str, rows: object) -> _Job | None:
        for entry, fields in stream_entries(rows):
            self._turns.served(self._streams[stream], stream)
            return _Job(stream, entry, fields)
        return None

    async def _orphan(self) -> _Job | None:
        """A job of which nothing was heard for too long; those that were begun too often are given up."""
        for stream in self._streams:
            rows = await self._server.command("XPENDING", stream, GROUP, "IDLE", self._idle_ms, "-", "+", 16)
            for entry, _, _, deliveries in cast("Sequence[tuple[bytes, bytes, int, int]]", rows):
                claimed = entries_of(
                    await self._server.command("XCLAIM", stream, GROUP, self._name, self._idle_ms, entry)
                )
                for name, fields in claimed:
                    job = _Job(stream, name, fields)
                    if deliveries < MAX_DELIVERIES:
                        return job
                    await self._bury(job)
        return None

    # ------------------------------------------------------------ doing

    async def _do(self, job: _Job) -> None:
        beating = asyncio.create_task(self._beat(job), name="heartbeat")
        try:
            tenant, _ = read_jobs_key(job.stream)
            if time.time() >= float(job.fields[b"deadline"]):
                await self._answer(job, "JOB_EXPIRED", b"")
                return
            (payload,) = await self._records.read(tenant, RECORDS, [job.fields[b"body"]])
            with job_span(self._tracing, job.fields):
                answer = await self._handler(tenant, payload)
            (ref,) = await self._records.write(tenant, RECORDS, [answer])
            await self._answer(job, "OK", ref)
            self.done += 1
        except Exception:  # noqa: BLE001 - left where it is: it is done again, here or elsewhere, three times at most
            _log.warning("a job could not be done", job=job.fields[b"job"].decode(), exc_info=True)
        finally:
            await end([beating])

    async def _beat(self, job: _Job) -> None:
        """Say that the job is being done, so that nobody takes it for a dead worker's."""
        while True:
            await asyncio.sleep(self._idle_ms / 3000)
            try:
                await self._server.script(BEAT, (job.stream,), GROUP, self._name, job.entry)
            except StoreUnavailable as error:
                _log.warning("a heartbeat was not heard", error=str(error))

    async def _answer(self, job: _Job, status: str, body: bytes) -> None:
        keys = (job.stream, job.fields[b"reply"].decode())
        arguments = (GROUP, job.entry, job.fields[b"job"], status, body, KEEP_SECONDS)
        while True:
            try:
                await self._server.script(FINISH, keys, *arguments)
            except StoreUnavailable:
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            return

    async def _bury(self, job: _Job) -> None:
        tenant, _ = read_jobs_key(job.stream)
        keys = (job.stream, job.fields[b"reply"].decode(), dead_key(tenant, self._lane))
        _log.error("a job is given up: its workers ended", job=job.fields[b"job"].decode())
        await self._server.script(
            BURY, keys, GROUP, job.entry, job.fields[b"job"], "JOB_DEAD", job.fields[b"body"], KEEP_SECONDS
        )
