"""The queue inside one process: the default of a single server."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass

from assay_server.tracing.present import LANE, OpenSpan, spanned, under

from .protocol import JobFailed, JobHandler, Priority
from .turns import Turns

_ATTEMPTS = 3


@dataclass(slots=True)
class _Job:
    tenant: str
    payload: bytes
    deadline: float | None
    answer: asyncio.Future[bytes]
    span: OpenSpan | None
    queued_ns: int


class LocalQueue:
    """Jobs done by a handler on the same loop, so many at a time.

    Args:
        slots: jobs at a time.
    """

    def __init__(self, handler: JobHandler, slots: int) -> None:
        self._handler = handler
        self._free = slots
        self._jobs: dict[tuple[Priority, str], deque[_Job]] = {}
        self._turns: Turns[tuple[Priority, str]] = Turns()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def open(self) -> None:
        """Nothing to connect to."""

    async def close(self) -> None:
        self._closed = True
        for jobs in self._jobs.values():
            for job in jobs:
                _fail(job, JobFailed.closed())
        self._jobs.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def run(
        self, tenant: str, payload: bytes, *, priority: Priority = Priority.NORMAL, deadline: float | None = None
    ) -> bytes:
        if self._closed:
            raise JobFailed.closed()
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        with spanned("sandbox.job", {"assay.class": priority.name.lower()}) as span:
            job = _Job(tenant, payload, deadline, answer, span, time.time_ns())
            self._jobs.setdefault((priority, tenant), deque()).append(job)
            self._turns.set_queues((key[0], key) for key in self._jobs)
            self._begin()
            return await answer

    def _begin(self) -> None:
        while self._free and (found := self._next()) is not None:
            self._free -= 1
            task = asyncio.create_task(self._do(found), name="job")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _next(self) -> _Job | None:
        for key in self._turns.order():
            jobs = self._jobs.get(key)
            if jobs:
                job = jobs.popleft()
                if not jobs:
                    del self._jobs[key]
                self._turns.served(key[0], key)
                return job
        return None

    async def _do(self, job: _Job) -> None:
        try:
            if job.answer.done():
                return
            if job.deadline is not None and time.time() >= job.deadline:
                _fail(job, JobFailed("JOB_EXPIRED", "its deadline passed in the queue", retryable=True))
                return
            if job.span is not None:
                job.span.child("lane.wait", {LANE: "sandbox"}, job.queued_ns).end()
            with under(job.span):
                answer = await self._attempts(job)
            if not job.answer.done():
                job.answer.set_result(answer)
        except JobFailed as failed:
            _fail(job, failed)
        except asyncio.CancelledError:
            _fail(job, JobFailed.closed())
            raise
        finally:
            self._free += 1
            self._begin()

    async def _attempts(self, job: _Job) -> bytes:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._handler(job.tenant, job.payload)
            except Exception as error:  # noqa: PERF203 - it could not be done here, whatever the reason
                if attempt == _ATTEMPTS:
                    message = f"it could not be done {_ATTEMPTS} times"
                    raise JobFailed("JOB_DEAD", message, retryable=False) from error
        raise AssertionError("unreachable")


def _fail(job: _Job, failed: JobFailed) -> None:
    if not job.answer.done():
        job.answer.set_exception(failed)
