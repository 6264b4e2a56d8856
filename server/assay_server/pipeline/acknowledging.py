"""Acknowledgements of one stream on their way into the store: only the newest counts, and nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Acknowledging:
    """Stores what a stream acknowledges while the stream is read on."""

    def __init__(self, store: Callable[[int], Awaitable[None]]) -> None:
        self._store = store
        self._wanted = 0
        self._stored = 0
        self._task: asyncio.Task[None] | None = None

    async def note(self, sequence: int) -> None:
        """Everything up to ``sequence`` has been processed. Raises what an earlier one could not be stored for."""
        self._wanted = max(self._wanted, sequence)
        if self._task is not None and self._task.done():
            await self._task
            self._task = None
        if self._task is None:
            self._task = asyncio.create_task(self._work())

    async def settle(self) -> None:
        """Wait until all of them are stored. Raises what they could not be stored for."""
        if self._task is not None:
            await self._task

    async def stop(self) -> None:
        """Store no more; what was not stored is acknowledged again by the consumer's next stream."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _work(self) -> None:
        while self._stored < self._wanted:
            wanted = self._wanted
            await self._store(wanted)
            self._stored = wanted
