"""The completion loop of a run: stores answers, finishes groups, advances barriers, in the order answers come."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence

from assay.v1 import reward_service_pb2 as wire
from assay.v1 import rollout_pb2
from assay_server.execution.gathering import WORTH_WAITING, Gathering, UsualTime, patience
from assay_server.log_subject import name_item
from assay_server.pipeline.answering import Answer, Deferred
from assay_server.pipeline.batches import BatchDesk
from assay_server.pipeline.consumers import Consumers
from assay_server.pipeline.context import RunContext
from assay_server.pipeline.facts import facts_of
from assay_server.pipeline.finishing import FinishedResult, Finisher
from assay_server.pipeline.group_rewards import HeldMember
from assay_server.pipeline.groups import GroupDesk
from assay_server.pipeline.specs import counted_roles
from assay_server.pipeline.traced_answering import end_spans, said_of
from assay_server.store.protocol import GroupRecord, GroupState, OutboxKind, StaleGeneration, StoredRollout

_MAX_ANSWERS = 512


class Completion:
    """What happens to a rollout once its answer is known."""

    def __init__(
        self,
        context: RunContext,
        desk: GroupDesk,
        finisher: Finisher,
        batches: BatchDesk,
        consumers: Consumers,
        on_quiet: Callable[[], None],
    ) -> None:
        self._context = context
        self._roles = counted_roles(context.spec.message)
        self._desk = desk
        self._finisher = finisher
        self._batches = batches
        self._consumers = consumers
        self._on_quiet = on_quiet
        self._answers: deque[Answer] = deque()
        self._due: deque[GroupRecord] = deque()
        self._advance = False
        self._wake = asyncio.Event()
        self._deferred: set[asyncio.Task[None]] = set()
        self._late = Gathering[Answer](self._answered)
        self._usual = UsualTime()
        self._finished: deque[FinishedResult] = deque()
        self._asked_at: dict[str, int] = {}  # groups for which plugins are asked: how many answers were stored before
        self._answers_in = 0
        self._answers_out = 0
        self._marks: deque[tuple[int, asyncio.Future[None]]] = deque()

    def take(self, answer: Answer | Deferred) -> None:
        """Queue an answer, now or when it is there."""
        if isinstance(answer, Answer):
            self._answered([answer])
            return
        task = asyncio.create_task(self._when_done(answer), name="answer")
        self._deferred.add(task)
        task.add_done_callback(self._deferred.discard)

    async def _when_done(self, deferred: Deferred) -> None:
        """What took long is stored and sent with what comes a little later: each time costs as much as an answer."""
        began = time.monotonic()
        answer = await deferred.answer()
        took = time.monotonic() - began
        self._usual.add(took)
        if (wait := patience(took)) < WORTH_WAITING:
            self._answered([answer])
        else:
            self._late.add(answer, wait)

    @property
    def patience(self) -> float:
        """Seconds for which a rollout of this run may wait for others: next to nothing of what its answer takes."""
        return self._usual.patience

    async def stop(self) -> None:
        """Give up what other lanes still work on; its rollouts are in the store."""
        deferred = list(self._deferred)
        for task in deferred:
            task.cancel()
        self._late.end()
        await asyncio.gather(*deferred, return_exceptions=True)

    def _answered(self, answers: Sequence[Answer]) -> None:
        self._answers.extend(answers)
        self._answers_in += len(answers)
        self._wake.set()

    def due(self, record: GroupRecord) -> None:
        """Queue a group that is ready or aborted."""
        self._due.append(record)
        self._wake.set()

    def look_at_barriers(self) -> None:
        """A barrier came, or what barriers count changed."""
        self._advance = True
        self._wake.set()

    @property
    def pending(self) -> bool:
        """Whether something is queued."""
        return bool(self._answers or self._due or self._finished or self._advance)

    @property
    def waits_for_lanes(self) -> bool:
        """Whether answers, groups or a batch are on their way from other lanes."""
        return bool(self._deferred or self._late) or self._batches.waits_for_lanes

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            if not self.pending:
                self._wake.clear()
                self._on_quiet()
                await self._wait()
            self._context.load.busy += 1
            try:
                await self._work()
            except StaleGeneration:
                self._consumers.close_streams(wire.CLOSING_REASON_FENCED)
            finally:
                self._context.load.busy -= 1

    async def caught_up(self) -> None:
        """Wait until every answer queued so far is stored, and the groups that it completed too."""
        mark: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._marks.append((self._answers_in, mark))
        self.look_at_barriers()
        await mark

    def _release_marks(self) -> None:
        oldest = min(self._asked_at.values(), default=self._answers_out)
        while self._marks and self._marks[0][0] <= oldest:
            _, mark = self._marks.popleft()
            if not mark.done():
                mark.set_result(None)

    async def _wait(self) -> None:
        deadline = self._desk.next_deadline()
        timeout = None if deadline is None else max(0.0, deadline - time.time())
        try:
            async with asyncio.timeout(timeout):  # wait_for forgets a cancellation that comes together with the event
                await self._wake.wait()
        except TimeoutError:
            self._advance = True

    async def _work(self) -> None:
        answers = [self._answers.popleft() for _ in range(min(_MAX_ANSWERS, len(self._answers)))]
        due, finished = list(self._due), list(self._finished)
        self._due.clear()
        self._finished.clear()
        self._advance = False
        if finished:
            await self._store_groups(finished)
        if answers:
            due.extend(await self._store_answers(answers))
        for group_id in self._desk.overdue(time.time()):
            due.extend(await self._cut(group_id))
        await self._finish(due)
        if self._context.store.shared:
            await self._batches.refresh()
        if self._batches.waits:
            for group_id in self._desk.stragglers(self._batches.waiting_rollouts, await self._shared_counts()):
                await self._finish(await self._cut(group_id))
            await self._batches.advance()
        self._answers_out += len(answers)
        self._release_marks()

    # ------------------------------------------------------------ answers

    async def _store_answers(self, answers: Sequence[Answer]) -> list[GroupRecord]:
        context = self._context
        items = [answer.item for answer in answers]
        outcome = await context.persist(lambda: context.store.complete_rollouts(context.key, items))
        stored = [answer for answer, first in zip(answers, outcome.stored, strict=True) if first]
        for answer in stored:
            if answer.group_id:
                self._desk.hold(answer.group_id, answer.held)
        entries = [(answer.held.consumers, answer.item.payload) for answer in stored]
        self._consumers.push(OutboxKind.SAMPLE, entries, outcome.sequences)
        context.load.unanswered -= len(answers)
        self._count(stored)
        self._free_slots(answers)
        if context.traces is not None:
            end_spans(answers, outcome.stored)
        return [await self._ready_record(group_id) for group_id in outcome.ready]

    async def _ready_record(self, group_id: str) -> GroupRecord:
        regular = self._desk.regular_record(group_id)
        if regular is not None:
            return regular
        context = self._context
        record = await context.persist(lambda: context.store.get_group(context.key, group_id))
        assert record is not None, "the store has just told of this group"
        return record

    def _free_slots(self, answers: Sequence[Answer]) -> None:
        senders = [answer.sender for answer in answers if answer.sender is not None]
        counts, known = Counter(map(id, senders)), dict(zip(map(id, senders), senders, strict=True))
        for sender, count in counts.items():
            self._consumers.free_slots(known[sender], count)

    def _count(self, answers: Sequence[Answer]) -> None:
        for verdict, count in Counter([answer.verdict for answer in answers]).items():
            self._context.metrics.answered.labels(verdict).inc(count)

    # ------------------------------------------------------------ groups

    async def _shared_counts(self) -> dict[str, tuple[int, int]]:
        """Answered members and size of the groups that slow members hold up, where others answer members, too."""
        context = self._context
        watched = self._desk.watched_for_stragglers() if context.store.shared else []
        if not watched:
            return {}
        records = await context.persist(lambda: context.store.get_groups(context.key, watched))
        return {one.group_id: (one.answered, max(one.size, one.arrived)) for one in records if one is not None}

    async def _cut(self, group_id: str) -> list[GroupRecord]:
        context = self._context
        record = await context.persist(lambda: context.store.cut_group(context.key, group_id))
        if record is None:
            self._desk.forget(group_id)
            return []
        self._desk.mark_irregular(group_id)
        return [record]

    async def _finish(self, records: Sequence[GroupRecord]) -> None:
        if not records:
            return
        ready = [record for record in records if record.state is GroupState.READY]
        finished: list[FinishedResult] = []
        if self._context.spec.asks_plugins:
            for record in ready:
                await self._ask_plugins(record)
        else:
            members = await self._members(ready)
            finished = await self._finisher.finish(list(zip(ready, members, strict=True)))
        for record in records:
            if record.state is GroupState.ABORTED:
                stored = await self._read(record)
                finished.append(self._finisher.aborted(record.group_id, stored, self._desk.members_of(stored)))
        await self._store_groups(finished)

    async def _ask_plugins(self, record: GroupRecord) -> None:
        """Have a group finished while the others go on: a plugin may take as long as it is let."""
        if self._desk.is_finishing(record.group_id):
            return
        (members,) = await self._members([record])
        self._desk.finishing(record.group_id)
        self._asked_at[record.group_id] = self._answers_out
        task = asyncio.create_task(self._finish_with_plugins(record, members), name="group")
        self._deferred.add(task)
        task.add_done_callback(self._deferred.discard)

    async def _finish_with_plugins(self, record: GroupRecord, members: Sequence[HeldMember]) -> None:
        name_item("", record.group_id)
        self._finished.append(await self._finisher.finish_with_plugins(record, members))
        self._wake.set()

    async def _members(self, records: Sequence[GroupRecord]) -> list[list[HeldMember]]:
        """Of each group the members that count: as they are held here, the others as the store has them."""
        held = [self._desk.held_members(record.group_id) for record in records]
        members = [list(known.values()) for known in held]
        partial = [n for n, record in enumerate(records) if len(held[n]) != record.size]
        if partial:
            context = self._context
            wanted = [(records[n].group_id, held[n]) for n in partial]
            found = await context.persist(lambda: context.store.read_groups(context.key, wanted))
            for n, missing in zip(partial, found, strict=True):
                members[n] += self._desk.members_of(missing)
        return members

    async def _read(self, record: GroupRecord) -> Sequence[StoredRollout]:
        context = self._context
        return await context.persist(lambda: context.store.read_group(context.key, record.group_id))

    async def _store_groups(self, finished: Sequence[FinishedResult]) -> None:
        context = self._context
        traces, emitting = context.traces, time.time_ns()
        deferred = context.spec.deferred
        results = [
            (one.message.group_id, one.message.SerializeToString(), () if deferred else one.consumers)
            for one in finished
        ]
        facts = [facts_of(one, self._roles, context.spec.policies.state.signals) for one in finished]
        positions, sequences = await context.persist(lambda: context.store.emit_groups(context.key, results, facts))
        entries: list[tuple[tuple[str, ...], bytes]] = []
        counts: Counter[tuple[int, bool]] = Counter()
        now = time.time()
        for one, (group_id, payload, receivers), position in zip(finished, results, positions, strict=True):
            first_at = self._desk.forget(group_id)
            self._asked_at.pop(group_id, None)
            if position:
                if first_at is not None:
                    context.metrics.group_seconds.observe(max(0.0, now - first_at))
                entries.append((receivers, payload))
                self._batches.add(one)
                counts[one.message.outcome, one.message.kept] += 1
                if traces is not None and traces.tells_of(group_id):
                    traces.emitted(group_id, now if first_at is None else first_at, emitting, said_of(one.message))
        for (outcome, kept), count in counts.items():
            name = rollout_pb2.GroupOutcome.Name(outcome)  # pyright: ignore[reportArgumentType] - a number of the enum
            context.metrics.groups.labels(name, str(kept).lower()).inc(count)
        self._consumers.push(OutboxKind.GROUP, entries, sequences)
