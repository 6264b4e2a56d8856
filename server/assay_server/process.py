"""The server as a whole: puts the parts together, and takes them down in the right order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
import uvicorn

from assay_server.api.grpc_server import GrpcServer
from assay_server.api.http.access import Names
from assay_server.api.http.application import http_application
from assay_server.api.http.calls import call_routes
from assay_server.api.http.dispatch import Dispatch
from assay_server.api.http.feeds import Feeds
from assay_server.api.http.openapi import openapi_routes
from assay_server.api.http.openenv import openenv_routes
from assay_server.api.http.probes import probe_routes
from assay_server.api.http.remote_reward import remote_reward_routes
from assay_server.api.http.run_code import run_code_routes
from assay_server.api.methods import Methods
from assay_server.api.principals import DEFAULT_TENANT, Authenticator, load_or_create_token
from assay_server.config import Settings
from assay_server.execution.code_judge import CodeJudge
from assay_server.execution.discovery import Discovered, discover
from assay_server.execution.lanes import Lanes, LaneSettings
from assay_server.execution.queue.sandbox_jobs import QueuedSandbox
from assay_server.execution.sandboxes import Sandboxes
from assay_server.execution.server_ports import ServerPorts
from assay_server.execution.sql.catalogue import Databases, load_databases
from assay_server.execution.sql.pool import SqlPool
from assay_server.execution.sql.port import CatalogueSql
from assay_server.garbage import keep_pauses_short
from assay_server.metrics import Metrics
from assay_server.pipeline.intake import MAX_ROLLOUT_BYTES
from assay_server.pipeline.runs import Runs
from assay_server.rewards.catalogue import Catalogue
from assay_server.sandbox_lane import sandbox_queue, sandbox_settings
from assay_server.sessions.engine import SessionEngine
from assay_server.sessions.requests import SessionSettings
from assay_server.sessions.values import EnvironmentSources
from assay_server.store.ending import end
from assay_server.store.journal import open_journal
from assay_server.store.opening import open_store
from assay_server.store.protocol import StoreUnavailable

if TYPE_CHECKING:
    from assay_server.execution.judging import CatalogueJudge

_log = structlog.get_logger(__name__)
_SWITCH_INTERVAL_SECONDS = 0.0005
_LAG_PERIOD_SECONDS = 0.25
_LAST_WORDS_SECONDS = 5.0
_STORE_PAUSE_SECONDS = 0.5


class _HttpServer(uvicorn.Server):
    """Uvicorn on a loop that is not its own: signals belong to the process."""

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # pyright: ignore[reportIncompatibleMethodOverride] - a generator there
        return contextlib.nullcontext()


class ServerProcess:
    """One server: store, pipeline and doors on one event loop."""

    def __init__(self, settings: Settings, catalogue: Catalogue | None = None) -> None:
        token = load_or_create_token(settings.token_file) if settings.token_file else None
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
        self._queue = sandbox_queue(settings, self._code)
        self._sql = SqlPool(settings.sql_workers, settings.sql_memory_mib << 20)
        sandbox = QueuedSandbox(self._queue, DEFAULT_TENANT)
        sql = CatalogueSql(_databases(settings), self._sql)
        ports = ServerPorts(self._store, self._judge, sandbox=sandbox, sql=sql)
        self._lanes = Lanes(_lane_settings(settings, found.names), ports)
        self._lanes.launch()
        judges: Mapping[str, bool] = {} if self._judge is None else self._judge.names
        catalogues = found.catalogues.with_judges(judges)
        self._runs = Runs(self._store, catalogues, self._metrics, self._lanes, watch_seconds=settings.lease_seconds / 3)
        self._ready = False
        self._http: _HttpServer | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._lag: asyncio.Task[None] | None = None
        self._waiting: asyncio.Task[None] | None = None
        self._sessions = SessionEngine(
            catalogues.environments, open_journal(settings.store), _session_settings(settings, found.names)
        )
        self._grpc = GrpcServer(
            self._runs, self._sessions, self._code, settings, Authenticator(token), self._metrics, found.records
        )
        self.address = ""
        self.http_address = ""

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
        self.address = await self._grpc.start(self._settings.listen)
        if self._settings.http_listen:
            await self._start_http(self._settings.http_listen)
        self._lag = asyncio.create_task(self._watch_lag(), name="loop lag")
        self._tasks.append(self._lag)
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
        await self._grpc.stop(_LAST_WORDS_SECONDS)
        await self._release()
        _log.info("stopped")

    async def _wait_no_more(self) -> None:
        if self._waiting is not None:
            await end([self._waiting])

    async def _release(self) -> None:
        await self._wait_no_more()
        if self._http is not None:  # what it serves needs all that follows
            self._http.should_exit = True
        if self._lag is not None:
            self._lag.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._runs.close()
        await self._sessions.stop()
        await self._lanes.stop()
        await self._sql.stop()
        await self._queue.close()
        await self._code.close()
        await self._sandboxes.stop()
        if self._judge is not None:
            await self._judge.close()
        await self._store.close()

    async def _start_http(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        listener = socket.create_server((host.strip("[]"), int(port)), family=_family(host))
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else each answer waits 40 ms for an ACK
        dispatch = Dispatch(self._grpc.door, self.methods)
        routes = [
            *probe_routes(self._metrics, lambda: self._ready, self._sandboxes.level),
            *call_routes(dispatch),
            *openapi_routes(dispatch),
            *Feeds(dispatch, self._runs).routes(),
            *remote_reward_routes(dispatch),
            *run_code_routes(dispatch),
            *openenv_routes(dispatch),
        ]
        config = uvicorn.Config(
            http_application(routes, Names(address, self._settings.http_hosts)),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="websockets-sansio",
            ws_max_size=MAX_ROLLOUT_BYTES,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._http = _HttpServer(config)
        self._tasks.append(asyncio.create_task(self._http.serve(sockets=[listener]), name="http"))
        bound: tuple[str, int] = listener.getsockname()[:2]
        self.http_address = f"{host}:{bound[1]}"

    async def _watch_lag(self) -> None:
        while True:
            due = time.monotonic() + _LAG_PERIOD_SECONDS
            await asyncio.sleep(_LAG_PERIOD_SECONDS)
            self._metrics.loop_lag.set(max(0.0, time.monotonic() - due))


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


def _session_settings(settings: Settings, plugins: tuple[str, ...]) -> SessionSettings:
    games, shops, questions = (
        "" if folder is None else str(folder.absolute())
        for folder in (settings.game_folder, settings.shop_folder, settings.question_folder)
    )
    return SessionSettings(
        workers=settings.environment_workers,
        max_sessions=settings.max_sessions,
        idle_timeout=settings.session_idle_timeout,
        sources=EnvironmentSources(plugins, games, shops, questions, settings.check_environments),
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


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


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
