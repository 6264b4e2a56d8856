"""A small real gRPC server that answers as a test tells it. What it was not asked for fails the test."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn, TypeAlias, TypeVar

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message

from assay._methods import HEALTH_PATH, RESCORE, STREAM_ROLLOUTS_PATH, Method
from assay.connection import MAX_MESSAGE_BYTES
from assay.v1 import reward_service_pb2 as wire
from assay.v1 import rollout_pb2 as v1

Requests: TypeAlias = Iterator[wire.StreamRolloutsRequest]
Script: TypeAlias = Callable[[Requests, grpc.ServicerContext], Iterator[wire.StreamRolloutsResponse]]
Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)


_OPTIONS = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.http2.max_ping_strikes", 0),  # as the service: a machine that stands still for a while is no offence
]


class Service:
    """Answers unary calls with what was put there, and runs one script per stream.

    Attributes:
        requests: everything that unary methods were asked, in order, with the call's metadata.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, bytes, dict[str, str]]] = []
        self.target = ""
        self._answers: dict[str, deque[bytes | v1.Status]] = {}
        self._streamed: dict[str, deque[Sequence[Message] | v1.Status]] = {}
        self._scripts: deque[Script] = deque()
        self._problems: list[str] = []
        self._lock = threading.Lock()
        self._server = self._start()

    def _start(self) -> grpc.Server:
        server = grpc.server(ThreadPoolExecutor(16), options=_OPTIONS)
        server.add_generic_rpc_handlers((_Handlers(self),))
        port = server.add_insecure_port(self.target or "127.0.0.1:0")
        self.target = self.target or f"127.0.0.1:{port}"
        server.start()
        return server

    def answer(self, method: Method[Q, A], *answers: A | v1.Status) -> None:
        """The next answers of a unary method; a status makes the call fail."""
        ready = [answer if isinstance(answer, v1.Status) else answer.SerializeToString() for answer in answers]
        self._answers.setdefault(method.path, deque()).extend(ready)

    def answer_health(self, *answers: bytes | v1.Status) -> None:
        """The next answers of the health check."""
        self._answers.setdefault(HEALTH_PATH, deque()).extend(answers)

    def answer_stream(self, method: Method[Q, A], answers: Sequence[A] | v1.Status) -> None:
        """The next answer of a server-streaming method."""
        self._streamed.setdefault(method.path, deque()).append(answers)

    def script(self, *scripts: Script) -> None:
        """What the next streams do, one after the other."""
        self._scripts.extend(scripts)

    def asked(self, method: Method[Q, A]) -> list[Q]:
        """The requests a method got."""
        found = [data for path, data, _ in self.requests if path == method.path]
        return [method.request.FromString(data) for data in found]

    def stop(self) -> None:
        """End, and fail if something was not asked for."""
        self._server.stop(None).wait()
        unused = [path for path, answers in [*self._answers.items(), *self._streamed.items()] if answers]
        assert not unused, f"answers that nobody asked for: {unused}"
        assert not self._scripts, f"{len(self._scripts)} streams were not opened"
        assert not self._problems, self._problems

    # ------------------------------------------------------------ what gRPC calls

    def unary(self, path: str, data: bytes, context: grpc.ServicerContext) -> bytes:
        metadata = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        with self._lock:
            self.requests.append((path, data, metadata))
            answers = self._answers.get(path)
            if not answers:
                self._problems.append(f"unexpected call of {path}")
                context.abort(grpc.StatusCode.UNIMPLEMENTED, "nothing was put there")
            answer = answers.popleft()
        if not isinstance(answer, bytes):
            refuse(context, answer)
        return answer

    def unary_stream(self, path: str, data: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        with self._lock:
            self.requests.append((path, data, {}))
            answers = self._streamed[path].popleft()
        if isinstance(answers, v1.Status):
            refuse(context, answers)
        for answer in answers:
            yield answer.SerializeToString()

    def stream(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        with self._lock:
            if not self._scripts:
                self._problems.append("unexpected stream")
                context.abort(grpc.StatusCode.UNIMPLEMENTED, "no script")
            script = self._scripts.popleft()
        for response in script(map(wire.StreamRolloutsRequest.FromString, requests), context):
            yield response.SerializeToString()


class _Handlers(grpc.GenericRpcHandler):
    def __init__(self, service: Service) -> None:
        self._service = service

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        path = str(handler_call_details.method)
        if path == STREAM_ROLLOUTS_PATH:
            return grpc.stream_stream_rpc_method_handler(self._service.stream)
        if path == RESCORE.path:

            def unary_stream(data: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
                return self._service.unary_stream(path, data, context)

            return grpc.unary_stream_rpc_method_handler(unary_stream)

        def unary(data: bytes, context: grpc.ServicerContext) -> bytes:
            return self._service.unary(path, data, context)

        return grpc.unary_unary_rpc_method_handler(unary)


def refuse(context: grpc.ServicerContext, status: v1.Status) -> NoReturn:
    """End a call with a status and its details."""
    code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, status.message)


def status(
    code: int, message: str = "refused", reason: str = "", retry_after: float | None = None, field: str = ""
) -> v1.Status:
    """A status with the details that the service sends."""
    details: list[AnyMessage] = []
    if reason:
        details.append(
            packed("ErrorInfo", v1.ErrorInfo(reason=reason, domain="assay", metadata={"retryable": "false"}))
        )
    if retry_after is not None:
        retry = v1.RetryInfo()
        retry.retry_delay.FromMilliseconds(round(retry_after * 1000))
        details.append(packed("RetryInfo", retry))
    if field:
        violation = v1.BadRequest.FieldViolation(field=field, description="is wrong")
        details.append(packed("BadRequest", v1.BadRequest(field_violations=[violation])))
    return v1.Status(code=code, message=message, details=details)


def packed(name: str, message: Message) -> AnyMessage:
    """A detail under its google.rpc name."""
    return AnyMessage(type_url=f"type.googleapis.com/google.rpc.{name}", value=message.SerializeToString())


# ---------------------------------------------------------------- pieces of scripts


def opened(in_flight: int = 64, **fields: int) -> wire.StreamRolloutsResponse:
    """The answer to Open."""
    answer = wire.Opened(run_id="run", generation=fields.pop("generation", 1), max_in_flight=in_flight)
    for name, value in fields.items():
        setattr(answer, name, value)
    return wire.StreamRolloutsResponse(opened=answer)


def accepted(*rollout_ids: str) -> wire.StreamRolloutsResponse:
    return wire.StreamRolloutsResponse(accepted=wire.Accepted(rollout_ids=rollout_ids))


def results(last: int, *rollout_ids: str) -> wire.StreamRolloutsResponse:
    """Held results that end with number ``last``."""
    return wire.StreamRolloutsResponse(
        sequence=last,
        sample_results=wire.SampleResults(
            results=[v1.SampleResult(rollout_id=name, score=v1.Score(value=1.0)) for name in rollout_ids]
        ),
    )


def refused(rollout_id: str, error: v1.Status) -> wire.StreamRolloutsResponse:
    """An item that was not taken over."""
    result = v1.SampleResult(rollout_id=rollout_id, error=error)
    return wire.StreamRolloutsResponse(sample_results=wire.SampleResults(results=[result]))


def credit(rollouts: int) -> wire.StreamRolloutsResponse:
    return wire.StreamRolloutsResponse(credit=wire.Credit(rollouts=rollouts))


def closing(
    reason: wire.ClosingReason = wire.CLOSING_REASON_UNSPECIFIED, target: str = ""
) -> wire.StreamRolloutsResponse:
    return wire.StreamRolloutsResponse(closing=wire.Closing(reason=reason, reconnect_target=target))


def ids_of(request: wire.StreamRolloutsRequest) -> list[str]:
    return [rollout.rollout_id for rollout in request.rollouts.rollouts]


class Recorder:
    """A script that accepts and scores everything, and writes down what it was sent."""

    def __init__(self, start: int = 0, in_flight: int = 64) -> None:
        self.requests: list[wire.StreamRolloutsRequest] = []
        self.sequence = start
        self.in_flight = in_flight

    def __call__(self, requests: Requests, context: grpc.ServicerContext) -> Iterator[wire.StreamRolloutsResponse]:
        del context
        for request in requests:
            self.requests.append(request)
            kind = request.WhichOneof("request")
            if kind == "open":
                yield opened(self.in_flight, last_acked=request.open.resume_after)
            elif kind == "rollouts":
                ids = ids_of(request)
                self.sequence += len(ids)
                yield accepted(*ids)
                yield results(self.sequence, *ids)
                yield credit(len(ids))
            elif kind == "append_steps":
                append = request.append_steps
                length = append.from_index + len(append.steps)
                done = wire.AppendAccepted(rollout_id=append.rollout_id, length=length)
                yield wire.StreamRolloutsResponse(accepted=wire.Accepted(appends=[done]))
        yield closing()

    def kinds(self) -> list[str]:
        return [str(request.WhichOneof("request")) for request in self.requests]

    def sent_ids(self) -> list[str]:
        return [rollout_id for request in self.requests for rollout_id in ids_of(request)]

    @property
    def acked(self) -> int:
        acks = [request.ack.sequence for request in self.requests if request.HasField("ack")]
        opens = [request.open.resume_after for request in self.requests if request.HasField("open")]
        return max([*acks, *opens])
