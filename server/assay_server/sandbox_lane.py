"""Where a server's programs are judged: in its own sandboxes, or by the fleet's workers."""

from __future__ import annotations

from assay_sandbox.quotas import QuotaSettings
from assay_server.api.sandbox_programs import JudgedByWorkers, JudgedHere, Programs
from assay_server.config import Settings
from assay_server.execution.code_judge import CodeJudge, RewardSandbox
from assay_server.execution.outside import EverythingOutside
from assay_server.execution.queue import JobQueue, LocalQueue
from assay_server.execution.queue.kinds import job_handler
from assay_server.execution.queue.outside_jobs import OutsideByWorkers
from assay_server.execution.queue.plugins_by_workers import PluginsByWorkers
from assay_server.execution.queue.redis_queue import RedisQueue
from assay_server.execution.queue.sandbox_jobs import LANE, reward_jobs
from assay_server.execution.registered.hosts import PluginHosts
from assay_server.execution.registered.processes import PluginProcesses
from assay_server.execution.sandboxes import Sandboxes, SandboxSettings
from assay_server.sessions.asking import Outside
from assay_server.store.opening import REDIS_SCHEMES
from assay_server.store.records import Records
from assay_server.store.redis.connection import Server


class FleetQueue:
    """A queue to the fleet's workers, with the connections and files that are its own."""

    def __init__(self, server: Server, records: Records) -> None:
        self._server = server
        self._records = records
        self.run = (queue := RedisQueue(server, records, LANE)).run
        self._queue = queue

    async def open(self) -> None:
        await self._queue.open()

    async def close(self) -> None:
        await self._queue.close()
        await self._server.close()
        await self._records.close()


def fleet_parts(settings: Settings) -> tuple[Server, Records]:
    """What a fleet's servers and workers meet at.

    Raises:
        ValueError: the settings name no Redis, or no folder of records.
    """
    if settings.store.partition(":")[0] not in REDIS_SCHEMES or settings.records is None:
        raise ValueError("a fleet needs --store redis://HOST:PORT and a --records folder that all its members see")
    return Server(settings.store), Records(settings.records)


def sandbox_queue(settings: Settings, judge: CodeJudge) -> JobQueue:
    """Where jobs of the sandbox lane are handed in. Raises ValueError."""
    if settings.sandbox == "workers":
        return FleetQueue(*fleet_parts(settings))
    return LocalQueue(job_handler(reward_jobs(lambda tenant: RewardSandbox(judge, tenant))), settings.sandbox_slots)


def programs_of(settings: Settings, queue: JobQueue, judge: CodeJudge) -> Programs:
    """Where programs that calls bring are run."""
    return JudgedByWorkers(queue, judge) if settings.sandbox == "workers" else JudgedHere(judge)


def outside_of(settings: Settings, queue: JobQueue, here: EverythingOutside) -> Outside:
    """Who answers what sessions ask."""
    return OutsideByWorkers(queue, here) if settings.sandbox == "workers" else here


def plugins_of(settings: Settings, queue: JobQueue, sandboxes: Sandboxes, judge: CodeJudge) -> PluginProcesses:
    """Where plugins that tenants register are asked."""
    if settings.sandbox == "workers":
        return PluginsByWorkers(queue, judge.place)
    return PluginHosts(sandboxes, settings.sandbox_slots)


def runs_programs(settings: Settings) -> bool:
    """Whether there is a sandbox for what policies write, here or at the fleet's workers."""
    return settings.sandbox in ("namespaces", "docker", "workers")


def sandbox_settings(settings: Settings) -> SandboxSettings:
    """What the operator decided about sandboxes of this process."""
    return SandboxSettings(
        backend="none" if settings.sandbox == "workers" else settings.sandbox,
        slots=settings.sandbox_slots,
        queue=settings.sandbox_queue,
        wait=settings.sandbox_wait_seconds,
        quota=QuotaSettings(settings.sandbox_tenant_jobs, settings.sandbox_tenant_cpu_seconds),
        floor=settings.sandbox_floor,
        shown=settings.sandbox_shown,
        search_path=settings.sandbox_search_path,
        image=settings.sandbox_image,
        runtime=settings.sandbox_runtime,
    )
