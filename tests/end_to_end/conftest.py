"""Servers in this process, with their stores in memory: one per module where its tests run on one loop, else one each.

A module says ``pytestmark = pytest.mark.asyncio(loop_scope="module")``; its tests then have runs of their own on a
server that they share, which saves most of their time.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from itertools import count

import pytest
import pytest_asyncio

from .server import Service, serving

_numbers = count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_server() -> AsyncGenerator[Service]:
    async with serving() as service:
        yield service


@pytest.fixture
async def own_server() -> AsyncGenerator[Service]:
    async with serving() as service:
        yield service


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Service:
    """The server of this test, or of its module."""
    node: pytest.Item = request.node
    marker = node.get_closest_marker("asyncio")
    shared = marker is not None and marker.kwargs.get("loop_scope") == "module"
    service: Service = request.getfixturevalue("module_server" if shared else "own_server")
    service.prefix = f"{next(_numbers)}-" if shared else ""
    return service
