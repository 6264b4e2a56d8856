"""Every method of the contract and what serves it: one table for all doors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

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
from assay_server.api.handlers import BidiStream, Full, ServerStream, Unary
from assay_server.api.history_calls import HistoryCalls
from assay_server.api.plugin_calls import PluginCalls, RegisteredPlugins
from assay_server.api.rates import TenantRates
from assay_server.api.reward_calls import RewardCalls
from assay_server.api.run_calls import RunCalls
from assay_server.api.sandbox_calls import SandboxCalls
from assay_server.api.sandbox_programs import Programs
from assay_server.api.streams import RolloutStreams
from assay_server.execution.plugin_records import PluginRecord
from assay_server.pipeline.failures import Code, Failure
from assay_server.pipeline.runs import Runs
from assay_server.sessions.engine import SessionEngine

if TYPE_CHECKING:
    from assay_server.tracing.recording import Tracing

_FILES = (
    run_service_pb2,
    reward_service_pb2,
    advantage_service_pb2,
    environment_service_pb2,
    sandbox_service_pb2,
    plugin_service_pb2,
)


@dataclass(frozen=True, slots=True)
class Methods:
    """What this server implements, by path (``/assay.v1.Service/Method``).

    Attributes:
        full: of the methods whose calls can be refused before they are read, because there is no room for them.
    """

    unary: Mapping[str, Unary]
    server_streams: Mapping[str, ServerStream]
    bidi_streams: Mapping[str, BidiStream]
    full: Mapping[str, Full]


def services() -> Sequence[ServiceDescriptor]:
    """The services of the contract."""
    return [service for file in _FILES for service in file.DESCRIPTOR.services_by_name.values()]


def path_of(method: MethodDescriptor) -> str:
    """A method's path."""
    return f"/{method.containing_service.full_name}/{method.name}"


def unimplemented(method: MethodDescriptor) -> Failure:
    """The honest answer of a method that this version only declares."""
    return Failure(Code.UNIMPLEMENTED, "UNIMPLEMENTED", f"{method.name} is not part of this version of the server")


def implemented(
    runs: Runs,
    sessions: SessionEngine,
    programs: Programs,
    streams: RolloutStreams,
    plugins: Sequence[PluginRecord],
    rates: TenantRates,
    registered: RegisteredPlugins | None = None,
    tracing: Tracing | None = None,
) -> Methods:
    """The methods that these parts serve."""
    rewards, run_calls = RewardCalls(runs, rates), RunCalls(runs)
    advantages = AdvantageCalls(runs)
    plugin_calls, history = PluginCalls(plugins, registered), HistoryCalls(runs)
    environments = EnvironmentCalls(sessions, tracing)
    sandbox = SandboxCalls(programs)
    unary: Mapping[str, Unary] = {
        "/assay.v1.RunService/CreateRun": run_calls.create_run,
        "/assay.v1.RunService/RestoreRun": run_calls.restore_run,
        "/assay.v1.RunService/CheckpointRun": run_calls.checkpoint_run,
        "/assay.v1.RunService/PutTasks": run_calls.put_tasks,
        "/assay.v1.RunService/PutBlobs": run_calls.put_blobs,
        "/assay.v1.RunService/GetMetrics": history.get_metrics,
        "/assay.v1.RunService/SampleTasks": history.sample_tasks,
        "/assay.v1.RunService/AllocateRollouts": history.allocate_rollouts,
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
        "/assay.v1.RunService/ExportRollouts": history.export_rollouts,
        "/assay.v1.RewardService/Rescore": rewards.rescore,
        "/assay.v1.SandboxService/StreamTests": sandbox.stream_tests,
    }
    bidi_streams: Mapping[str, BidiStream] = {
        "/assay.v1.RewardService/StreamRollouts": streams.serve,
        "/assay.v1.EnvironmentService/Interact": environments.interact,
    }
    programs_at_once = ("Execute", "RunTests", "StreamTests")
    full: Mapping[str, Full] = {f"/assay.v1.SandboxService/{name}": sandbox.full for name in programs_at_once}
    return Methods(unary, server_streams, bidi_streams, full)
