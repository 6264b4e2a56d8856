"""Workers of one kind: they take turns, and each is replaced before it has made too many runs, or when it is lost."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Coroutine

from assay_sandbox.namespaces.worker import Run, Worker
from assay_sandbox.protocol import SandboxUnavailable, WorkerLost

MakeWorker = Callable[[Callable[[Worker], None]], Worker]
"""Makes one that is not started; calls back when it has ended."""


class Pool:
    """Starts when it is first needed."""

    def __init__(self, make: MakeWorker, workers: int, runs_per_worker: int) -> None:
        self._make = make
        self._size = workers
        self._runs_per_worker = runs_per_worker
        self._workers: list[Worker] = []
        self._followed: set[Worker] = set()
        self._retired: set[Worker] = set()
        self._turn = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._endings: set[asyncio.Task[None]] = set()
        self._someone = asyncio.Event()
        self._starting = 0
        self._started = False
        self._stopped = False

    @property
    def workers(self) -> tuple[Worker, ...]:
        """Those that take runs."""
        return tuple(self._workers)

    async def start(self) -> None:
        """Have all workers ready. Raises SandboxUnavailable."""
        self._started = True
        await asyncio.gather(*(self._add() for _ in range(self._size)))

    async def stop(self) -> None:
        """End all workers and their runs; returns when they are gone."""
        self._stopped = True
        self._someone.set()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._endings, return_exceptions=True)
        await asyncio.gather(*(worker.stop() for worker in (*self._workers, *self._retired)))
        self._workers.clear()
        self._retired.clear()

    async def take(self) -> Run:
        """A supervisor that waits for a launch; waits for a worker where one is being started."""
        if not self._started:
            self._started = True
            for _ in range(self._size):
                self._spawn(self._add())
        while True:
            if self._stopped:
                raise SandboxUnavailable("the sandboxes are stopped")
            if self._workers:
                worker = self._workers[next(self._turn) % len(self._workers)]
                with contextlib.suppress(WorkerLost):
                    run = worker.take()
                    if worker.runs_so_far >= self._runs_per_worker:
                        self._follow(worker)
                    return run
                self._ended(worker)
                continue
            if not self._starting and not self._tasks:
                await self._add()  # the last could not be started: whoever asks hears why
                continue
            self._someone.clear()
            await self._someone.wait()

    async def _add(self) -> None:
        worker = self._make(self._ended)
        self._starting += 1
        try:
            await worker.start()
            if self._stopped:
                await worker.stop()
            else:
                self._workers.append(worker)
        finally:
            self._starting -= 1
            self._someone.set()

    def _follow(self, worker: Worker) -> None:
        """Start its successor; it serves until that is there, and its runs end in peace."""
        if worker not in self._followed:
            self._followed.add(worker)
            self._spawn(self._succeed(worker))

    async def _succeed(self, worker: Worker) -> None:
        await self._add()
        if worker in self._workers:
            self._workers.remove(worker)
            self._retired.add(worker)
            worker.retire()

    def _ended(self, worker: Worker) -> None:
        """Its connection ended: it was retired, or something killed it."""
        if self._stopped:
            return
        self._followed.discard(worker)
        self._retired.discard(worker)
        ending = asyncio.create_task(worker.stop())
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)
        if worker in self._workers:
            self._workers.remove(worker)
            self._spawn(self._add())

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._someone.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            task.get_loop().call_exception_handler({"message": f"a sandbox could not be started: {error}"})
