"""One server for the tests of a module."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from .door import Doors, doors, settings


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Doors]:
    async with doors(settings(tmp_path_factory.mktemp("door") / "token")) as found:
        yield found
