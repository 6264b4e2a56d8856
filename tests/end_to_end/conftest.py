"""A server per test, in this process and with its store in memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from .server import Service, serving


@pytest.fixture
async def server() -> AsyncGenerator[Service]:
    async with serving() as service:
        yield service
