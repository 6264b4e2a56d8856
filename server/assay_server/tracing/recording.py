"""Spans by OpenTelemetry. Imported only where traces are wanted."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from .present import Attribute, Attributes, Caller, OpenSpan

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Tracer

_SCOPE = "assay_server"
_LAST_SECONDS = 3.0


class ChosenIds(RandomIdGenerator):
    """Random ids, but for the next span where one was chosen: of a group all servers know the ids beforehand."""

    def __init__(self) -> None:
        super().__init__()
        self._trace_id = 0
        self._span_id = 0

    def choose(self, trace_id: int, span_id: int) -> None:
        """The next root has this trace, the next span this id; 0 = any."""
        self._trace_id, self._span_id = trace_id, span_id

    def generate_trace_id(self) -> int:
        """The chosen one, or a random one."""
        chosen, self._trace_id = self._trace_id, 0
        return chosen or super().generate_trace_id()

    def generate_span_id(self) -> int:
        """The chosen one, or a random one."""
        chosen, self._span_id = self._span_id, 0
        return chosen or super().generate_span_id()


class RecordedSpan:
    """A span that is recorded."""

    __slots__ = ("_context", "_span", "_tracer")

    def __init__(self, tracer: Tracer, span: trace.Span) -> None:
        self._tracer = tracer
        self._span = span
        self._context: Context | None = None

    @property
    def trace_id(self) -> str:
        return f"{self._span.get_span_context().trace_id:032x}"

    @property
    def span_id(self) -> str:
        return f"{self._span.get_span_context().span_id:016x}"

    @property
    def traceparent(self) -> str:
        flags = int(self._span.get_span_context().trace_flags) & TraceFlags.SAMPLED
        return f"00-{self.trace_id}-{self.span_id}-{flags:02x}"

    def child(self, name: str, attributes: Attributes | None = None, started_ns: int | None = None) -> RecordedSpan:
        if self._context is None:
            self._context = trace.set_span_in_context(self._span)
        span = self._tracer.start_span(name, self._context, attributes=attributes, start_time=started_ns)
        return RecordedSpan(self._tracer, span)

    def set(self, name: str, value: Attribute) -> None:
        self._span.set_attribute(name, value)

    def end(self, reason: str = "", ended_ns: int | None = None) -> None:
        if reason:
            self._span.set_status(Status(StatusCode.ERROR, reason))
        self._span.end(ended_ns)


class Tracing:
    """Begins spans that have no parent in this process.

    Args:
        provider: made with ``ids``.
    """

    def __init__(self, provider: TracerProvider, ids: ChosenIds) -> None:
        self._provider = provider
        self._ids = ids
        tracer = provider.get_tracer(_SCOPE)
        self._tracer: Tracer = tracer  # pyright: ignore[reportAttributeAccessIssue] - the SDK's, of the SDK's provider
        self._propagator = TraceContextTextMapPropagator()

    def caller_of(self, headers: Mapping[str, str]) -> Caller | None:
        """The span that these headers name (``traceparent``, ``tracestate``); None where they name none, or badly."""
        if "traceparent" not in headers:
            return None
        found = trace.get_current_span(self._propagator.extract(headers)).get_span_context()
        if not found.is_valid:
            return None
        return Caller(found.trace_id, found.span_id, bool(found.trace_flags.sampled), found.trace_state.to_header())

    def call(self, method: str, attributes: Attributes, caller: Caller | None) -> OpenSpan | None:
        """The span of a call that is served; None where it is not sampled. ``method`` is Service/Method."""
        return self._begun(method, self.parent(caller), attributes, SpanKind.SERVER)

    def job(self, name: str, caller: Caller | None) -> OpenSpan | None:
        """The span of work that another process handed over; None where that recorded none."""
        return None if caller is None else self._begun(name, self.parent(caller), {}, SpanKind.CONSUMER)

    def parent(self, caller: Caller | None, span_id: int = 0) -> Context | None:
        """What a span begins under that shall belong to the caller's; ``span_id`` = to this span in its trace."""
        if caller is None:
            return None
        flags = TraceFlags(TraceFlags.SAMPLED if caller.sampled else TraceFlags.DEFAULT)
        state = TraceState.from_header([caller.state]) if caller.state else None
        context = SpanContext(caller.trace_id, span_id or caller.span_id, True, flags, state)
        return trace.set_span_in_context(NonRecordingSpan(context))

    def sampled(self, trace_id: int, name: str) -> bool:
        """Whether a trace of this id, which begins here, is recorded."""
        return self._tracer.sampler.should_sample(None, trace_id, name).decision.is_sampled()

    def begin(
        self,
        name: str,
        parent: Context | None,
        attributes: Attributes,
        started_ns: int,
        ids: tuple[int, int] = (0, 0),
    ) -> RecordedSpan | None:
        """A span; None where it is not sampled.

        Args:
            ids: of the trace, where there is no parent, and of the span; 0 = any.
        """
        self._ids.choose(0 if parent is not None else ids[0], ids[1])
        return self._begun(name, parent, attributes, SpanKind.INTERNAL, started_ns)

    def _begun(
        self, name: str, parent: Context | None, attributes: Attributes, kind: SpanKind, started_ns: int | None = None
    ) -> RecordedSpan | None:
        # An empty context rather than None: OpenTelemetry's own present span is none of ours.
        empty = parent if parent is not None else _NO_PARENT
        span = self._tracer.start_span(name, empty, kind, attributes, start_time=started_ns)
        return RecordedSpan(self._tracer, span) if span.is_recording() else None

    async def close(self) -> None:
        """Send what is not sent yet, for a few seconds: a collector that is away keeps no server from ending."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def shut_down() -> None:
            self._provider.shutdown()
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(done.set)

        # Not one of the loop's threads, for which it would wait at its end.
        threading.Thread(target=shut_down, name="last spans", daemon=True).start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_SECONDS):
                await done.wait()


_NO_PARENT = trace.set_span_in_context(trace.INVALID_SPAN)


def wall_ns(monotonic: float) -> int:
    """When it was that the monotonic clock showed this, after the epoch."""
    return time.time_ns() - int((time.monotonic() - monotonic) * 1e9)
