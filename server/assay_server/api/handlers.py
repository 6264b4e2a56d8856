"""How a method is served: raw bytes in, raw bytes out, one place for errors, callers and admission.

Handlers parse requests themselves, so that a frame that cannot be decoded is INVALID_ARGUMENT and an exception's text
never becomes a status.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, NoReturn, Protocol, Self, TypeVar

import grpc
import structlog
from google.protobuf import message

from assay_server.api.principals import Authenticator, Principal
from assay_server.metrics import Metrics
from assay_server.pipeline.failures import Code, Failure, failure_of, internal

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[bytes, bytes]
else:
    Context = grpc.aio.ServicerContext

M = TypeVar("M", bound=message.Message)

Unary = Callable[[Principal, bytes], Awaitable["Response"]]
ServerStream = Callable[[Principal, bytes], AsyncIterator[message.Message]]
BidiStream = Callable[[Principal, "Wire"], Awaitable[None]]


class Wire(Protocol):
    """Both directions of a stream: a call's context, or what stands for it at another door."""

    async def read(self) -> bytes:
        """The next request; ``grpc.aio.EOF`` after the last."""
        ...

    async def write(self, message: bytes, /) -> None:
        """Send an answer; waits where who receives them is slow."""
        ...


class Response(Protocol):
    """A message, or what has its bytes already."""

    def SerializeToString(self) -> bytes:  # noqa: N802 - as messages call it
        """The encoded message."""
        ...


_log = structlog.get_logger(__name__)
_CODES: Mapping[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}


def parse(request: type[M], data: bytes) -> M:
    """The request in these bytes.

    Raises:
        Failure: INVALID_ARGUMENT.
    """
    try:
        return request.FromString(data)
    except message.DecodeError:
        text = f"the bytes are not a {request.DESCRIPTOR.full_name} (damaged, or text that is not UTF-8)"
        raise Failure(Code.INVALID_ARGUMENT, "UNDECODABLE", text) from None


class Admission:
    """At most so many calls at work; more are refused at once."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._active = 0

    def __enter__(self) -> None:
        if self._active >= self._limit:
            text = f"{self._limit} calls are at work already"
            raise Failure(Code.RESOURCE_EXHAUSTED, "OVERLOADED", text, retry_after=0.25)
        self._active += 1

    def __exit__(self, *_: object) -> None:
        self._active -= 1


class Door:
    """Calls methods for those who may, and wraps them into gRPC handlers."""

    def __init__(self, authenticator: Authenticator, metrics: Metrics, unary: Admission, streams: Admission) -> None:
        self._authenticator = authenticator
        self._metrics = metrics
        self._unary = unary
        self._streams = streams

    async def call(self, method: str, function: Unary, authorization: str, data: bytes) -> bytes:
        """The answer of a unary method, whichever way it was called.

        Raises:
            Failure: everything that goes wrong.
        """
        with _Call(self._metrics, method) as call:
            try:
                principal = self._authenticator.principal(authorization)
                with self._unary:
                    return (await function(principal, data)).SerializeToString()
            except Exception as error:
                raise call.failed(error) from error

    async def answers(
        self, method: str, function: ServerStream, authorization: str, data: bytes
    ) -> AsyncGenerator[message.Message]:
        """The answers of a method that streams them. Raises as :meth:`call`."""
        with _Call(self._metrics, method) as call:
            try:
                principal = self._authenticator.principal(authorization)
                with self._streams:
                    async for response in function(principal, data):
                        yield response
            except Exception as error:
                raise call.failed(error) from error

    async def converse(self, method: str, function: BidiStream, authorization: str, wire: Wire) -> None:
        """Serve a method with streams both ways. Raises as :meth:`call`."""
        with _Call(self._metrics, method) as call:
            try:
                principal = self._authenticator.principal(authorization)
                with self._streams:
                    await function(principal, wire)
            except Exception as error:
                raise call.failed(error) from error

    @property
    def streams(self) -> Admission:
        """Places of streams."""
        return self._streams

    @property
    def knows_callers(self) -> bool:
        """Whether who calls has to say who they are."""
        return self._authenticator.knows_callers

    def principal(self, authorization: str) -> Principal:
        """Who sent this ``authorization`` value. Raises Failure."""
        return self._authenticator.principal(authorization)

    def unary(self, method: str, function: Unary) -> grpc.RpcMethodHandler[bytes, bytes]:
        """A unary method."""

        async def serve(data: bytes, context: Context) -> bytes:
            try:
                return await self.call(method, function, _authorization(context), data)
            except Failure as failure:
                await abort(context, failure)

        return grpc.unary_unary_rpc_method_handler(serve)

    def server_stream(self, method: str, function: ServerStream) -> grpc.RpcMethodHandler[bytes, bytes]:
        """A method that answers with a stream."""

        async def serve(data: bytes, context: Context) -> None:
            answers = self.answers(method, function, _authorization(context), data)
            async with aclosing(answers):
                try:
                    async for response in answers:
                        await context.write(response.SerializeToString())
                except Failure as failure:
                    await abort(context, failure)

        return grpc.unary_stream_rpc_method_handler(serve)

    def bidi_stream(self, method: str, function: BidiStream) -> grpc.RpcMethodHandler[bytes, bytes]:
        """A method with streams both ways, which reads and writes its context itself."""

        async def serve(_: AsyncIterator[bytes], context: Context) -> None:
            try:
                await self.converse(method, function, _authorization(context), context)
            except Failure as failure:
                await abort(context, failure)

        return grpc.stream_stream_rpc_method_handler(serve)


def _authorization(context: Context) -> str:
    metadata = context.invocation_metadata() or ()
    authorization = next((value for name, value in metadata if name == "authorization"), "")
    return authorization if isinstance(authorization, str) else ""


class _Call:
    """Counts one call."""

    def __init__(self, metrics: Metrics, method: str) -> None:
        self._metrics = metrics
        service, name = method.strip("/").split("/")
        self._labels = (service, name)
        self._code = "OK"
        self._started = time.monotonic()
        metrics.rpcs_started.labels(*self._labels).inc()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        code = "CANCELLED" if kind is not None and self._code == "OK" else self._code
        self._metrics.rpcs_handled.labels(*self._labels, code).inc()
        self._metrics.rpc_seconds.labels(*self._labels).observe(time.monotonic() - self._started)

    def failed(self, error: Exception) -> Failure:
        """What the caller is told of this error."""
        failure = failure_of(error)
        if failure is None:
            _log.error("call failed", method="/".join(self._labels), exc_info=error)
            failure = internal()
        self._code = failure.code.name
        return failure


async def abort(context: Context, failure: Failure) -> NoReturn:
    """End a call with a failure, details included."""
    details = failure.to_status().SerializeToString()
    trailing = (("grpc-status-details-bin", details),)
    await context.abort(_CODES[failure.code], failure.message, trailing)
    raise AssertionError("abort raises")
