"""A Redis of the tests' own, and logging as nobody has set it."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog

from assay_server.store.redis.private_server import PrivateRedis, program

USERS = Path(__file__).parents[2] / "deploy/redis/users.acl.in"


@pytest.fixture(autouse=True)
def unset_logging() -> None:
    """An engine that an earlier test embedded has set it for the process."""
    structlog.reset_defaults()


@contextmanager
def redis_of_a_fleet() -> Generator[PrivateRedis]:
    """A Redis with the users of a fleet, at whose ``url`` one is what a gateway is; nobody may do everything."""
    if program() is None:
        pytest.skip("redis-server is not installed")
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        users = Path(folder) / "users.acl"
        roles = re.sub(r"(\w+)_PASSWORD", lambda role: role[1].lower(), USERS.read_text())
        users.write_text(roles.replace("user default off", "user default on nopass ~* &* +@all"))
        with PrivateRedis(Path(folder), users=users) as server:
            server.url = f"unix://gateway:gateway@{server.socket}"
            yield server


@pytest.fixture(scope="session")
def redis_server() -> Generator[PrivateRedis]:
    """A Redis for tests that empty it."""
    with redis_of_a_fleet() as server:
        yield server


@pytest.fixture(scope="session")
def lasting_redis() -> Generator[PrivateRedis]:
    """A Redis for what is made once and only read."""
    with redis_of_a_fleet() as server:
        yield server


@pytest.fixture
def redis(redis_server: PrivateRedis) -> PrivateRedis:
    """The Redis, empty."""
    redis_server.empty()
    return redis_server
