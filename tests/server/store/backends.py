"""The stores that pass the contract, and small builders for its tests."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path

from assay_server.store.opening import open_store
from assay_server.store.protocol import AcceptItem, CompleteOutcome, OutboxEntry, ResultItem, RunKey, Store
from assay_server.store.redis import RedisStore
from assay_server.store.redis.private_server import PrivateRedis

BACKENDS = ("memory", "sqlite", "redis")


def new_store(backend: str, folder: Path, redis: PrivateRedis | None = None) -> Store:
    """A store that is not opened yet."""
    if backend == "redis":
        assert redis is not None
        return RedisStore(redis.url, folder / f"records-{uuid.uuid4().hex}")
    return open_store("memory:" if backend == "memory" else f"sqlite:{folder / 'store.db'}")


def rollout(
    rollout_id: str,
    group_id: str = "g",
    size: int = 0,
    *,
    content: bytes = b"content",
    consumers: tuple[str, ...] = ("c",),
) -> AcceptItem:
    """A finished rollout; its digest is its content."""
    return AcceptItem(rollout_id, content, group_id, size, content, True, consumers)


def partial(rollout_id: str, *steps: bytes, group_id: str = "g", size: int = 0) -> AcceptItem:
    """A rollout in progress."""
    return AcceptItem(rollout_id, b"digest", group_id, size, b"head", False, ("c",), steps)


async def answer(store: Store, key: RunKey, *rollout_ids: str, text: bytes = b"result ") -> CompleteOutcome:
    """Complete rollouts, each with a result that names it."""
    return await store.complete_rollouts(key, [ResultItem(name, text + name.encode()) for name in rollout_ids])


async def everything(store: Store, key: RunKey, consumer: str = "c", after: int = 0) -> Sequence[OutboxEntry]:
    """All that a consumer could read."""
    return await store.outbox_read(key, consumer, after, max_entries=10**6, max_bytes=10**9)
