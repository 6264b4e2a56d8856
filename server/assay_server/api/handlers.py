"""How a method is served: raw bytes in, raw bytes out, one place for errors, callers and admission.

Handlers parse requests themselves, so that a frame that cannot be decoded is INVALID_ARGUMENT and an exception's text
never becomes a status.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterable, Mapping
from contextlib import AbstractContextManager, aclosing, contextmanager
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

import grpc
import structlog
from google.protobuf import message

from assay_server.api.principals import Authenticator, Principal, no_longer_known
from assay_server.api.rates import TenantRates
from assay_server.api.scopes import require, scopes_of
from assay_server.audit import AuditLog, CallNote, begin_note
from assay_server.keys import Scope
from assay_server.metrics import Metrics
from assay_server.pipeline.failures import Code, Failure, failure_of, internal
from assay_server.tracing.present import (
    Attribute,
    OpenSpan,
    arrived,
    present_caller,
    reason_of,
    under,
    within_stream,
)

if TYPE_CHECKING:
    from assay_server.tracing.recording import Tracing

    Context = grpc.aio.ServicerContext[bytes, bytes]
else:
    Context = grpc.aio.ServicerContext

M = TypeVar("M", bound=message.Message)

Full = Callable[[Principal], "Failure | None"]
"""What a call that came now would be refused with, where there is no room for it."""

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
_TRACE_HEADERS = frozenset({"traceparent", "tracestate"})
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

    def refusal(self) -> Failure | None:
        """What a call that came now would be refused with."""
        return self._overloaded() if self._active >= self._limit else None

    def __enter__(self) -> None:
        if self._active >= self._limit:
            raise self._overloaded()
        self._active += 1

    def _overloaded(self) -> Failure:
        text = f"{self._limit} calls are at work already"
        return Failure(Code.RESOURCE_EXHAUSTED, "OVERLOADED", text, retry_after=0.25)

    def __exit__(self, *_: object) -> None:
        self._active -= 1


class Door:
    """Calls methods for those who may, and wraps them into gRPC handlers.

    Who calls is found out once a call, and once a stream: never for a message of it.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        metrics: Metrics,
        unary: Admission,
        streams: Admission,
        rates: TenantRates,
        audit: AuditLog,
        tracing: Tracing | None = None,
    ) -> None:
        self._tracing = tracing
        self._authenticator = authenticator
        self._metrics = metrics
        self._unary = unary
        self._streams = streams
        self._rates = rates
        self._audit = audit
        self._conversations: dict[asyncio.Timeout, Principal] = {}

    async def call(self, method: str, function: Unary, authorization: str, data: bytes) -> bytes:
        """The answer of a unary method, whichever way it was called.

        Raises:
            Failure: everything that goes wrong.
        """
        with _Call(self._metrics, self._audit, method, begin_note()) as call:
            principal = self._entering(call, method, authorization)
            with self._unary, self._traced(call):
                return (await function(principal, data)).SerializeToString()

    async def answers(
        self, method: str, function: ServerStream, authorization: str, data: bytes
    ) -> AsyncGenerator[message.Message]:
        """The answers of a method that streams them. Raises as :meth:`call`."""
        with _Call(self._metrics, self._audit, method, begin_note()) as call:
            principal = self._entering(call, method, authorization)
            call.begun()
            with self.place(principal), self._traced(call):
                async for response in function(principal, data):
                    yield response

    async def converse(self, method: str, function: BidiStream, authorization: str, wire: Wire) -> None:
        """Serve a method with streams both ways, for as long as its caller's key counts. Raises as :meth:`call`."""
        with _Call(self._metrics, self._audit, method, begin_note()) as call:
            principal = self._entering(call, method, authorization)
            call.begun()
            with self.place(principal), self._traced(call, within_stream):
                await self._while_known(principal, function, wire)

    async def _while_known(self, principal: Principal, function: BidiStream, wire: Wire) -> None:
        limit = asyncio.timeout(None)
        try:
            async with limit:
                self._conversations[limit] = principal
                await function(principal, wire)
        except TimeoutError:
            if not limit.expired():
                raise
            raise no_longer_known() from None
        finally:
            self._conversations.pop(limit, None)

    def refresh(self) -> None:
        """Take notice of keys that were added, revoked or have expired: their streams end."""
        self._authenticator.refresh()
        for limit, principal in self._conversations.items():
            if not limit.expired() and not self._authenticator.still_knows(principal):
                limit.reschedule(asyncio.get_running_loop().time())

    @contextmanager
    def place(self, principal: Principal) -> Generator[None]:
        """A stream's place, held for as long as its context. Raises Failure where there is none."""
        with self._rates.stream(principal.tenant), self._streams:
            yield

    def full(self, _: Principal) -> Failure | None:
        """What a unary call that came now would be refused with."""
        return self._unary.refusal()

    @property
    def knows_callers(self) -> bool:
        """Whether who calls has to say who they are."""
        return self._authenticator.knows_callers

    def principal(self, what: str, needed: frozenset[Scope], authorization: str) -> Principal:
        """Who sent this ``authorization`` value, before anything else is read.

        Args:
            what: is asked for, as the audit log shall name it where it is refused.
            needed: one of these scopes.

        Raises:
            Failure: UNAUTHENTICATED, PERMISSION_DENIED.
        """
        try:
            principal = self._authenticator.principal(authorization)
            require(principal, needed)
        except Failure as failure:
            self._audit.write("refused", what, begin_note(), failure.code.name, failure.reason, 0.0)
            raise
        return principal

    def _entering(self, call: _Call, method: str, authorization: str) -> Principal:
        principal = self._authenticator.principal(authorization)
        call.made_by(principal)
        require(principal, scopes_of(method))
        self._rates.request(principal.tenant)
        return principal

    def refusal(self, method: str, full: Full, headers: Iterable[tuple[str, str | bytes]]) -> Failure | None:
        """Why a call has to come again later; None: it is let in, or told by who serves it what else is wrong with it.

        Nothing of the call has to be there but its headers.
        """
        try:
            principal = self._authenticator.principal(_authorization_in(headers))
            require(principal, scopes_of(method))
        except Failure:
            return None
        failure = full(principal)
        if failure is not None:
            self._note_refusal(method, principal, failure, headers)
        return failure

    def _note_refusal(
        self, method: str, principal: Principal, failure: Failure, headers: Iterable[tuple[str, str | bytes]]
    ) -> None:
        self.arrive(headers)
        note = CallNote()  # nothing is served that could look for the present one
        with _Call(self._metrics, self._audit, method, note) as call:
            call.made_by(principal)
            call.failed(failure)
            span = self._span(call)
            if span is not None:
                span.end(failure.reason)

    def arrive(self, headers: Iterable[tuple[str, str | bytes]]) -> None:
        """Note on whose behalf the present task's call is made, where that is traced."""
        if self._tracing is not None:
            named = {name: value for name, value in headers if name in _TRACE_HEADERS and isinstance(value, str)}
            arrived(self._tracing.caller_of(named))

    def _span(self, call: _Call) -> OpenSpan | None:
        return None if self._tracing is None else self._tracing.call(call.method, call.named(), present_caller())

    @contextmanager
    def _traced(
        self, call: _Call, inside: Callable[[OpenSpan], AbstractContextManager[None]] = under
    ) -> Generator[None]:
        """Inside, the call has a span, where one is sampled."""
        span = self._span(call)
        if span is None:
            yield
            return
        reason = "LEFT"
        try:
            with inside(span):
                yield
            reason = ""
        except BaseException as error:
            failure = failure_of(error) if isinstance(error, Exception) else None
            reason = reason_of(error) if failure is None else failure.reason
            raise
        finally:
            for name, value in call.named().items():
                span.set(name, value)
            span.end(reason)

    def unary(self, method: str, function: Unary) -> grpc.RpcMethodHandler[bytes, bytes]:
        """A unary method."""

        async def serve(data: bytes, context: Context) -> bytes:
            self.arrive(context.invocation_metadata() or ())
            try:
                return await self.call(method, function, authorization_of(context), data)
            except Failure as failure:
                return end(context, failure)

        return grpc.unary_unary_rpc_method_handler(serve)

    def server_stream(self, method: str, function: ServerStream) -> grpc.RpcMethodHandler[bytes, bytes]:
        """A method that answers with a stream."""

        async def serve(data: bytes, context: Context) -> None:
            self.arrive(context.invocation_metadata() or ())
            answers = self.answers(method, function, authorization_of(context), data)
            async with aclosing(answers):
                try:
                    async for response in answers:
                        await context.write(response.SerializeToString())
                except Failure as failure:
                    end(context, failure)

        return grpc.unary_stream_rpc_method_handler(serve)

    def bidi_stream(self, method: str, function: BidiStream) -> grpc.RpcMethodHandler[bytes, bytes]:
        """A method with streams both ways, which reads and writes its context itself."""

        async def serve(_: AsyncIterator[bytes], context: Context) -> None:
            self.arrive(context.invocation_metadata() or ())
            try:
                await self.converse(method, function, authorization_of(context), context)
            except Failure as failure:
                end(context, failure)

        return grpc.stream_stream_rpc_method_handler(serve)


def authorization_of(context: Context) -> str:
    """The ``authorization`` value of a call; empty where it has none."""
    return _authorization_in(context.invocation_metadata() or ())


def _authorization_in(headers: Iterable[tuple[str, str | bytes]]) -> str:
    authorization = next((value for name, value in headers if name == "authorization"), "")
    return authorization if isinstance(authorization, str) else ""


class _Call:
    """Counts one call, has it written down, and makes a Failure of whatever goes wrong in it."""

    def __init__(self, metrics: Metrics, audit: AuditLog, method: str, note: CallNote) -> None:
        self._figures = metrics.rpc(method)
        self._audit = audit
        self._code = "OK"
        self._reason = ""
        self._started = time.monotonic()
        self._note = note
        self._figures.started()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: object) -> None:
        """Raises Failure in place of any other exception; one as it is, as what is raised from itself is a circle."""
        try:
            if isinstance(error, Failure):
                self.failed(error)
            elif isinstance(error, Exception):
                raise self.failed(error) from error
            elif error is not None and self._code == "OK":
                self._code = "CANCELLED"
        finally:
            self._figures.ended(self._code, time.monotonic() - self._started)
            self._write("ended")

    def made_by(self, principal: Principal) -> None:
        """Note who calls."""
        note = self._note
        note.tenant, note.principal = principal.tenant, principal.name
        note.key = "" if principal.key is None else principal.key.key_id

    @property
    def method(self) -> str:
        """Service/Method."""
        return f"{self._figures.service}/{self._figures.name}"

    def named(self) -> dict[str, Attribute]:
        """What its span says of it, as far as that is known."""
        figures = self._figures
        said: dict[str, Attribute] = {
            "rpc.system": "grpc",
            "rpc.service": figures.service,
            "rpc.method": figures.name,
        }
        known = {"assay.tenant": self._note.tenant, "assay.run": self._note.run}
        return said | {attribute: value for attribute, value in known.items() if value}

    def begun(self) -> None:
        """It is a stream, and lasts."""
        self._write("begun")

    def _write(self, event: str) -> None:
        seconds = time.monotonic() - self._started
        self._audit.write(event, self.method, self._note, self._code, self._reason, seconds)

    def failed(self, error: Exception) -> Failure:
        """What the caller is told of this error."""
        failure = failure_of(error)
        if failure is None:
            _log.error("call failed", method=self.method, exc_info=error)
            failure = internal()
        self._code, self._reason = failure.code.name, failure.reason
        return failure


def end(context: Context, failure: Failure) -> bytes:
    """Have a call end with a failure, details included, when its handler returns; what a unary handler has to return.

    ``context.abort`` raises an exception that the library remembers with the call, and that remembers the handler's
    frames: request and all would stay until the garbage is collected.
    """
    _set_status(context, *_told(failure))
    return b""


def refusing(failure: Failure) -> grpc.RpcMethodHandler[bytes, bytes]:
    """Ends a call of any kind with a failure. It counts as one with streams: of those no message is waited for."""
    told = _told(failure)

    async def refuse(_: AsyncIterator[bytes], context: Context) -> None:
        _set_status(context, *told)

    return grpc.stream_stream_rpc_method_handler(refuse)


def _set_status(context: Context, code: grpc.StatusCode, message: str, trailing: tuple[tuple[str, bytes], ...]) -> None:
    context.set_code(code)
    context.set_details(message)
    context.set_trailing_metadata(trailing)


def _told(failure: Failure) -> tuple[grpc.StatusCode, str, tuple[tuple[str, bytes], ...]]:
    status = failure.to_status()
    return _CODES[failure.code], status.message, (("grpc-status-details-bin", status.SerializeToString()),)
