"""Wrong programs that want to pass: each passes, or hangs, the weak harness; none passes a suite of any kind."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from assay_sandbox.judging import Job, Judge, judging
from assay_sandbox.protocol import Limits
from assay_sandbox.suites.reading import Json, read_suite
from assay_sandbox.suites.verdict import Isolation, Verdict
from tests.hostile.lies.exits import EXITS
from tests.hostile.lies.lie import HONEST, Harm, Lie, Suite
from tests.hostile.lies.surroundings import SURROUNDINGS
from tests.hostile.lies.values import VALUES
from tests.hostile.weak_harness import run_weakly
from tests.sandboxes.real_backends import make_backend

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIES = {lie.name: lie for lie in (*EXITS, *VALUES, *SURROUNDINGS)}
LIMITS = Limits(cpu_ms=200, wall_ms=500, memory_bytes=128 << 20)
GENEROUS = Limits(cpu_ms=10_000, wall_ms=20_000)
HANGS_SECONDS = 0.7
RUNS = 10_000
JUDGE = """
print(3, flush=True)
raise SystemExit(0 if input().split() == ["0", "1", "4"] else 1)
"""
HONEST_PROGRAM = "n = int(input())\nprint(*(i * i for i in range(n)))\n"


def suites(asserts: str) -> dict[str, dict[str, Json]]:
    """A suite of every kind; those of plain code have these asserts, the others are the same for all lies."""
    calls: list[Json] = [{"args": [3], "expected": [0, 1, 4]}, {"args": [4], "expected": [0, 1, 4, 9]}]
    test = f"from solution import solve\n\ndef test_it():\n{textwrap.indent(Suite.PLAIN.value, '    ')}"
    return {
        "assert": {"kind": "assert", "prelude": "", "code": asserts, "entryPoint": "solve"},
        "calls": {"kind": "calls", "entryPoint": "solve", "cases": calls},
        "pytest": {"kind": "pytest", "files": {"test_it.py": test}},
        "stdio": {"kind": "stdio", "cases": [{"input": "3\n", "output": "0 1 4\n"}]},
        "interactive": {"kind": "interactive", "cases": [{"input": ""}], "judge": {"source": JUDGE}},
    }


@pytest_asyncio.fixture(
    loop_scope="module", scope="module", params=["namespaces", pytest.param("docker", marks=pytest.mark.full)]
)
async def judge(request: pytest.FixtureRequest) -> AsyncGenerator[Judge]:
    async with judging(make_backend(request.param)) as judge:
        yield judge


async def verdicts(judge: Judge, source: str, kinds: dict[str, dict[str, Json]], limits: Limits) -> dict[str, Verdict]:
    jobs = (judge.judge(Job("python", source, read_suite(suite), limits=limits)) for suite in kinds.values())
    return dict(zip(kinds, await asyncio.gather(*jobs), strict=True))


async def test_there_are_lies_enough_and_each_says_what_stops_it():
    assert len(LIES) == len(EXITS) + len(VALUES) + len(SURROUNDINGS) >= 60
    assert all(lie.tries and lie.stopped_by for lie in LIES.values())


@pytest.mark.parametrize("suite", Suite)
async def test_an_honest_program_passes_what_the_lies_are_told_to(judge: Judge, suite: Suite):
    wanted = {kind: each for kind, each in suites(suite.value).items() if kind in ("assert", "calls")}
    said = await verdicts(judge, HONEST, wanted, GENEROUS)
    assert {kind: verdict.first_failure for kind, verdict in said.items()} == dict.fromkeys(said, "")
    assert run_weakly(HONEST, suite.value).passed


async def test_an_honest_program_passes_the_other_kinds(judge: Judge):
    kinds = suites(Suite.PLAIN.value)
    said = await verdicts(judge, HONEST, {"pytest": kinds["pytest"]}, GENEROUS)
    said |= await verdicts(judge, HONEST_PROGRAM, {kind: kinds[kind] for kind in ("stdio", "interactive")}, GENEROUS)
    assert {kind: verdict.first_failure for kind, verdict in said.items()} == dict.fromkeys(said, "")


@pytest.mark.parametrize("name", LIES)
async def test_a_lie_works_on_the_weak_harness_and_on_no_suite(judge: Judge, name: str):
    lie: Lie = LIES[name]
    hangs = lie.harm is Harm.HANGS
    seconds = HANGS_SECONDS if hangs else 30.0
    weak = await asyncio.to_thread(run_weakly, lie.source, lie.suite.value, seconds=seconds)
    assert weak.hung if hangs else weak.passed
    said = await verdicts(judge, lie.source, suites(lie.suite.value), LIMITS)
    assert [kind for kind, verdict in said.items() if verdict.passed] == []
    assert {verdict.isolation for verdict in said.values()} == {Isolation.SEPARATE}


async def test_reports_forged_outside_of_a_sandbox_reach_no_suite_that_waits(judge: Judge):
    """A program that the server's process started, and not in a sandbox, has none of its descriptors."""
    lie = LIES["end_after_forged_reports"]
    kinds = {"assert": suites(lie.suite.value)["assert"]}
    assert (await verdicts(judge, HONEST, kinds, GENEROUS))["assert"].passed
    await asyncio.to_thread(run_weakly, lie.source, lie.suite.value)
    assert not (await verdicts(judge, "def solve(n):\n    return []\n", kinds, GENEROUS))["assert"].passed


@pytest.mark.soak
async def test_no_lie_passes_in_ten_thousand_runs(judge: Judge):
    kinds = {lie.name: suites(lie.suite.value) for lie in LIES.values()}
    believed: list[str] = []
    for number in range(RUNS // sum(map(len, kinds.values())) + 1):
        for lie in LIES.values():
            said = await verdicts(judge, lie.source, kinds[lie.name], LIMITS)
            believed += [f"{number} {lie.name} {kind}" for kind, verdict in said.items() if verdict.passed]
    assert believed == []
