from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from assay_sandbox.protocol import Grade
from assay_server.execution.sandboxes import Sandboxes, SandboxSettings


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def sandboxes() -> AsyncGenerator[Sandboxes]:
    sandboxes = Sandboxes(SandboxSettings(), lambda _: None)
    if sandboxes.level().grade < Grade.FLOOR:
        pytest.skip("this machine gives no sandbox")
    yield sandboxes
    await sandboxes.stop()
