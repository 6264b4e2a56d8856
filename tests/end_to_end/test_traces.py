"""What a server tells as spans: of rollouts, groups, lanes, sandboxes, judges, calls; over a fleet's queue as well."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
import structlog

from assay import CodeJob, Leaf, Rollout, RunConfig, aio
from assay.sdk import Json
from assay_sandbox.namespaces.backend import NamespacesBackend
from assay_sandbox.protocol import Grade
from assay_server.config import Settings
from assay_server.execution.code_judge import CodeJudge, RewardSandbox
from assay_server.execution.queue.kinds import job_handler
from assay_server.execution.queue.redis_worker import RedisWorker
from assay_server.execution.queue.sandbox_jobs import LANE, reward_jobs
from assay_server.execution.sandboxes import Sandboxes
from assay_server.logs import log_to_stderr
from assay_server.sandbox_lane import fleet_parts, sandbox_settings
from assay_server.store.ending import end
from assay_server.store.redis.private_server import PrivateRedis, program
from tests.server.execution.judging.chat_server import Asked, ChatServer, Reply, says

from .rollouts import mixed_group, right, rollout, spec, unscorable
from .server import Service, serving, settings
from .spans import Listener, Told, tree

pytestmark = pytest.mark.asyncio(loop_scope="module")

PARENT_TRACE, PARENT_SPAN = 0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331
PARENT = f"00-{PARENT_TRACE:032x}-{PARENT_SPAN:016x}-01"
UNSAMPLED = f"{PARENT[:-2]}00"
PLUGIN = str(Path(__file__).parents[1] / "server" / "execution" / "plugins" / "hostile.py")
SECRET = "my-unmistakable-words"
SUITE: dict[str, Json] = {"kind": "calls", "entryPoint": "f", "cases": [{"args": [1], "expected": 2}]}
PROGRAM = "def f(n):\n    return n + 1\n"


async def until(holds: Callable[[], bool]) -> None:
    """Spans end a moment after their answers were sent; what a busy machine computes may take long."""
    async with asyncio.timeout(120.0):
        while not holds():  # noqa: ASYNC110 - an exporter tells nobody
            await asyncio.sleep(0.005)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def traced() -> AsyncGenerator[tuple[Service, Listener]]:
    listener = Listener()
    chosen = settings(http=True).model_copy(update={"plugins": (PLUGIN,), "execution_timeout": 60.0})
    async with serving(chosen, tracing=listener.tracing) as server:
        yield server, listener


@pytest.fixture(scope="module")
def sandboxed() -> None:
    level = NamespacesBackend().probe()
    if level.grade < Grade.FLOOR:
        pytest.skip(f"this machine gives no sandbox: {level}")


def no_text(told: list[Told]) -> bool:
    return SECRET not in repr(told)


async def test_a_numeric_group_is_a_trace_of_its_rollouts(traced: tuple[Service, Listener]) -> None:
    server, listener = traced
    await server.create_run("numeric")
    members = mixed_group("n", 2, 1)
    for member in members:
        member.steps[0].action.parts[0].text = f"{SECRET}. {member.steps[0].action.parts[0].text}"
    async with server.stream("numeric", "a") as stream:
        await stream.send(*members)
        await stream.until(lambda: "n" in stream.groups, "the group")
    await until(lambda: bool(listener.named("group", run="numeric")))
    (group,) = listener.named("group", run="numeric")
    steps: dict[str, object] = {"lane.wait": {}, "lane.run": {}}
    assert tree(listener.told(), group) == {"rollout": steps, "rollout 2": steps, "group.emit": {}}
    assert (group.parent, group.status, group.said("outcome")) == (0, "", "complete")
    assert (group.said("kept"), group.said("rollouts"), group.said("tenant")) == (True, 2, "local")
    rollouts = listener.named("rollout", run="numeric", group="n")
    assert {one.said("rollout"): one.said("outcome") for one in rollouts} == {"n/0": "correct", "n/1": "incorrect"}
    # A wrong answer is an answer: only what could not be scored has failed.
    assert {one.status for one in rollouts} == {""}
    assert all(one.started < one.ended <= group.ended for one in rollouts)
    assert no_text(listener.told())


async def test_an_item_of_the_cpu_lane_waits_and_runs_there(traced: tuple[Service, Listener]) -> None:
    server, listener = traced
    await server.create_run("symbolic")
    hard = rollout("hard", r"$\boxed{\sin 2x}$", answer=r"2\\sin x\\cos x")
    async with server.stream("symbolic", "a") as stream:
        await stream.send(hard)
        await until(lambda: "hard" in stream.samples)
    assert stream.samples["hard"].score.value == 1.0
    await until(lambda: bool(listener.named("rollout", rollout="hard")))
    (one,) = listener.named("rollout", rollout="hard")
    assert one.parent == 0  # without a group it is a trace of its own
    # First in the intake, then for a worker.
    assert tree(listener.told(), one) == {"lane.wait": {}, "lane.wait 2": {}, "lane.run": {}}
    (ran,) = [span for span in listener.named("lane.run", lane="cpu") if span.parent == one.span]
    assert ran.said("reward") == "verify/math-v1"
    assert one.started <= ran.started < ran.ended <= one.ended


async def test_hostile_items_end_their_spans_with_a_status(traced: tuple[Service, Listener]) -> None:
    server, listener = traced
    made = spec(reward="hostile/does-v1")
    made.reward.leaf.execution_timeout.FromMilliseconds(1500)
    await server.create_run("hostile", made)
    bad = [rollout(name, name, group="h", size=2) for name in ("raises", "sleep")]
    async with server.stream("hostile", "a") as stream:
        await stream.send(*bad, rollout("x" * 2000, "too long a name"), right("late", "h", 2))
        await stream.until(lambda: "h" in stream.groups and len(stream.refused) == 2, "all answers")
    await until(lambda: len(listener.named("rollout", run="hostile")) == 4)
    told = {str(one.said("rollout"))[:8]: one for one in listener.named("rollout", run="hostile")}
    reasons = {name: one.status for name, one in told.items()}
    assert reasons == {
        "raises": "REWARD_FAILED", "sleep": "DEADLINE_EXCEEDED",
        "x" * 8: "INVALID_ARGUMENT", "late": "GROUP_FULL",
    }  # fmt: skip
    assert told["sleep"].said("outcome") == "not_scored"
    runs = {one.parent: one.status for one in listener.named("lane.run", reward="hostile/does-v1")}
    assert runs[told["sleep"].span] == "DEADLINE_EXCEEDED"
    assert len(str(told["x" * 8].said("rollout"))) == 256


async def test_a_callers_trace_is_continued(traced: tuple[Service, Listener]) -> None:
    server, listener = traced
    async with aio.Client(server.process.address, traceparent=lambda: PARENT) as client:
        await client.score([Rollout("scored", reference={"answer": "1"}, response="A: 1")], "math")
        async with client.stream(
            RunConfig(run_id="followed", reward=Leaf("math"), estimator="advantage/grpo")
        ) as stream:
            await stream.send_many(
                [
                    Rollout(f"f{n}", group_id="f", group_size=2, reference={"answer": "1"}, response=f"A: {n}")
                    for n in range(2)
                ]
            )
            await stream.finish()
            assert len([event async for event in stream]) == 3
    await until(lambda: bool(listener.named("group", run="followed")))
    (group,) = listener.named("group", run="followed")
    assert (group.trace, group.parent) == (PARENT_TRACE, PARENT_SPAN)
    assert list(tree(listener.told(), group)) == ["rollout", "rollout 2", "group.emit"]
    (call,) = listener.named("assay.v1.RewardService/Score")
    assert (call.trace, call.parent) == (PARENT_TRACE, PARENT_SPAN)
    assert tree(listener.told(), call) == {"rollout": {"lane.run": {}}}
    (scored,) = listener.named("rollout", rollout="scored")
    assert scored.said("outcome") == "correct"


async def test_headers_of_http_count_and_bad_ones_do_not(traced: tuple[Service, Listener]) -> None:
    server, listener = traced
    url = f"http://{server.process.http_address}/v1/RewardService/ListRewards"
    path = "assay.v1.RewardService/ListRewards"
    before = len(listener.named(path))
    async with httpx.AsyncClient() as http:
        for header in (PARENT, UNSAMPLED, "00-nonsense", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "x" * 4000):
            (await http.post(url, json={}, headers={"traceparent": header})).raise_for_status()
    await until(lambda: len(listener.named(path)) >= before + 4)
    told = listener.named(path)[before:]
    # Who does not record its own span wants none of ours.
    assert [one.trace == PARENT_TRACE for one in told] == [True, False, False, False]
    assert told[0].parent == PARENT_SPAN


async def test_a_call_that_is_refused_fails_its_span(traced: tuple[Service, Listener]) -> None:
    server, listener = traced
    from assay.v1 import run_service_pb2

    await server.refused("RunService/CheckpointRun", run_service_pb2.CheckpointRunRequest(run_id="no such run"))
    await until(lambda: bool(listener.named("assay.v1.RunService/CheckpointRun")))
    (call,) = listener.named("assay.v1.RunService/CheckpointRun")
    assert (call.status, call.said("run")) == ("RUN_NOT_FOUND", "no such run")


@pytest.mark.usefixtures("sandboxed")
async def test_a_program_is_told_from_the_rollout_to_the_sandbox(traced: tuple[Service, Listener]) -> None:
    server, listener = traced
    made = spec(reward="code/unit-tests", estimator="")
    await server.create_run("programs", made)
    program = rollout("program", f"```python\n{PROGRAM}```")
    program.reference_json = json.dumps({"suite": SUITE})
    async with server.stream("programs", "a") as stream:
        await stream.send(program)
        await stream.until(lambda: "program" in stream.samples, "the verdict")
    assert stream.samples["program"].score.value == 1.0
    async with aio.Client(server.process.address) as client:
        await client.run_tests([CodeJob(PROGRAM, SUITE)])
    await until(lambda: bool(listener.named("rollout", rollout="program")))
    (one,) = listener.named("rollout", rollout="program")
    job: dict[str, object] = {"sandbox.job": {"lane.wait": {}, "sandbox.run": {}}}
    assert tree(listener.told(), one) == {"lane.wait": {}, "lane.run": job}
    (call,) = listener.named("assay.v1.SandboxService/RunTests")
    assert tree(listener.told(), call) == {"sandbox.run": {}}
    assert {one.said("passed") for one in listener.named("sandbox.run")} == {True}


async def test_nothing_is_told_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    monkeypatch.setattr("assay_server.tracing.opening.tracing_to", made.append)
    async with serving() as server:
        await server.create_run("run")
        async with server.stream("run", "a") as stream:
            await stream.send(unscorable("u"), right("r"))
            await stream.until(lambda: len(stream.samples) == 2, "both answers")
    assert made == []


async def test_a_judge_that_is_asked_is_told(tmp_path: Path) -> None:
    listener = Listener()
    async with ChatServer().listening() as judge:
        judge.script = scores
        catalogue = tmp_path / "judges.toml"
        catalogue.write_text(f'[judges.strict]\nbase_url = "{judge.url}"\nmodel = "judge-1"\n')
        async with serving(settings().model_copy(update={"judges": catalogue}), tracing=listener.tracing) as server:
            made = spec(reward="judge/rubric", estimator="")
            made.reward.leaf.params_json = json.dumps({"endpoint": "strict", "rubric": "It is sound."})
            await server.create_run("judged", made)
            async with server.stream("judged", "a") as stream:
                await stream.send(rollout("j", f"{SECRET}. A: 18"))
                await stream.until(lambda: "j" in stream.samples, "the score")
    assert stream.samples["j"].HasField("score")
    (one,) = listener.named("rollout")
    assert tree(listener.told(), one) == {"lane.wait": {}, "lane.run": {"judge.ask": {}}}
    (asked,) = listener.named("judge.ask")
    assert (asked.said("judge"), asked.said("cached"), asked.said("tokens")) == ("strict", False, 15)
    assert no_text(listener.told())


async def scores(_: Asked) -> Reply:
    return says({"rationale": SECRET, "score": 10})


@pytest.mark.usefixtures("sandboxed")
async def test_a_job_of_a_fleet_is_one_trace_over_the_queue(tmp_path: Path) -> None:
    if program() is None:
        pytest.skip("redis-server is not installed")
    submitter, doing = Listener(), Listener("assay-worker")
    with tempfile.TemporaryDirectory(prefix="assay-") as folder, PrivateRedis(Path(folder)) as redis:
        chosen = settings(redis.url).model_copy(update={"records": tmp_path, "sandbox": "workers"})
        async with serving(chosen, tracing=submitter.tracing) as server, working(redis.url, tmp_path, doing):
            await server.create_run("fleet", spec(reward="code/unit-tests", estimator=""))
            judged = rollout("p", f"```python\n{PROGRAM}```")
            judged.reference_json = json.dumps({"suite": SUITE})
            async with server.stream("fleet", "a") as stream:
                await stream.send(judged)
                await until(lambda: "p" in stream.samples)
    assert stream.samples["p"].score.value == 1.0
    (job,) = submitter.named("sandbox.job")
    (work,) = doing.named("sandbox.work")
    assert (work.trace, work.parent) == (job.trace, job.span)
    assert tree(doing.told(), work) == {"lane.wait": {}, "sandbox.run": {}}
    assert tree(submitter.told() + doing.told(), submitter.named("rollout")[0]) == {
        "lane.wait": {},
        "lane.run": {"sandbox.job": {"sandbox.work": {"lane.wait": {}, "sandbox.run": {}}}},
    }
    (waited,) = doing.named("lane.wait")
    assert job.started <= waited.started <= waited.ended <= job.ended


@asynccontextmanager
async def working(store: str, folder: Path, listener: Listener) -> AsyncGenerator[None]:
    """A worker in this process."""
    chosen = Settings(store=store, records=folder, sandbox="namespaces")
    server, records = fleet_parts(chosen)
    sandboxes = Sandboxes(sandbox_settings(chosen), lambda _: None)
    judge = CodeJudge(sandboxes)
    handler = job_handler(reward_jobs(lambda tenant: RewardSandbox(judge, tenant)))
    worker = RedisWorker(server, records, LANE, handler, tracing=listener.tracing)
    task = asyncio.create_task(worker.run(asyncio.Event()))
    try:
        yield
    finally:
        await end([task])
        await judge.close()
        await sandboxes.stop()
        await server.close()
        await records.close()


async def test_lines_of_the_log_name_what_they_are_about(capsys: pytest.CaptureFixture[str]) -> None:
    before = structlog.get_config()
    log_to_stderr("warning")
    try:
        listener = Listener()
        chosen = settings().model_copy(update={"plugins": (PLUGIN,)})
        async with serving(chosen, tracing=listener.tracing) as server:
            await server.create_run("logged", spec(reward="hostile/does-v1"))
            async with server.stream("logged", "a") as stream:
                await stream.send(rollout("r", "raises", group="g", size=1))
                await until(lambda: "g" in stream.groups)
    finally:
        structlog.configure(**before)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    (line,) = [one for one in lines if one["event"] == "not scored"]
    named = {name: line.get(name) for name in ("tenant", "run", "group", "rollout")}
    assert named == {"tenant": "local", "run": "logged", "group": "g", "rollout": "r"}
    (one,) = listener.named("rollout")
    assert (line["trace_id"], line["span_id"]) == (f"{one.trace:032x}", f"{one.span:016x}")
