from __future__ import annotations

import asyncio

import pytest

from assay_sandbox.protocol import Exec, Grade, Launch, SandboxUnavailable
from assay_server.execution.sandboxes import Sandboxes, SandboxSettings


async def test_the_backend_starts_once_when_it_is_first_asked_for():
    grades: list[float] = []
    sandboxes = Sandboxes(SandboxSettings(), grades.append)
    if sandboxes.level().grade < Grade.FLOOR:
        pytest.skip("this machine gives no sandbox")
    assert grades == []
    first, second = await asyncio.gather(sandboxes.backend(), sandboxes.backend())
    assert first is second
    assert grades == [float(sandboxes.level().grade)]
    async with sandboxes.admission.slot():
        assert (await first.run(Launch(Exec(("echo", "here"))))).stdout == b"here\n"
    await sandboxes.stop()
    with pytest.raises(SandboxUnavailable):
        await first.run(Launch(Exec(("true",))))


async def test_sandboxes_that_are_switched_off_refuse():
    sandboxes = Sandboxes(SandboxSettings(backend="none"), lambda _: None)
    with pytest.raises(SandboxUnavailable, match="switched"):
        await sandboxes.backend()
    await sandboxes.stop()


async def test_what_was_never_started_stops():
    await Sandboxes(SandboxSettings(), lambda _: None).stop()
