"""More programs than there is room for: all that were let in get their verdicts, the rest is told when to come back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from assay import CodeJob, CodeLimits
from assay.sdk import Json
from assay.v1 import sandbox_service_pb2 as wire
from assay_sandbox.namespaces.backend import NamespacesBackend
from assay_sandbox.protocol import Grade
from assay_server.config import Settings
from assay_server.pipeline.failures import Code

from .rollouts import rollout, spec
from .server import Service, serving
from .statuses import Refusal, refusal_of, refusal_of_error

LIMITS = CodeLimits(cpu_ms=20_000, wall_ms=60_000)
SLOTS, QUEUE = 2, 4
CLIENTS = 20 * min(os.cpu_count() or 1, 4)
RIGHT = "def f(n): return n + 1"
SLOW = "import time\ndef f(n):\n    time.sleep(0.2)\n    return n + 1"
BUSY = "import time\ndef f(n):\n    while time.process_time() < 0.3: pass\n    return n + 1"
OUTER = b"assay_sandbox.namespaces.outer"


def suite(calls: int = 1) -> dict[str, Json]:
    cases: list[Json] = [{"args": [number], "expected": number + 1} for number in range(calls)]
    return {"kind": "calls", "entryPoint": "f", "cases": cases}


def job(source: str, name: str = "", calls: int = 1) -> wire.TestJob:
    return CodeJob(source, suite(calls), job_id=name, limits=LIMITS).to_message()


@asynccontextmanager
async def sandbox_server(
    *, queue: int = QUEUE, tenant_jobs: int = 0, tenant_cpu_seconds: float = 0.0
) -> AsyncGenerator[Service]:
    level = NamespacesBackend().probe()
    if level.grade < Grade.FLOOR:
        pytest.skip(f"this machine gives no sandbox: {level}")
    settings = Settings(
        listen="127.0.0.1:0",
        http_listen="",
        store="memory:",
        token_file=None,
        sandbox_slots=SLOTS,
        sandbox_queue=queue,
        sandbox_tenant_jobs=tenant_jobs,
        sandbox_tenant_cpu_seconds=tenant_cpu_seconds,
    )
    async with serving(settings) as server:
        yield server


async def judged(server: Service, *jobs: wire.TestJob) -> Sequence[wire.TestJobResult]:
    request = wire.RunTestsRequest(jobs=jobs)
    return (await server.call("SandboxService/RunTests", request, wire.RunTestsResponse)).results


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one call, and the seconds after which that was known."""

    seconds: float
    result: wire.TestJobResult | None = None
    refusal: Refusal | None = None


async def answer_to(server: Service, asked: wire.TestJob) -> Answer:
    began = time.monotonic()
    try:
        (result,) = await judged(server, asked)
    except grpc.aio.AioRpcError as error:
        return Answer(time.monotonic() - began, refusal=refusal_of_error(error))
    return Answer(time.monotonic() - began, result)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what it waits for tells nobody
            await asyncio.sleep(0.005)


def seconds(duration: object) -> float:
    return getattr(duration, "seconds", 0) + getattr(duration, "nanos", 0) / 1e9


async def test_twenty_clients_a_core_all_get_their_verdicts_and_waiting_is_no_work():
    async with sandbox_server(queue=256) as server:
        await judged(server, job(RIGHT))
        began = time.monotonic()
        found = await asyncio.gather(*(judged(server, job(RIGHT, str(number))) for number in range(CLIENTS)))
        elapsed = time.monotonic() - began
    results = [result for (result,) in found]
    assert [result.job_id for result in results] == [str(number) for number in range(CLIENTS)]
    assert [result.verdict.passed for result in results] == [True] * CLIENTS
    worked = sum(seconds(result.verdict.use.wall_time) for result in results)
    assert worked < 1.5 * SLOTS * elapsed  # with the time in the queue it were half as much as clients times elapsed
    assert max(seconds(result.verdict.use.queue_time) for result in results) > worked / CLIENTS


async def test_the_surplus_is_refused_at_once_and_the_rest_gets_its_verdicts():
    many = 10 * (SLOTS + QUEUE)
    async with sandbox_server() as server:
        await judged(server, job(RIGHT))
        answers = await asyncio.gather(*(answer_to(server, job(SLOW)) for _ in range(many)))
    accepted = [answer for answer in answers if answer.result is not None]
    refused = [answer for answer in answers if answer.refusal is not None]
    assert len(accepted) >= SLOTS + QUEUE
    assert len(refused) > len(accepted)
    assert all(answer.result is not None and answer.result.verdict.passed for answer in accepted)
    assert {(answer.refusal.code, answer.refusal.reason) for answer in refused if answer.refusal} == {
        (Code.RESOURCE_EXHAUSTED, "SANDBOX_BUSY")
    }
    assert all(answer.refusal.retry_seconds for answer in refused if answer.refusal)
    assert max(answer.seconds for answer in refused) < max(answer.seconds for answer in accepted)


async def test_all_calls_of_a_burst_are_answered_by_the_server_and_none_is_cut_off_by_the_library():
    async with sandbox_server() as server:
        await judged(server, job(RIGHT))
        answers = await asyncio.gather(*(answer_to(server, job(RIGHT)) for _ in range(2000)))
    assert all(answer.result.verdict.passed for answer in answers if answer.result is not None)
    refusals = [answer.refusal for answer in answers if answer.refusal is not None]
    assert {(refusal.code, refusal.reason) for refusal in refusals} == {(Code.RESOURCE_EXHAUSTED, "SANDBOX_BUSY")}
    assert all(refusal.retry_seconds for refusal in refusals)


def outer_processes() -> list[int]:
    """The outer sandboxes that this process started."""
    found: list[int] = []
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()
    for pid in children:
        with contextlib.suppress(OSError):
            if OUTER in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(int(pid))
    return found


def named(name: str) -> int:
    """How many processes of the machine have this name."""
    found = 0
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            found += entry.isdecimal() and Path(f"/proc/{entry}/comm").read_text(encoding="utf-8").strip() == name
    return found


@pytest.mark.parametrize("kind", ["calls", "assert"])
async def test_jobs_of_workers_that_are_killed_are_judged_again_and_answered_once(kind: str):
    name = f"mid{os.getpid()}{kind}"[:15]
    source = f"import ctypes, time\nctypes.CDLL(None).prctl(15, b{name!r}, 0, 0, 0)\ntime.sleep(0.5)\n{RIGHT}"
    asserts: dict[str, Json] = {
        "kind": "assert", "code": "def check(f):\n    assert f(1) == 2", "entryPoint": "f",
    }  # fmt: skip
    chosen = asserts if kind == "assert" else suite()
    jobs = [CodeJob(source, chosen, job_id=str(number), limits=LIMITS).to_message() for number in range(6)]
    async with sandbox_server(queue=64) as server:
        await judged(server, CodeJob(RIGHT, chosen, limits=LIMITS).to_message())
        work = asyncio.create_task(judged(server, *jobs))
        await until(lambda: named(name) > 0)
        for pid in (killed := outer_processes()):
            os.kill(pid, signal.SIGKILL)
        results = await work
    assert killed
    assert [result.job_id for result in results] == [str(number) for number in range(6)]
    assert [result.verdict.passed for result in results] == [True] * 6, results


async def test_a_tenant_has_no_more_jobs_at_a_time_than_its_quota():
    name = f"quota{os.getpid()}"[:15]
    endless = f"import ctypes, time\nctypes.CDLL(None).prctl(15, b{name!r}, 0, 0, 0)\ntime.sleep(50)\n{RIGHT}"
    async with sandbox_server(queue=64, tenant_jobs=1) as server:
        await judged(server, job(RIGHT))
        call = asyncio.create_task(judged(server, job(endless), job(endless)))
        await until(lambda: named(name) > 0)
        refusal = (await answer_to(server, job(RIGHT))).refusal
        execute = wire.ExecuteRequest(language="python", source="print(1)")
        refused = await server.refused("SandboxService/Execute", execute)
        assert named(name) == 1
        call.cancel()
        await until(lambda: named(name) == 0)
        answer = await answer_to(server, job(RIGHT))
        while answer.refusal is not None:  # the slot is given back when the run has been buried
            assert answer.refusal.reason == "SANDBOX_QUOTA"
            answer = await answer_to(server, job(RIGHT))
        await asyncio.wait([call])
    assert refusal is not None
    for one in (refusal, refused):
        assert (one.code, one.reason) == (Code.RESOURCE_EXHAUSTED, "SANDBOX_QUOTA")
        assert one.retry_seconds


async def test_a_tenant_has_no_more_cpu_time_than_its_quota():
    async with sandbox_server(queue=64, tenant_cpu_seconds=0.2) as server:
        (result,) = await judged(server, job(BUSY))
        assert result.verdict.passed
        refusal = (await answer_to(server, job(RIGHT))).refusal
    assert refusal is not None
    assert (refusal.code, refusal.reason) == (Code.RESOURCE_EXHAUSTED, "SANDBOX_QUOTA")
    assert refusal.retry_seconds is not None
    assert 1 < refusal.retry_seconds < 60


async def test_a_job_may_refuse_suites_that_share_its_process():
    shared: dict[str, Json] = {
        "kind": "assert", "code": "assert f(1) == 2", "entryPoint": "f", "isolation": "IN_PROCESS",
    }  # fmt: skip
    jobs = [CodeJob(RIGHT, shared, limits=LIMITS, refuse_in_process=refuses).to_message() for refuses in (False, True)]
    async with sandbox_server() as server:
        allowed, refused = await judged(server, *jobs)
    assert allowed.verdict.passed
    assert allowed.verdict.verdict_isolation == wire.VERDICT_ISOLATION_IN_PROCESS
    assert refusal_of(refused.error).reason == "IN_PROCESS_REFUSED"


async def test_a_run_may_allow_suites_that_share_the_process():
    shared: dict[str, Json] = {
        "kind": "assert", "code": "assert f(1) == 2", "entryPoint": "f", "isolation": "IN_PROCESS",
    }  # fmt: skip
    asked = rollout("r", f"```python\n{RIGHT}\n```")
    asked.reference_json = json.dumps({"suite": shared})
    async with sandbox_server() as server:
        for name, allowed in (("strict", False), ("open", True)):
            made = spec(reward="code/unit-tests", estimator="")
            made.allow_in_process_suites = allowed
            await server.create_run(name, made)
            async with server.stream(name, "c") as stream:
                await stream.send(asked)
                (result,) = await stream.scored("r")
            if allowed:
                assert result.score.value == 1.0
            else:
                assert refusal_of(result.error).reason == "IN_PROCESS_REFUSED"
