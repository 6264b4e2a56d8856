"""Answers of one run on their way from the reward to the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from assay.sdk import Sample, Verdict
from assay.v1 import rollout_pb2
from assay_server.pipeline.context import RunContext
from assay_server.pipeline.failures import Failure
from assay_server.pipeline.group_rewards import HeldMember
from assay_server.pipeline.groups import GroupDesk
from assay_server.pipeline.scoring import Judged, Later, score_rollout, unscored
from assay_server.pipeline.senders import Sender
from assay_server.store.protocol import ResultItem
from assay_server.tracing.present import OpenSpan, under


class Answer(NamedTuple):
    """A rollout's answer; ``sender`` is None where no stream waits for the slot, ``span`` where it is not traced."""

    item: ResultItem
    held: HeldMember
    group_id: str
    sender: Sender | None
    verdict: str
    span: OpenSpan | None = None


@dataclass(frozen=True, slots=True)
class Deferred:
    """An answer that another lane still works on, and what makes it of what that lane says."""

    scoring: Later
    finished: Callable[[Judged], Answer]
    span: OpenSpan | None = None

    async def answer(self) -> Answer:
        """Wait for it."""
        if self.span is None:
            return self.finished(await self.scoring)
        with under(self.span):
            return self.finished(await self.scoring)

    def drop(self) -> None:
        """Do not begin."""
        self.scoring.close()


class Answering:
    """Makes answers: by the run's reward, or by a failure."""

    def __init__(self, context: RunContext, desk: GroupDesk) -> None:
        self._context = context
        self._desk = desk
        self._truncated_policy = context.spec.message.groups.truncated

    async def load_tasks(self, rollouts: Sequence[rollout_pb2.Rollout]) -> None:
        """Have the tasks of these rollouts at hand."""
        digests = [rollout.task_digest for rollout in rollouts if rollout.task_digest]
        if digests:
            await self._context.tasks.load(self._context.key.tenant, digests)

    def score(
        self,
        rollout: rollout_pb2.Rollout,
        receivers: tuple[str, ...],
        sender: Sender | None,
        received: float,
        sample: Sample | None = None,
    ) -> Answer | Deferred:
        """The answer to a complete rollout whose task is at hand, or the work that is left until there is one.

        Args:
            sample: of a plain rollout (see :func:`plain_sample`).
        """
        context = self._context
        try:
            digest = rollout.task_digest
            task = context.tasks.get(context.key.tenant, digest) if digest else None
        except Failure as failure:
            return self.fail(rollout, failure, receivers, sender)
        scoring = score_rollout(
            rollout, task, context.spec.reward, self._truncated_policy, received, context.lanes, context.ports, sample
        )
        if isinstance(scoring, Judged):
            return self._answer(rollout, scoring, receivers, sender, sample)
        return Deferred(scoring, lambda judged: self._answer(rollout, judged, receivers, sender, sample))

    def fail(
        self, rollout: rollout_pb2.Rollout, failure: Failure, receivers: tuple[str, ...], sender: Sender | None
    ) -> Answer:
        """The answer to a rollout that is not to be scored."""
        judged = unscored(rollout.rollout_id, rollout.group_id, failure)
        return self._answer(rollout, judged, receivers, sender)

    def _answer(
        self,
        rollout: rollout_pb2.Rollout,
        judged: Judged,
        receivers: tuple[str, ...],
        sender: Sender | None,
        sample: Sample | None = None,
    ) -> Answer:
        payload, assessment = judged
        held = self._desk.member(rollout, assessment, receivers, sample)
        return Answer(
            ResultItem(held.member.rollout_id, payload),
            held,
            rollout.group_id,
            sender,
            "not_scored" if assessment is None else _word_of(assessment.verdict),
        )


def _word_of(verdict: Verdict) -> str:
    if verdict is Verdict.CORRECT:
        return "correct"
    return "incorrect" if verdict is Verdict.INCORRECT else "unspecified"
