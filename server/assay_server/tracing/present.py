"""The span under which the present task works. Where nothing is traced, asking costs one look and nothing is made.

Spans hold ids, names, numbers and statuses; never a text of a rollout, and never an exception's message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol, TypeAlias

Attribute: TypeAlias = str | int | float | bool
Attributes: TypeAlias = Mapping[str, Attribute]

REASON = "assay.reason"
LANE = "assay.lane"


class OpenSpan(Protocol):
    """A span that has begun."""

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits."""
        ...

    @property
    def span_id(self) -> str:
        """16 hexadecimal digits."""
        ...

    @property
    def traceparent(self) -> str:
        """As the W3C's header has it, for who works on it in another process."""
        ...

    def child(self, name: str, attributes: Attributes | None = None, started_ns: int | None = None) -> OpenSpan:
        """A span below this one; it began at ``started_ns`` after the epoch, or begins now."""
        ...

    def set(self, name: str, value: Attribute) -> None:
        """Add an attribute."""
        ...

    def end(self, reason: str = "", ended_ns: int | None = None) -> None:
        """End it; with a reason it has failed."""
        ...


@dataclass(frozen=True, slots=True)
class Caller:
    """The span of another process on whose behalf it calls.

    Attributes:
        sampled: whether that process records it.
        state: the W3C's ``tracestate``, passed on as it came.
    """

    trace_id: int
    span_id: int
    sampled: bool
    state: str = ""


_PRESENT: ContextVar[OpenSpan | None] = ContextVar("present span", default=None)
_CALLER: ContextVar[Caller | None] = ContextVar("caller's span", default=None)
_STREAM: ContextVar[OpenSpan | None] = ContextVar("stream's span", default=None)


def present() -> OpenSpan | None:
    """The span of this task; None where nothing is traced."""
    return _PRESENT.get()


def present_caller() -> Caller | None:
    """The span of who made the present call; None where it said none, or nothing is traced."""
    return _CALLER.get()


def arrived(caller: Caller | None) -> None:
    """Note who made the call that this task begins to serve."""
    _CALLER.set(caller)


def of_stream(name: str, value: Attribute) -> None:
    """Add an attribute to the span of the stream that this task serves, where it is traced.

    A stream's span is nobody's parent: what a stream brings goes on without it, in traces that end before it does.
    """
    span = _STREAM.get()
    if span is not None:
        span.set(name, value)


@contextmanager
def within_stream(span: OpenSpan | None) -> Generator[None]:
    """Inside, this is the span of the stream that is served."""
    _STREAM.set(span)
    try:
        yield
    finally:
        _STREAM.set(None)


@contextmanager
def under(span: OpenSpan | None) -> Generator[None]:
    """Inside, the present span is this one."""
    before = _PRESENT.get()
    _PRESENT.set(span)
    try:
        yield
    finally:
        _PRESENT.set(before)  # no token: the generator that this may be part of can be closed in another context


@contextmanager
def spanned(name: str, attributes: Attributes | None = None) -> Generator[OpenSpan | None]:
    """Inside, work under a child of the present span; it ends with the work, and fails as that does."""
    parent = _PRESENT.get()
    if parent is None:
        yield None
        return
    span = parent.child(name, attributes)
    reason = "LEFT"
    try:
        with under(span):
            yield span
        reason = ""
    except BaseException as error:
        reason = reason_of(error)
        raise
    finally:
        span.end(reason)


def reason_of(error: BaseException) -> str:
    """Why work failed, in a word: the error's own reason, else what kind it is of."""
    reason = getattr(error, "reason", None)
    if isinstance(reason, str) and reason:
        return reason
    return "CANCELLED" if isinstance(error, asyncio.CancelledError) else type(error).__name__


def name_span(_: object, __: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """A processor of structlog: says in which trace and span a line was written."""
    span = _PRESENT.get()
    if span is not None:
        event.setdefault("trace_id", span.trace_id)
        event.setdefault("span_id", span.span_id)
    return event
