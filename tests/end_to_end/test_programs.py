"""Programs judged by a server, as its clients see it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import assay
from assay import CodeJob, CodeLimits, CodeOutcome, Leaf, Rollout, aio
from assay.sdk import Json
from assay.v1 import sandbox_service_pb2 as v1
from assay_sandbox.namespaces.backend import NamespacesBackend
from assay_sandbox.protocol import Grade
from assay_server.config import Settings
from assay_server.embedded import Engine

CALLS: dict[str, Json] = {
    "kind": "calls", "entryPoint": "f", "cases": [{"args": [1], "expected": 2}, {"args": [5], "expected": 6}],
}  # fmt: skip
LONG = CodeLimits(cpu_ms=20_000, wall_ms=60_000)
RIGHT = "def f(n):\n    return n + 1\n"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    level = NamespacesBackend().probe()
    if level.grade < Grade.FLOOR:
        pytest.skip(f"this machine gives no sandbox: {level}")
    with Engine(Settings(store="memory:")) as engine:
        yield engine


def target(engine: Engine) -> str:
    return engine._connection.target  # pyright: ignore[reportPrivateUsage] - an engine's address is its own affair


def test_many_programs_get_their_verdicts_in_order(engine: Engine):
    jobs = [
        CodeJob(RIGHT if number % 2 else "def f(n): return 2", CALLS, job_id=str(number), limits=LONG)
        for number in range(40)
    ]
    results = engine.run_tests(jobs)
    assert [result.job_id for result in results] == [str(number) for number in range(40)]
    assert [result.passed for result in results] == [bool(number % 2) for number in range(40)]
    assert [result.pass_fraction for result in results[:2]] == [0.5, 1.0]
    first = results[0]
    assert [test.outcome for test in first.tests] == [CodeOutcome.PASSED, CodeOutcome.FAILED]
    assert (first.first_failure, first.separate, first.error) == ("call 2: returned 2, expected 6", True, None)
    assert first.use["cpuMs"] > 0
    assert {result.job_id for result in engine.stream_tests(jobs[:5])} == set("01234")


def test_a_program_that_cannot_be_judged_did_not_fail(engine: Engine):
    unknown, bad, limit = engine.run_tests([
        CodeJob(RIGHT, CALLS, "cobol"), CodeJob(RIGHT, {"kind": "calls"}),
        CodeJob(RIGHT, CALLS, limits=CodeLimits(1e9)),
    ])  # fmt: skip
    assert [one.error.reason if one.error else "" for one in (unknown, bad, limit)] == [
        "UNKNOWN_LANGUAGE", "BAD_SUITE", "BAD_LIMIT",
    ]  # fmt: skip
    with pytest.raises(assay.NotScored, match="cobol"):
        _ = unknown.passed
    with pytest.raises(assay.InvalidArgument):
        engine.run_tests([CodeJob(RIGHT, {"kind": float("nan")})])


def test_a_suite_is_sent_once_and_named_by_its_digest(engine: Engine):
    import hashlib

    sent = CodeJob(RIGHT, CALLS, limits=LONG).to_message()
    assert engine.run_tests([sent])[0].passed
    digest = hashlib.sha256(sent.suite_json.encode()).hexdigest()
    named = v1.TestJob(language="python", source=RIGHT, suite_digest=digest)
    unknown = v1.TestJob(language="python", source=RIGHT, suite_digest="0" * 64)
    known, missing = engine.run_tests([named, unknown])
    assert known.passed
    assert missing.error is not None
    assert missing.error.reason == "UNKNOWN_SUITE"


async def test_the_asyncio_client_is_the_twin(engine: Engine):
    async with aio.Client(target(engine)) as client:
        results = await client.run_tests([CodeJob(RIGHT, CALLS, limits=LONG)])
        assert [result.passed for result in results] == [True]
        assert [result.passed async for result in client.stream_tests([CodeJob(RIGHT, CALLS, limits=LONG)])] == [True]


def test_rewards_of_programs_are_scored_in_the_sandbox(engine: Engine):
    reference: dict[str, Json] = {"suite": CALLS}
    rollouts = [
        Rollout("right", task_type="code", reference=reference, response=f"```python\n{RIGHT}```"),
        Rollout("half", task_type="code", reference=reference, response="```python\ndef f(n): return 2\n```"),
        Rollout("none", task_type="code", reference=reference, response="```python\ndef f(n):"),
        Rollout("bad", task_type="code", reference={"suite": {"kind": "magic"}}, response=RIGHT),
    ]
    scored = engine.score(rollouts, reward=Leaf("code/unit-tests", {"credit": "fraction"}))
    assert [result.value for result in scored[:3]] == [1.0, 0.5, 0.0]
    assert scored[3].error is not None
    assert scored[3].error.reason == "BAD_SUITE"
    assert [result.value for result in engine.score(rollouts[:2], reward="code/compiles")] == [1.0, 1.0]


def test_without_sandboxes_nothing_is_judged():
    with Engine(Settings(store="memory:", sandbox="none")) as engine:
        (result,) = engine.run_tests([CodeJob(RIGHT, CALLS, limits=LONG)])
        assert result.error is not None
        assert result.error.reason == "SANDBOX_UNAVAILABLE"
        rollout = Rollout("r", task_type="code", reference={"suite": CALLS}, response=RIGHT)
        (scored,) = engine.score([rollout], reward="code/unit-tests")
        assert scored.error is not None
        assert scored.error.reason == "SANDBOX_UNAVAILABLE"
