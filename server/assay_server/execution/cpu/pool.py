"""The server's side of the cpu lane: queues, clocks, kills and replacements.

Two clocks that are never confused: an item's execution timeout starts when a worker says that it starts, not when it
is queued. An item that has used its slice of CPU moves to the slow lane, which is half of the workers at most; there
its own timeout decides. Whatever happens to a worker happens to the item that it was running; the others it had been
given are given to another.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from assay.sdk import Sample, Score, Unscorable
from assay_server.execution.cpu.channel import (
    HEADER,
    MAX_ANSWER,
    BadReport,
    Discard,
    Report,
    Task,
    decode_report,
    encode_order,
)
from assay_server.execution.cpu.forks import ForkedWorker, TemplateProcess
from assay_server.execution.cpu.template import TemplateSetup

_log = structlog.get_logger(__name__)

SLICE_SECONDS = 0.025
_MAX_BATCH = 8
_MAX_ATTEMPTS = 3
_QUARANTINE_KILLS = 3
_QUARANTINE_SHARE = 0.2
_WATCH_MARGIN_SECONDS = 0.001
_OBITUARY_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Ran:
    """A score, with the seconds that its item waited and ran."""

    score: Score
    queue_seconds: float
    run_seconds: float


@dataclass(slots=True, eq=False)
class Job:
    """An item in the lane."""

    task: Task
    timeout: float
    answer: asyncio.Future[Ran]
    queued: float
    slow: bool = False
    attempts: int = 0
    started: float = 0.0
    start_seconds: float = 0.0

    def succeed(self, score: Score, now: float) -> None:
        if not self.answer.done():
            self.answer.set_result(Ran(score, self.started - self.queued, now - self.started))

    def fail(self, reason: str, message: str, *, retryable: bool = False) -> None:
        if not self.answer.done():
            self.answer.set_exception(Unscorable(reason, message, retryable=retryable))


@dataclass(slots=True, eq=False)
class Worker:
    """A forked worker and what it was given, in order."""

    forked: ForkedWorker
    jobs: dict[int, Job] = field(default_factory=dict[int, Job])
    current: Job | None = None
    slow: bool = False
    retiring: bool = False
    watch: asyncio.TimerHandle | None = None
    reader: asyncio.Task[None] | None = None

    @property
    def idle(self) -> bool:
        return not self.jobs and not self.retiring


@dataclass(slots=True)
class PoolFigures:
    """What the pool has done since it started."""

    kills: Counter[str] = field(default_factory=Counter[str])
    finished: int = 0
    moved: int = 0


class CpuPool:
    """Workers that run one item at a time and can be killed at any point of it."""

    def __init__(self, size: int, setup: TemplateSetup, default_timeout: float) -> None:
        self.figures = PoolFigures()
        self._size = size
        self._slow_limit = max(1, size // 2)
        self._default_timeout = default_timeout
        self._template = TemplateProcess(setup, self._on_dead, self._on_template_death)
        self._workers: dict[int, Worker] = {}
        self._spares: list[ForkedWorker] = []
        self._fast: deque[Job] = deque()
        self._slow: deque[Job] = deque()
        self._numbers = 0
        self._kills_of: Counter[str] = Counter()
        self._runs_of: Counter[str] = Counter()
        self._stopping = False
        self._filling: set[asyncio.Task[None]] = set()

    # ------------------------------------------------------------ life

    def launch(self) -> None:
        """Start the template; before the process has threads, sockets or secrets."""
        self._template.launch()

    async def start(self) -> None:
        """Fork the workers and one spare."""
        await self._template.ready()
        for _ in range(self._size):
            self._enlist(await self._template.fork())
        self._spares.append(await self._template.fork())

    async def stop(self) -> None:
        """End all workers and the template; items that wait are failed as retryable."""
        self._stopping = True
        for task in self._filling:
            task.cancel()
        await asyncio.gather(*self._filling, return_exceptions=True)
        workers = list(self._workers.values())
        readers = [worker.reader for worker in workers if worker.reader is not None]
        for worker in workers:
            self._bury(worker)
        for spare in self._spares:
            spare.kill()
        await asyncio.gather(*readers, return_exceptions=True)
        await asyncio.gather(*(forked.closed() for forked in (*(w.forked for w in workers), *self._spares)))
        await self._template.stop()
        for job in (*self._fast, *self._slow):
            job.fail("LANE_STOPPED", "the server is going away", retryable=True)

    @property
    def strength(self) -> int:
        """Workers that can take items."""
        return len(self._workers)

    # ------------------------------------------------------------ items

    async def run(
        self, reward: str, component: str, params: Mapping[str, object], sample: Sample, timeout: float | None
    ) -> Ran:
        """What the reward says of the sample.

        Raises:
            Unscorable: what the reward raised; DEADLINE_EXCEEDED, MEMORY_LIMIT, REWARD_EXITED, REWARD_CRASHED.
        """
        loop = asyncio.get_running_loop()
        self._numbers += 1
        self._runs_of[reward] += 1
        task = Task(self._numbers, reward, component, params, sample)
        limit = timeout if timeout is not None else self._default_timeout
        job = Job(task, limit, loop.create_future(), loop.time(), slow=self._quarantined(reward))
        (self._slow if job.slow else self._fast).append(job)
        self._dispatch()
        try:
            return await job.answer
        except asyncio.CancelledError:
            self._forget(job)
            raise

    def _quarantined(self, reward: str) -> bool:
        """Whether a reward is killed so often that its items start in the slow lane."""
        kills = self._kills_of[reward]
        return kills >= _QUARANTINE_KILLS and kills >= _QUARANTINE_SHARE * self._runs_of[reward]

    def _forget(self, job: Job) -> None:
        for queue in (self._fast, self._slow):
            if job in queue:
                queue.remove(job)
        for worker in self._workers.values():
            if worker.current is job:
                self._kill(worker, "cancelled")
                return

    def _dispatch(self) -> None:
        if self._stopping:
            return
        for worker in self._workers.values():
            if not worker.idle:
                continue
            if self._slow and self._slow_workers() < self._slow_limit:
                worker.slow = True
                worker.forked.yield_to_others()
                self._give(worker, [self._slow.popleft()])
            elif self._fast:
                share = -(-len(self._fast) // max(1, len(self._workers)))
                count = min(_MAX_BATCH, share, len(self._fast))
                self._give(worker, [self._fast.popleft() for _ in range(count)])

    def _slow_workers(self) -> int:
        return sum(worker.slow for worker in self._workers.values())

    def _give(self, worker: Worker, jobs: list[Job]) -> None:
        for job in jobs:
            job.attempts += 1
            worker.jobs[job.task.number] = job
        worker.forked.send(b"".join([encode_order(job.task) for job in jobs]))

    # ------------------------------------------------------------ what workers say

    def _enlist(self, forked: ForkedWorker) -> None:
        worker = Worker(forked)
        self._workers[forked.pid] = worker
        worker.reader = asyncio.create_task(self._listen(worker), name=f"cpu worker {forked.pid}")

    async def _listen(self, worker: Worker) -> None:
        reader = worker.forked.reader
        try:
            while True:
                (length,) = HEADER.unpack(await reader.readexactly(HEADER.size))
                if length > MAX_ANSWER:
                    raise BadReport(f"a report of {length} bytes")
                self._on_report(worker, decode_report(await reader.readexactly(length)))
        except (asyncio.IncompleteReadError, ConnectionError):
            await asyncio.sleep(
                _OBITUARY_SECONDS
            )  # the template knows how it ended; only a closed socket tells nothing
            self._on_dead(worker.forked.pid, 1)
        except BadReport as error:
            _log.warning("a worker's report is damaged", error=str(error))
            self._blame(worker, "REWARD_CRASHED", "the reward damaged its worker")
            self._kill(worker, "damaged")

    def _on_report(self, worker: Worker, report: Report) -> None:
        now = asyncio.get_running_loop().time()
        if report.number is not None:
            job = worker.jobs.pop(report.number, None)
            worker.current = None
            if job is not None:
                self._finish(job, report)
        if report.started is not None:
            job = worker.jobs.get(report.started)
            if job is not None:
                worker.current = job
                job.started, job.start_seconds = now, report.cpu_seconds
                self._watch(worker, job)
        if report.retiring:
            worker.retiring = True
            self._kill(worker, "retired")
        elif not worker.jobs:
            if worker.slow:  # it runs at low priority now, and priority cannot be given back
                worker.retiring = True
                self._kill(worker, "slow done")
            self._dispatch()

    def _finish(self, job: Job, report: Report) -> None:
        self.figures.finished += 1
        if isinstance(report.outcome, Score):
            job.succeed(report.outcome, asyncio.get_running_loop().time())
        elif report.outcome is not None and not job.answer.done():
            job.answer.set_exception(report.outcome)

    # ------------------------------------------------------------ clocks

    def _watch(self, worker: Worker, job: Job) -> None:
        if worker.watch is not None:
            worker.watch.cancel()
        left = job.timeout if worker.slow else min(SLICE_SECONDS, job.timeout)
        worker.watch = asyncio.get_running_loop().call_later(left, self._look, worker, job)

    def _look(self, worker: Worker, job: Job) -> None:
        """An item has run for its slice, or for its timeout."""
        if worker.current is not job:
            return
        loop = asyncio.get_running_loop()
        left = job.timeout - (loop.time() - job.started)
        if left <= _WATCH_MARGIN_SECONDS:
            job.fail("DEADLINE_EXCEEDED", f"{job.task.component}: not done within {job.timeout:g} s of execution")
            self._count_kill(job)
            self._kill(worker, "timeout")
            return
        if not worker.slow:
            unused = SLICE_SECONDS - (worker.forked.cpu_seconds() - job.start_seconds)
            if unused > _WATCH_MARGIN_SECONDS:
                worker.watch = loop.call_later(min(unused, left), self._look, worker, job)
                return
            self._move_to_slow_lane(worker, job)
            if worker.current is not job:
                return
        worker.watch = loop.call_later(left, self._look, worker, job)

    def _move_to_slow_lane(self, worker: Worker, job: Job) -> None:
        self.figures.moved += 1
        if self._slow_workers() < self._slow_limit:
            worker.slow = True
            worker.forked.yield_to_others()
            others = [other for other in worker.jobs.values() if other is not job]
            worker.jobs = {job.task.number: job}
            if others:
                worker.forked.send(encode_order(Discard(frozenset(other.task.number for other in others))))
                self._fast.extendleft(reversed(others))
                self._dispatch()
            return
        job.slow = True
        job.attempts -= 1
        worker.jobs.pop(job.task.number)
        worker.current = None
        self._slow.append(job)
        self._kill(worker, "made room")

    # ------------------------------------------------------------ deaths

    def _count_kill(self, job: Job) -> None:
        self._kills_of[job.task.reward] += 1

    def _blame(self, worker: Worker, reason: str, message: str) -> None:
        job = worker.current
        if job is not None:
            self._count_kill(job)
            worker.jobs.pop(job.task.number, None)
            worker.current = None
            job.fail(reason, f"{job.task.component}: {message}")

    def _kill(self, worker: Worker, why: str) -> None:
        self.figures.kills[why] += 1
        self._bury(worker)
        self._replace()

    def _bury(self, worker: Worker) -> None:
        """Take a worker out and give what it had not started to others."""
        self._workers.pop(worker.forked.pid, None)
        worker.forked.kill()
        if worker.watch is not None:
            worker.watch.cancel()
        if worker.reader is not None and worker.reader is not asyncio.current_task():
            worker.reader.cancel()
        waiting = [job for job in worker.jobs.values() if not job.answer.done()]
        for job in reversed(waiting):
            if job.attempts >= _MAX_ATTEMPTS:
                job.fail("WORKER_LOST", f"{job.task.component}: its worker died {job.attempts} times", retryable=True)
            else:
                (self._slow if job.slow else self._fast).appendleft(job)
        worker.jobs.clear()

    def _replace(self) -> None:
        if self._stopping:
            return
        if self._spares:
            self._enlist(self._spares.pop())
            self._dispatch()
        task = asyncio.create_task(self._fill(), name="cpu worker fork")
        self._filling.add(task)
        task.add_done_callback(self._filling.discard)

    async def _fill(self) -> None:
        forked = await self._template.fork()
        if len(self._workers) < self._size:
            self._enlist(forked)
            self._dispatch()
        else:
            self._spares.append(forked)

    def _on_dead(self, pid: int, exit_code: int) -> None:
        """The template tells that a worker has ended."""
        self._spares = [spare for spare in self._spares if spare.pid != pid]
        worker = self._workers.get(pid)
        if worker is None:
            return
        if exit_code == -signal.SIGKILL:
            self._blame(worker, "MEMORY_LIMIT", "its worker was killed, most likely for the memory it used")
        elif exit_code < 0:
            self._blame(worker, "REWARD_CRASHED", f"the reward crashed its worker (signal {-exit_code})")
        else:
            self._blame(worker, "REWARD_EXITED", f"the reward ended its worker (exit code {exit_code})")
        self._kill(worker, "died")

    def _on_template_death(self) -> None:
        """Nothing forks any more, and the workers died with their parent: start over."""
        if self._stopping:
            return
        _log.error("the cpu lane's template died; starting over")
        for worker in list(self._workers.values()):
            self._bury(worker)
        self._spares.clear()
        task = asyncio.create_task(self._start_over(), name="cpu lane restart")
        self._filling.add(task)
        task.add_done_callback(self._filling.discard)

    async def _start_over(self) -> None:
        self._template.launch()
        await self.start()
        self._dispatch()
