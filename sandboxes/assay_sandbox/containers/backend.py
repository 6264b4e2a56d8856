"""The docker backend: for single machines, where a second wall (gVisor) or docker's own set-up is wanted."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import shutil
import socket
import subprocess
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from assay_sandbox.containers.container import Bounds, Container, run_command
from assay_sandbox.namespaces import seccomp
from assay_sandbox.namespaces.worker import Run
from assay_sandbox.protocol import (
    Grade,
    Launch,
    Level,
    Limits,
    Mechanism,
    Outcome,
    Running,
    SandboxUnavailable,
    WorkerLost,
    check_launch,
)

_ATTEMPTS = 3
_KINDS_KEPT_READY = 4
_COMMAND_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class DockerSettings:
    """What an operator decides.

    Attributes:
        image: with Python 3.11 or newer as ``python3``, and the toolchains; see ``sandboxes/images``.
        runtime: ``runsc`` for gVisor; empty for docker's default.
        spares: containers that wait for a run, for each kind of bounds that was asked for lately.
        docker: the command, with options: ``("docker", "--host", "unix:///...")``.
    """

    image: str = "assay-sandbox"
    runtime: str = ""
    spares: int = 2
    docker: tuple[str, ...] = ("docker",)


class DockerBackend:
    """Runs each program in a container of its own, which is thrown away afterwards."""

    name = "docker"
    hands_over_sockets = False

    def __init__(self, settings: DockerSettings | None = None) -> None:
        self._settings = settings or DockerSettings()
        self._spares: dict[Bounds, deque[asyncio.Task[Container]]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count()
        self._running = False

    def probe(self) -> Level:
        refused = self._refused()
        works = not refused
        mechanisms = (
            Mechanism("daemon", works, refused or "a container for each run"),
            Mechanism("network", works, "none"),
            Mechanism("capabilities", works, "none in the run, and no new privileges"),
            Mechanism("system calls", seccomp.supported(), "docker's filter, and an allow-list in the run"),
            Mechanism("runtime", bool(self._settings.runtime), self._settings.runtime or "docker's own"),
        )
        grade = Grade.NONE if refused else Grade.FULL if seccomp.supported() else Grade.FLOOR
        return Level(self.name, grade, mechanisms, memory_enforced=works)

    async def start(self) -> None:
        level = await asyncio.to_thread(self.probe)
        if level.grade is Grade.NONE:
            raise SandboxUnavailable(f"docker cannot be used: {level.mechanisms[0].detail}")
        self._running = True
        bounds = Bounds.of(Limits())
        self._replenish(bounds)
        await asyncio.shield(self._spares[bounds][0])

    async def stop(self) -> None:
        self._running = False
        spares = [task for tasks in self._spares.values() for task in tasks]
        self._spares.clear()
        for task in spares:
            self._spawn_end(task)
        while self._ending:
            await asyncio.wait(self._ending)

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
        container: Container | None = None
        try:
            try:
                check_launch(launch)
                container = await self._take(Bounds.of(launch.limits))
                run = Run(container.connection, None, _closed, passes_descriptors=False)
                await run.start(launch)
            finally:
                for channel in launch.channels:
                    channel.close()
            try:
                yield run
            finally:
                await run.end()
        finally:
            if container is not None:
                self._end(container)

    async def _take(self, bounds: Bounds) -> Container:
        if not self._running:
            raise SandboxUnavailable("the sandboxes are not started")
        self._replenish(bounds)
        ready = self._spares[bounds].popleft()
        self._replenish(bounds)
        try:
            return await asyncio.shield(ready)
        except asyncio.CancelledError:
            self._spawn_end(ready)
            raise

    def _replenish(self, bounds: Bounds) -> None:
        waiting = self._spares.pop(bounds, deque[asyncio.Task[Container]]())
        self._spares[bounds] = waiting  # the last asked for is the last to go
        while len(waiting) < self._settings.spares:
            waiting.append(asyncio.create_task(self._make(bounds), name="container start"))
        while len(self._spares) > _KINDS_KEPT_READY:
            for task in self._spares.pop(next(iter(self._spares))):
                self._spawn_end(task)

    async def _make(self, bounds: Bounds) -> Container:
        name = f"assay-sandbox-{os.getpid()}-{id(self):x}-{next(self._numbers)}"
        settings = self._settings
        return await Container.start(run_command(settings.docker, name, settings.image, settings.runtime, bounds))

    def _end(self, container: Container) -> None:
        self._keep(asyncio.create_task(container.stop(), name="container end"))

    def _spawn_end(self, starting: asyncio.Task[Container]) -> None:
        self._keep(asyncio.create_task(_end_when_started(starting), name="container end"))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _refused(self) -> str:
        """Why docker cannot be used; empty where it can."""
        settings = self._settings
        if shutil.which(settings.docker[0]) is None:
            return "there is no docker command; install docker, or choose the namespaces backend"
        command = [*settings.docker, "image", "inspect", "--format", "{{.Id}}", settings.image]
        try:
            done = subprocess.run(command, capture_output=True, timeout=_COMMAND_SECONDS, check=False)  # noqa: S603 - the operator's
        except subprocess.TimeoutExpired:
            return "the daemon does not answer"
        return done.stderr.decode(errors="replace").strip()[-300:] if done.returncode else ""


def _closed(run: Run, connection: socket.socket) -> None:
    del run
    connection.close()


async def _end_when_started(starting: asyncio.Task[Container]) -> None:
    with contextlib.suppress(SandboxUnavailable):
        await (await starting).stop()
