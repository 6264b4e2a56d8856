"""The intake loop of a run: takes rollouts over and handles control requests, in the order in which they came."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

import structlog

from assay.sdk import Sample
from assay.v1 import reward_service_pb2 as wire
from assay.v1 import rollout_pb2
from assay_server.execution.gathering import WORTH_WAITING
from assay_server.pipeline.answering import Answer, Deferred
from assay_server.pipeline.assembly import assemble, split_for_growth
from assay_server.pipeline.batches import BatchDesk
from assay_server.pipeline.completion import Completion
from assay_server.pipeline.consumers import Consumers
from assay_server.pipeline.context import RunContext
from assay_server.pipeline.failures import Code, Failure, failure_of, internal, invalid_field
from assay_server.pipeline.groups import GroupDesk
from assay_server.pipeline.growing import Growing
from assay_server.pipeline.intake import check_id, check_rollout, check_size, plain_sample
from assay_server.pipeline.senders import ControlWork, RolloutWork, Sender
from assay_server.pipeline.traced_answering import answering_of
from assay_server.store.protocol import (
    AcceptCode,
    AcceptItem,
    AcceptOutcome,
    AppendCode,
    GroupState,
    StaleGeneration,
    StoredRollout,
    StoreError,
)

_log = structlog.get_logger(__name__)

_MAX_BATCH = 512
_SCORING_SLICE = 32
_ENOUGH = 64
_PACE_SECONDS = 0.003
_SLOW_BATCH = 16


class _Admitted(NamedTuple):
    """A rollout that may be taken over; ``sample`` where it is a plain one (see :func:`plain_sample`)."""

    work: RolloutWork
    item: AcceptItem
    sample: Sample | None

    @property
    def size(self) -> int:
        """Bytes of its content."""
        return len(self.item.payload) + sum(map(len, self.item.steps))


class Intake:
    """What happens to a request before its answer is known."""

    def __init__(
        self,
        context: RunContext,
        desk: GroupDesk,
        batches: BatchDesk,
        consumers: Consumers,
        completion: Completion,
        on_quiet: Callable[[], None],
    ) -> None:
        self._context = context
        self._desk = desk
        self._batches = batches
        self._consumers = consumers
        self._completion = completion
        self._on_quiet = on_quiet
        self._answering = answering_of(context, desk)
        self._growing = Growing(context, self._answering, completion)
        self._queue: deque[RolloutWork | ControlWork] = deque()
        self._wake = asyncio.Event()

    def submit(self, sender: Sender, request: wire.StreamRolloutsRequest) -> None:
        """Queue a request of a stream."""
        now = time.monotonic()
        if request.WhichOneof("request") == "rollouts":
            rollouts = request.rollouts.rollouts
            sender.in_flight += len(rollouts)
            self._context.metrics.in_flight.inc(len(rollouts))
            self._queue.extend([RolloutWork(sender, rollout, now) for rollout in rollouts])
        else:
            sender.requests += 1
            self._queue.append(ControlWork(sender, request, now))
        self._wake.set()

    @property
    def pending(self) -> bool:
        """Whether something is queued."""
        return bool(self._queue)

    async def run(self) -> None:
        """Work until cancelled.

        What comes in small messages is gathered for a moment: a transaction for each would cost ten times as much.
        Whoever comes after a pause does not wait. Of many that come together for answers that take long, few are taken
        at a time, and the loop is left to others in between.
        """
        began = 0.0
        while True:
            while not self._queue:  # a batch of no rollouts wakes as well
                self._wake.clear()
                self._on_quiet()
                await self._wake.wait()
            early = began + max(_PACE_SECONDS, self._completion.patience) - time.monotonic()
            if early > 0.0 and len(self._queue) < _ENOUGH:
                await asyncio.sleep(early)
            began = time.monotonic()
            self._context.load.busy += 1
            slow = self._completion.patience >= WORTH_WAITING
            try:
                await self._work(_SLOW_BATCH if slow else _MAX_BATCH)
            except StaleGeneration:
                self._consumers.close_streams(wire.CLOSING_REASON_FENCED)
            finally:
                self._context.load.busy -= 1
            if slow and self._queue:
                await asyncio.sleep(_PACE_SECONDS)

    async def _work(self, most: int) -> None:
        """One batch of rollouts, one batch of appends, or one other request."""
        rollouts: list[RolloutWork] = []
        appends: list[ControlWork] = []
        while self._queue and len(rollouts) + len(appends) < most:
            work = self._queue[0]
            if isinstance(work, RolloutWork) and not appends:
                rollouts.append(work)
            elif isinstance(work, ControlWork) and work.is_append and not rollouts:
                appends.append(work)
            else:
                break
            self._queue.popleft()
        if rollouts:
            await self._take_rollouts(rollouts)
        elif appends:
            await self._take_appends(appends)
        else:
            work = self._queue.popleft()
            assert isinstance(work, ControlWork)
            await self._guarded(work)

    # ------------------------------------------------------------ rollouts

    async def recover(self, unanswered: Sequence[StoredRollout]) -> None:
        """Score again what an earlier process accepted and did not answer."""
        rollouts = [assemble(stored) for stored in unanswered]
        await self._answering.load_tasks(rollouts)
        now = time.monotonic()
        self._context.load.unanswered += len(rollouts)  # all at once: nothing is idle before the last is answered
        for position, (stored, rollout) in enumerate(zip(unanswered, rollouts, strict=True)):
            self._completion.take(self._answering.score(rollout, stored.consumers, None, now))
            if position % _SCORING_SLICE == 0:
                await asyncio.sleep(0)

    async def _take_rollouts(self, batch: Sequence[RolloutWork]) -> None:
        admitted = await self._with_room([taken for work in batch if (taken := self._admitted(work)) is not None])
        if not admitted:
            return
        items = [one.item for one in admitted]
        store, key = self._context.store, self._context.key
        accepting = asyncio.ensure_future(store.accept_rollouts(key, items, time.time()))
        await asyncio.sleep(0)  # lets the store begin: scoring and storing overlap
        try:
            answers = await self._score(admitted)
        finally:
            outcome = await asyncio.gather(accepting, return_exceptions=True)
        if isinstance(outcome[0], BaseException):
            for answer in answers:
                _drop(answer)
            self._not_taken([one.work for one in admitted], outcome[0])
            return
        self._context.metrics.queue_seconds.observe(time.monotonic() - admitted[0].work.received)
        taken = sum(accepted.code is AcceptCode.ACCEPTED for accepted in outcome[0])
        self._context.metrics.accepted.inc(taken)
        for (work, item, _), accepted, answer in zip(admitted, outcome[0], answers, strict=True):
            self._taken(work, item, accepted, answer)
        _flush(one.work.sender for one in admitted)

    def _not_taken(self, works: Sequence[RolloutWork], error: BaseException) -> None:
        """The client still owns them and sends them again on its next stream."""
        if not isinstance(error, StoreError) or isinstance(error, StaleGeneration):
            raise error
        _log.warning("the store took nothing over", run=self._context.key.run_id, error=str(error))
        failure = failure_of(error) or internal()
        for work in works:
            self._consumers.free_slots(work.sender, 1)
            work.sender.outlet.fail(failure)

    async def _with_room(self, admitted: list[_Admitted]) -> list[_Admitted]:
        """Refuse what goes beyond the run's quota of records; what is held already comes again and is let through."""
        quota, context = self._context.records, self._context
        if quota is None:
            return admitted
        size, beyond = 0, set[str]()
        for one in admitted:
            size += one.size
            if not quota.has_room(size):
                beyond.add(one.item.rollout_id)
                size -= one.size
        if not beyond:
            return admitted
        wanted = sorted(beyond)
        held = await context.persist(lambda: context.store.read_rollouts(context.key, wanted))
        beyond -= {stored.rollout_id for stored in held if stored is not None}
        for one in admitted:
            if one.item.rollout_id in beyond:
                self._refuse(one.work, quota.refusal())
        return [one for one in admitted if one.item.rollout_id not in beyond]

    def _admitted(self, work: RolloutWork) -> _Admitted | None:
        """Checked and read; None: it is refused."""
        rollout = work.rollout
        try:
            sample = plain_sample(rollout)
            if sample is None:
                check_rollout(rollout)
                if rollout.initial_state_digest:
                    self._desk.check_start(rollout)
            content = rollout.SerializeToString(deterministic=True)
            check_size(len(content))
        except Failure as failure:
            self._refuse(work, failure)
            return None
        receivers = self._consumers.receivers(work.sender)
        if sample is not None:
            digest, size = sha256(content).digest(), rollout.group_size
            item = AcceptItem(sample.rollout_id, digest, sample.group_id, size, content, True, receivers)
            return _Admitted(work, item, sample)
        final = rollout.state != rollout_pb2.ROLLOUT_STATE_IN_PROGRESS
        payload, steps = (content, ()) if final else split_for_growth(rollout)
        item = AcceptItem(
            rollout_id=rollout.rollout_id,
            digest=sha256(content).digest(),
            group_id=rollout.group_id,
            group_size=rollout.group_size,
            payload=payload,
            final=final,
            consumers=receivers,
            steps=steps,
        )
        return _Admitted(work, item, None)

    def _refuse(self, work: RolloutWork, failure: Failure) -> None:
        self._context.metrics.refused.labels(failure.reason).inc()
        work.sender.refuse(work.rollout.rollout_id, work.rollout.group_id, failure)
        if (traces := self._context.traces) is not None:
            rollout = work.rollout
            traces.refused(rollout.rollout_id, rollout.group_id, work.received, work.sender.caller, failure.reason)
        self._consumers.free_slots(work.sender, 1)

    async def _score(self, admitted: Sequence[_Admitted]) -> list[Answer | Deferred | None]:
        await self._answering.load_tasks([one.work.rollout for one in admitted if one.sample is None])
        started = time.monotonic()
        answers: list[Answer | Deferred | None] = []
        score = self._answering.score
        for position, ((sender, rollout, received), item, sample) in enumerate(admitted, 1):
            answers.append(score(rollout, item.consumers, sender, received, sample) if item.final else None)
            if not position % _SCORING_SLICE:
                await asyncio.sleep(0)
        self._context.metrics.run_seconds.observe((time.monotonic() - started) / len(admitted))
        return answers

    def _taken(
        self, work: RolloutWork, item: AcceptItem, outcome: AcceptOutcome, answer: Answer | Deferred | None
    ) -> None:
        if outcome.code is not AcceptCode.ACCEPTED:
            _drop(answer)
        if outcome.code not in (AcceptCode.ACCEPTED, AcceptCode.DUPLICATE):
            self._refuse(work, _refusal(outcome, item))
            return
        work.sender.accepted_ids.append(item.rollout_id)
        if outcome.code is AcceptCode.DUPLICATE:
            self._consumers.free_slots(work.sender, 1)
            return
        if self._context.records is not None:
            self._context.records.take(len(item.payload) + sum(map(len, item.steps)))
        if item.group_id:
            if outcome.late:  # its group may be finished: it must not open it again
                self._desk.mark_irregular(item.group_id)
            else:
                self._desk.touch(item.group_id, outcome.group_size, time.time())
        if answer is None:
            self._growing.begin(item)
            self._consumers.free_slots(work.sender, 1)
        else:
            self._context.load.unanswered += 1
            self._completion.take(answer)

    # ------------------------------------------------------------ appends

    async def _take_appends(self, works: Sequence[ControlWork]) -> None:
        try:
            await self._growing.recall(work.request.append_steps.rollout_id for work in works)
            outcomes = await asyncio.gather(*(self._append(work) for work in works))
            _flush(work.sender for work in works)  # before any answer: Accepted comes first
            await self._growing.finish([work for work, last in zip(works, outcomes, strict=True) if last])
        finally:
            for work in works:
                work.sender.handled()

    async def _append(self, work: ControlWork) -> bool:
        """Whether it made a rollout complete."""
        append = work.request.append_steps
        try:
            outcome = await self._growing.append(append)
        except StaleGeneration:
            raise
        except StoreError as error:
            work.sender.outlet.fail(failure_of(error) or internal())
            return False
        except Failure as failure:
            self._context.metrics.refused.labels(failure.reason).inc()
            work.sender.refuse(append.rollout_id, "", failure)
            return False
        work.sender.appended.appends.add(rollout_id=append.rollout_id, length=outcome.length)
        return append.final and outcome.code is AppendCode.APPENDED

    # ------------------------------------------------------------ other requests

    async def _guarded(self, work: ControlWork) -> None:
        request = work.request
        try:
            match request.WhichOneof("request"):
                case "group_control":
                    await self._group_control(request.group_control)
                case "barrier":
                    await self._batches.arrive(request.barrier, work.sender.outlet.consumer)
                    self._completion.look_at_barriers()
                case _:
                    await self._cancel(request.cancel)
        except StaleGeneration:
            raise
        except StoreError as error:
            work.sender.outlet.fail(failure_of(error) or internal())
        except Failure as failure:
            self._context.metrics.refused.labels(failure.reason).inc()
            work.sender.refuse("", request.group_control.group_id, failure)
        finally:
            work.sender.handled()

    async def _group_control(self, control: wire.GroupControl) -> None:
        check_id(control.group_id, "group_control.group_id")
        kind = control.WhichOneof("control")
        if kind is None:
            raise invalid_field("group_control.control", "one of close, abort must be given")
        store, key, now = self._context.store, self._context.key, time.time()
        if kind == "abort":
            record = await store.abort_group(key, control.group_id, now)
        else:
            record = await store.close_group(
                key, control.group_id, list(control.close.expected_rollout_ids) or None, now
            )
        if record is None or record.state is GroupState.EMITTED:
            return
        self._desk.touch(control.group_id, record.size, record.first_at).irregular = True
        if record.state is not GroupState.OPEN:
            self._completion.due(record)

    async def _cancel(self, cancel: wire.Cancel) -> None:
        failure = Failure(Code.CANCELLED, "CANCELLED", cancel.reason or "taken back by the trainer")
        for stored in await self._context.store.read_rollouts(self._context.key, list(cancel.rollout_ids)):
            if stored is None or stored.result is not None:
                continue
            self._growing.forget(stored.rollout_id)
            self._context.load.unanswered += 1
            self._completion.take(self._answering.fail(assemble(stored), failure, stored.consumers, None))


def _drop(answer: Answer | Deferred | None) -> None:
    """Work that was not begun need not be: the rollout was not taken over."""
    if isinstance(answer, Deferred):
        answer.drop()


def _flush(senders: Iterable[Sender]) -> None:
    for sender in {id(sender): sender for sender in senders}.values():
        sender.flush_accepted()


def _refusal(outcome: AcceptOutcome, item: AcceptItem) -> Failure:
    match outcome.code:
        case AcceptCode.CONFLICT:
            message = "this id is taken by a rollout with other content; use a new id, or restore the run"
            return Failure(Code.ALREADY_EXISTS, "ROLLOUT_EXISTS", message)
        case AcceptCode.GROUP_FULL:
            message = f"group {item.group_id!r} has its {outcome.group_size} announced members already"
            return Failure(Code.INVALID_ARGUMENT, "GROUP_FULL", message)
        case AcceptCode.GROUP_SIZE_DIFFERS:
            message = f"group {item.group_id!r} was announced with {outcome.group_size} members, not {item.group_size}"
            return Failure(Code.INVALID_ARGUMENT, "GROUP_SIZE_DIFFERS", message)
        case _:
            message = f"group {item.group_id!r} was closed with a list of members that lacks this one"
            return Failure(Code.FAILED_PRECONDITION, "NOT_EXPECTED", message)
