"""A server in a process of its own, to be killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self, cast

from .server import Endpoint

_START_SECONDS = 30.0
_ASSAY = "import sys; from assay_server.cli import main; sys.exit(main())"


class ServerUnderTest:
    """``assay serve`` on a store; use it as a context manager.

    Attributes:
        endpoint: calls to it, with its token.
        log: its log so far, one event a line.

    Args:
        also: other settings.
    """

    def __init__(self, store: str, token_file: Path, also: Mapping[str, str] = MappingProxyType({})) -> None:
        self._also = also
        self._store = store
        self._token_file = token_file
        self.log: list[dict[str, object]] = []
        self.unlogged: list[str] = []

    async def __aenter__(self) -> Self:
        environment = {
            **os.environ,
            "ASSAY_LISTEN": "127.0.0.1:0",
            "ASSAY_HTTP_LISTEN": "127.0.0.1:0",
            "ASSAY_STORE": self._store,
            "ASSAY_TOKEN_FILE": str(self._token_file),
            **self._also,
        }
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _ASSAY, "serve", env=environment, stderr=asyncio.subprocess.PIPE
        )
        self._started: asyncio.Future[dict[str, object]] = asyncio.get_running_loop().create_future()
        self._reader = asyncio.create_task(self._read())
        async with asyncio.timeout(_START_SECONDS):
            event = await self._started
        token = self._token_file.read_text().strip()
        self.endpoint = Endpoint(str(event["grpc"]), str(event["http"]), token)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.endpoint.close()
        if self._process.returncode is None:
            self._process.kill()
        await self.exit_code()

    async def _read(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            try:
                event = cast("dict[str, object]", json.loads(line))
            except ValueError:
                self.unlogged.append(line.decode(errors="replace"))
                continue
            self.log.append(event)
            if event.get("event") == "serving" and not self._started.done():
                self._started.set_result(event)
        if not self._started.done():
            self._started.set_exception(AssertionError(f"the server did not start: {self.unlogged} {self.log}"))

    @property
    def pid(self) -> int:
        return self._process.pid

    async def kill(self) -> None:
        """End it without a warning."""
        self._process.kill()
        await self.exit_code()

    def terminate(self) -> None:
        """Ask it to drain."""
        self._process.send_signal(signal.SIGTERM)

    async def exit_code(self) -> int:
        """Its exit code, when it has ended and said all it had to say."""
        code = await self._process.wait()
        await self._reader
        return code

    def resident_bytes(self) -> int:
        """The memory it occupies now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


@asynccontextmanager
async def server_process(directory: Path) -> AsyncGenerator[ServerUnderTest]:
    """A server whose store and token lie in a directory; another one there later takes up what it left."""
    async with ServerUnderTest(f"sqlite:{directory / 'assay.db'}", directory / "token") as server:
        yield server
