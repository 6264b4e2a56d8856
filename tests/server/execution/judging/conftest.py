from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from .chat_server import ChatServer


@pytest.fixture
async def server() -> AsyncIterator[ChatServer]:
    async with ChatServer().listening() as server:
        yield server
