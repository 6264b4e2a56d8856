"""A store of every backend, open, with one run; and a Redis of the tests' own."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from assay_server.store.protocol import RunKey, Store
from assay_server.store.redis.private_server import PrivateRedis, program

from .backends import BACKENDS, new_store


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def redis_server() -> Generator[PrivateRedis]:
    if program() is None:
        pytest.skip("redis-server is not installed")
    with tempfile.TemporaryDirectory(prefix="assay-") as folder, PrivateRedis(Path(folder)) as server:
        yield server


@pytest.fixture
def redis(redis_server: PrivateRedis) -> PrivateRedis:
    """The Redis, empty."""
    redis_server.empty()
    return redis_server


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
