"""A store of every backend, open, with one run."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from assay_server.store.protocol import RunKey, Store
from assay_server.store.redis.private_server import PrivateRedis

from .backends import BACKENDS, new_store


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def store(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncGenerator[Store]:
    redis: PrivateRedis | None = request.getfixturevalue("redis") if backend == "redis" else None
    opened = new_store(backend, tmp_path, redis)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def key(store: Store) -> RunKey:
    record, _ = await store.create_run("local", "run", "spec digest", b"spec")
    return record.key
