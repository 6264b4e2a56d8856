"""Servers to test, and the raw calls to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar, cast

import grpc
from google.protobuf import message
from grpc_health.v1 import health_pb2

from assay.v1 import reward_service_pb2 as wire
from assay.v1 import run_service_pb2
from assay_server.config import Settings
from assay_server.process import ServerProcess
from assay_server.rewards.catalogue import Catalogue
from assay_server.tracing.recording import Tracing

from .driver import Call, Stream
from .rollouts import spec
from .statuses import Refusal, refusal_of_error

MAX_MESSAGE_BYTES = 64 * 1024 * 1024

M = TypeVar("M", bound=message.Message)


class Endpoint:
    """A server somewhere, and the raw calls to it."""

    def __init__(self, address: str, http_address: str = "", token: str | None = None) -> None:
        self.address = address
        self.http_address = http_address
        self.prefix = ""
        self.metadata = (("authorization", f"Bearer {token}"),) if token else None
        self.channel = grpc.aio.insecure_channel(
            address,
            options=[
                ("grpc.max_send_message_length", 2 * MAX_MESSAGE_BYTES),
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.http2.bdp_probe", 0),  # small windows: who does not read is soon felt by the server
                ("grpc.initial_reconnect_backoff_ms", 50),
                ("grpc.max_reconnect_backoff_ms", 200),
            ],
        )

    async def call_bytes(self, method: str, data: bytes) -> bytes:
        """A unary call with raw bytes both ways; ``method`` is Service/Method."""
        return cast("bytes", await self.channel.unary_unary(f"/assay.v1.{method}")(data, metadata=self.metadata))

    async def call(self, method: str, request: message.Message, answer: type[M]) -> M:
        """A unary call."""
        return answer.FromString(await self.call_bytes(method, request.SerializeToString()))

    async def refused(self, method: str, request: message.Message | bytes) -> Refusal:
        """How a unary call fails."""
        data = request if isinstance(request, bytes) else request.SerializeToString()
        try:
            await self.call_bytes(method, data)
        except grpc.aio.AioRpcError as error:
            return refusal_of_error(error)
        raise AssertionError(f"{method} did not fail")

    async def call_stream(self, method: str, request: message.Message, answer: type[M]) -> list[M]:
        """A call answered with a stream."""
        multi = cast("Callable[..., AsyncIterator[bytes]]", self.channel.unary_stream(f"/assay.v1.{method}"))
        call = multi(request.SerializeToString(), metadata=self.metadata)
        return [answer.FromString(data) async for data in call]

    async def stream_refused(self, method: str, request: message.Message) -> Refusal:
        """How a call answered with a stream fails."""
        try:
            await self.call_stream(method, request, type(request))
        except grpc.aio.AioRpcError as error:
            return refusal_of_error(error)
        raise AssertionError(f"{method} did not fail")

    def run_id(self, name: str) -> str:
        """The id under which a test's run is known to a server that several tests share."""
        return self.prefix + name

    async def create_run(self, run_id: str, made: run_service_pb2.RunSpec | None = None) -> run_service_pb2.Run:
        """A run; math and GRPO where no spec is given."""
        request = run_service_pb2.CreateRunRequest(run_id=self.run_id(run_id), spec=made or spec())
        return (await self.call("RunService/CreateRun", request, run_service_pb2.CreateRunResponse)).run

    def bytes_call(self) -> Call:
        """A rollout stream of raw bytes."""
        method = "/assay.v1.RewardService/StreamRollouts"
        return cast("Call", self.channel.stream_stream(method)(metadata=self.metadata))

    def stream(
        self,
        run_id: str,
        consumer: str,
        *,
        generation: int = 0,
        resume_after: int = 0,
        max_in_flight: int = 0,
        delivery: run_service_pb2.DeliveryMode = run_service_pb2.DELIVERY_MODE_UNSPECIFIED,
        deliver_to: str = "",
    ) -> Stream:
        """A stream, not yet open; use it as a context manager."""
        open_request = wire.Open(
            run_id=self.run_id(run_id),
            consumer=consumer,
            generation=generation,
            resume_after=resume_after,
            max_in_flight=max_in_flight,
            delivery=delivery,
            deliver_to=deliver_to,
        )
        return Stream(self.bytes_call(), open_request)

    def watch_health(self) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        """How the server's health changes."""
        watch = cast("Callable[..., AsyncIterator[bytes]]", self.channel.unary_stream("/grpc.health.v1.Health/Watch"))
        return (health_pb2.HealthCheckResponse.FromString(data) async for data in watch(b""))

    async def close(self) -> None:
        """Close the channel."""
        await self.channel.close()


async def http_get(address: str, path: str, host: str = "localhost") -> tuple[int, str]:
    """Status and body of a GET over a connection of its own."""
    name, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(name, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition("\r\n\r\n")
    return int(head.split(" ", 2)[1]), body


class Service(Endpoint):
    """A server in this process."""

    def __init__(self, process: ServerProcess) -> None:
        super().__init__(process.address, process.http_address)
        self.process = process


def settings(
    store: str = "memory:", *, http: bool = False, max_in_flight: int = 1024, drain_seconds: float = 20.0
) -> Settings:
    """Settings of a test server: free ports, no token, probes only where asked for."""
    return Settings(
        listen="127.0.0.1:0",
        http_listen="127.0.0.1:0" if http else "",
        store=store,
        token_file=None,
        max_in_flight=max_in_flight,
        drain_seconds=drain_seconds,
    )


@asynccontextmanager
async def serving(
    chosen: Settings | None = None, catalogue: Catalogue | None = None, tracing: Tracing | None = None
) -> AsyncGenerator[Service]:
    """A server in this process, drained at the end."""
    process = ServerProcess(chosen or settings(), catalogue, tracing)
    await process.start()
    service = Service(process)
    try:
        yield service
    finally:
        await service.close()
        await process.drain()
