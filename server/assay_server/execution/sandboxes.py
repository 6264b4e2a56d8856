"""The sandboxes of a server: started when something first needs one, with a queue before them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import structlog

from assay_sandbox.admission import Admission
from assay_sandbox.containers.backend import DockerBackend, DockerSettings
from assay_sandbox.namespaces.backend import NamespacesBackend, NamespacesSettings
from assay_sandbox.protocol import Backend, Grade, Level, SandboxUnavailable
from assay_sandbox.quotas import Quotas, QuotaSettings

_log = structlog.get_logger(__name__)

_ALWAYS_A_CORE = 24

Floor = Literal["full", "floor", "partial"]


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """What an operator decides about sandboxes.

    Attributes:
        backend: ``namespaces``, ``docker``, or ``none``.
        slots: jobs at a time.
        queue: jobs that may wait for a slot; more are refused with a retry hint.
        wait: seconds that a job is to wait at most, at the pace of the last ones, where more than 24 a core do.
        quota: of each tenant.
        floor: isolation below which no untrusted code runs.
        shown: files and folders that programs see read-only, besides the system's: toolchains that lie elsewhere.
        search_path: folders of programs, besides the system's.
        image, runtime: of docker's containers.
    """

    backend: Literal["namespaces", "docker", "none"] = "namespaces"
    slots: int = 4
    queue: int = 256
    wait: float = 0.5
    quota: QuotaSettings = field(default_factory=QuotaSettings)
    floor: Floor = "floor"
    shown: tuple[str, ...] = ()
    search_path: tuple[str, ...] = ()
    image: str = "assay-sandbox"
    runtime: str = ""


class Sandboxes:
    """One backend, started once, and the admission to it.

    Attributes:
        admission: around every job.
        quotas: of tenants, around that.
    """

    def __init__(self, settings: SandboxSettings, on_grade: Callable[[float], None]) -> None:
        """``on_grade`` hears of the isolation reached when it is known."""
        self._settings = settings
        self._backend = _MAKERS[settings.backend](settings)
        self._on_grade = on_grade
        self._starting: asyncio.Task[None] | None = None
        self.admission = Admission(
            settings.slots, settings.queue, settings.wait, _ALWAYS_A_CORE * (os.cpu_count() or 1)
        )
        self.quotas = Quotas(settings.quota)

    async def backend(self) -> Backend:
        """The backend, ready. A start that failed is tried again by the next who asks. Raises SandboxUnavailable."""
        backend = self._backend
        if backend is None:
            raise SandboxUnavailable("the operator has switched sandboxes off (ASSAY_SANDBOX=none)")
        if self._starting is None or (self._starting.done() and _failed(self._starting)):
            self._starting = asyncio.create_task(self._start(backend), name="sandboxes start")
        await asyncio.shield(self._starting)
        return backend

    def level(self) -> Level:
        """What isolation is reached here; tried out at the first call, which takes some tenths of a second."""
        if self._backend is None:
            return Level("none", Grade.NONE, ())
        return self._backend.probe()

    async def _start(self, backend: Backend) -> None:
        level = await asyncio.to_thread(backend.probe)
        self._on_grade(float(level.grade))
        _log.info("sandboxes", backend=level.backend, isolation=level.grade.name)
        await backend.start()

    async def stop(self) -> None:
        """End all runs and workers."""
        if self._starting is not None:
            await asyncio.gather(self._starting, return_exceptions=True)
        if self._backend is not None:
            await self._backend.stop()


def _failed(task: asyncio.Task[None]) -> bool:
    return task.cancelled() or task.exception() is not None


def _namespaces(settings: SandboxSettings) -> Backend:
    return NamespacesBackend(
        NamespacesSettings(
            workers=max(2, os.cpu_count() or 1),
            floor=Grade[settings.floor.upper()],
            shown=settings.shown,
            search_path=settings.search_path,
        )
    )


def _docker(settings: SandboxSettings) -> Backend:
    return DockerBackend(DockerSettings(settings.image, settings.runtime, spares=settings.slots))


def _none(settings: SandboxSettings) -> None:
    del settings


_MAKERS: dict[str, Callable[[SandboxSettings], Backend | None]] = {
    "namespaces": _namespaces,
    "docker": _docker,
    "none": _none,
}
