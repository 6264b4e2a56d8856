"""The server as a whole: puts the parts together, and takes them down in the right order."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from starlette.types import ASGIApp

from assay_server.api.grpc_server import GrpcServer
from assay_server.api.http.access import Names
from assay_server.api.http.application import http_application
from assay_server.api.http.calls import call_routes
from assay_server.api.http.console import console_routes
from assay_server.api.http.dispatch import Dispatch
from assay_server.api.http.feeds import Feeds
from assay_server.api.http.openapi import openapi_routes
from assay_server.api.http.openenv import openenv_routes
from assay_server.api.http.probes import health_routes, operator_routes
from assay_server.api.http.remote_reward import remote_reward_routes
from assay_server.api.http.run_code import run_code_routes
from assay_server.api.keyring import Keyring
from assay_server.api.methods import Methods
from assay_server.api.plugin_calls import RegisteredPlugins
from assay_server.api.principals import Authenticator, load_or_create_token
from assay_server.api.scopes import METRICS
from assay_server.audit import AuditLog
from assay_server.config import Settings
from assay_server.console.opening import source_of
from assay_server.console.side_process import SideProcess
from assay_server.execution.code_judge import CodeJudge
from assay_server.execution.discovery import Discovered, discover
from assay_server.execution.lanes import Lanes, LaneSettings
from assay_server.execution.outside import EverythingOutside
from assay_server.execution.queue.sandbox_jobs import QueuedSandbox
from assay_server.execution.registered.registry import Registry
from assay_server.execution.sandboxes import Sandboxes
from assay_server.execution.server_ports import ServerPorts
from assay_server.execution.sql.catalogue import Databases, load_databases
from assay_server.execution.sql.pool import SqlPool
from assay_server.execution.sql.port import CatalogueSql
from assay_server.garbage import keep_pauses_short
from assay_server.http_server import HttpServer
from assay_server.metrics import Figures, Metrics
from assay_server.pipeline.runs import Runs
from assay_server.rewards.catalogue import Catalogue
from assay_server.sandbox_lane import (
    outside_of,
    plugins_of,
    programs_of,
    runs_programs,
    sandbox_queue,
    sandbox_settings,
)
from assay_server.session_fleet import SessionFleet
from assay_server.sessions.engine import SessionEngine
from assay_server.sessions.requests import SessionSettings
from assay_server.sessions.values import EnvironmentSources
from assay_server.store.ending import end
from assay_server.store.opening import open_store
from assay_server.store.protocol import StoreUnavailable
from assay_server.tls import Tls
from assay_server.tracing.opening import open_tracing

if TYPE_CHECKING:
    from assay_server.execution.judging import CatalogueJudge
    from assay_server.tracing.recording import Tracing

_log = structlog.get_logger(__name__)
_SWITCH_INTERVAL_SECONDS = 0.0005
_LAG_PERIOD_SECONDS = 0.25
_FILES_PERIOD_SECONDS = 1.0
_LAST_WORDS_SECONDS = 5.0
_STORE_PAUSE_SECONDS = 0.5


class ServerProcess:
    """One server: store, pipeline and doors on one event loop.

    Args:
        catalogue: rewards, instead of the built-in ones.
        tracing: spans go there, whatever the settings say of them.
    """

    def __init__(self, settings: Settings, catalogue: Catalogue | None = None, tracing: Tracing | None = None) -> None:
        self._authenticator = _authenticator(settings)
        self._tls = None if settings.tls is None else Tls(settings.tls)
        self._audit = AuditLog(settings.audit_log)
        self._settings = settings
        self._metrics = Metrics()
        self._store = open_store(
            settings.store,
            records=settings.records,
            lease_seconds=settings.lease_seconds,
            control_seconds=settings.control_seconds,
        )
        found = discover(catalogue, settings.plugins)
        _log_broken(found)
        self._judge = _judge(settings.judges)
        self._sandboxes = Sandboxes(sandbox_settings(settings), self._metrics.sandbox_grade.set)
        self._code = CodeJudge(self._sandboxes)
        self._outside = EverythingOutside(self._sandboxes, self._judge)
        self._queue = sandbox_queue(settings, self._code)
        self._sql = SqlPool(settings.sql_workers, settings.sql_memory_mib << 20)
        queue = self._queue
        sql = CatalogueSql(_databases(settings), self._sql)
        ports = ServerPorts(self._store, self._judge, sandbox=lambda tenant: QueuedSandbox(queue, tenant), sql=sql)
        self._lanes = Lanes(_lane_settings(settings, found.names), ports)
        self._lanes.launch()
        # It has threads, which processes that fork workers must not inherit.
        self._tracing = tracing if tracing is not None else open_tracing(settings.tracing, "assay")
        judges: Mapping[str, bool] = {} if self._judge is None else self._judge.names
        catalogues = found.catalogues.with_judges(judges)
        self._plugins = plugins_of(settings, self._queue, self._sandboxes, self._code)
        registry = Registry(catalogues, found.records, self._store, self._plugins)
        self._runs = Runs(
            self._store,
            catalogues,
            self._metrics,
            self._lanes,
            watch_seconds=settings.lease_seconds / 3,
            tracing=self._tracing,
            registered=registry,
        )
        self._ready = False
        self._http: list[HttpServer] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._watches: list[asyncio.Task[None]] = []
        self._waiting: asyncio.Task[None] | None = None
        self._fleet = SessionFleet(settings, lambda: self.address)
        self._sessions = SessionEngine(
            catalogues.environments,
            self._fleet.journal,
            _session_settings(settings, found.names, tuple(judges)),
            outside_of(settings, self._queue, self._outside),
            self._fleet.fleet,
        )
        self._grpc = GrpcServer(
            self._runs,
            self._sessions,
            programs_of(settings, self._queue, self._code),
            settings,
            self._authenticator,
            self._metrics,
            self._audit,
            found.records,
            self._tracing,
            RegisteredPlugins(registry, self._lanes),
            self._fleet.door(self._sessions),
        )
        self._side = SideProcess(source_of(settings.store, settings.records))
        self._metrics.read(self._figures)
        self.address = ""
        self.http_address = ""
        self.probe_address = ""

    @property
    def methods(self) -> Methods:
        """What is served, at all doors."""
        return self._grpc.methods

    async def start(self) -> None:
        """Recover, listen, say ready. Where a store that others keep is not there yet, it listens and is ready later.

        Raises:
            StoreUnavailable: this server's own store cannot be opened. OSError: an address cannot be bound.
        """
        try:
            await self._start()
        except BaseException:
            await self._grpc.stop(0)
            await self._release()
            raise

    async def _start(self) -> None:
        # The store's writer thread needs the interpreter for microseconds at a time; waiting out the default
        # 5 ms for each would make a commit cost more than the work it stores.
        sys.setswitchinterval(_SWITCH_INTERVAL_SECONDS)
        await self._queue.open()
        self._lanes.start()
        there = await self._took_up()
        self.address = await self._grpc.start(self._settings.listen, self._tls)
        self._start_http()
        self._watches = [
            asyncio.create_task(self._watch_lag(), name="loop lag"),
            asyncio.create_task(self._watch_files(), name="keys and certificates"),
        ]
        self._tasks += self._watches
        if there:
            await self._say_ready()
        else:
            self._waiting = asyncio.create_task(self._wait_for_store(), name="wait for the store")

    async def _took_up(self) -> bool:
        """Open the store and take up what is unfinished in it; False where a store that others keep is not there.

        Raises:
            StoreUnavailable: this server's own store cannot be opened.
        """
        try:
            await self._store.open()
            await self._runs.recover()
        except StoreUnavailable as error:
            if not self._store.shared:
                raise
            _log.warning("the store is not there, not ready", error=str(error))
            return False
        return True

    async def _wait_for_store(self) -> None:
        while not await self._took_up():  # noqa: ASYNC110 - asking is what finds it
            await asyncio.sleep(_STORE_PAUSE_SECONDS)
        await self._say_ready()

    async def _say_ready(self) -> None:
        self._ready = True
        await self._grpc.set_serving(True)
        _log.info("serving", grpc=self.address, http=self.http_address, store=self._settings.store.split(":")[0])

    async def drain(self) -> None:
        """Say not ready, finish what came in, end the streams with a resume point, close.

        What cannot be finished in time stays in the store and is taken up by the next process.
        """
        await self._wait_no_more()
        self._ready = False
        await self._grpc.set_serving(False)
        try:
            async with asyncio.timeout(self._settings.drain_seconds):
                await self._runs.drain()
        except TimeoutError:
            _log.warning("drain ran out of time; the rest stays in the store")
        await self._fleet.leave()
        await self._grpc.stop(_LAST_WORDS_SECONDS)
        await self._release()
        _log.info("stopped")

    async def _wait_no_more(self) -> None:
        if self._waiting is not None:
            await end([self._waiting])

    async def _release(self) -> None:
        await self._wait_no_more()
        for server in self._http:  # what it serves needs all that follows
            server.should_exit = True
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._runs.close()
        await self._side.stop()
        await self._fleet.leave()
        await self._sessions.stop()
        await self._fleet.close()
        await self._outside.close()
        await self._lanes.stop()
        await self._plugins.close()
        await self._sql.stop()
        await self._queue.close()
        await self._code.close()
        await self._sandboxes.stop()
        if self._judge is not None:
            await self._judge.close()
        await self._store.close()
        if self._tracing is not None:
            await self._tracing.close()
        self._audit.close()

    def _figures(self) -> Figures:
        """What the parts count of themselves."""
        cpu, sessions, programs = self._lanes.cpu.figures, self._sessions.figures, self._sandboxes.admission
        stale = self._authenticator.stale + (self._tls is not None and self._tls.stale)
        return Figures(
            counters={
                "assay_cpu_items": cpu.finished,
                "assay_cpu_moved": cpu.moved,
                "assay_cpu_template_restarts": cpu.restarts,
                "assay_sessions_created": sessions.created,
                "assay_sessions_rebuilt": sessions.rebuilt,
                "assay_sessions_reaped": sessions.reaped,
                "assay_sessions_taken_over": sessions.taken_over,
                "assay_session_steps": sessions.steps,
                "assay_session_forwarded": sessions.forwarded,
            },
            by_reason={"assay_cpu_kills": dict(cpu.kills), "assay_session_faults": dict(sessions.faults)},
            gauges={
                "assay_cpu_latest_kill_seconds": cpu.latest_kill,
                "assay_sandbox_jobs_running": programs.running,
                "assay_sandbox_jobs_waiting": programs.waiting,
                "assay_sandbox_queue_size": programs.room,
                "assay_sessions": self._sessions.live,
                "assay_stale_files": stale,
            },
        )

    def _start_http(self) -> None:
        if self._settings.probe_listen:
            application = http_application(health_routes(lambda: self._ready), Names("", ("*",)))
            self.probe_address = self._serve_http(application, self._settings.probe_listen, None)
        if not (address := self._settings.http_listen):
            return
        dispatch = Dispatch(self._grpc.door, self.methods)
        routes = [
            *health_routes(lambda: self._ready),
            *operator_routes(
                self._metrics,
                self._sandboxes.level,
                lambda request: dispatch.known(request.headers, request.url.path, METRICS),
            ),
            *call_routes(dispatch),
            *openapi_routes(dispatch),
            *Feeds(dispatch, self._runs).routes(),
            *remote_reward_routes(dispatch),
            *run_code_routes(dispatch),
            *openenv_routes(dispatch),
            *console_routes(dispatch, self._side),
        ]
        application = http_application(routes, Names(address, self._settings.http_hosts))
        self.http_address = self._serve_http(application, address, self._tls)

    def _serve_http(self, application: ASGIApp, address: str, tls: Tls | None) -> str:
        """Listen; the address as it can be dialled. Raises OSError."""
        server = HttpServer(application, address, None if tls is None else tls.context)
        self._http.append(server)
        self._tasks.append(asyncio.create_task(server.run_until_told(), name="http"))
        return server.address

    async def _watch_files(self) -> None:
        """Take notice of keys that were added or revoked, of renewed certificates, of an audit log that was moved."""
        while True:
            await asyncio.sleep(_FILES_PERIOD_SECONDS)
            self._grpc.door.refresh()
            self._audit.follow_rotation()
            if self._tls is not None:
                self._tls.refresh()

    async def _watch_lag(self) -> None:
        while True:
            due = time.monotonic() + _LAG_PERIOD_SECONDS
            await asyncio.sleep(_LAG_PERIOD_SECONDS)
            self._metrics.loop_lag.set(max(0.0, time.monotonic() - due))


def _authenticator(settings: Settings) -> Authenticator:
    """Who is let in. Raises InvalidKeys, OSError, ValueError: the file of keys, or of the token, cannot be used."""
    if settings.keys_file is not None:
        return Authenticator(None, Keyring(settings.keys_file))
    return Authenticator(load_or_create_token(settings.token_file) if settings.token_file else None)


def _log_broken(found: Discovered) -> None:
    for record in found.records:
        if record.broken:
            _log.warning("an installed plugin is left out", plugin=record.id, origin=record.place, reason=record.broken)


def _lane_settings(settings: Settings, plugins: tuple[str, ...]) -> LaneSettings:
    return LaneSettings(
        cpu_workers=settings.cpu_workers,
        cpu_memory_bytes=settings.cpu_memory_mib << 20,
        execution_timeout=settings.execution_timeout,
        plugins=plugins,
        preload=("assay_server.execution.symbolic",),
    )


def _session_settings(settings: Settings, plugins: tuple[str, ...], judges: tuple[str, ...]) -> SessionSettings:
    games, shops, questions, corpora = (
        "" if folder is None else str(folder.absolute())
        for folder in (settings.game_folder, settings.shop_folder, settings.question_folder, settings.corpus_folder)
    )
    programs = runs_programs(settings)
    return SessionSettings(
        workers=settings.environment_workers,
        max_sessions=settings.max_sessions,
        tenant_sessions=settings.tenant_sessions,
        idle_timeout=settings.session_idle_timeout,
        sources=EnvironmentSources(
            plugins, games, shops, questions, settings.check_environments, corpora, programs, judges
        ),
    )


def _databases(settings: Settings) -> Databases:
    """The databases of the operator's catalogue. Raises InvalidDatabases."""
    if settings.databases is None:
        return Databases(paths=settings.database_paths)
    return load_databases(settings.databases, os.environ).with_paths(settings.database_paths)


def _judge(catalogue: Path | None) -> CatalogueJudge | None:
    """The judges of the operator's catalogue. Raises InvalidJudges, and ValueError where the extra is missing."""
    if catalogue is None:
        return None
    try:
        from assay_server.execution.judging import AskingProcess, CatalogueJudge, load_judges
    except ModuleNotFoundError as error:
        raise ValueError(f"judges need {error.name}; install assay-server[judge]") from error
    endpoints = load_judges(catalogue, os.environ)
    asking = AskingProcess(endpoints)
    asking.launch()
    return CatalogueJudge(endpoints, asking)


async def run_until_signal(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    process = ServerProcess(settings)
    await process.start()
    keep_pauses_short()
    await stop.wait()
    await process.drain()
