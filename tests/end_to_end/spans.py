"""What a server told as spans, as plain values."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from assay_server.tracing.opening import tracing_to
from assay_server.tracing.recording import Tracing


@dataclass(frozen=True, slots=True)
class Told:
    """A span that has ended; ``status`` is empty where it did not fail."""

    name: str
    trace: int
    span: int
    parent: int
    attributes: Mapping[str, object]
    status: str
    started: int
    ended: int

    def said(self, name: str) -> object:
        """An attribute, without the prefix that all have."""
        return self.attributes.get(f"assay.{name}")


class Listener:
    """A place for spans of a server, or of a worker."""

    def __init__(self, service: str = "assay") -> None:
        self._exporter = InMemorySpanExporter()
        self.tracing: Tracing = tracing_to(SimpleSpanProcessor(self._exporter), service)

    def told(self) -> list[Told]:
        """All spans that have ended, in the order of their beginnings."""
        return sorted((_read(span) for span in self._exporter.get_finished_spans()), key=lambda span: span.started)

    def named(self, name: str, **attributes: object) -> list[Told]:
        """Those of this name that have these attributes."""
        return [
            span
            for span in self.told()
            if span.name == name and all(span.said(key) == value for key, value in attributes.items())
        ]


def _read(span: ReadableSpan) -> Told:
    context, parent = span.context, span.parent
    assert context is not None
    assert span.start_time is not None
    assert span.end_time is not None
    status = "" if span.status.is_ok else span.status.description or "?"
    return Told(
        span.name,
        context.trace_id,
        context.span_id,
        0 if parent is None else parent.span_id,
        dict(span.attributes or {}),
        status,
        span.start_time,
        span.end_time,
    )


def tree(told: Iterable[Told], root: Told) -> dict[str, object]:
    """Names below a span, each with what is below it; equal names of siblings are numbered from the second on."""
    below: dict[str, object] = {}
    spans = list(told)
    for span in spans:
        if span.parent == root.span and span.trace == root.trace:
            name, number = span.name, 2
            while name in below:
                name, number = f"{span.name} {number}", number + 1
            below[name] = tree(spans, span)
    return below


async def until(holds: Callable[[], bool]) -> None:
    """Spans end a moment after their answers were sent; what a busy machine computes may take long."""
    async with asyncio.timeout(120.0):
        while not holds():  # noqa: ASYNC110 - an exporter tells nobody
            await asyncio.sleep(0.005)
