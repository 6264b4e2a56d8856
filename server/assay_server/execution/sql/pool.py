"""The server's side of the SQL workers: orders out, answers in, clocks, kills and replacements.

A query's time begins when its worker has nothing before it. What a worker does for others' benefit, such as running a
reference for the first time, runs on a clock of its own. Queries on one reference go to one worker while that keeps
up, so that what it remembers is of use.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import zlib
from collections import deque
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from assay_server.execution.child_modules import start_module
from assay_server.execution.sql.frames import BadFrame, Frames, framed
from assay_server.execution.sql.orders import WORKER_MODULE, Answer, Failed, Order, answer_of, order_message

_log = structlog.get_logger(__name__)

_GRACE_SECONDS = 0.01
_AHEAD = 8
_SLICE_SECONDS = 0.05
_MOST_ATTEMPTS = 2
_SPARES = 2
_READ_BYTES = 1 << 18
_STOP_SECONDS = 5.0


_Said = TypeVar("_Said")


class LaneStopped(Exception):
    """The server is going away."""


@dataclass(slots=True, eq=False)
class Job:
    """An order in the lane.

    Attributes:
        turn: done when a worker has begun with it.
        left: seconds that the query itself may still take.
        preparing: what is done for it now does not count.
    """

    number: int
    order: Order
    turn: asyncio.Future[None]
    answer: asyncio.Future[Answer]
    left: float
    preparing: bool = False
    attempts: int = 0


@dataclass(slots=True, eq=False)
class _Worker:
    """A process and the orders that it has, in order."""

    process: subprocess.Popen[bytes]
    connection: socket.socket
    frames: Frames = field(default_factory=Frames)
    jobs: deque[Job] = field(default_factory=deque[Job])
    ready: bool = False
    since: float = 0.0
    alarm: asyncio.TimerHandle | None = None
    writer: asyncio.StreamWriter | None = None
    reading: asyncio.Task[None] | None = None


class SqlPool:
    """Workers that run one query at a time each; they start with the first order.

    Attributes:
        kills: workers that were ended because a query went on for too long or nobody wants its answer any more.
    """

    def __init__(self, size: int, memory_bytes: int) -> None:
        self.kills = 0
        self._size = size
        self._memory_bytes = memory_bytes
        self._workers: list[_Worker] = []
        self._spares: deque[_Worker] = deque()
        self._numbers = 0
        self._stopping = False
        self._ended: list[_Worker] = []

    @property
    def worker_pids(self) -> list[int]:
        """Processes of workers and spares."""
        return [one.process.pid for one in (*self._workers, *self._spares)]

    @property
    def busy(self) -> list[bool]:
        """Of every worker, in the order of :attr:`worker_pids`, whether it has an order."""
        return [bool(worker.jobs) for worker in self._workers]

    def begin(self, order: Order) -> Job:
        """Give an order to a worker; await its ``turn``, then :meth:`finish` it.

        Raises:
            LaneStopped: there are no workers any more.
        """
        if self._stopping:
            raise LaneStopped
        while len(self._workers) < self._size:
            self._workers.append(self._launched())
        self._stand_by()
        loop = asyncio.get_running_loop()
        self._numbers += 1
        job = Job(self._numbers, order, loop.create_future(), loop.create_future(), order.seconds)
        self._give(self._worker_for(order), job)
        return job

    async def turn(self, job: Job) -> None:
        """Wait until a worker begins with it. Cancelled, it forgets the order."""
        await self._wanted(job, job.turn)

    async def finish(self, job: Job) -> Answer:
        """The answer. Cancelled, it forgets the order, with the worker that is at it."""
        return await self._wanted(job, job.answer)

    async def _wanted(self, job: Job, waiting: asyncio.Future[_Said]) -> _Said:
        try:
            return await waiting
        except asyncio.CancelledError:
            self._forget(job)
            raise

    async def ask(self, order: Order) -> Answer:
        """Begin, wait, finish."""
        job = self.begin(order)
        await self.turn(job)
        return await self.finish(job)

    # ------------------------------------------------------------ workers

    def _worker_for(self, order: Order) -> _Worker:
        preferred = self._workers[zlib.crc32(order.affinity.encode("utf-8", "replace")) % self._size]
        least = min(self._workers, key=lambda worker: len(worker.jobs))
        return preferred if len(preferred.jobs) <= len(least.jobs) + _AHEAD else least

    def _launched(self) -> _Worker:
        process, connection = start_module(WORKER_MODULE, str(self._memory_bytes))
        worker = _Worker(process, connection)
        worker.reading = asyncio.create_task(self._listen(worker), name=f"sql worker {process.pid}")
        return worker

    def _stand_by(self) -> None:
        while len(self._spares) < _SPARES and not self._stopping:
            self._spares.append(self._launched())

    async def _listen(self, worker: _Worker) -> None:
        try:
            reader, worker.writer = await asyncio.open_unix_connection(sock=worker.connection)
            worker.writer.write(b"".join(framed(order_message(job.number, job.order)) for job in worker.jobs))
            while data := await reader.read(_READ_BYTES):
                for message in worker.frames.take(data):
                    self._take(worker, message)
        except (ConnectionError, BadFrame, KeyError, TypeError, ValueError) as error:
            _log.warning("an SQL worker is given up", error=str(error)[:200])
        if worker in self._workers or worker in self._spares:
            self._lost(worker)

    def _give(self, worker: _Worker, job: Job) -> None:
        worker.jobs.append(job)
        if worker.writer is not None:
            worker.writer.write(framed(order_message(job.number, job.order)))
        if len(worker.jobs) == 1 and worker.ready:
            self._turn(worker)

    # ------------------------------------------------------------ what workers say

    def _take(self, worker: _Worker, message: dict[str, object]) -> None:
        if "ready" in message:
            worker.ready = True
            self._turn(worker)
            return
        job = worker.jobs[0] if worker.jobs else None
        if job is None or message["number"] != job.number:
            return  # of one that was forgotten after it had begun
        if "preparing" in message:
            job.left = self._left(worker, job)
            job.preparing = bool(message["preparing"])
            self._watch(worker, job)
            return
        answer = answer_of(message)
        worker.jobs.popleft()
        if not job.answer.done():
            job.answer.set_result(answer)
        self._turn(worker)

    def _turn(self, worker: _Worker) -> None:
        """The next order of a worker begins."""
        if worker.alarm is not None:
            worker.alarm.cancel()
            worker.alarm = None
        if worker.jobs:
            job = worker.jobs[0]
            if not job.turn.done():
                job.turn.set_result(None)
            self._watch(worker, job)

    def _left(self, worker: _Worker, job: Job) -> float:
        return job.left if job.preparing else job.left - (asyncio.get_running_loop().time() - worker.since)

    def _watch(self, worker: _Worker, job: Job) -> None:
        if worker.alarm is not None:
            worker.alarm.cancel()
        loop = asyncio.get_running_loop()
        worker.since = loop.time()
        seconds = max(0.0, job.order.preparing_seconds if job.preparing else job.left) + _GRACE_SECONDS
        self._arm(worker, job, loop.time() + seconds)

    def _arm(self, worker: _Worker, job: Job, end: float) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() + _SLICE_SECONDS < end:
            worker.alarm = loop.call_later(_SLICE_SECONDS, self._slow, worker, job, end)
        else:
            worker.alarm = loop.call_at(end, self._too_long, worker, job)

    def _slow(self, worker: _Worker, job: Job, end: float) -> None:
        """What is at work takes its time: what waits behind it goes to workers that have nothing to do."""
        self._arm(worker, job, end)
        idle = [other for other in self._workers if not other.jobs]
        for place in range(min(len(worker.jobs) - 1, len(idle) * _AHEAD)):
            moved = worker.jobs.pop()
            if worker.writer is not None:
                worker.writer.write(framed({"number": moved.number}))
            self._give(idle[place % len(idle)], moved)

    # ------------------------------------------------------------ ends

    def _too_long(self, worker: _Worker, job: Job) -> None:
        if not worker.jobs or worker.jobs[0] is not job:
            return
        worker.jobs.popleft()
        if not job.answer.done():
            job.answer.set_result(_late(job))
        self._replace(worker)

    def _forget(self, job: Job) -> None:
        for worker in self._workers:
            if job in worker.jobs:
                first = worker.jobs[0] is job
                worker.jobs.remove(job)
                if first and worker.ready:
                    self._replace(worker)
                elif worker.writer is not None:
                    worker.writer.write(framed({"number": job.number}))
                return

    def _lost(self, worker: _Worker) -> None:
        """A worker ended by itself: what it was at is to blame, and is tried once more."""
        if worker in self._spares:
            self._spares.remove(worker)
            self._end(worker)
            return
        job = worker.jobs[0] if worker.jobs else None
        if job is not None:
            job.attempts += 1
            if job.attempts >= _MOST_ATTEMPTS:
                worker.jobs.popleft()
                if not job.answer.done():
                    whose = "reference" if job.preparing else "query"
                    job.answer.set_result(Failed(whose, "crash", "the process that ran it ended"))
        self._replace(worker)

    def _replace(self, worker: _Worker) -> None:
        self.kills += 1
        self._end(worker)
        if self._stopping:
            return
        place = self._workers.index(worker)
        fresh = self._workers[place] = self._spares.popleft() if self._spares else self._launched()
        asyncio.get_running_loop().call_soon(self._stand_by)  # after those who wait have heard of it
        for job in worker.jobs:
            job.preparing, job.left = False, job.order.seconds
            self._give(fresh, job)
        worker.jobs.clear()

    def _end(self, worker: _Worker) -> None:
        if worker.alarm is not None:
            worker.alarm.cancel()
        worker.process.kill()
        if worker.writer is not None:
            worker.writer.close()
        self._ended.append(worker)
        for one in [one for one in self._ended if one.process.poll() is not None]:
            self._ended.remove(one)

    async def stop(self) -> None:
        """End all workers; what they were at is not answered."""
        self._stopping = True
        workers = [*self._workers, *self._spares]
        self._workers, self._spares = [], deque()
        for worker in workers:
            self._end(worker)
            for job in worker.jobs:
                for waiting in (job.turn, job.answer):
                    if not waiting.done():
                        waiting.set_exception(LaneStopped())
                        waiting.exception()  # nobody may be waiting for it
        reading = [worker.reading for worker in workers if worker.reading is not None]
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
        for worker in workers:
            if worker.writer is not None:
                with contextlib.suppress(ConnectionError):
                    await worker.writer.wait_closed()
            else:
                worker.connection.close()
        for worker in (*workers, *self._ended):
            await asyncio.to_thread(worker.process.wait, _STOP_SECONDS)


def _late(job: Job) -> Failed:
    if job.preparing:
        return Failed("reference", "timeout", f"not done within {job.order.preparing_seconds:g} s")
    return Failed("query", "timeout", f"not done within {job.order.seconds:g} s")
