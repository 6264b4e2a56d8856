"""Answers written to a stream as they are ready, together with whatever else is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

_MAX_MESSAGE = 256
_ENOUGH_BYTES = 4 << 20


async def write_as_ready(ready: asyncio.Queue[bytes | None], write: Callable[[bytes], Awaitable[None]]) -> None:
    """Write what comes, up to the first ``None``; messages are nothing but their elements, one after the other."""
    while (result := await ready.get()) is not None:
        results, size = [result], len(result)
        while len(results) < _MAX_MESSAGE and size < _ENOUGH_BYTES and not ready.empty():
            following = ready.get_nowait()
            if following is None:
                ready.put_nowait(None)
                break
            results.append(following)
            size += len(following)
        await write(b"".join(results))
