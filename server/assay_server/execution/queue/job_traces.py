"""On whose behalf a job is done: its submitter's span rides in the job's envelope, and the worker's begins below it."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from assay_server.tracing.present import LANE, present, reason_of, under

if TYPE_CHECKING:
    from assay_server.tracing.recording import Tracing

_TRACE, _QUEUED = "trace", "queued"


def envelope() -> tuple[str, ...]:
    """What a job says of the present span: fields and values; nothing where nothing is traced."""
    span = present()
    return () if span is None else (_TRACE, span.traceparent, _QUEUED, str(time.time_ns()))


@contextmanager
def job_span(tracing: Tracing | None, fields: Mapping[bytes, bytes]) -> Generator[None]:
    """Inside, the job with these fields is done under a span of this process, where its submitter has one."""
    if tracing is None or (told := fields.get(_TRACE.encode())) is None:
        yield
        return
    span = tracing.job("sandbox.work", tracing.caller_of({"traceparent": told.decode("ascii", "replace")}))
    if span is None:
        yield
        return
    queued = fields.get(_QUEUED.encode(), b"")
    if queued.isdigit() and len(queued) < 20:
        span.child("lane.wait", {LANE: "sandbox"}, int(queued)).end()
    reason = ""
    try:
        with under(span):
            yield
    except BaseException as error:
        reason = reason_of(error)
        raise
    finally:
        span.end(reason)
