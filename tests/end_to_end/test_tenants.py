"""Two tenants at one server: whatever one has, to the other it is as if it had never been.

Every method is called by the stranger with the owner's ids and with ids that nobody has. The answers must be the same,
but for the id itself where a message repeats it.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import grpc
import httpx
import pytest
import pytest_asyncio
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from assay.v1 import (
    environment_service_pb2,
    plugin_service_pb2,
    reward_service_pb2,
    rollout_pb2,
    run_service_pb2,
    sandbox_service_pb2,
)
from assay_server.api.methods import path_of, services

from .driver import CALL_OVER, Call
from .rollouts import mixed_group, right, spec
from .server import Endpoint, serving
from .statuses import refusal_of_error
from .tenants import OWNER, STRANGER, keyed, make_keys

pytestmark = pytest.mark.asyncio(loop_scope="module")

SUITE = '{"kind":"stdio","cases":[{"input":"","output":"1"}]}'
WITHOUT_IDS = {
    "CreateRun", "PutTasks", "PutBlobs", "ListRewards", "ComputeAdvantages", "ListEstimators", "ListEnvironments",
    "CreateSessions", "Execute", "ListPlugins", "CheckPlugin", "RegisterPlugin",
}  # fmt: skip
"""Methods whose requests name nothing that a tenant has; that what they make is its own is tested apart."""


@dataclass(slots=True)
class World:
    """What the owner has, by the kind of id, and both tenants."""

    owner: Endpoint
    stranger: Endpoint
    stranger_key: str
    base: str
    ids: Mapping[str, str]

    @property
    def nobodys(self) -> Mapping[str, str]:
        """Ids of the same look that nobody has."""
        return {kind: hashlib.sha256(value.encode()).hexdigest()[: len(value)] for kind, value in self.ids.items()}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[World]:
    file: Path = tmp_path_factory.mktemp("keys") / "keys.json"
    keys = make_keys(file, ())
    async with serving(keyed(file)) as service:
        owner = Endpoint(service.address, token=keys[OWNER])
        stranger = Endpoint(service.address, token=keys[STRANGER])
        base = f"http://{service.http_address}"
        yield World(owner, stranger, keys[STRANGER], base, await _belongings(owner))
        await owner.close()
        await stranger.close()


async def _belongings(owner: Endpoint) -> Mapping[str, str]:
    await owner.create_run("run-of-the-owner")
    task = rollout_pb2.Task(reference_json='{"answer":"18"}')
    put = run_service_pb2.PutTasksRequest(tasks=[task])
    tasks = await owner.call("RunService/PutTasks", put, run_service_pb2.PutTasksResponse)
    async with owner.stream("run-of-the-owner", "consumer-of-the-owner") as stream:
        await stream.send(*mixed_group("group-of-the-owner", 2, 1))
        await stream.group("group-of-the-owner")
        rollout_id = next(iter(stream.samples))
        await stream.ack()
    checkpoint = await owner.call(
        "RunService/CheckpointRun",
        run_service_pb2.CheckpointRunRequest(run_id="run-of-the-owner", checkpoint="checkpoint-of-the-owner"),
        run_service_pb2.CheckpointRunResponse,
    )
    create = environment_service_pb2.CreateSessionsRequest(environment_id="keydoor", request_id="request-of-the-owner")
    made = await owner.call("EnvironmentService/CreateSessions", create, environment_service_pb2.CreateSessionsResponse)
    session_id = made.sessions[0].session_id
    snapshot = await owner.call(
        "EnvironmentService/SnapshotSession",
        environment_service_pb2.SnapshotSessionRequest(session_id=session_id),
        environment_service_pb2.SnapshotSessionResponse,
    )
    job = sandbox_service_pb2.TestJob(job_id="j", language="nonesuch", suite_json=SUITE)
    await owner.call(
        "SandboxService/RunTests",
        sandbox_service_pb2.RunTestsRequest(jobs=[job]),
        sandbox_service_pb2.RunTestsResponse,
    )
    return {
        "run": "run-of-the-owner",
        "checkpoint": checkpoint.checkpoint,
        "rollout": rollout_id,
        "task": tasks.digests[0],
        "session": session_id,
        "snapshot": snapshot.snapshot,
        "suite": hashlib.sha256(SUITE.encode()).hexdigest(),
    }


def _request(name: str, ids: Mapping[str, str]) -> Message:
    """A request of a method that names these ids wherever it can."""
    run, session = ids["run"], ids["session"]
    leaf = run_service_pb2.RewardNode(leaf=run_service_pb2.RewardLeaf(id="math"))
    jobs = [sandbox_service_pb2.TestJob(job_id="j", language="nonesuch", suite_digest=ids["suite"])]
    action = environment_service_pb2.StepAction(session_id=session)
    action.action.parts.add().text = "look"
    by_task = right("r")
    by_task.ClearField("reference_json")
    by_task.task_digest = ids["task"]
    return {
        "RestoreRun": run_service_pb2.RestoreRunRequest(run_id=run, checkpoint=ids["checkpoint"]),
        "CheckpointRun": run_service_pb2.CheckpointRunRequest(run_id=run),
        "SampleTasks": run_service_pb2.SampleTasksRequest(run_id=run, count=1),
        "AllocateRollouts": run_service_pb2.AllocateRolloutsRequest(run_id=run, total=1),
        "ExportRollouts": run_service_pb2.ExportRolloutsRequest(run_id=run, format=run_service_pb2.EXPORT_FORMAT_JSONL),
        "GetMetrics": run_service_pb2.GetMetricsRequest(run_id=run),
        "Score": reward_service_pb2.ScoreRequest(run_id=run, rollouts=[by_task]),
        "ScoreByTask": reward_service_pb2.ScoreRequest(reward=leaf, rollouts=[by_task]),
        "StreamRollouts": reward_service_pb2.StreamRolloutsRequest(
            open=reward_service_pb2.Open(run_id=run, consumer="consumer-of-the-owner")
        ),
        "Rescore": reward_service_pb2.RescoreRequest(run_id=run, rollout_ids=[ids["rollout"]], reward=leaf),
        "Step": environment_service_pb2.StepRequest(actions=[action]),
        "Interact": environment_service_pb2.InteractRequest(actions=[action]),
        "ForkSession": environment_service_pb2.ForkSessionRequest(session_id=session),
        "SnapshotSession": environment_service_pb2.SnapshotSessionRequest(session_id=session),
        "RestoreSession": environment_service_pb2.RestoreSessionRequest(snapshot=ids["snapshot"]),
        "CloseSessions": environment_service_pb2.CloseSessionsRequest(session_ids=[session]),
        "RunTests": sandbox_service_pb2.RunTestsRequest(jobs=jobs),
        "StreamTests": sandbox_service_pb2.StreamTestsRequest(jobs=jobs),
    }[name]


async def _answer(endpoint: Endpoint, path: str, request: Message) -> str:
    """Everything that a caller sees of an answer, as text."""
    data = request.SerializeToString()
    name = path.rpartition("/")[2]
    try:
        if name in ("StreamRollouts", "Interact"):
            call = cast("Call", endpoint.channel.stream_stream(path)(metadata=endpoint.metadata))
            await call.write(data)
            with contextlib.suppress(*CALL_OVER):  # refused before: reading tells how
                await call.done_writing()
            answers = [await call.read()]
        elif name in ("Rescore", "StreamTests"):
            stream = cast("AsyncIterator[bytes]", endpoint.channel.unary_stream(path)(data, metadata=endpoint.metadata))
            answers = [answer async for answer in stream]
        else:
            answers = [await endpoint.call_bytes(path.removeprefix("/assay.v1."), data)]
    except grpc.aio.AioRpcError as error:
        return str(refusal_of_error(error))
    return str(answers)


def _masked(answer: str, ids: Mapping[str, str]) -> str:
    for kind, value in ids.items():
        answer = answer.replace(value, f"<{kind}>")
    return answer


METHODS = [method for service in services() for method in service.methods]
NAMING = [(path_of(method), method.name) for method in METHODS if method.name not in WITHOUT_IDS]


@pytest.mark.parametrize(("path", "name"), [*NAMING, ("/assay.v1.RewardService/Score", "ScoreByTask")])
async def test_anothers_id_is_answered_as_one_that_nobody_has(world: World, path: str, name: str) -> None:
    anothers = _masked(await _answer(world.stranger, path, _request(name, world.ids)), world.ids)
    nobodys = _masked(await _answer(world.stranger, path, _request(name, world.nobodys)), world.nobodys)
    assert anothers == nobodys
    assert "PERMISSION_DENIED" not in anothers


async def test_methods_that_name_nothing_of_a_tenant_have_no_field_that_could() -> None:
    naming = {"run_id", "session_id", "session_ids", "snapshot", "checkpoint", "rollout_ids", "suite_digest"}
    for method in METHODS:
        fields = {str(field.name) for field in method.input_type.fields if field.type == FieldDescriptor.TYPE_STRING}
        if method.name in WITHOUT_IDS - {"CreateRun", "PutTasks", "PutBlobs", "CreateSessions"}:
            assert not fields & naming, method.full_name


async def test_what_the_stranger_tried_left_the_owner_as_it_was(world: World) -> None:
    for name in ("RestoreRun", "CloseSessions", "Step", "CheckpointRun"):
        (path,) = [path_of(method) for method in METHODS if method.name == name]
        await _answer(world.stranger, path, _request(name, world.ids))
    described = await world.owner.create_run("run-of-the-owner")
    assert described.generation == 1
    action = environment_service_pb2.StepAction(session_id=world.ids["session"], expected_step=0)
    action.action.parts.add().text = "look"
    stepped = await world.owner.call(
        "EnvironmentService/Step",
        environment_service_pb2.StepRequest(actions=[action]),
        environment_service_pb2.StepResponse,
    )
    assert stepped.results[0].WhichOneof("outcome") == "state"


async def test_names_may_be_taken_by_each_tenant(world: World) -> None:
    """A name that another tenant has taken is free: even that it is taken would tell of it."""
    other = spec()
    other.estimator.id = "advantage/leave_one_out"
    created = await world.stranger.call(
        "RunService/CreateRun",
        run_service_pb2.CreateRunRequest(run_id="taken-by-both", spec=other),
        run_service_pb2.CreateRunResponse,
    )
    assert created.created
    assert (await world.owner.create_run("taken-by-both")).spec_digest != created.run.spec_digest
    create = environment_service_pb2.CreateSessionsRequest(
        environment_id="keydoor", request_id="request-of-the-owner", seed=7
    )
    made = await world.stranger.call(
        "EnvironmentService/CreateSessions", create, environment_service_pb2.CreateSessionsResponse
    )
    assert made.sessions[0].session_id != world.ids["session"]


async def test_equal_names_lead_each_tenant_to_its_own(world: World) -> None:
    for tenant, answer in ((world.owner, "18"), (world.stranger, "19")):
        await tenant.create_run("same-name")
        async with tenant.stream("same-name", "consumer") as stream:
            await stream.send(right("same-rollout") if answer == "18" else _answered(answer))
            await stream.until(lambda stream=stream: "same-rollout" in stream.samples, "an answer")
            assert stream.samples["same-rollout"].score.answer_key == answer
            assert stream.last == 1
    leaf = run_service_pb2.RewardNode(leaf=run_service_pb2.RewardLeaf(id="math"))
    request = reward_service_pb2.RescoreRequest(run_id="same-name", reward=leaf)
    for tenant, answer in ((world.owner, "18"), (world.stranger, "19")):
        told = await tenant.call_stream("RewardService/Rescore", request, reward_service_pb2.RescoreResponse)
        assert [result.before.score.answer_key for page in told for result in page.results] == [answer]


def _answered(answer: str) -> rollout_pb2.Rollout:
    made = right("same-rollout")
    made.steps[0].action.parts[0].text = f"so it is\nA: {answer}"
    return made


async def test_anothers_feed_over_http_is_answered_as_one_that_nobody_has(world: World) -> None:
    headers = {"authorization": f"Bearer {world.stranger_key}", "content-type": "application/json"}
    async with httpx.AsyncClient(base_url=world.base, headers=headers, timeout=60.0, trust_env=False) as client:
        for verb, tail, body in (
            ("GET", ":results", None),
            ("POST", ":ack", b'{"sequence":1}'),
            ("POST", ":send", b"{}"),
        ):
            told: list[tuple[int, str]] = []
            for ids in (world.ids, world.nobodys):
                path = f"/v1/runs/{ids['run']}/consumers/consumer-of-the-owner{tail}"
                answer = await client.request(verb, path, content=body)
                told.append((answer.status_code, _masked(answer.text, ids)))
            assert told[0] == told[1]
            assert told[0][0] in (400, 404)


async def test_both_tenants_are_told_of_the_same_plugins(world: World) -> None:
    request = plugin_service_pb2.ListPluginsRequest()
    ours = await world.owner.call("PluginService/ListPlugins", request, plugin_service_pb2.ListPluginsResponse)
    theirs = await world.stranger.call("PluginService/ListPlugins", request, plugin_service_pb2.ListPluginsResponse)
    assert ours == theirs
