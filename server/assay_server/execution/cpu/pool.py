"""The server's side of the cpu lane: queues, clocks, kills and replacements.

Two clocks that are never confused: an item's execution timeout starts when a worker says that it starts, not when it
is queued. An item that has used its slice of CPU moves to the slow lane, which is half of the workers at most; there
its own timeout decides. Whatever happens to a worker happens to the item that it was running; the others it had been
given are given to another.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import Counter, deque
from collections.abc import Callable, Mapping
from functools import partial

import structlog

from assay.sdk import FinishedGroup, Sample, Score, Unscorable
from assay_server.execution.cpu.channel import (
    HEADER,
    MAX_ANSWER,
    MEMORY_LIMIT,
    BadReport,
    Computed,
    Discard,
    GroupTask,
    Report,
    Task,
    decode_report,
    encode_order,
)
from assay_server.execution.cpu.forks import ForkedWorker, TemplateEnded, TemplateProcess
from assay_server.execution.cpu.jobs import Finished, Job, PoolFigures, Ran, Worker
from assay_server.execution.cpu.template import TemplateSetup

_log = structlog.get_logger(__name__)

SLICE_SECONDS = 0.025
_MAX_BATCH = 8
_MAX_ATTEMPTS = 3
_QUARANTINE_KILLS = 3
_QUARANTINE_SHARE = 0.2
_WATCH_MARGIN_SECONDS = 0.001
_SECOND_LOOK_SECONDS = 0.005
_OBITUARY_SECONDS = 0.1
_BURIAL_SECONDS = 5.0
_SPARES = 2
_FAILED_STARTS = 3
_RESTART_SECONDS = 0.1
_MAX_RESTART_SECONDS = 5.0


class CpuPool:
    """Workers that run one item at a time and can be killed at any point of it."""

    def __init__(self, size: int, setup: TemplateSetup, default_timeout: float) -> None:
        self.figures = PoolFigures()
        self.size = size
        self.spares = _SPARES
        self._slow_limit = max(1, size // 2)
        self._default_timeout = default_timeout
        self._template = TemplateProcess(setup, self._on_dead, self._on_template_death)
        self._workers: dict[int, Worker] = {}
        self._spares: list[ForkedWorker] = []
        self._fast: deque[Job] = deque()
        self._slow: deque[Job] = deque()
        self._suspected: deque[Job] = deque()
        self._numbers = 0
        self._kills_of: Counter[str] = Counter()
        self._runs_of: Counter[str] = Counter()
        self._stopping = False
        self._down = False
        self._asking_after_suspect = False
        self._filler: asyncio.Task[None] | None = None
        self._reviver: asyncio.Task[None] | None = None
        self._asking: set[asyncio.Task[None]] = set()

    # ------------------------------------------------------------ life

    def launch(self) -> None:
        """Start the template; before the process has threads, sockets or secrets."""
        self._template.launch()

    async def start(self) -> None:
        """Fork the workers and the spares. Where the template cannot start, it is tried again, items waiting."""
        with contextlib.suppress(TemplateEnded):
            await self._bring_up()

    async def _bring_up(self) -> None:
        await self._template.ready()
        self._refill()
        while self._filler is not None and not self._filler.done():
            await asyncio.wait([self._filler])
        if not self._workers:
            raise TemplateEnded
        self._down = False

    async def stop(self) -> None:
        """End all workers and the template; items that wait are failed as retryable."""
        self._stopping = True
        for task in (self._filler, self._reviver, *self._asking):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        workers = list(self._workers.values())
        readers = [worker.reader for worker in workers if worker.reader is not None]
        for worker in workers:
            self._bury(worker)
        for spare in self._spares:
            spare.kill()
        await asyncio.gather(*readers, return_exceptions=True)
        await asyncio.gather(*(forked.closed() for forked in (*(w.forked for w in workers), *self._spares)))
        await self._template.stop()
        self._fail_waiting("LANE_STOPPED", "the server is going away")

    def _fail_waiting(self, reason: str, message: str) -> None:
        for queue in self._queues:
            for job in queue:
                job.fail(reason, message, retryable=True)
            queue.clear()

    @property
    def _queues(self) -> tuple[deque[Job], ...]:
        return self._suspected, self._fast, self._slow

    @property
    def strength(self) -> int:
        """Workers that can take items."""
        return sum(not worker.retiring for worker in self._workers.values())

    @property
    def complete(self) -> bool:
        """Whether all workers and spares are there."""
        return self.strength == self.size and len(self._spares) == self.spares

    @property
    def running(self) -> int:
        """Items that a worker has started."""
        return sum(worker.current is not None for worker in self._workers.values())

    @property
    def template(self) -> TemplateProcess:
        """The process that forks."""
        return self._template

    @property
    def worker_pids(self) -> list[int]:
        """Processes of workers and spares."""
        return [*self._workers, *(spare.pid for spare in self._spares)]

    # ------------------------------------------------------------ items

    async def run(
        self, reward: str, component: str, params: Mapping[str, object], sample: Sample, timeout: float | None
    ) -> Ran:
        """What the reward says of the sample.

        Raises:
            Unscorable: what the reward raised; DEADLINE_EXCEEDED, MEMORY_LIMIT, REWARD_EXITED, REWARD_CRASHED,
                LANE_UNAVAILABLE, LANE_STOPPED.
        """
        self._numbers += 1
        done = await self._finished(Task(self._numbers, reward, component, params, sample), timeout)
        if not isinstance(done.outcome, Score):
            raise Unscorable("REWARD_CRASHED", f"{component}: its worker answered with something else")
        return Ran(done.outcome, done.queue_seconds, done.run_seconds)

    async def compute(
        self,
        plugin: str,
        component: str,
        params: Mapping[str, object],
        groups: tuple[FinishedGroup, ...],
        timeout: float | None,
    ) -> Computed:
        """What a plugin's function says of finished groups.

        Raises:
            Unscorable: as :meth:`run`.
        """
        self._numbers += 1
        done = await self._finished(GroupTask(self._numbers, plugin, component, params, groups), timeout)
        if not isinstance(done.outcome, Computed):
            raise Unscorable("REWARD_CRASHED", f"{component}: its worker answered with something else")
        return done.outcome

    async def _finished(self, task: Task | GroupTask, timeout: float | None) -> Finished:
        if self._down or self._stopping:
            raise Unscorable("LANE_UNAVAILABLE", f"{task.component}: the cpu lane is not running", retryable=True)
        loop = asyncio.get_running_loop()
        self._runs_of[task.reward] += 1
        limit = timeout if timeout is not None else self._default_timeout
        job = Job(task, limit, loop.create_future(), loop.time(), slow=self._quarantined(task.reward))
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
        for queue in self._queues:
            if job in queue:
                queue.remove(job)
        for worker in self._workers.values():
            if worker.current is job:
                self._kill(worker, "cancelled")
                return

    def _dispatch(self) -> None:
        if self._stopping or self._asking_after_suspect:
            return
        if self._suspected or any(worker.on_probation for worker in self._workers.values()):
            self._try_suspect()
            return
        for worker in self._workers.values():
            if not worker.idle:
                continue
            if self._slow and self._slow_workers() < self._slow_limit:
                self._make_slow(worker)
                self._give(worker, [self._slow.popleft()])
            elif self._fast:
                share = -(-len(self._fast) // max(1, len(self._workers)))
                count = min(_MAX_BATCH, share, len(self._fast))
                self._give(worker, [self._fast.popleft() for _ in range(count)])

    def _try_suspect(self) -> None:
        """Run what may have ended a worker or the template alone, so that nobody else is blamed if it does it again.

        Until it has ended, or the template has given a sign of life after it began, nothing else is started. What the
        fast lane runs is waited for, which is short; what the slow lane runs makes room and begins anew later.
        """
        busy = [worker for worker in self._workers.values() if worker.jobs]
        if not self._suspected or any(not worker.slow for worker in busy):
            return
        if busy:
            for job in busy[0].jobs.values():
                job.slow = True
            self._kill(busy[0], "made room")
            self._dispatch()
            return
        worker = next((worker for worker in self._workers.values() if worker.idle), None)
        if worker is not None:
            self._give(worker, [self._suspected.popleft()])

    def _make_slow(self, worker: Worker) -> None:
        worker.slow = True
        worker.forked.yield_to_others()
        self.figures.most_slow = max(self.figures.most_slow, self._slow_workers())

    def _slow_workers(self) -> int:
        return sum(worker.slow for worker in self._workers.values())

    def _give(self, worker: Worker, jobs: list[Job]) -> None:
        for job in jobs:
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
            while self._workers.get(worker.forked.pid) is worker:  # of one that was killed no more is wanted
                (length,) = HEADER.unpack(await reader.readexactly(HEADER.size))
                if length > MAX_ANSWER:
                    raise BadReport(f"a report of {length} bytes")
                self._on_report(worker, decode_report(await reader.readexactly(length)))
        except (asyncio.IncompleteReadError, ConnectionError):
            worker.retiring = worker.at_end = True
            self._settle_soon(worker)
        except BadReport as error:
            _log.warning("a worker's report is damaged", error=str(error))
            self._blame(worker, "REWARD_CRASHED", "the reward damaged its worker")
            self._kill(worker, "damaged")

    def _on_report(self, worker: Worker, report: Report) -> None:
        now = asyncio.get_running_loop().time()
        if report.number is not None:
            self._ended(worker, self._ended_job(worker, report.number), report)
        if report.started is not None:
            self._started(worker, report.started, now, report.cpu_seconds)
        if report.retiring:
            worker.retiring = True
            self._kill(worker, "retired")
        elif not worker.jobs:
            if worker.slow:  # it runs at low priority now, and priority cannot be given back
                worker.retiring = True
                self._kill(worker, "slow done")
            self._dispatch()

    def _ended_job(self, worker: Worker, number: int) -> Job:
        """The item that a worker says it has ended: the one that it was running, and no other."""
        job = worker.current
        if job is None or job.task.number != number:
            raise BadReport("an outcome of an item that did not run")
        worker.jobs.pop(number)
        worker.current = None
        return job

    def _started(self, worker: Worker, number: int, now: float, cpu_seconds: float) -> None:
        job = worker.jobs.get(number)
        if job is not None and worker.current is None:
            worker.current = job
            job.started, job.start_seconds = now, cpu_seconds
            self._watch(worker, job)
        elif not worker.slow:  # what a slow worker was told to forget may have started before it heard of it
            raise BadReport("the start of an item that was not given")

    def _ended(self, worker: Worker, job: Job, report: Report) -> None:
        self.figures.finished += 1
        if job.attempts and not job.vouched and not worker.slow:  # what it did may take a moment to be noticed
            self._asking_after_suspect = True
            self._ask_template(self._let_off)
        if isinstance(report.outcome, Score | Computed):
            job.succeed(report.outcome, asyncio.get_running_loop().time())
        elif report.outcome is not None:
            if report.outcome.reason == MEMORY_LIMIT:
                self._count_kill(job)
            job.fail_with(report.outcome)

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
            self.figures.latest_kill = max(self.figures.latest_kill, -left)
            job.fail("DEADLINE_EXCEEDED", f"{job.task.component}: not done within {job.timeout:g} s of execution")
            self._count_kill(job)
            self._kill(worker, "timeout")
            return
        if not worker.slow:
            if worker.on_probation and not job.vouched:  # what it did may take a moment to be noticed
                worker.watch = loop.call_later(left, self._look, worker, job)
                self._ask_template(partial(self._look_again, worker, job))
                return
            wait = self._slice_left(worker, job)
            if wait > _WATCH_MARGIN_SECONDS:
                worker.watch = loop.call_later(min(wait, left), self._look, worker, job)
                return
            self._move_to_slow_lane(worker, job)
            if worker.current is not job:
                return
        worker.watch = loop.call_later(left, self._look, worker, job)

    def _look_again(self, worker: Worker, job: Job) -> None:
        """The template is alive, so the item did not end it."""
        if worker.current is job and worker.watch is not None:
            job.vouched = True
            worker.watch.cancel()
            self._look(worker, job)

    def _let_off(self) -> None:
        self._asking_after_suspect = False
        self._dispatch()

    def _ask_template(self, then: Callable[[], None]) -> None:
        """Go on when the template has given a sign of life; its end is dealt with where it is noticed."""

        async def ask() -> None:
            with contextlib.suppress(TemplateEnded):
                await self._template.confirm()
                then()

        asking = asyncio.create_task(ask(), name="cpu lane's template asked")
        self._asking.add(asking)
        asking.add_done_callback(self._asking.discard)

    def _slice_left(self, worker: Worker, job: Job) -> float:
        """Seconds until an item is looked at again; none where it has used its slice, or waits instead of computing."""
        unused = SLICE_SECONDS - (worker.forked.cpu_seconds() - job.start_seconds)
        if unused <= _WATCH_MARGIN_SECONDS or not worker.forked.blocked():
            return unused
        if job.seen_blocked:
            return 0.0
        job.seen_blocked = True  # or its answer is on its way: then it is gone at the next look
        return _SECOND_LOOK_SECONDS

    def _move_to_slow_lane(self, worker: Worker, job: Job) -> None:
        self.figures.moved += 1
        if self._slow_workers() < self._slow_limit:
            self._make_slow(worker)
            others = [other for other in worker.jobs.values() if other is not job]
            worker.jobs = {job.task.number: job}
            if others:
                worker.forked.send(encode_order(Discard(frozenset(other.task.number for other in others))))
                self._fast.extendleft(reversed(others))
            self._dispatch()
            return
        job.slow = True
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

    def _suspect(self, worker: Worker) -> None:
        """Count a death against the item that may be to blame for it."""
        job = worker.suspect
        if job is None:
            return
        job.attempts += 1
        job.vouched = False
        if job.attempts >= _MAX_ATTEMPTS:
            self._count_kill(job)
            job.fail("REWARD_CRASHED", f"{job.task.component}: its worker was lost {job.attempts} times")

    def _kill(self, worker: Worker, why: str) -> None:
        self.figures.kills[why] += 1
        self._bury(worker)
        self._replace()

    def _bury(self, worker: Worker) -> None:
        """Take a worker out and give what it had not answered to others; what is suspected will run alone."""
        self._workers.pop(worker.forked.pid, None)
        worker.forked.kill()
        if worker.watch is not None:
            worker.watch.cancel()
        if worker.reader is not None and worker.reader is not asyncio.current_task():
            worker.reader.cancel()
        for job in reversed([job for job in worker.jobs.values() if not job.answer.done()]):
            suspected = job.attempts and not job.vouched
            (self._suspected if suspected else self._slow if job.slow else self._fast).appendleft(job)
        worker.jobs.clear()
        worker.current = None

    def _replace(self) -> None:
        if self._stopping:
            return
        if self._spares:
            self._enlist(self._spares.pop())
            self._dispatch()
        self._refill()

    def _refill(self) -> None:
        if self._filler is None or self._filler.done():
            self._filler = asyncio.create_task(self._fill(), name="cpu worker forks")

    async def _fill(self) -> None:
        """Fork until the workers and the spares are complete."""
        with contextlib.suppress(TemplateEnded):  # what happens then begins where its end is noticed
            while len(self._workers) < self.size or len(self._spares) < self.spares:
                forked = await self._template.fork()
                self.figures.forks += 1
                if len(self._workers) < self.size:
                    self._enlist(forked)
                    self._dispatch()
                else:
                    self._spares.append(forked)

    def _on_dead(self, pid: int, exit_code: int) -> None:
        """The template tells that a worker has ended."""
        for spare in [spare for spare in self._spares if spare.pid == pid]:
            self._spares.remove(spare)
            spare.kill()
            self._refill()
        worker = self._workers.get(pid)
        if worker is not None:
            worker.retiring, worker.exit_code = True, exit_code
            self._settle_soon(worker)

    def _settle_soon(self, worker: Worker) -> None:
        """A worker has ended, or closed its connection: settle it when all that it said has been read.

        The end of the one is waited for after the other; something that it left may hold the connection open, and what
        closed the connection may be alive, so neither is waited for long. A process that is dead or dying is waited for
        until the template, which may be busy, has told how it ended.
        """
        if worker.at_end and worker.exit_code is not None:
            self._settle(worker)
        else:
            asyncio.get_running_loop().call_later(_OBITUARY_SECONDS, self._settle_late, worker, _BURIAL_SECONDS)

    def _settle_late(self, worker: Worker, left: float) -> None:
        at_place = self._workers.get(worker.forked.pid) is worker
        if at_place and worker.exit_code is None and left > 0 and worker.forked.ending:
            loop = asyncio.get_running_loop()
            loop.call_later(_OBITUARY_SECONDS, self._settle_late, worker, left - _OBITUARY_SECONDS)
        elif at_place and worker.exit_code is None:  # nobody has told how it ended: the template may have ended, too
            self._ask_template(partial(self._settle, worker))
        else:
            self._settle(worker)

    def _settle(self, worker: Worker) -> None:
        if self._workers.get(worker.forked.pid) is not worker:
            return
        exit_code = worker.exit_code
        if worker.current is None:
            self._suspect(worker)
        elif exit_code == -signal.SIGKILL:
            self._blame(worker, MEMORY_LIMIT, "its worker was killed, most likely for the memory it used")
        elif exit_code is None:
            self._blame(worker, "REWARD_CRASHED", "the reward closed its worker's connection")
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
        self._asking_after_suspect = False
        workers = list(self._workers.values())
        for worker in workers:
            self._suspect(worker)
        for worker in workers:
            self._bury(worker)
        for spare in self._spares:
            spare.kill()
        self._spares.clear()
        if self._reviver is None or self._reviver.done():
            self._reviver = asyncio.create_task(self._revive(), name="cpu lane restart")

    async def _revive(self) -> None:
        """Start templates until one stays; items wait, unless that takes too many."""
        failures = 0
        while True:
            await asyncio.to_thread(self._template.sweep)
            self._template.launch()
            self.figures.restarts += 1
            forked = self.figures.forks
            try:
                await self._bring_up()
            except TemplateEnded:
                failures = 0 if self.figures.forks > forked else failures + 1
                if failures > _FAILED_STARTS:
                    self._down = True
                    self._fail_waiting("LANE_UNAVAILABLE", "the cpu lane does not start; the server's log says why")
                await asyncio.sleep(min(_RESTART_SECONDS * 2 ** min(failures, 10), _MAX_RESTART_SECONDS))
            else:
                self._dispatch()
                return
