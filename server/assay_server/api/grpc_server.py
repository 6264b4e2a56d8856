"""The gRPC door: every method of the contract, those of which this server has no implementation included."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import grpc
from google.protobuf.descriptor import MethodDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from assay_server.api.gate import Gate
from assay_server.api.handlers import Admission, Context, Door, authorization_of, end
from assay_server.api.listening import Handlers, Listener
from assay_server.api.methods import Methods, implemented, path_of, services, unimplemented
from assay_server.api.peer_door import PeerDoor
from assay_server.api.plugin_calls import RegisteredPlugins
from assay_server.api.principals import Authenticator
from assay_server.api.rates import RateSettings, TenantRates
from assay_server.api.sandbox_programs import Programs
from assay_server.api.scopes import ANY, scopes_of
from assay_server.api.streams import MAX_MESSAGE_BYTES, RolloutStreams
from assay_server.audit import AuditLog
from assay_server.config import Settings
from assay_server.execution.plugin_records import PluginRecord
from assay_server.keys import Scope
from assay_server.metrics import Metrics
from assay_server.pipeline.failures import Failure
from assay_server.pipeline.runs import Runs
from assay_server.sessions.engine import SessionEngine
from assay_server.tls import Tls

if TYPE_CHECKING:
    from assay_server.tracing.recording import Tracing

_OPTIONS: Sequence[tuple[str, int]] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.so_reuseport", 0),
    # Calls that wait to be looked at: those beyond are cut off by the library without a word of when to come again.
    ("grpc.server.max_pending_requests", 4096),
    ("grpc.server.max_pending_requests_hard_limit", 8192),
)


_STALLED_SECONDS = 1.5


class _Health(Protocol):
    async def set(self, service: str, status: health_pb2.HealthCheckResponse.ServingStatus) -> None: ...


def _enters(door: Door, what: str, needed: frozenset[Scope], context: Context) -> bool:
    """Whether who calls may; otherwise the call is told to end."""
    try:
        door.principal(what, needed, authorization_of(context))
    except Failure as failure:
        end(context, failure)
        return False
    return True


class _Reflection(reflection.aio.ReflectionServicer):  # pyright: ignore - without stubs
    """Describes the contract to who has a key."""

    def __init__(self, names: Sequence[str], door: Door) -> None:
        super().__init__(names)  # pyright: ignore - as above
        self._door = door

    async def ServerReflectionInfo(  # noqa: N802  # pyright: ignore - a generator there as well, typed as none
        self, requests: AsyncIterator[object], context: Context
    ) -> AsyncIterator[object]:
        """Answer what is asked of the descriptors."""
        if not _enters(self._door, reflection.SERVICE_NAME, ANY, context):
            return
        async for answer in super().ServerReflectionInfo(requests, context):  # pyright: ignore - as above
            yield answer


class GrpcServer:
    """The server object with its health; owns nothing else.

    Attributes:
        door: who may come in, and how many at a time; shared with the other doors.
        methods: what is served.
    """

    def __init__(
        self,
        runs: Runs,
        sessions: SessionEngine,
        programs: Programs,
        settings: Settings,
        authenticator: Authenticator,
        metrics: Metrics,
        audit: AuditLog,
        plugins: Sequence[PluginRecord] = (),
        tracing: Tracing | None = None,
        registered: RegisteredPlugins | None = None,
        peers: PeerDoor | None = None,
    ) -> None:
        self._peers = peers
        self._listener = Listener(_OPTIONS, self._furnish)
        self._health: _Health = health.aio.HealthServicer()  # pyright: ignore - missing in its stubs
        rates = TenantRates(
            RateSettings(
                settings.tenant_requests_per_minute, settings.tenant_rollouts_per_minute, settings.tenant_streams
            )
        )
        unary, streams = Admission(settings.max_unary), Admission(settings.max_streams)
        self.door = Door(authenticator, metrics, unary, streams, rates, audit, tracing)
        self._streams = RolloutStreams(runs, settings, metrics, rates)
        self.methods = implemented(runs, sessions, programs, self._streams, plugins, rates, registered, tracing)
        names = [service.full_name for service in services()]
        self._names = [*names, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME]

    def _furnish(self, server: Handlers) -> None:
        full = {**dict.fromkeys(self.methods.unary, self.door.full), **self.methods.full}
        server.add_generic_rpc_handlers((Gate(_handlers(self.door, self.methods), full, self.door),))
        if self._peers is not None:
            server.add_generic_rpc_handlers((self._peers.handlers(),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        described = _Reflection(self._names, self.door)
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(described, server)

    async def start(self, address: str, tls: Tls | None = None) -> str:
        """Listen, and say that nothing is served yet; the address as it can be dialled.

        Raises:
            OSError: the address cannot be bound.
        """
        await self.set_serving(False)
        return await self._listener.start(address, tls)

    async def set_serving(self, serving: bool) -> None:
        """What health answers, for the server and for each service."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *self._names):
            await self._health.set(name, status)

    async def stop(self, grace: float) -> None:
        """Refuse new calls, let those at work end within ``grace`` seconds; who does not read has less time."""
        dropping = asyncio.create_task(self._streams.drop_stalled(_STALLED_SECONDS), name="stalled streams")
        await self._listener.stop(grace)
        dropping.cancel()
        await asyncio.gather(dropping, return_exceptions=True)


def _handlers(door: Door, methods: Methods) -> Mapping[str, grpc.RpcMethodHandler[bytes, bytes]]:
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        **{path: door.unary(path, function) for path, function in methods.unary.items()},
        **{path: door.server_stream(path, function) for path, function in methods.server_streams.items()},
        **{path: door.bidi_stream(path, function) for path, function in methods.bidi_streams.items()},
    }
    for service in services():
        for method in service.methods:
            handlers.setdefault(path_of(method), _unimplemented(door, method))
    return handlers


def _unimplemented(door: Door, method: MethodDescriptor) -> grpc.RpcMethodHandler[bytes, bytes]:
    failure, path = unimplemented(method), path_of(method)

    async def refuse(_: object, context: Context) -> bytes:
        if _enters(door, path, scopes_of(path), context):
            end(context, failure)
        return b""

    match method.client_streaming, method.server_streaming:
        case False, False:
            return grpc.unary_unary_rpc_method_handler(refuse)
        case False, True:
            return grpc.unary_stream_rpc_method_handler(refuse)
        case True, False:
            return grpc.stream_unary_rpc_method_handler(refuse)
        case _:
            return grpc.stream_stream_rpc_method_handler(refuse)
