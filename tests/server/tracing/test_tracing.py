"""Spans of groups have the ids that every server knows, samples are alike everywhere, and wrong wishes are refused."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable

import pytest
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from assay.sdk import Unscorable
from assay_server.config import Settings
from assay_server.execution.queue.job_traces import envelope, job_span
from assay_server.tracing.groups import RunTraces
from assay_server.tracing.opening import open_tracing, tracing_to
from assay_server.tracing.present import Caller, arrived, present, present_caller, spanned, under
from assay_server.tracing.recording import Tracing

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Tracing, InMemorySpanExporter]]:
    """Makes what a server has that samples this share."""

    def make(share: float = 1.0) -> tuple[Tracing, InMemorySpanExporter]:
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
        monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", str(share))
        exporter = InMemorySpanExporter()
        return tracing_to(SimpleSpanProcessor(exporter), "assay"), exporter

    return make


Made = Callable[..., tuple[Tracing, InMemorySpanExporter]]


def ids(exporter: InMemorySpanExporter) -> set[tuple[str, int, int]]:
    """Name, trace and parent of what was told."""
    return {
        (span.name, span.context.trace_id, span.parent.span_id if span.parent else 0)
        for span in exporter.get_finished_spans()
        if span.context is not None
    }


def test_members_at_two_servers_are_in_one_trace(made: Made) -> None:
    told: list[InMemorySpanExporter] = []
    for number in range(2):
        tracing, exporter = made()
        run = RunTraces(tracing, "tenant", "run", 1)
        span = run.rollout(f"r{number}", "g", time.monotonic(), None)
        assert span is not None
        span.end()
        if number:
            run.emitted("g", time.time(), time.time_ns(), {})
        told.append(exporter)
    [(_, trace, group)] = ids(told[0])
    assert ("rollout", trace, group) in ids(told[1])
    assert ("group", trace, 0) in ids(told[1])
    assert ("group.emit", trace, group) in ids(told[1])
    other = RunTraces(made()[0], "tenant", "run", 2).rollout("r", "g", 0.0, None)
    assert other is not None
    assert int(other.trace_id, 16) != trace, "a restored run begins anew"


def test_servers_sample_the_same_groups(made: Made) -> None:
    sampled: list[set[int]] = []
    for _ in range(2):
        run = RunTraces(made(0.1)[0], "tenant", "run", 1)
        sampled.append({n for n in range(2000) if run.rollout("r", f"g{n}", 0.0, None) is not None})
        assert all(run.tells_of(f"g{n}") is (n in sampled[0]) for n in range(2000))
    assert sampled[0] == sampled[1]
    assert 120 < len(sampled[0]) < 290


def test_rollouts_without_a_group_are_sampled_one_by_one(made: Made) -> None:
    tracing, exporter = made(0.5)
    run = RunTraces(tracing, "tenant", "run", 1)
    spans = [span for n in range(400) if (span := run.rollout(f"r{n}", "", 0.0, None)) is not None]
    assert 130 < len(spans) < 270
    for span in spans:
        span.end()
    assert len({trace for _, trace, _ in ids(exporter)}) == len(spans)


def test_who_does_not_record_wants_no_spans(made: Made) -> None:
    tracing, exporter = made()
    run = RunTraces(tracing, "tenant", "run", 1)
    silent = tracing.caller_of({"traceparent": PARENT[:-1] + "0"})
    assert silent is not None
    assert run.rollout("r", "g", 0.0, silent) is None
    assert run.rollout("r", "", 0.0, silent) is None
    assert tracing.call("Service/Method", {}, silent) is None
    assert exporter.get_finished_spans() == ()


@pytest.mark.parametrize(
    "header", ["", "x" * 10_000, PARENT[:-3], f"ff{PARENT[2:]}", f"00-{'0' * 32}{PARENT[35:]}", PARENT.upper() + "-é"]
)
def test_headers_that_name_nobody_are_as_if_there_were_none(made: Made, header: str) -> None:
    assert made()[0].caller_of({"traceparent": header}) is None


def test_the_state_of_a_trace_is_passed_on(made: Made) -> None:
    tracing, _ = made()
    caller = tracing.caller_of({"traceparent": PARENT, "tracestate": "vendor=value"})
    assert caller == Caller(0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331, True, "vendor=value")
    span = tracing.call("Service/Method", {}, caller)
    assert span is not None
    assert span.traceparent == f"00-{PARENT[3:35]}-{span.span_id}-01"


def test_work_fails_its_span_with_a_word_and_no_text(made: Made) -> None:
    tracing, exporter = made()
    root = tracing.call("Service/Method", {}, None)
    assert root is not None
    for error in (Unscorable("JUDGE_QUOTA", "a text"), ValueError("a text"), asyncio.CancelledError("a text")):
        with pytest.raises(type(error)), under(root), spanned("work"):
            raise error
    assert present() is None
    told = exporter.get_finished_spans()
    assert [span.status.description for span in told] == ["JUDGE_QUOTA", "ValueError", "CANCELLED"]
    assert all(not span.events for span in told)
    assert "a text" not in "".join(span.to_json() for span in told)


def test_nothing_is_made_where_nothing_is_traced() -> None:
    with spanned("work") as span:
        assert span is None
        assert envelope() == ()
    with job_span(None, {b"trace": PARENT.encode()}):
        assert present() is None
    arrived(None)
    assert present_caller() is None


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {b"trace": b"\xff\xfe"},
        {b"trace": PARENT[:-2].encode() + b"00"},
        {b"trace": b"x" * 9000, b"queued": b"1"},
    ],
)
def test_an_envelope_that_names_no_span_is_no_matter(made: Made, fields: dict[bytes, bytes]) -> None:
    tracing, exporter = made()
    with job_span(tracing, fields):
        assert present() is None
    assert exporter.get_finished_spans() == ()


def test_a_wrong_time_in_an_envelope_is_left_out(made: Made) -> None:
    tracing, exporter = made()
    for queued in (b"soon", b"-1", b"9" * 40, b""):
        with job_span(tracing, {b"trace": PARENT.encode(), b"queued": queued}):
            assert present() is not None
    assert {span.name for span in exporter.get_finished_spans()} == {"sandbox.work"}


def test_it_is_off_and_other_protocols_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not Settings(store="memory:").tracing
    assert open_tracing(False, "assay") is None
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    with pytest.raises(ValueError, match="grpc only"):
        open_tracing(True, "assay")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert open_tracing(True, "assay") is None
    assert "OTEL_SDK_DISABLED" in os.environ


class Stuck(SpanProcessor):
    """Ends when it is told to."""

    def __init__(self) -> None:
        self.told = threading.Event()
        self.ended = threading.Event()

    def shutdown(self) -> None:
        self.told.wait(60.0)
        self.ended.set()


async def test_a_collector_that_is_away_keeps_nobody_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay_server.tracing.recording._LAST_SECONDS", 0.05)
    stuck = Stuck()
    await tracing_to(stuck, "assay").close()
    assert not stuck.ended.is_set()
    stuck.told.set()
    assert await asyncio.to_thread(stuck.ended.wait, 60.0)


async def test_what_is_not_sent_yet_is_sent_at_the_end() -> None:
    exporter = InMemorySpanExporter()
    tracing = tracing_to(BatchSpanProcessor(exporter), "assay")
    span = tracing.call("Service/Method", {}, None)
    assert span is not None
    span.end()
    await tracing.close()
    assert [told.name for told in exporter.get_finished_spans()] == ["Service/Method"]
