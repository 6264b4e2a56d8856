"""The foreground process that ``assay worker`` runs: programs judged for the servers of a fleet."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING

import structlog

from assay_sandbox.protocol import SandboxUnavailable
from assay_server.api.sandbox_programs import JudgedHere, call_jobs
from assay_server.config import Settings
from assay_server.execution.code_judge import CodeJudge, RewardSandbox
from assay_server.execution.outside import EverythingOutside
from assay_server.execution.queue.kinds import job_handler
from assay_server.execution.queue.outside_jobs import session_jobs
from assay_server.execution.queue.plugin_jobs import plugin_jobs
from assay_server.execution.queue.redis_worker import RedisWorker
from assay_server.execution.queue.sandbox_jobs import LANE, reward_jobs
from assay_server.execution.registered.hosts import PluginHosts
from assay_server.execution.sandboxes import Sandboxes
from assay_server.logs import log_to_stderr
from assay_server.sandbox_lane import fleet_parts, sandbox_settings
from assay_server.tracing.opening import open_tracing

if TYPE_CHECKING:
    from assay_server.tracing.recording import Tracing

_log = structlog.get_logger(__name__)


def work(settings: Settings) -> int:
    """Work until SIGTERM or SIGINT, then finish what was begun; the exit code: 1 if the worker could not start.

    A worker whose Redis is not there waits for it. One that has no sandbox does not start: it would take jobs from
    workers that have one.
    """
    try:
        log_to_stderr(settings.log_level)
        asyncio.run(_work(settings))
    except (SandboxUnavailable, OSError, ValueError) as error:
        print(f"assay: cannot work: {error}", file=sys.stderr)  # noqa: T201 - the operator's terminal
        return 1
    return 0


async def _work(settings: Settings) -> None:
    server, records = fleet_parts(settings)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    sandboxes = Sandboxes(sandbox_settings(settings), lambda grade: _log.info("isolation", grade=grade))
    judge = CodeJudge(sandboxes)
    outside = EverythingOutside(sandboxes)
    plugins = PluginHosts(sandboxes, settings.sandbox_slots)
    tracing: Tracing | None = None
    try:
        await sandboxes.backend()  # a job that waits for it to start would be lost with a worker that ends early
        tracing = open_tracing(settings.tracing, "assay-worker")  # it has threads: after all that forks
        rewards = reward_jobs(lambda tenant: RewardSandbox(judge, tenant))
        handler = job_handler(session_jobs(outside) | plugin_jobs(plugins) | call_jobs(JudgedHere(judge)) | rewards)
        worker = RedisWorker(
            server,
            records,
            LANE,
            handler,
            slots=settings.sandbox_slots,
            idle_seconds=settings.job_idle_seconds,
            tracing=tracing,
        )
        _log.info("working", slots=settings.sandbox_slots)
        await worker.run(stop)
        _log.info("stopped", done=worker.done)
    finally:
        if tracing is not None:
            await tracing.close()
        await outside.close()
        await plugins.close()
        await judge.close()
        await sandboxes.stop()
        await server.close()
        await records.close()
