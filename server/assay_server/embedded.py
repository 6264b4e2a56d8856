"""The service inside one process: the real server on a private socket, and a client to it."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Self

from assay import Client
from assay_server.config import Settings
from assay_server.logs import log_errors_only
from assay_server.process import ServerProcess
from assay_server.rewards.catalogue import Catalogue

_STOP_SECONDS = 60.0


class Engine(Client):
    """A server of this process's own, with the methods of :class:`assay.Client`.

    It listens on a Unix socket in a directory that only its user can enter, needs no token, and keeps its data in
    memory unless the settings say otherwise. Use it as a context manager, or call :meth:`close`.
    """

    def __init__(self, settings: Settings | None = None, *, catalogue: Catalogue | None = None) -> None:
        """Start the server; returns when it serves.

        Raises:
            StoreUnavailable: the settings' store cannot be opened.
        """
        log_errors_only()
        self._directory = tempfile.TemporaryDirectory(prefix="assay-")
        target = f"unix:{Path(self._directory.name) / 'engine.sock'}"
        wanted = settings if settings is not None else Settings(store="memory:")
        self._server_settings = wanted.model_copy(
            update={"listen": target, "http_listen": "", "token_file": None, "database_paths": True, "advertise": ""}
        )
        self._catalogue = catalogue
        self._stopped = False
        started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(target=self._serve, args=(started,), name="assay engine", daemon=True)
        self._thread.start()
        try:
            self._loop, self._stop = started.result()
        except BaseException:
            self._thread.join()
            self._directory.cleanup()
            raise
        super().__init__(target)

    def _serve(self, started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]) -> None:
        asyncio.run(self._run(started))

    async def _run(self, started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]) -> None:
        stop = asyncio.Event()
        try:
            server = ServerProcess(self._server_settings, self._catalogue)
            await server.start()
        except Exception as error:  # noqa: BLE001 - raised again where the engine is made
            started.set_exception(error)
            return
        started.set_result((asyncio.get_running_loop(), stop))
        await stop.wait()
        await server.drain()

    def close(self) -> None:
        """Close the client, drain the server, join its thread."""
        super().close()
        if not self._stopped:
            self._stopped = True
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(_STOP_SECONDS)
            self._directory.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
