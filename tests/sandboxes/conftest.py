from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest_asyncio

from tests.sandboxes.plain_backend import PlainBackend


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def backend() -> AsyncGenerator[PlainBackend]:
    backend = PlainBackend()
    await backend.start()
    yield backend
    await backend.stop()
