"""Every unary method answers over HTTP what it answers over gRPC."""

from __future__ import annotations

import re
from typing import cast

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from assay.json_mapping import message_from_json, message_to_json
from assay.sdk import Json
from assay.v1 import environment_service_pb2, reward_service_pb2, rollout_pb2, run_service_pb2, sandbox_service_pb2
from assay_server.api.methods import path_of, services

from .door import Doors, Refused, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNARY = {
    f"{service.name}/{method.name}": method
    for service in services()
    for method in service.methods
    if not method.client_streaming and not method.server_streaming
}
ROLLOUT: Json = {
    "rolloutId": "r1",
    "taskType": "math",
    "reference": {"answer": "18"},
    "steps": [{"index": 0, "action": "so A: 18"}],
}
WRONG: Json = {"rolloutId": "r2", "reference": {"answer": "18"}, "steps": [{"index": 0, "action": "so A: 17"}]}
MATH: Json = {"leaf": {"id": "math"}}
SPEC: Json = {"reward": MATH, "estimator": {"id": "advantage/grpo"}}
SUITE: Json = {"kind": "stdio", "cases": [{"input": "2\n", "output": "4\n"}]}
DOUBLE = "print(2 * int(input()))"
MEASURED = ("timing", "use", "tests", "session_id", "group_id", "snapshot", "created", "digest", "checkpoint")
REQUESTS: dict[str, Json] = {
    "RunService/CreateRun": {"runId": "calls", "spec": SPEC},
    "RunService/CheckpointRun": {"runId": "calls", "checkpoint": "first"},
    "RunService/PutTasks": {"tasks": [{"taskId": "t", "reference": {"answer": "18", "big": 2**70}}]},
    "RunService/GetMetrics": {"runId": "calls", "metrics": ["metric/pass_at_k?k=2"]},
    "RunService/SampleTasks": {"runId": "calls", "count": 2, "seed": "3", "promptIds": ["p", "q", "r"]},
    "RunService/AllocateRollouts": {
        "runId": "calls",
        "allocatorId": "allocate/knapsack",
        "params": {"low": 1, "high": 4},
        "promptIds": ["p", "q"],
        "total": 5,
    },
    "RunService/PutBlobs": {"blobs": [{"mediaType": "image/png", "data": "cGl4ZWxz"}]},
    "RewardService/Score": {"rollouts": [ROLLOUT, WRONG, {"rolloutId": "r3"}], "reward": MATH},
    "RewardService/ListRewards": {"prefix": "verify/"},
    "AdvantageService/ComputeAdvantages": {
        "estimator": {"id": "advantage/grpo", "params": {}},
        "groups": [{"groupId": "g", "rollouts": [{"rolloutId": "a", "reward": 1.0}, {"rolloutId": "b", "reward": 0}]}],
    },
    "AdvantageService/ListEstimators": {"prefix": "advantage/g"},
    "EnvironmentService/ListEnvironments": {},
    "EnvironmentService/CreateSessions": {"environmentId": "keydoor", "seed": "7", "groupSize": 2},
    "EnvironmentService/CloseSessions": {"sessionIds": ["nobody"]},
    "SandboxService/Execute": {"language": "python", "source": "print('hi')"},
    "SandboxService/RunTests": {"jobs": [{"jobId": "j", "language": "python", "source": DOUBLE, "suite": SUITE}]},
    "PluginService/ListPlugins": {"kind": "PLUGIN_KIND_ESTIMATOR"},
}


def settled(message: Message) -> Message:
    """The message without what two calls never have alike."""
    for field, value in message.ListFields():
        if field.name in MEASURED:
            message.ClearField(field.name)
        elif (kind := field.message_type) is not None and not kind.GetOptions().map_entry:
            for inner in value if not isinstance(value, Message) else [value]:
                settled(cast("Message", inner))
    return message


async def both(door: Doors, name: str, body: Json) -> tuple[Message | Refused, Message | Refused]:
    """What the two doors answer to one request."""
    method = UNARY[name]
    answer: type[Message] = GetMessageClass(method.output_type)
    asked: type[Message] = GetMessageClass(method.input_type)
    request = message_from_json(body, asked)
    try:
        by_grpc = await door.by_grpc(name, request, answer)
        ours: Message | Refused = message_from_json(message_to_json(by_grpc), answer)  # JSON texts in one spelling
    except grpc.aio.AioRpcError as error:
        trailing = dict(error.trailing_metadata() or ())
        status = rollout_pb2.Status.FromString(cast("bytes", trailing["grpc-status-details-bin"]))
        info = rollout_pb2.ErrorInfo.FromString(status.details[0].value)
        ours = Refused(error.code().name, info.reason, status.message)
    response = await door.post(f"/v1/{name}", body)
    if response.status_code != 200:
        return ours, refused(response)
    return ours, message_from_json(cast("Json", response.json()), answer)


async def test_every_method_has_a_request_here(door: Doors) -> None:
    implemented = {path.removeprefix("/assay.v1.") for path in door.process.methods.unary}
    steps = {"RunService/RestoreRun", "EnvironmentService/Step", "EnvironmentService/ForkSession",
             "EnvironmentService/SnapshotSession", "EnvironmentService/RestoreSession"}  # fmt: skip
    refusing = {"PluginService/CheckPlugin", "PluginService/RegisterPlugin"}
    assert implemented - steps - refusing <= set(REQUESTS)


@pytest.mark.parametrize("name", REQUESTS)
async def test_both_doors_answer_alike(door: Doors, name: str) -> None:
    ours, theirs = await both(door, name, REQUESTS[name])
    assert isinstance(ours, Message), ours
    assert isinstance(theirs, Message), theirs
    assert settled(ours) == settled(theirs)
    assert type(ours)() != ours or name.endswith("CheckpointRun")


@pytest.mark.parametrize("method", UNARY.values(), ids=lambda method: cast("MethodDescriptor", method).name)
async def test_both_doors_refuse_alike(door: Doors, method: MethodDescriptor) -> None:
    name = f"{method.containing_service.name}/{method.name}"
    ours, theirs = await both(door, name, {})
    if isinstance(ours, Refused):
        assert theirs == ours
    else:
        assert not isinstance(theirs, Refused)
    if path_of(method) not in door.process.methods.unary:
        assert isinstance(theirs, Refused)
        assert theirs.code == "UNIMPLEMENTED"


async def test_an_episode_is_played_restored_and_branched(door: Doors) -> None:
    path = "/v1/EnvironmentService"
    made = await door.message(
        f"{path}/CreateSessions",
        {"environmentId": "keydoor", "seed": 3},
        environment_service_pb2.CreateSessionsResponse,
    )
    start = made.sessions[0]
    action: Json = {"sessionId": start.session_id, "action": start.admissible_actions[0], "expectedStep": 0}
    stepped = await door.message(f"{path}/Step", {"actions": [action]}, environment_service_pb2.StepResponse)
    state = stepped.results[0].state
    assert state.step_index == 1
    again = await door.by_grpc(
        "EnvironmentService/Step",
        message_from_json({"actions": [action]}, environment_service_pb2.StepRequest),
        environment_service_pb2.StepResponse,
    )
    assert again.results[0].state == state
    taken = await door.message(
        f"{path}/SnapshotSession", {"sessionId": start.session_id}, environment_service_pb2.SnapshotSessionResponse
    )
    restored = await door.message(
        f"{path}/RestoreSession", {"snapshot": taken.snapshot}, environment_service_pb2.RestoreSessionResponse
    )
    assert restored.session.state_digest == state.state_digest
    forked = await door.message(
        f"{path}/ForkSession", {"sessionId": start.session_id, "count": 2}, environment_service_pb2.ForkSessionResponse
    )
    assert [session.state_digest for session in forked.sessions] == [start.state_digest] * 2
    wrong: Json = {"sessionId": start.session_id, "action": "look", "expectedStep": 9}
    aborted = await door.message(f"{path}/Step", {"actions": [wrong]}, environment_service_pb2.StepResponse)
    assert aborted.results[0].error.code == 10


async def test_a_restored_run_has_a_new_generation(door: Doors) -> None:
    body: Json = {"runId": "restored", "spec": SPEC}
    made = await door.message("/v1/RunService/CreateRun", body, run_service_pb2.CreateRunResponse)
    restored = await door.message(
        "/v1/RunService/RestoreRun", {"runId": "restored"}, run_service_pb2.RestoreRunResponse
    )
    assert restored.run.generation == made.run.generation + 1


async def test_a_score_of_0_is_written_and_what_cannot_be_scored_is_no_number(door: Doors) -> None:
    response = await door.post("/v1/RewardService/Score", REQUESTS["RewardService/Score"])
    results = cast("list[dict[str, dict[str, Json]]]", response.json()["results"])
    assert [result.get("score", {}).get("value") for result in results] == [1.0, 0.0, None]
    assert results[2]["error"]["code"] == 3
    assert "score" not in results[2]


async def test_integers_beyond_2_53_and_floats_survive(door: Doors) -> None:
    first = await door.message(
        "/v1/RunService/PutTasks", {"tasks": [{"reference": {"a": 2**80}}]}, run_service_pb2.PutTasksResponse
    )
    for other in ({"a": 2**80 + 1}, {"a": float(2**80)}):
        body: Json = {"tasks": [{"reference": cast("Json", other)}]}
        assert (await door.message("/v1/RunService/PutTasks", body, run_service_pb2.PutTasksResponse)) != first


async def test_answers_keep_the_order_of_a_large_batch(door: Doors) -> None:
    filler = "x" * 2000
    rollouts: list[Json] = [
        {"rolloutId": f"r{i}", "reference": {"answer": str(i)}, "steps": [{"action": f"{filler} A: {i % 100}"}]}
        for i in range(200)
    ]
    answer = await door.message(
        "/v1/RewardService/Score", {"rollouts": rollouts, "reward": MATH}, reward_service_pb2.ScoreResponse
    )
    assert [result.rollout_id for result in answer.results] == [f"r{i}" for i in range(200)]
    assert [result.score.value for result in answer.results] == [1.0] * 100 + [0.0] * 100


async def test_calls_are_counted_with_those_of_grpc(door: Doors) -> None:
    sample = re.compile(r'grpc_server_handled_total\{[^}]*grpc_method="ListPlugins"[^}]*\} (\S+)')
    before = sample.findall((await door.http.get("/metrics", headers=door.credentials)).text)
    await both(door, "PluginService/ListPlugins", {})
    after = sample.findall((await door.http.get("/metrics", headers=door.credentials)).text)
    assert sum(map(float, after)) == sum(map(float, before)) + 2


async def test_a_program_that_runs_too_long_for_its_caller_is_given_up(door: Doors) -> None:
    body: Json = {"language": "python", "source": "while True: pass"}
    response = await door.post("/v1/SandboxService/Execute", body, {"X-Assay-Timeout": "0.2s"})
    assert response.status_code == 504
    assert refused(response).code == "DEADLINE_EXCEEDED"
    kind = sandbox_service_pb2.ExecuteResponse
    fine: Json = {"language": "python", "source": "print(1)"}
    assert (await door.message("/v1/SandboxService/Execute", fine, kind)).stdout == b"1\n"


@pytest.mark.parametrize("seconds", ["", "0", "-1", "soon", "1e3", "1" * 30, "nan"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/RewardService/ListRewards", {}),
        ("/v1/SandboxService/StreamTests", {"jobs": []}),
        ("/get_reward?reward=math", {"query": []}),
    ],
)
async def test_a_time_that_is_none_is_refused(door: Doors, path: str, body: Json, seconds: str) -> None:
    response = await door.post(path, body, {"X-Assay-Timeout": seconds})
    assert response.status_code == 400
    assert refused(response).reason == "INVALID_ARGUMENT"


async def test_a_stream_that_takes_too_long_for_its_caller_is_given_up(door: Doors) -> None:
    suite: Json = {"kind": "stdio", "cases": [{"input": "", "output": ""}]}
    job: Json = {"jobId": "j", "language": "python", "source": "while True: pass", "suite": suite}
    response = await door.post("/v1/SandboxService/StreamTests", {"jobs": [job]}, {"X-Assay-Timeout": "0.2"})
    assert response.status_code == 504
    assert refused(response).code == "DEADLINE_EXCEEDED"
