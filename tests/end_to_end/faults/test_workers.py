"""Programs judged by `assay worker` processes, one of which is killed while it does so."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from assay import Client, CodeJob
from assay.sdk import SuiteReport
from assay_sandbox.protocol import Grade
from assay_server.execution.queue.redis_queue import RedisQueue
from assay_server.execution.queue.sandbox_jobs import LANE, QueuedSandbox
from assay_server.execution.sandboxes import Sandboxes, SandboxSettings
from assay_server.store.records import Records
from assay_server.store.redis.connection import Server
from assay_server.store.redis.private_server import PrivateRedis

from .fleet import Fleet

_ASSAY = "import sys; from assay_server.cli import main; sys.exit(main())"
SUITE = {"kind": "assert", "code": "def check(candidate):\n    assert candidate(2) == 4", "entryPoint": "f"}


@asynccontextmanager
async def worker(redis: PrivateRedis, records: Path) -> AsyncGenerator[asyncio.subprocess.Process]:
    environment = {**os.environ, "ASSAY_SANDBOX_SLOTS": "1", "ASSAY_JOB_IDLE_SECONDS": "1.0"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _ASSAY, "worker", "--store", redis.url, "--records", str(records),
        env=environment, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    async with asyncio.timeout(60.0):
        while b'"working"' not in (line := await process.stderr.readline()):
            assert line, "the worker did not start"
    reader = asyncio.create_task(process.stderr.read())
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()
        await reader


@pytest.mark.full
async def test_a_killed_workers_programs_are_judged_by_another(redis: PrivateRedis, tmp_path: Path) -> None:
    if Sandboxes(SandboxSettings(), lambda _: None).level().grade < Grade.FLOOR:
        pytest.skip("this machine gives no sandbox")
    server, records = Server(redis.url), Records(tmp_path)
    queue = RedisQueue(server, records, LANE)
    sandbox = QueuedSandbox(queue, "local")

    async def judged(number: int) -> SuiteReport:
        right = number % 2
        body = "x * x" if right else "x + 3"
        source = f"import time\ntime.sleep(0.3)\ndef f(x):\n    return {body}"
        return await sandbox.run_tests("python", source, SUITE)

    async with worker(redis, tmp_path) as doomed, worker(redis, tmp_path):
        reports = [asyncio.ensure_future(judged(number)) for number in range(8)]
        await asyncio.wait(reports, return_when=asyncio.FIRST_COMPLETED)
        doomed.kill()
        async with asyncio.timeout(60.0):
            passed = [report.passed for report in await asyncio.gather(*reports)]
    assert passed == [bool(number % 2) for number in range(8)]
    assert doomed.returncode == -signal.SIGKILL
    await queue.close()
    await server.close()
    await records.close()


@pytest.mark.full
async def test_programs_that_a_call_brings_are_judged_by_the_workers(redis: PrivateRedis, tmp_path: Path) -> None:
    if Sandboxes(SandboxSettings(), lambda _: None).level().grade < Grade.FLOOR:
        pytest.skip("this machine gives no sandbox")
    async with Fleet(redis, tmp_path, 1, workers=1) as fleet:

        def ask() -> list[bool]:
            with Client(fleet.target, fleet.token.read_text()) as client:
                jobs = [CodeJob(f"def f(x):\n    return x {how}", SUITE) for how in ("* x", "+ 3")]
                return [result.passed for result in client.run_tests(jobs)]

        assert await asyncio.to_thread(ask) == [True, False]
