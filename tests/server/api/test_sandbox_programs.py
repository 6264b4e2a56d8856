"""Programs that calls bring are answered alike, judged here or by whoever takes jobs from a queue."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import NamedTuple

import pytest
from google.protobuf.duration_pb2 import Duration

from assay.v1 import sandbox_service_pb2 as wire
from assay_sandbox.protocol import Grade
from assay_server.api.sandbox_programs import JudgedByWorkers, JudgedHere, Programs, call_jobs
from assay_server.execution.code_judge import CodeJudge, RewardSandbox
from assay_server.execution.queue import LocalQueue
from assay_server.execution.queue.kinds import job_handler
from assay_server.execution.queue.sandbox_jobs import QueuedSandbox, reward_jobs
from assay_server.execution.sandboxes import Sandboxes, SandboxSettings
from assay_server.pipeline.failures import Code, Failure
from tests.circles import circles

CASES = [{"args": [1, 2], "expected": 3}]
SUITE = json.dumps({"kind": "calls", "entryPoint": "add", "cases": CASES})
TENANT = "t"


class Both(NamedTuple):
    here: Programs
    away: Programs
    queue: LocalQueue


@pytest.fixture
async def programs() -> AsyncGenerator[Both]:
    sandboxes = Sandboxes(SandboxSettings(slots=2), lambda _: None)
    if sandboxes.level().grade < Grade.FLOOR:
        pytest.skip("this machine gives no sandbox")
    judge, none = CodeJudge(sandboxes), Sandboxes(SandboxSettings("none"), lambda _: None)
    here = JudgedHere(judge)
    queue = LocalQueue(job_handler(call_jobs(here) | reward_jobs(lambda tenant: RewardSandbox(judge, tenant))), 2)
    await queue.open()
    yield Both(here, JudgedByWorkers(queue, CodeJudge(none)), queue)
    await queue.close()
    await judge.close()
    await sandboxes.stop()


def job(source: str, suite: str = SUITE, **more: object) -> wire.TestJob:
    return wire.TestJob(job_id="j", language="python", source=source, suite_json=suite, **more)  # type: ignore[arg-type]


async def test_verdicts_and_what_is_wrong_with_a_job_are_the_same(programs: Both) -> None:
    jobs = [
        job("def add(a, b):\n    return a + b\n"),
        job("def add(a, b):\n    return a - b\n"),
        job("import sys\nsys.exit(0)\n"),
        job("def add(a, b): ...", '{"kind": "no such kind"}'),
        job("def add(a, b): ...", "not JSON"),
    ]
    for asked in jobs:
        here, away = await programs.here.test(TENANT, asked), await programs.away.test(TENANT, asked)
        for result in (here, away):
            result.verdict.ClearField("use")
            for test in result.verdict.tests:
                test.ClearField("cpu_time")
                test.ClearField("wall_time")
        assert away == here
    passed = await programs.away.test(TENANT, jobs[0])
    assert passed.verdict.passed
    assert passed.job_id == "j"


async def test_programs_run_alike(programs: Both) -> None:
    request = wire.ExecuteRequest(language="python", source="print(input()[::-1])", stdin=b"abc\n")
    here, away = await programs.here.execute(TENANT, request), await programs.away.execute(TENANT, request)
    assert (away.stdout, away.exit, away.exit_code) == (b"cba\n", wire.EXIT_KIND_EXITED, 0)
    assert (here.stdout, here.exit) == (away.stdout, away.exit)


@pytest.mark.parametrize(
    "request_",
    [
        wire.ExecuteRequest(language="cobol", source="x"),
        wire.ExecuteRequest(language="python", source="x", files=[wire.SourceFile(path="../x")]),
    ],
)
async def test_a_refused_program_is_refused_in_the_same_words(programs: Both, request_: wire.ExecuteRequest) -> None:
    with pytest.raises(Failure) as here:
        await programs.here.execute(TENANT, request_)
    with pytest.raises(Failure) as away:
        await programs.away.execute(TENANT, request_)
    assert away.value.to_status() == here.value.to_status()


async def test_rewards_and_calls_share_the_queue(programs: Both) -> None:
    report = await QueuedSandbox(programs.queue, TENANT).run_tests(
        "python", "def add(a, b): return 3", json.loads(SUITE)
    )
    assert report.passed


async def test_a_queue_that_is_closed_is_told(programs: Both) -> None:
    await programs.queue.close()
    result = await programs.away.test(TENANT, job("def add(a, b): return 3"))
    assert result.error.code == Code.UNAVAILABLE
    with pytest.raises(Failure) as refused:
        await programs.away.execute(TENANT, wire.ExecuteRequest(language="python", source="1"))
    assert refused.value.reason == "QUEUE_CLOSED"


@pytest.mark.parametrize("place", ["here", "away"])
@pytest.mark.parametrize(
    "asked",
    [
        job("def add(a, b):\n    return a + b\n"),
        job("def add(a, b):\n    return 7\n"),
        job("def add(a, b):\n    raise KeyError(a)\n"),
        job("def add(a, b):\n    while True: pass\n", limits=wire.Limits(cpu_time=Duration(nanos=200_000_000))),
        job("def add(a, b): ...", "not JSON"),
    ],
    ids=["right", "wrong", "raises", "endless", "no suite"],
)
async def test_a_job_leaves_nothing_to_the_next_collection(programs: Both, place: str, asked: wire.TestJob) -> None:
    where: Programs = getattr(programs, place)
    await where.test(TENANT, asked)
    with circles("assay_server", "assay_sandbox") as left:
        for _ in range(3):
            await where.test(TENANT, asked)
        await asyncio.sleep(0.1)
    assert not left
