"""The RPCs the client calls: path, types, and whether a call may be repeated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from google.protobuf.message import Message

from assay.v1 import advantage_service_pb2 as advantages
from assay.v1 import environment_service_pb2 as environments
from assay.v1 import plugin_service_pb2 as plugins
from assay.v1 import reward_service_pb2 as rewards
from assay.v1 import run_service_pb2 as runs
from assay.v1 import sandbox_service_pb2 as sandbox

Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)


@dataclass(frozen=True, slots=True)
class Method(Generic[Q, A]):
    """A unary or server-streaming RPC with request type Q and answer type A."""

    path: str
    request: type[Q]
    answer: type[A]


def _run(name: str, request: type[Q], answer: type[A]) -> Method[Q, A]:
    return Method(f"/assay.v1.RunService/{name}", request, answer)


def _sessions(name: str, request: type[Q], answer: type[A]) -> Method[Q, A]:
    return Method(f"/assay.v1.EnvironmentService/{name}", request, answer)


CREATE_RUN = _run("CreateRun", runs.CreateRunRequest, runs.CreateRunResponse)
RESTORE_RUN = _run("RestoreRun", runs.RestoreRunRequest, runs.RestoreRunResponse)
CHECKPOINT_RUN = _run("CheckpointRun", runs.CheckpointRunRequest, runs.CheckpointRunResponse)
PUT_TASKS = _run("PutTasks", runs.PutTasksRequest, runs.PutTasksResponse)
GET_METRICS = _run("GetMetrics", runs.GetMetricsRequest, runs.GetMetricsResponse)
SAMPLE_TASKS = _run("SampleTasks", runs.SampleTasksRequest, runs.SampleTasksResponse)
ALLOCATE_ROLLOUTS = _run("AllocateRollouts", runs.AllocateRolloutsRequest, runs.AllocateRolloutsResponse)
EXPORT_ROLLOUTS = _run("ExportRollouts", runs.ExportRolloutsRequest, runs.ExportRolloutsResponse)
PUT_BLOBS = _run("PutBlobs", runs.PutBlobsRequest, runs.PutBlobsResponse)
SCORE = Method("/assay.v1.RewardService/Score", rewards.ScoreRequest, rewards.ScoreResponse)
RESCORE = Method("/assay.v1.RewardService/Rescore", rewards.RescoreRequest, rewards.RescoreResponse)
LIST_REWARDS = Method("/assay.v1.RewardService/ListRewards", rewards.ListRewardsRequest, rewards.ListRewardsResponse)
COMPUTE_ADVANTAGES = Method(
    "/assay.v1.AdvantageService/ComputeAdvantages",
    advantages.ComputeAdvantagesRequest,
    advantages.ComputeAdvantagesResponse,
)
LIST_ESTIMATORS = Method(
    "/assay.v1.AdvantageService/ListEstimators", advantages.ListEstimatorsRequest, advantages.ListEstimatorsResponse
)
CREATE_SESSIONS = _sessions("CreateSessions", environments.CreateSessionsRequest, environments.CreateSessionsResponse)
STEP = _sessions("Step", environments.StepRequest, environments.StepResponse)
CLOSE_SESSIONS = _sessions("CloseSessions", environments.CloseSessionsRequest, environments.CloseSessionsResponse)
FORK_SESSION = _sessions("ForkSession", environments.ForkSessionRequest, environments.ForkSessionResponse)
LIST_ENVIRONMENTS = _sessions(
    "ListEnvironments", environments.ListEnvironmentsRequest, environments.ListEnvironmentsResponse
)
LIST_PLUGINS = Method("/assay.v1.PluginService/ListPlugins", plugins.ListPluginsRequest, plugins.ListPluginsResponse)
CHECK_PLUGIN = Method("/assay.v1.PluginService/CheckPlugin", plugins.CheckPluginRequest, plugins.CheckPluginResponse)
REGISTER_PLUGIN = Method(
    "/assay.v1.PluginService/RegisterPlugin", plugins.RegisterPluginRequest, plugins.RegisterPluginResponse
)
RUN_TESTS = Method("/assay.v1.SandboxService/RunTests", sandbox.RunTestsRequest, sandbox.RunTestsResponse)
STREAM_TESTS = Method("/assay.v1.SandboxService/StreamTests", sandbox.StreamTestsRequest, sandbox.StreamTestsResponse)
INTERACT_PATH = "/assay.v1.EnvironmentService/Interact"
STREAM_ROLLOUTS_PATH = "/assay.v1.RewardService/StreamRollouts"
HEALTH_PATH = "/grpc.health.v1.Health/Check"
SERVING = b"\x08\x01"
"""A grpc.health.v1.HealthCheckResponse that says SERVING: read as bytes, so that no further package is needed."""
