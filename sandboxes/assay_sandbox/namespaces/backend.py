"""The namespaces backend: workers that are replaced before they grow old, runs that are made again if one is lost."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import sys
import sysconfig
from collections.abc import AsyncGenerator, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path

import assay_sandbox
from assay_sandbox.namespaces.cgroups import Cgroups, CgroupsUnavailable, find_tree
from assay_sandbox.namespaces.probe import FIRST_ID, IDS_PER_WORKER, Reached, probe
from assay_sandbox.namespaces.setup import Setup
from assay_sandbox.namespaces.wire import MAX_CHANNELS
from assay_sandbox.namespaces.worker import Run, Worker
from assay_sandbox.protocol import Exec, Grade, Launch, Level, Outcome, Running, SandboxUnavailable, WorkerLost

_ATTEMPTS = 3
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
_PRELOAD = (
    "assay_sandbox.harness.script", "bisect", "collections", "copy", "datetime", "decimal", "fractions", "functools",
    "heapq", "itertools", "json", "math", "operator", "random", "re", "statistics", "string", "typing",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class NamespacesSettings:
    """What an operator decides.

    Attributes:
        workers: outer sandboxes; successive runs take turns among them.
        spares: supervisors that wait in each.
        runs_per_worker: after which a worker is replaced: string hashes have another seed in the next one.
        floor: the grade below which nothing is started.
        shown: files and folders that runs see read-only besides the system's and Python's.
        search_path: folders of programs besides the system's.
        preload: modules imported before the fork, besides the usual ones.
    """

    workers: int = 2
    spares: int = 2
    runs_per_worker: int = 512
    floor: Grade = Grade.FLOOR
    shown: tuple[str, ...] = ()
    search_path: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()


class NamespacesBackend:
    """Runs programs in namespaces of their own, forked from a warm interpreter."""

    name = "namespaces"

    def __init__(self, settings: NamespacesSettings | None = None) -> None:
        self._settings = settings or NamespacesSettings()
        self._reached: Reached | None = None
        self._cgroups: Cgroups | None = None
        self._workers: list[Worker] = []
        self._leaving: set[Worker] = set()
        self._turn = itertools.count()
        self._numbers = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._someone = asyncio.Event()
        self._starting = 0
        self._stopped = False

    def probe(self) -> Level:
        return self._found().level

    async def start(self) -> None:
        found = await asyncio.to_thread(self._found)
        if found.identity is None or found.level.grade < self._settings.floor:
            raise SandboxUnavailable(_refusal(found.level, self._settings.floor))
        if found.level.memory_enforced:
            with contextlib.suppress(CgroupsUnavailable):
                self._cgroups = Cgroups(find_tree())
        await asyncio.gather(*(self._add_worker() for _ in range(self._settings.workers)))

    async def stop(self) -> None:
        self._stopped = True
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(worker.stop() for worker in (*self._workers, *self._leaving)))
        self._workers.clear()
        self._leaving.clear()
        if self._cgroups is not None:
            self._cgroups.close()

    async def run(self, launch: Launch) -> Outcome:
        attempts = 1 if launch.channels else _ATTEMPTS
        for _ in range(attempts - 1):
            with contextlib.suppress(WorkerLost):
                return await self._run_once(launch)
        return await self._run_once(launch)

    async def _run_once(self, launch: Launch) -> Outcome:
        async with self.open(launch) as running:
            return await running.outcome()

    @contextlib.asynccontextmanager
    async def open(self, launch: Launch) -> AsyncGenerator[Running]:
        try:
            _check(launch)
            run = await self._take()
            await run.start(launch)
        finally:
            for channel in launch.channels:
                channel.close()
        try:
            yield run
        finally:
            await run.end()

    def worker_pids(self) -> list[int]:
        """Of the outer sandboxes' processes."""
        return [worker.pid for worker in self._workers]

    # ------------------------------------------------------------ workers

    def _found(self) -> Reached:
        if self._reached is None:
            self._reached = probe(self._setup(0))
        return self._reached

    def _setup(self, number: int) -> Setup:
        settings = self._settings
        identity = self._reached.identity if self._reached else None
        return Setup(
            identity=identity.value if identity else "",
            first_id=FIRST_ID + (number % 512) * IDS_PER_WORKER,
            ids_count=IDS_PER_WORKER,
            user_id=os.getuid(),
            group_id=os.getgid(),
            shown=(*_python_folders(), *settings.shown),
            search_path=":".join([*settings.search_path, _SYSTEM_PATH]),
            preload=(*_PRELOAD, *settings.preload),
        )

    async def _add_worker(self) -> None:
        worker = Worker(self._setup(next(self._numbers)), self._cgroups, self._settings.spares, self._lost)
        self._starting += 1
        try:
            await worker.start()
        finally:
            self._starting -= 1
        if self._stopped:
            await worker.stop()
            return
        self._workers.append(worker)
        self._someone.set()

    async def _take(self) -> Run:
        while True:
            if self._workers:
                worker = self._workers[next(self._turn) % len(self._workers)]
                with contextlib.suppress(WorkerLost):
                    run = worker.take()
                    if worker.exhausted or worker.runs_so_far >= self._settings.runs_per_worker:
                        self._replace(worker)
                    return run
                self._lost(worker)
                continue
            if self._stopped or not self._starting:
                raise SandboxUnavailable("there are no sandboxes: the backend is not started, or cannot start any more")
            self._someone.clear()
            await self._someone.wait()

    def _replace(self, worker: Worker) -> None:
        """Start the next worker; the old one serves until it is there, and its runs end in peace."""
        if worker not in self._leaving:
            self._leaving.add(worker)
            self._spawn(self._succeed(worker))

    async def _succeed(self, worker: Worker) -> None:
        try:
            await self._add_worker()
        finally:
            if worker in self._workers and (len(self._workers) > 1 or worker.exhausted):
                self._workers.remove(worker)
                worker.retire()
            if not worker.runs:
                self._leaving.discard(worker)

    def _lost(self, worker: Worker) -> None:
        """A worker's connection ended: retired, stopped, or killed by somebody."""
        self._leaving.discard(worker)
        unexpected = worker in self._workers
        if unexpected:
            self._workers.remove(worker)
        if not self._stopped:
            self._spawn(worker.stop())
            if unexpected:
                self._spawn(self._add_worker())

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _refusal(level: Level, floor: Grade) -> str:
    missing = "; ".join(f"{item.name}: {item.detail}" for item in level.mechanisms if not item.works)
    return (
        f"untrusted code is not run here: isolation is {level.grade.name}, {floor.name} is asked for ({missing}). "
        "`assay doctor` shows all of it; docs/sandbox.md says what an operator can do"
    )


def _python_folders() -> Sequence[str]:
    paths = {sys.prefix, sys.base_prefix, sys.exec_prefix, sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")}
    package = Path(assay_sandbox.__file__).resolve().parent
    executable = Path(sys.executable).resolve().parent
    return sorted({*paths, str(package), str(executable)})


def _check(launch: Launch) -> None:
    """Raises ValueError for a launch that cannot be meant."""
    for path in (*launch.files, *launch.collect):
        parts = path.split("/")
        if not path or "\0" in path or any(part in ("", ".", "..") for part in parts):
            raise ValueError(f"{path!r}: files of a run have relative paths below its working directory")
    if len(launch.channels) > MAX_CHANNELS:
        raise ValueError(f"{len(launch.channels)} channels, where a run has {MAX_CHANNELS} at most")
    if launch.stdio_on_channel and not launch.channels:
        raise ValueError("standard input and output are to be a channel, and there is none")
    if isinstance(launch.program, Exec) and not launch.program.argv:
        raise ValueError("a program to execute has a name")
