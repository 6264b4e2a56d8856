"""Answers whose making is told as spans: how long a rollout waited, where it ran, what became of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from assay.sdk import Sample
from assay.v1 import rollout_pb2
from assay_server.pipeline.answering import Answer, Answering, Deferred
from assay_server.pipeline.context import RunContext
from assay_server.pipeline.failures import Code
from assay_server.pipeline.groups import GroupDesk
from assay_server.pipeline.scoring import Judged, Later, Scoring
from assay_server.pipeline.senders import Sender
from assay_server.tracing.present import LANE, REASON, Attribute, OpenSpan, present, under

_INLINE = {LANE: "inline"}
_OUTCOME = "assay.outcome"


def answering_of(context: RunContext, desk: GroupDesk) -> Answering:
    """What makes a run's answers; who is not traced pays nothing for it."""
    return Answering(context, desk) if context.traces is None else TracedAnswering(context, desk)


class TracedAnswering(Answering):
    """As :class:`Answering`; answers of rollouts that are sampled carry their spans, which end when they are stored."""

    def score(
        self,
        rollout: rollout_pb2.Rollout,
        receivers: tuple[str, ...],
        sender: Sender | None,
        received: float,
        sample: Sample | None = None,
    ) -> Answer | Deferred:
        traces = self._context.traces
        assert traces is not None
        caller = None if sender is None else sender.caller
        span = traces.rollout(rollout.rollout_id, rollout.group_id, received, caller)
        if span is None:
            return super().score(rollout, receivers, sender, received, sample)
        started = time.time_ns()
        waited = max(0.0, time.monotonic() - received)
        span.child("lane.wait", _INLINE, started - int(waited * 1e9)).end(ended_ns=started)
        with under(span):
            answer = super().score(rollout, receivers, sender, received, sample)
        if isinstance(answer, Deferred):
            return replace(answer, span=span)
        span.child("lane.run", _INLINE, started).end()
        return answer

    def _answer(
        self,
        rollout: rollout_pb2.Rollout,
        judged: Judged,
        receivers: tuple[str, ...],
        sender: Sender | None,
        sample: Sample | None = None,
    ) -> Answer:
        answer, span = super()._answer(rollout, judged, receivers, sender, sample), present()
        if span is None:
            return answer
        _note_outcome(span, judged)
        return answer._replace(span=span)


def end_spans(answers: Sequence[Answer], stored: Sequence[bool]) -> None:
    """These answers are stored, those that were the first of their rollouts."""
    for answer, first in zip(answers, stored, strict=True):
        if answer.span is not None:
            if not first:
                answer.span.set("assay.superseded", True)
            answer.span.end(_reason(answer.item.payload) if answer.verdict == "not_scored" else "")


def traced_scoring(call: OpenSpan, rollout: rollout_pb2.Rollout, score: Callable[[], Scoring]) -> Scoring:
    """A rollout scored on behalf of a call, under a span of its own below the call's."""
    span = call.child("rollout", {"assay.rollout": rollout.rollout_id[:256], "assay.group": rollout.group_id[:256]})
    started = time.time_ns()
    with under(span):
        scoring = score()
    if not isinstance(scoring, Judged):
        return _finished_under(span, scoring)
    span.child("lane.run", _INLINE, started).end()
    return _ended(span, scoring)


async def _finished_under(span: OpenSpan, scoring: Later) -> Judged:
    with under(span):
        return _ended(span, await scoring)


def _ended(span: OpenSpan, judged: Judged) -> Judged:
    _note_outcome(span, judged)
    span.end(_reason(judged.payload) if judged.assessment is None else "")
    return judged


def _note_outcome(span: OpenSpan, judged: Judged) -> None:
    if judged.assessment is not None:
        span.set(_OUTCOME, judged.assessment.verdict.name.lower())
    else:
        span.set(_OUTCOME, "not_scored")
        span.set(REASON, _reason(judged.payload))


def _reason(payload: bytes) -> str:
    """The word for why there is no score."""
    result = rollout_pb2.SampleResult.FromString(payload)
    if not result.error.details:
        return Code(result.error.code).name
    return rollout_pb2.ErrorInfo.FromString(result.error.details[0].value).reason


def said_of(group: rollout_pb2.GroupResult) -> dict[str, Attribute]:
    """What a group's span says of its result."""
    outcome = rollout_pb2.GroupOutcome.Name(group.outcome)
    return {
        _OUTCOME: outcome.removeprefix("GROUP_OUTCOME_").lower(),
        "assay.kept": group.kept,
        "assay.rollouts": len(group.rollout_ids),
    }
