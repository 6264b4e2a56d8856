"""Rollouts that come in pieces: takes appends over, keeps each rollout within its size, scores the finished ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from assay.v1 import reward_service_pb2 as wire
from assay_server.pipeline.answering import Answering
from assay_server.pipeline.assembly import assemble, tail_of
from assay_server.pipeline.completion import Completion
from assay_server.pipeline.context import RunContext
from assay_server.pipeline.failures import Code, Failure
from assay_server.pipeline.intake import check_append, check_size
from assay_server.pipeline.senders import ControlWork
from assay_server.store.protocol import AcceptItem, AppendCode, AppendOutcome


class Growing:
    """The rollouts of a run that are in progress."""

    def __init__(self, context: RunContext, answering: Answering, completion: Completion) -> None:
        self._context = context
        self._answering = answering
        self._completion = completion
        self._held = context.load.growing

    def begin(self, item: AcceptItem) -> None:
        """A rollout in progress was taken over."""
        self._held[item.rollout_id] = len(item.payload) + sum(map(len, item.steps))

    def forget(self, rollout_id: str) -> None:
        """A rollout is in progress no more."""
        self._held.pop(rollout_id, None)

    async def recall(self, rollout_ids: Iterable[str]) -> None:
        """Have the sizes of these rollouts at hand, also of those that an earlier process took over."""
        context = self._context
        unknown = [rollout_id for rollout_id in dict.fromkeys(rollout_ids) if rollout_id not in self._held]
        if not unknown:
            return
        for stored in await context.persist(lambda: context.store.read_rollouts(context.key, unknown)):
            if stored is not None and not stored.final and stored.result is None:
                self._held[stored.rollout_id] = len(stored.payload) + sum(map(len, stored.steps))

    async def append(self, append: wire.AppendSteps) -> AppendOutcome:
        """Take steps over.

        Raises:
            Failure: they are not well formed, do not continue what is held, or make the rollout too large.
        """
        check_append(append)
        steps = [step.SerializeToString(deterministic=True) for step in append.steps]
        tail = tail_of(append) if append.final else b""
        rollout_id, size = append.rollout_id, sum(map(len, steps)) + len(tail)
        check_size(self._held.get(rollout_id, 0) + size)
        records = self._context.records
        if records is not None and not records.has_room(size):
            raise records.refusal()
        if rollout_id in self._held:
            self._held[rollout_id] += size
        code = AppendCode.ABORTED
        try:
            outcome = await self._context.store.append_steps(
                self._context.key, rollout_id, append.from_index, steps, final=append.final, tail=tail
            )
            code = outcome.code
        finally:
            if code is not AppendCode.APPENDED and rollout_id in self._held:
                self._held[rollout_id] -= size
        if records is not None and code is AppendCode.APPENDED:
            records.take(size)
        if code in (AppendCode.UNKNOWN, AppendCode.ABORTED):
            raise _refusal(append, outcome)
        return outcome

    async def finish(self, works: Sequence[ControlWork]) -> None:
        """Score the rollouts whose last steps these were."""
        if not works:
            return
        context = self._context
        rollout_ids = [work.request.append_steps.rollout_id for work in works]
        found = await context.persist(lambda: context.store.read_rollouts(context.key, rollout_ids))
        # A rollout that a restore forgot in between is not there.
        grown = [(work, stored, assemble(stored)) for work, stored in zip(works, found, strict=True) if stored]
        await context.persist(lambda: self._answering.load_tasks([rollout for _, _, rollout in grown]))
        for work, stored, rollout in grown:
            self.forget(stored.rollout_id)
            context.load.unanswered += 1
            self._completion.take(self._answering.score(rollout, stored.consumers, None, work.received))


def _refusal(append: wire.AppendSteps, outcome: AppendOutcome) -> Failure:
    if outcome.code is AppendCode.UNKNOWN:
        message = f"rollout {append.rollout_id!r} is not known; send it IN_PROGRESS first"
        return Failure(Code.NOT_FOUND, "ROLLOUT_NOT_FOUND", message)
    held = f"{outcome.length} steps are held" + (" and the content is final" if outcome.final else "")
    message = f"steps from index {append.from_index} do not continue what is held: {held}"
    metadata = {"length": str(outcome.length), "final": str(outcome.final).lower()}
    return Failure(Code.ABORTED, "LENGTH_MISMATCH", message, metadata=metadata)
