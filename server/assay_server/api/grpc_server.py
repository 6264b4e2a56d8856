"""The gRPC door: every method of the contract, those of which this server has no implementation included."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from assay.v1 import (
    advantage_service_pb2,
    environment_service_pb2,
    plugin_service_pb2,
    reward_service_pb2,
    run_service_pb2,
    sandbox_service_pb2,
)
from assay_server.api.advantage_calls import AdvantageCalls
from assay_server.api.environment_calls import EnvironmentCalls
from assay_server.api.handlers import Admission, BidiStream, Context, Door, ServerStream, Unary, abort
from assay_server.api.plugin_calls import PluginCalls
from assay_server.api.principals import Authenticator
from assay_server.api.reward_calls import RewardCalls
from assay_server.api.run_calls import RunCalls
from assay_server.api.sandbox_calls import SandboxCalls
from assay_server.api.streams import MAX_MESSAGE_BYTES, RolloutStreams
from assay_server.config import Settings
from assay_server.execution.code_judge import CodeJudge
from assay_server.execution.plugin_records import PluginRecord
from assay_server.metrics import Metrics
from assay_server.pipeline.failures import Code, Failure
from assay_server.pipeline.runs import Runs
from assay_server.sessions.engine import SessionEngine

_FILES = (
    run_service_pb2,
    reward_service_pb2,
    advantage_service_pb2,
    environment_service_pb2,
    sandbox_service_pb2,
    plugin_service_pb2,
)
_OPTIONS: Sequence[tuple[str, int]] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.so_reuseport", 0),
)


_STALLED_SECONDS = 1.5


class _Health(Protocol):
    async def set(self, service: str, status: health_pb2.HealthCheckResponse.ServingStatus) -> None: ...


class GrpcServer:
    """The server object with its health; owns nothing else."""

    def __init__(
        self,
        runs: Runs,
        sessions: SessionEngine,
        code: CodeJudge,
        settings: Settings,
        authenticator: Authenticator,
        metrics: Metrics,
        plugins: Sequence[PluginRecord] = (),
    ) -> None:
        self._server = grpc.aio.server(options=list(_OPTIONS))
        self._health: _Health = health.aio.HealthServicer()  # pyright: ignore - missing in its stubs
        self._services = _services()
        door = Door(authenticator, metrics, Admission(settings.max_unary), Admission(settings.max_streams))
        self._streams = RolloutStreams(runs, settings, metrics)
        handlers = _handlers(door, runs, sessions, code, self._streams, plugins)
        for service in self._services:
            table = {method.name: handlers[_path(method)] for method in service.methods}
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, table),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = [service.full_name for service in self._services]
        self._names = [*names, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME]
        reflection.enable_server_reflection(self._names, self._server)

    async def start(self, address: str) -> str:
        """Listen; the address as it can be dialled.

        Raises:
            OSError: the address cannot be bound.
        """
        try:
            port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise OSError(f"cannot listen on {address}: {error}") from error
        await self._server.start()
        await self.set_serving(True)
        return address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"

    async def set_serving(self, serving: bool) -> None:
        """What health answers, for the server and for each service."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *self._names):
            await self._health.set(name, status)

    async def stop(self, grace: float) -> None:
        """Refuse new calls, let those at work end within ``grace`` seconds; who does not read has less time."""
        dropping = asyncio.create_task(self._streams.drop_stalled(_STALLED_SECONDS), name="stalled streams")
        await self._server.stop(grace)
        dropping.cancel()
        await asyncio.gather(dropping, return_exceptions=True)


def _services() -> list[ServiceDescriptor]:
    return [service for file in _FILES for service in file.DESCRIPTOR.services_by_name.values()]


def _path(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def _handlers(
    door: Door,
    runs: Runs,
    sessions: SessionEngine,
    code: CodeJudge,
    streams: RolloutStreams,
    plugins: Sequence[PluginRecord],
) -> Mapping[str, grpc.RpcMethodHandler[bytes, bytes]]:
    rewards, run_calls = RewardCalls(runs), RunCalls(runs)
    advantages = AdvantageCalls(runs.catalogues.estimators, runs.lanes.groups)
    plugin_calls = PluginCalls(plugins)
    environments = EnvironmentCalls(sessions)
    sandbox = SandboxCalls(code)
    unary: Mapping[str, Unary] = {
        "/assay.v1.RunService/CreateRun": run_calls.create_run,
        "/assay.v1.RunService/RestoreRun": run_calls.restore_run,
        "/assay.v1.RunService/CheckpointRun": run_calls.checkpoint_run,
        "/assay.v1.RunService/PutTasks": run_calls.put_tasks,
        "/assay.v1.RunService/PutBlobs": run_calls.put_blobs,
        "/assay.v1.RewardService/Score": rewards.score,
        "/assay.v1.RewardService/ListRewards": rewards.list_rewards,
        "/assay.v1.AdvantageService/ComputeAdvantages": advantages.compute_advantages,
        "/assay.v1.AdvantageService/ListEstimators": advantages.list_estimators,
        "/assay.v1.EnvironmentService/ListEnvironments": environments.list_environments,
        "/assay.v1.EnvironmentService/CreateSessions": environments.create_sessions,
        "/assay.v1.EnvironmentService/Step": environments.step,
        "/assay.v1.EnvironmentService/ForkSession": environments.fork_session,
        "/assay.v1.EnvironmentService/SnapshotSession": environments.snapshot_session,
        "/assay.v1.EnvironmentService/RestoreSession": environments.restore_session,
        "/assay.v1.EnvironmentService/CloseSessions": environments.close_sessions,
        "/assay.v1.SandboxService/Execute": sandbox.execute,
        "/assay.v1.SandboxService/RunTests": sandbox.run_tests,
        "/assay.v1.PluginService/ListPlugins": plugin_calls.list_plugins,
        "/assay.v1.PluginService/CheckPlugin": plugin_calls.check_plugin,
        "/assay.v1.PluginService/RegisterPlugin": plugin_calls.register_plugin,
    }
    server_streams: Mapping[str, ServerStream] = {
        "/assay.v1.RewardService/Rescore": rewards.rescore,
        "/assay.v1.SandboxService/StreamTests": sandbox.stream_tests,
    }
    bidi_streams: Mapping[str, BidiStream] = {
        "/assay.v1.RewardService/StreamRollouts": streams.serve,
        "/assay.v1.EnvironmentService/Interact": environments.interact,
    }
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        **{path: door.unary(path, function) for path, function in unary.items()},
        **{path: door.server_stream(path, function) for path, function in server_streams.items()},
        **{path: door.bidi_stream(path, function) for path, function in bidi_streams.items()},
    }
    for service in _services():
        for method in service.methods:
            handlers.setdefault(_path(method), _unimplemented(method))
    return handlers


def _unimplemented(method: MethodDescriptor) -> grpc.RpcMethodHandler[bytes, bytes]:
    """The honest answer of a method that this version only declares."""
    failure = Failure(Code.UNIMPLEMENTED, "UNIMPLEMENTED", f"{method.name} is not part of this version of the server")

    async def refuse(_: object, context: Context) -> bytes:
        await abort(context, failure)

    match method.client_streaming, method.server_streaming:
        case False, False:
            return grpc.unary_unary_rpc_method_handler(refuse)
        case False, True:
            return grpc.unary_stream_rpc_method_handler(refuse)
        case True, False:
            return grpc.stream_unary_rpc_method_handler(refuse)
        case _:
            return grpc.stream_stream_rpc_method_handler(refuse)
