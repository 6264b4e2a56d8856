"""Which store a URL means."""

from __future__ import annotations

from pathlib import Path

from .memory import MemoryStore
from .protocol import Store
from .sqlite import SqliteStore

REDIS_SCHEMES = ("redis", "rediss", "unix")


def open_store(
    url: str, *, records: Path | None = None, lease_seconds: float = 10.0, control_seconds: float = 3600.0
) -> Store:
    """The store, not yet opened.

    Args:
        url: ``memory:``, ``sqlite:PATH``, or a Redis that several servers share: ``redis://...``, ``rediss://...``
            (TLS), ``unix://PATH``.
        records: with Redis: the folder, seen by all of these servers, in which rollouts and their results lie.
        lease_seconds: with Redis: how long the other servers wait for one that says nothing.
        control_seconds: with Redis: how long what is settled stays at hand.

    Raises:
        ValueError: the URL means no store, or the folder is missing.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "memory" and not rest:
        return MemoryStore()
    if scheme == "sqlite" and rest:
        return SqliteStore(Path(rest))
    if scheme in REDIS_SCHEMES and rest.startswith("//") and len(rest) > 2:
        if records is None:
            raise ValueError("a store in Redis needs --records: a folder that all servers of the fleet see")
        from .redis import RedisStore

        return RedisStore(url, records, lease_seconds=lease_seconds, control_seconds=control_seconds)
    raise ValueError(f"{url!r} names no store: expected 'memory:', 'sqlite:PATH' or 'redis://HOST:PORT'")
