"""Redis as this store uses it: scripts, a few commands, and one kind of failure."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol, TypeAlias, cast

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from assay_server.store.protocol import StoreUnavailable

Argument: TypeAlias = "str | bytes | int | float"

_READERS = 1024


class _Client(Protocol):
    async def execute_command(self, *arguments: Argument) -> object: ...

    async def aclose(self, close_connection_pool: bool | None = None) -> None: ...


class Server:
    """One Redis.

    Args:
        url: ``redis://[user:password@]host:port/db``, ``rediss://...`` or ``unix://path?db=n``.
        connections: for commands; who finds none free waits.
        timeout: seconds a command may take; what takes longer is tried again by who asked.
    """

    def __init__(self, url: str, *, connections: int = 32, timeout: float = 10.0) -> None:
        self._pool = redis.BlockingConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType] - its options
            url,
            max_connections=connections,
            timeout=timeout,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        self._readers = redis.ConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType] - as above
            url,
            max_connections=_READERS,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        self._together = _plain(self._pool)
        self._commands = cast("_Client", self._together)
        self._blocking = cast("_Client", _plain(self._readers))
        self._digests: dict[str, str] = {}

    async def close(self) -> None:
        """Close all connections."""
        for pool in (self._pool, self._readers):
            await pool.disconnect()

    async def command(self, *arguments: Argument) -> object:
        """One command's answer. StoreUnavailable."""
        async with _translated():
            return await self._commands.execute_command(*arguments)

    async def blocking(self, *arguments: Argument) -> object:
        """A command that waits in Redis, for less than the timeout. StoreUnavailable."""
        async with _translated():
            return await self._blocking.execute_command(*arguments)

    async def script(self, text: str, keys: Sequence[str], *arguments: Argument) -> object:
        """A script's answer; Redis is told its text once. StoreUnavailable."""
        digest = self._digests.get(text)
        if digest is None:
            digest = self._digests[text] = hashlib.sha1(text.encode()).hexdigest()  # noqa: S324 - Redis names them so
        async with _translated():
            try:
                return await self._commands.execute_command("EVALSHA", digest, len(keys), *keys, *arguments)
            except NoScriptError:
                return await self._commands.execute_command("EVAL", text, len(keys), *keys, *arguments)

    async def together(self, *commands: Sequence[Argument]) -> list[object]:
        """The answers of several commands between which nothing happens. StoreUnavailable."""
        async with _translated(), self._together.pipeline(transaction=True) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)  # pyright: ignore[reportUnknownMemberType] - without types
            return cast("list[object]", await pipeline.execute())


def _plain(pool: redis.ConnectionPool) -> redis.Redis:
    """A client that hands answers over as Redis gives them."""
    client = redis.Redis(connection_pool=pool)
    client.response_callbacks.clear()
    return client


@asynccontextmanager
async def _translated() -> AsyncGenerator[None]:
    """Inside, whatever Redis or the way there does is StoreUnavailable. A cancellation that the client lost while it
    connected is found again."""
    task = asyncio.current_task()
    try:
        yield
    except (RedisError, OSError, asyncio.TimeoutError) as error:
        if task is not None and task.cancelling():
            raise asyncio.CancelledError from error
        raise StoreUnavailable(f"Redis: {type(error).__name__}: {str(error)[:200]}") from error
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
