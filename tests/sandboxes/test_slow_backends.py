"""Sandboxes that take their time to begin and to end, as on a machine with more to do than it can."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from assay_sandbox.judging import Job, Judge, judging
from assay_sandbox.protocol import Backend, Launch, Level, Limits, Outcome, PythonCall, Running
from assay_sandbox.suites.reading import Json, read_suite
from assay_sandbox.suites.verdict import TestOutcome
from tests.sandboxes.real_backends import make_backend

LIMITS = Limits(cpu_ms=5000, wall_ms=2000)
SLOWNESS_SECONDS = 3.0
TESTS = "assert solve(1) == 1\nassert solve(2) == 2\nassert solve(3) == 3\n"
SUITE: dict[str, Json] = {"kind": "assert", "prelude": "", "code": TESTS, "entryPoint": "solve"}
CASES: dict[str, Json] = {
    "kind": "calls",
    "entryPoint": "solve",
    "cases": [{"args": [1], "expected": 1}, {"args": [2], "expected": 2}, {"args": [3], "expected": 3}],
}
WAITS = "import time\ndef solve(n):\n    if n == 2:\n        time.sleep(100)\n    return n\n"
ENDS = "import os\ndef solve(n):\n    if n == 2:\n        os._exit(0)\n    return n\n"


class SlowBackend:
    """Candidates begin and end late; suites do not."""

    hands_over_sockets = False

    def __init__(self, backend: Backend, *, beginning: float = 0.0, end: float = 0.0) -> None:
        self.name = f"slow {backend.name}"
        self._backend = backend
        self._beginning, self._end = beginning, end

    def probe(self) -> Level:
        return self._backend.probe()

    async def start(self) -> None:
        await self._backend.start()

    async def stop(self) -> None:
        await self._backend.stop()

    async def run(self, launch: Launch) -> Outcome:
        return await self._backend.run(launch)

    @asynccontextmanager
    async def open(self, launch: Launch) -> AsyncGenerator[Running]:
        candidate = isinstance(launch.program, PythonCall) and launch.program.entry.endswith("candidate:serve")
        await asyncio.sleep(self._beginning if candidate else 0.0)
        async with self._backend.open(launch) as running:
            yield _SlowRun(running, self._end if candidate else 0.0)


class _SlowRun:
    def __init__(self, running: Running, seconds: float) -> None:
        self._running, self._seconds = running, seconds

    async def outcome(self) -> Outcome:
        outcome = await self._running.outcome()
        await asyncio.sleep(self._seconds)
        return outcome

    def kill(self) -> None:
        self._running.kill()

    async def cpu_ms(self) -> float:
        return await self._running.cpu_ms()


async def test_the_slowness_of_a_sandbox_is_nobodys_fault():
    late_end = SlowBackend(make_backend("namespaces"), end=SLOWNESS_SECONDS)
    late_beginning = SlowBackend(make_backend("namespaces"), beginning=SLOWNESS_SECONDS)
    async with judging(late_end) as first, judging(late_beginning) as second:
        said = await asyncio.gather(
            *(_outcomes(first, WAITS, suite) for suite in (SUITE, CASES)),
            *(_outcomes(second, ENDS, suite) for suite in (SUITE, CASES)),
        )
    passed = TestOutcome.PASSED
    assert said[:2] == [[passed, TestOutcome.TIMEOUT, passed]] * 2
    assert said[2:] == [[passed, TestOutcome.FAILED, passed]] * 2


async def _outcomes(judge: Judge, source: str, suite: dict[str, Json]) -> list[TestOutcome]:
    verdict = await judge.judge(Job("python", source, read_suite(suite), limits=LIMITS))
    return [test.outcome for test in verdict.tests]
