"""The namespaces backend: runs in workers of two kinds, made again where a worker was lost."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import sys
import sysconfig
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import assay_sandbox
from assay_sandbox.namespaces.cgroups import Cgroups, CgroupsUnavailable, find_tree
from assay_sandbox.namespaces.pool import Pool
from assay_sandbox.namespaces.probe import FIRST_ID, IDS_PER_WORKER, Reached, probe
from assay_sandbox.namespaces.setup import Setup
from assay_sandbox.namespaces.worker import Worker
from assay_sandbox.protocol import (
    Exec,
    Grade,
    Launch,
    Level,
    Outcome,
    PythonCall,
    Running,
    SandboxUnavailable,
    WorkerLost,
    check_launch,
)

_ATTEMPTS = 5
_PAUSE_SECONDS = 0.05
_ID_RANGES = 512
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
_PLAIN = (
    "assay_sandbox.harness.candidate", "assay_sandbox.harness.script", "bisect", "collections", "copy", "datetime",
    "decimal", "fractions", "functools", "heapq", "itertools", "json", "math", "operator", "random", "re",
    "statistics", "string", "typing",
)  # fmt: skip
_SUITE = "assay_sandbox.harness.suite_process"
_NUMERIC = "numpy"
PRELOADED = {"plain": _PLAIN, "suite": (*_PLAIN, _SUITE), "numeric": (*_PLAIN, _SUITE, _NUMERIC)}
"""What templates import before they fork: what is imported later costs each run anew, what is not needed each fork."""


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
        cgroups: whether to use them where they work.
    """

    workers: int = 2
    spares: int = 3
    runs_per_worker: int = 512
    floor: Grade = Grade.FLOOR
    shown: tuple[str, ...] = ()
    search_path: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()
    cgroups: bool = True


class NamespacesBackend:
    """Runs programs in namespaces of their own, forked from a warm interpreter.

    Workers of each kind are started when the first run needs one. Calls that speak of numpy are forked from one that
    has it: importing it costs more than all the rest, and having it makes every fork dearer.
    """

    name = "namespaces"
    hands_over_sockets = True

    def __init__(self, settings: NamespacesSettings | None = None) -> None:
        self._settings = settings or NamespacesSettings()
        self._reached: Reached | None = None
        self._cgroups: Cgroups | None = None
        self._numbers = itertools.count()
        self._pools: dict[str, Pool] = {}

    def probe(self) -> Level:
        return self._found().level

    async def start(self) -> None:
        found = await asyncio.to_thread(self._found)
        if found.identity is None or found.level.grade < self._settings.floor:
            raise SandboxUnavailable(_refusal(found.level, self._settings.floor))
        if found.level.memory_enforced:
            with contextlib.suppress(CgroupsUnavailable):
                self._cgroups = Cgroups(find_tree())
        self._pools = {kind: self._pool(preload) for kind, preload in PRELOADED.items()}
        await self._pools["plain"].start()

    async def stop(self) -> None:
        pools, self._pools = self._pools, {}
        await asyncio.gather(*(pool.stop() for pool in pools.values()))
        if self._cgroups is not None:
            self._cgroups.close()

    async def run(self, launch: Launch) -> Outcome:
        attempts = 1 if launch.channels else _ATTEMPTS
        for attempt in range(attempts - 1):
            with contextlib.suppress(WorkerLost):
                return await self._run_once(launch)
            await asyncio.sleep(_PAUSE_SECONDS * 2**attempt)  # what is dying is not noticed at once
        return await self._run_once(launch)

    async def _run_once(self, launch: Launch) -> Outcome:
        async with self.open(launch) as running:
            return await running.outcome()

    @contextlib.asynccontextmanager
    async def open(self, launch: Launch) -> AsyncGenerator[Running]:
        try:
            check_launch(launch)
            run = await self._pool_for(launch).take()
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
        return [worker.pid for pool in self._pools.values() for worker in pool.workers]

    def _pool_for(self, launch: Launch) -> Pool:
        if not self._pools:
            raise SandboxUnavailable("the sandboxes are not started")
        return self._pools[_kind(launch.program)]

    def _pool(self, preload: tuple[str, ...]) -> Pool:
        def make(on_end: Callable[[Worker], None]) -> Worker:
            setup = self._setup(next(self._numbers), preload)
            return Worker(setup, self._cgroups, self._settings.spares, on_end)

        return Pool(make, self._settings.workers, self._settings.runs_per_worker)

    def _found(self) -> Reached:
        if self._reached is None:
            self._reached = probe(self._setup(0, _PLAIN), cgroups=self._settings.cgroups)
        return self._reached

    def _setup(self, number: int, preload: tuple[str, ...]) -> Setup:
        settings = self._settings
        identity = self._reached.identity if self._reached else None
        return Setup(
            identity=identity.value if identity else "",
            first_id=FIRST_ID + (number % _ID_RANGES) * IDS_PER_WORKER,
            ids_count=IDS_PER_WORKER,
            user_id=os.getuid(),
            group_id=os.getgid(),
            shown=(*_python_folders(), *settings.shown),
            search_path=":".join([*settings.search_path, _SYSTEM_PATH]),
            preload=(*preload, *settings.preload),
        )


def _kind(program: PythonCall | Exec) -> str:
    if isinstance(program, Exec):
        return "plain"
    if _NUMERIC.encode() in program.payload:
        return "numeric"
    return "suite" if program.entry.startswith(f"{_SUITE}:") else "plain"


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
