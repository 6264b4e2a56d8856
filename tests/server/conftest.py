"""A Redis of the tests' own, and logging as nobody has set it."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
import structlog

from assay_server.store.redis.private_server import PrivateRedis, program


@pytest.fixture(autouse=True)
def unset_logging() -> None:
    """An engine that an earlier test embedded has set it for the process."""
    structlog.reset_defaults()


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
