"""Spans of actions that come by a stream: each is a trace of its own, or belongs to that of the stream's caller."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from assay.v1 import environment_service_pb2 as wire
from assay_server.sessions.requests import Outcome
from assay_server.sessions.values import SessionFault
from assay_server.tracing.present import OpenSpan, present_caller, reason_of, under

if TYPE_CHECKING:
    from assay_server.tracing.recording import Tracing

_MOST_CHARACTERS = 256


def step_span(tracing: Tracing, tenant: str, action: wire.StepAction) -> OpenSpan | None:
    """The span of an action, which begins now; None where it is not sampled."""
    said = {
        "assay.tenant": tenant,
        "assay.session": action.session_id[:_MOST_CHARACTERS],
        "assay.step": action.expected_step,
    }
    return tracing.begin("session.step", tracing.parent(present_caller()), said, time.time_ns())


async def traced_step(span: OpenSpan, work: Awaitable[Outcome]) -> Outcome:
    """What the work comes to, done under the span, which ends with it and fails as it does."""
    reason = ""
    try:
        with under(span):
            outcome = await work
    except BaseException as error:
        reason = reason_of(error)
        raise
    else:
        if isinstance(outcome, SessionFault):
            reason = outcome.reason.value
        return outcome
    finally:
        span.end(reason)
