"""The driver: orders rollouts, consumes every result, checkpoints, restores, and asks for trouble."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from queue import Queue

from assay import BatchProgress, BatchResult, DeadlineExceeded, GroupResult, RolloutStream, SampleResult
from assay.results import Event

from .place import (
    CONSUMER,
    RUN_ID,
    VICTIM,
    Ask,
    Inbox,
    Message,
    NewWeights,
    Order,
    Part,
    Place,
    Reply,
    Restored,
    Scale,
    Settle,
    Stop,
)
from .sampling import GROUP_SIZE

CHECKPOINT = "after-step-0"
_HELD_GROUPS = 3


@dataclass(frozen=True, slots=True)
class Delivery:
    """A result as it came."""

    generation: int
    sequence: int
    kind: type[SampleResult | GroupResult | BatchResult]
    message: bytes


@dataclass(slots=True)
class Progress:
    """Where training stands: the trainer's own checkpoint.

    Attributes:
        groups: ordered so far.
        outstanding: those without a result.
    """

    groups: int = 0
    outstanding: set[str] = field(default_factory=set[str])


@dataclass(slots=True)
class Record:
    """What the driver saw, for the checks.

    Attributes:
        checkpointed: groups finished when the checkpoint was taken.
        unanswered: rollouts that the killed server had accepted and not answered.
        forgotten: rollouts that the restore forgot.
    """

    deliveries: list[Delivery] = field(default_factory=list[Delivery])
    checkpointed: int = 0
    unanswered: int = 0
    forgotten: int = 0
    groups: int = 0
    topped_up: int = 0


def run_driver(
    place: Place,
    scale: Scale,
    inboxes: Mapping[str, Inbox],
    reports: Queue[str],
    asks: Queue[Ask],
    replies: Queue[Reply],
) -> None:
    """The body of the driver's process."""
    driver = Driver(place, scale, dict(inboxes), reports, asks, replies)
    driver.train()
    with place.deliveries.open("wb") as file:
        pickle.dump(driver.record, file)


class Driver:
    """See the module."""

    def __init__(
        self,
        place: Place,
        scale: Scale,
        inboxes: dict[str, Inbox],
        reports: Queue[str],
        asks: Queue[Ask],
        replies: Queue[Reply],
    ) -> None:
        self.record = Record()
        self._client = place.client()
        self._scale = scale
        self._inboxes = inboxes
        self._reports = reports
        self._asks = asks
        self._replies = replies
        self._progress = Progress()
        self._generation = self._client.create_run(scale.run_config()).generation
        self._stream = self._opened()

    def train(self) -> None:
        """Three steps of training, the last two of them twice: with other content after the restore."""
        self._step(0)
        self._settle()
        held = self._begin_episodes()
        saved = self._checkpoint()
        self._share_out(held, Part.REST)
        self._step(1, trouble=self._kill_server)
        self._step(2, trouble=self._kill_rank, last=True)
        self._restore(saved)
        self._share_out(held, Part.REST)
        self._step(1, trouble=self._stop_reading)
        self._step(2)
        self._settle()
        self._stream.close()
        self._tell_all(Stop())
        self.record.groups = self._progress.groups

    # ------------------------------------------------------------ one step of training

    def _step(self, version: int, trouble: Callable[[], None] | None = None, *, last: bool = False) -> None:
        """Sample until enough groups are kept.

        Args:
            version: of the weights from now on.
            trouble: had along the way.
            last: the step cannot go on after it.
        """
        barrier = f"batch-{version}"
        self._tell_all(NewWeights(version))
        self._stream.barrier(barrier, kept_groups=self._scale.kept_groups)
        self._order(self._scale.kept_groups)
        missing, groups = self._scale.kept_groups, 0
        for event in self._stream:
            self._note(event)
            if isinstance(event, BatchResult) and event.barrier_id == barrier:
                return
            if isinstance(event, BatchProgress):
                missing = event.missing
            groups += isinstance(event, GroupResult)
            if trouble is not None and groups > self._scale.kept_groups // 4:
                trouble()
                trouble = None
                if last:
                    return
            self._top_up(missing, told=isinstance(event, BatchProgress))

    def _top_up(self, missing: int, *, told: bool) -> None:
        """Dynamic sampling: order what is still missing, beside what is under way."""
        outstanding = len(self._progress.outstanding)
        if (told or not outstanding) and missing > outstanding:
            self.record.topped_up += missing - outstanding
            self._order(missing - outstanding)

    def _order(self, groups: int) -> None:
        first = self._progress.groups
        self._share_out(range(first, first + groups))
        self._progress.groups += groups
        self._progress.outstanding.update(f"{group:05d}" for group in range(first, first + groups))

    def _share_out(self, groups: Iterable[int], part: Part = Part.WHOLE) -> None:
        """The members of a group are spread over the ranks."""
        names = list(self._inboxes)
        for group in groups:
            shares: dict[str, list[int]] = {}
            for member in range(GROUP_SIZE):
                shares.setdefault(names[(group + member) % len(names)], []).append(member)
            for name, members in shares.items():
                self._inboxes[name].put(Order(group, tuple(members), part))

    def _note(self, event: Event) -> None:
        if isinstance(event, BatchProgress):
            return
        message = event.message.SerializeToString()
        self.record.deliveries.append(Delivery(self._generation, event.sequence, type(event), message))
        if isinstance(event, GroupResult):
            self._progress.outstanding.discard(event.group_id)

    def _wait_accepted(self) -> None:
        self._tell_all(Settle())
        for _ in self._inboxes:
            self._reports.get()

    def _settle(self) -> None:
        """Wait until everything ordered is accepted and answered, and every group is there."""
        self._wait_accepted()
        while self._progress.outstanding:
            event = self._stream.receive()
            assert event is not None
            self._note(event)
        with suppress(DeadlineExceeded):  # nothing more may come
            while (event := self._stream.receive(timeout=0.2)) is not None:
                self._note(event)

    def _tell_all(self, message: Message) -> None:
        for inbox in self._inboxes.values():
            inbox.put(message)

    # ------------------------------------------------------------ checkpoints

    def _opened(self) -> RolloutStream:
        return self._client.stream(RUN_ID, CONSUMER, generation=self._generation)

    def _begin_episodes(self) -> range:
        """Groups whose episodes are in progress when the checkpoint is taken."""
        first = self.record.checkpointed = self._progress.groups
        held = range(first, first + _HELD_GROUPS)
        self._share_out(held, Part.HEAD)
        self._wait_accepted()
        self._progress.groups += len(held)
        self._progress.outstanding.update(f"{group:05d}" for group in held)
        return held

    def _checkpoint(self) -> Progress:
        self._stream.close()  # everything handed out is acknowledged: it will not come again after a restore
        self._client.checkpoint_run(RUN_ID, CHECKPOINT, self._generation)
        self._stream = self._opened()
        return deepcopy(self._progress)

    def _restore(self, saved: Progress) -> None:
        restored = self._client.restore_run(RUN_ID, CHECKPOINT, self._generation)
        self._stream.abandon()
        self._generation, self._progress = restored.generation, saved
        self.record.forgotten = restored.forgotten_rollouts
        self._inboxes[VICTIM] = self._new_inbox(restored.generation)
        self._tell_all(Restored(restored.generation))
        self._stream = self._opened()

    def _new_inbox(self, generation: int) -> Inbox:
        """Of the rank that was killed, started again."""
        inbox = self._ask(Ask("start_rank", generation))
        assert not isinstance(inbox, int)
        return inbox

    # ------------------------------------------------------------ trouble

    def _kill_server(self) -> None:
        self._order(self._scale.kept_groups)  # it should not be idle
        unanswered = self._ask(Ask("kill_server"))
        assert isinstance(unanswered, int)
        self.record.unanswered = unanswered

    def _kill_rank(self) -> None:
        self._ask(Ask("kill_rank"))

    def _stop_reading(self) -> None:
        self._order(2 * self._scale.kept_groups)  # results pile up meanwhile
        self._ask(Ask("stop_reading", self._scale.stall_seconds))

    def _ask(self, ask: Ask) -> Reply:
        self._asks.put(ask)
        return self._replies.get()
