"""A way to Redis that can be slow, or lead nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Self


class Proxy:
    """Listens on a socket of its own and passes on what comes; use it as a context manager.

    Attributes:
        delay: seconds that each piece waits on its way to Redis.
        open: whether anything is passed on; while it is not, connections stay and nothing moves.
    """

    def __init__(self, listen: Path, to: Path) -> None:
        self.url = f"unix://{listen}"
        self.delay = 0.0
        self.open = asyncio.Event()
        self.open.set()
        self._listen = listen
        self._to = to
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._serve, self._listen)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back, forth = await asyncio.open_unix_connection(self._to)
        except OSError:
            writer.close()
            return
        for source, target, slow in ((reader, forth, True), (back, writer, False)):
            task = asyncio.create_task(self._pass_on(source.read, target, slow=slow))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass_on(
        self, read: Callable[[int], Awaitable[bytes]], target: asyncio.StreamWriter, *, slow: bool
    ) -> None:
        try:
            while data := await read(1 << 16):
                await self.open.wait()
                if slow and self.delay:
                    await asyncio.sleep(self.delay)
                target.write(data)
                await target.drain()
        except OSError:
            pass
        finally:
            target.close()
