"""The client's side of StreamRollouts without I/O, threads or clock: one machine for the sync and the asyncio stream.

What it guarantees, over any number of broken connections: every rollout and every append is sent until it is
accepted or refused, and a rollout again after that as long as it has no answer; every held result is handed out
exactly once and in order; nothing is acknowledged before it was handed out.

It relies on the contract: requests of one stream are taken in order, every AppendSteps is answered once, and results
are numbered without holes.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import cast

from assay._statuses import failure_of
from assay._stream_frames import ack_frame, batch_frame, rollout_field
from assay.errors import DataLoss
from assay.results import BatchProgress, BatchResult, Event, GroupResult, SampleResult
from assay.v1 import reward_service_pb2 as service
from assay.v1 import rollout_pb2 as v1
from assay.v1 import run_service_pb2 as run

BATCH_ROLLOUTS = 64
"""Rollouts that need not wait for company; what more is there goes with them, as far as the service takes it."""

BATCH_BYTES = 4 * 1024 * 1024
BATCH_SECONDS = 0.002
ACK_RESULTS = 64
ACK_SECONDS = 0.005
QUEUED_BYTES = 128 * 1024 * 1024
MAX_EVENTS = 4096
DEFAULT_IN_FLIGHT = 1024
REMEMBERED = 16_384

CREDIT_EXCEEDED = "CREDIT_EXCEEDED"


class Kind(Enum):
    """What an outgoing item is."""

    ROLLOUT = 1
    APPEND = 2
    CONTROL = 3


class Item:
    """Something to send, kept until it is accepted.

    Attributes:
        data: an element of a batch for a rollout, else a whole request.
        serial: order in which the user gave it.
        number: order in which it was last sent.
        added: when it may start to wait for company; 0 = it need not wait.
    """

    __slots__ = ("added", "data", "key", "kind", "number", "serial")

    def __init__(self, kind: Kind, key: str, data: bytes, serial: int, added: float) -> None:
        self.kind = kind
        self.key = key
        self.data = data
        self.serial = serial
        self.added = added
        self.number = 0


@dataclass(frozen=True, slots=True)
class Opening:
    """What a stream says of itself when it opens.

    Attributes:
        generation: 0 = the present one.
        resume_after: number of the last result that was processed earlier; None = what the service has noted.
        max_in_flight: wish; 0 = the service's default.
    """

    run_id: str
    consumer: str
    generation: int = 0
    delivery: int = 0
    deliver_to: str = ""
    resume_after: int | None = None
    max_in_flight: int = 0
    client_version: str = ""


class _Lately:
    """The names that were answered lately, to be known if a service that lost its last moments answers them again.

    At least the last ``count`` and at most twice as many: two sets that take turns, so that to forget costs nothing
    (a dict whose oldest entries are taken out one by one is searched through its holes each time).
    """

    __slots__ = ("_before", "_count", "_now")

    def __init__(self, count: int) -> None:
        self._count = count
        self._now: set[str] = set()
        self._before: set[str] = set()

    def add(self, name: str) -> None:
        self._now.add(name)
        if len(self._now) > self._count:
            self._before, self._now = self._now, set()

    def __contains__(self, name: str) -> bool:
        return name in self._now or name in self._before


class StreamState:
    """See the module. Every method is called under the driver's lock; ``now`` is a monotonic time in seconds."""

    def __init__(self, opening: Opening, *, auto_ack: bool = True) -> None:
        self.opening = opening
        self.generation = opening.generation
        self.opened: service.Opened | None = None
        self.connected = False
        self.closing: service.Closing | None = None
        self.discarding = False
        self._auto_ack = auto_ack
        self._queue: deque[Item] = deque()
        self._queued_rollouts = 0
        self._queued_bytes = 0
        self._sent: dict[int, Item] = {}
        self._rollouts: dict[str, deque[Item] | Item] = {}
        self._appends: dict[str, deque[Item]] = {}
        self._controls: deque[Item] = deque()
        self._unanswered: OrderedDict[str, Item] = (
            OrderedDict()
        )  # accepted: sent again, should the service have forgotten them
        self._ungrouped: dict[str, list[Item]] = {}  # answered, and their groups are not
        self._ungrouped_count = 0
        self._answered_ids = _Lately(REMEMBERED)
        self._forgetful = False
        self._old_numbers = 0  # events that wait, numbered as before the loss
        self._serial = 0
        self._number = 0
        self._flushed = 0
        self._credits = 0
        self._events: deque[Event] = deque()
        self._parts: dict[str, list[service.BatchResult]] = {}
        self._received = opening.resume_after or 0
        self._handed = 0
        self._ack_wanted = self._received
        self._ack_sent = self._received
        self._ack_since = 0.0

    # ------------------------------------------------------------ what the user gives

    def add_rollout(self, rollout_id: str, serialized: bytes, now: float) -> int:
        """Queue a rollout; its serial."""
        self._queued_rollouts += 1
        return self._add(Kind.ROLLOUT, rollout_id, rollout_field(serialized), now)

    def add_append(self, rollout_id: str, frame: bytes, now: float) -> int:
        """Queue an AppendSteps request; its serial."""
        return self._add(Kind.APPEND, rollout_id, frame, now)

    def add_control(self, frame: bytes, now: float) -> int:
        """Queue a request that is not answered; its serial."""
        return self._add(Kind.CONTROL, "", frame, now)

    def _add(self, kind: Kind, key: str, data: bytes, now: float) -> int:
        self._serial += 1
        self._queue.append(Item(kind, key, data, self._serial, now))
        self._queued_bytes += len(data)
        return self._serial

    def flush(self) -> int:
        """Send without waiting for company; the serial of the last item given so far."""
        self._flushed = self._serial
        return self._serial

    def accepted_up_to(self, serial: int) -> bool:
        """Whether everything given up to ``serial`` was sent, and accepted or refused."""
        if self._queue and self._queue[0].serial <= serial:
            return False
        first = next(iter(self._sent.values()), None)
        return first is None or first.serial > serial

    @property
    def settled(self) -> bool:
        """Whether nothing is queued or unanswered."""
        return not self._queue and not self._sent

    @property
    def has_room(self) -> bool:
        """Whether more should be queued."""
        return self._queued_rollouts < self._bound and self._queued_bytes < QUEUED_BYTES

    @property
    def has_ample_room(self) -> bool:
        """Whether it is worth waking someone who waits for room."""
        return self._queued_rollouts <= self._bound // 2 and self._queued_bytes <= QUEUED_BYTES // 2

    @property
    def _bound(self) -> int:
        in_flight = self.opened.max_in_flight if self.opened is not None else self.opening.max_in_flight
        return 4 * max(BATCH_ROLLOUTS, in_flight or DEFAULT_IN_FLIGHT)

    def abandon(self) -> None:
        """Forget everything that has no answer; it will not be sent again."""
        self.disconnected()
        self._queue.clear()
        self._queued_rollouts = self._queued_bytes = 0

    def discard(self) -> None:
        """Take no more results: those that come now stay with the service and come again to the next stream."""
        self.discarding = True
        self._events.clear()

    def acknowledge(self, sequence: int, now: float) -> None:
        """Everything handed out up to ``sequence`` has been processed."""
        sequence = min(sequence, self._handed)
        if sequence > self._ack_wanted:
            if self._ack_wanted == self._ack_sent:
                self._ack_since = now
            self._ack_wanted = sequence

    def acknowledge_handed(self, now: float) -> None:
        """Everything handed out so far has been processed."""
        self.acknowledge(self._handed, now)

    @property
    def ack_news(self) -> bool:
        """Whether whoever writes should hear of the acknowledgement that was just noted."""
        waiting = self._ack_wanted - self._ack_sent
        return waiting == 1 or waiting >= ACK_RESULTS

    @property
    def ack_pending(self) -> bool:
        """Whether an acknowledgement was not written yet."""
        return self._ack_wanted > self._ack_sent

    def take(self, now: float) -> Event | None:
        """The next event; with ``auto_ack`` the one before it is acknowledged by that."""
        if not self._events:
            return None
        event = self._events.popleft()
        if self._auto_ack and self._handed > self._ack_wanted:
            self.acknowledge(self._handed, now)
        if self._old_numbers:
            self._old_numbers -= 1
        elif event.sequence:
            self._handed = event.sequence
        return event

    @property
    def has_events(self) -> bool:
        return bool(self._events)

    @property
    def is_full(self) -> bool:
        """Whether so many events wait that no more should be read."""
        return len(self._events) >= MAX_EVENTS

    # ------------------------------------------------------------ what the connection sends

    def connect(self) -> bytes:
        """The first request of a new connection."""
        self.closing = None
        self.connected = False
        opening = self.opening
        self._ack_sent = self._ack_wanted
        request = service.StreamRolloutsRequest(
            open=service.Open(
                run_id=opening.run_id,
                generation=self.generation,
                consumer=opening.consumer,
                deliver_to=opening.deliver_to,
                resume_after=self._ack_wanted,
                max_in_flight=opening.max_in_flight,
                client_version=opening.client_version,
            )
        )
        request.open.delivery = cast("run.DeliveryMode", opening.delivery)
        return request.SerializeToString()

    def next_frame(self, now: float) -> bytes | None:
        """The next request that is due; None if there is none now."""
        if not self.connected:
            return None
        if self._ack_due(now):
            self._ack_sent = self._ack_wanted
            return ack_frame(self._ack_sent)
        if not self._queue:
            return None
        if self._queue[0].kind is not Kind.ROLLOUT:
            return self._send_single()
        return self._send_batch() if self._batch_due(now) else None

    def wait_time(self, now: float) -> float | None:
        """Seconds until something becomes due by itself; None if nothing will."""
        waits: list[float] = []
        if self.connected and self.ack_pending:
            waits.append(self._ack_since + ACK_SECONDS - now)
        if self.connected and self._queue and self._credits > 0:
            waits.append(self._queue[0].added + BATCH_SECONDS - now)
        return max(0.0, min(waits)) if waits else None

    def is_due(self, now: float) -> bool:
        """Whether :meth:`next_frame` has something now, or should be asked again soon because of the last item."""
        return self.connected and (len(self._queue) == 1 or self._ack_due(now) or self._batch_due(now))

    def _ack_due(self, now: float) -> bool:
        waiting = self._ack_wanted - self._ack_sent
        if waiting <= 0:
            return False
        return waiting >= ACK_RESULTS or now >= self._ack_since + ACK_SECONDS or self.discarding

    def _batch_due(self, now: float) -> bool:
        if not self._queue or self._credits <= 0:
            return False
        head = self._queue[0]
        return (
            self._queued_rollouts >= min(BATCH_ROLLOUTS, self._credits)
            or len(self._queue) > self._queued_rollouts
            or self._queued_bytes >= BATCH_BYTES
            or head.serial <= self._flushed
            or not self._sent
            or now >= head.added + BATCH_SECONDS
        )

    def _send_single(self) -> bytes:
        item = self._queue.popleft()
        self._queued_bytes -= len(item.data)
        self._mark_sent(item)
        if item.kind is Kind.APPEND:
            self._appends.setdefault(item.key, deque()).append(item)
        return item.data

    def _send_batch(self) -> bytes:
        queue = self._queue
        opened = self.opened
        limit = min(self._credits, (opened.max_batch_rollouts if opened else 0) or BATCH_ROLLOUTS)
        fields: list[bytes] = []
        size = 0
        while queue and len(fields) < limit and queue[0].kind is Kind.ROLLOUT:
            if fields and size + len(queue[0].data) > BATCH_BYTES:
                break
            item = queue.popleft()
            size += len(item.data)
            fields.append(item.data)
            self._mark_sent(item)
            _push(self._rollouts, item)
        self._queued_rollouts -= len(fields)
        self._queued_bytes -= size
        self._credits -= len(fields)
        return batch_frame(fields)

    def _mark_sent(self, item: Item) -> None:
        self._number += 1
        item.number = self._number
        if item.kind is Kind.CONTROL:
            self._controls.append(item)
        else:
            self._sent[item.number] = item

    def disconnected(self) -> None:
        """The connection is gone: what was not accepted is to be sent again, in the order it was given."""
        self._send_again([*self._unanswered.values(), *self._sent.values(), *self._controls])
        self._unanswered.clear()
        self._sent.clear()
        self._rollouts.clear()
        self._appends.clear()
        self._controls.clear()
        self._credits = 0
        self.connected = False

    def _send_again(self, again: Sequence[Item]) -> None:
        for item in again:
            item.added = 0.0
            self._queued_bytes += len(item.data)
            self._queued_rollouts += item.kind is Kind.ROLLOUT
        self._queue = deque(sorted([*again, *self._queue], key=_serial_of))

    # ------------------------------------------------------------ what the connection receives

    def receive(self, response: service.StreamRolloutsResponse) -> None:
        """Take an answer in.

        Raises:
            DataLoss: results are missing.
        """
        kind = response.WhichOneof("response")
        if kind == "sample_results":
            self._sample_results(response.sequence, response.sample_results.results)
        elif kind == "accepted":
            self._accepted(response.accepted)
        elif kind == "credit":
            self._credits += response.credit.rollouts
        elif kind == "group_results":
            groups = response.group_results.groups
            first, skip = self._place(response.sequence, len(groups))
            self._emit(
                [
                    GroupResult(group, first + i)
                    for i, group in enumerate(groups[skip:], skip)
                    if not (self._forgetful and group.group_id in self._answered_ids)
                ]
            )
            for group in groups:
                self._ungrouped_count -= len(self._ungrouped.pop(group.group_id, ()))
                self._answered_ids.add(group.group_id)
        elif kind == "batch_progress":
            self._emit([BatchProgress(response.batch_progress)])
        elif kind == "batch_result":
            self._batch_result(response.sequence, response.batch_result)
        elif kind == "opened":
            self._opened(response.opened)
        elif kind == "closing":
            self.closing = response.closing

    def _opened(self, opened: service.Opened) -> None:
        self.opened = opened
        self.generation = opened.generation
        self.connected = True
        self._credits = opened.max_in_flight
        if opened.last_sequence < self._received:  # it lost its last moments, and numbers what comes next anew
            self._forgetful = True
            self._old_numbers = len(self._events)
            self._send_again([item for items in self._ungrouped.values() for item in items])
            self._ungrouped.clear()
            self._ungrouped_count = 0
            self._received = self._ack_wanted = self._ack_sent = self._handed = opened.last_sequence
        self._received = max(self._received, opened.last_acked)
        self._ack_wanted = max(self._ack_wanted, opened.last_acked)
        self._ack_sent = max(self._ack_sent, self._ack_wanted)

    def _place(self, sequence: int, count: int) -> tuple[int, int]:
        """The number of the first of ``count`` results, and how many of them are known already."""
        first = sequence - count + 1
        skip = max(0, min(count, self._received - first + 1))
        if self.discarding:
            return first, count
        if first > self._received + 1:
            raise DataLoss(
                f"results {self._received + 1} to {first - 1} of consumer {self.opening.consumer!r} are gone"
            )
        self._received = max(self._received, sequence)
        return first, skip

    def _emit(self, events: Sequence[Event]) -> None:
        if not self.discarding:
            self._events.extend(events)

    def _sample_results(self, sequence: int, results: Sequence[v1.SampleResult]) -> None:
        if sequence == 0:
            self._refusals(results)
            return
        first, skip = self._place(sequence, len(results))
        events: list[Event] = []
        number = first
        for result in results:
            name = result.rollout_id
            if self._sent or self._unanswered:
                self._answered(name, result.group_id)
            if number >= first + skip and not (self._forgetful and name in self._answered_ids):
                events.append(SampleResult(result, number))
            self._answered_ids.add(name)
            number += 1
        self._emit(events)

    def _answered(self, rollout_id: str, group_id: str) -> None:
        """A held result: the rollout and all its appends were accepted."""
        item = self._unanswered.pop(rollout_id, None)
        if rollout_id in self._rollouts:
            item = _pop(self._rollouts, rollout_id)
            self._settle(item)
        if item is not None and group_id and self._ungrouped_count < self._bound:
            self._ungrouped.setdefault(group_id, []).append(item)
            self._ungrouped_count += 1
        for item in self._appends.pop(rollout_id, ()):
            self._settle(item)

    def _refusals(self, results: Sequence[v1.SampleResult]) -> None:
        for result in results:
            item = self._oldest(result.rollout_id)
            if item is not None and item.kind is Kind.ROLLOUT and _is_overdraft(result):
                self._take_back(item)
                continue
            if item is not None:
                self._settle(item)
            self._emit([SampleResult(result)])

    def _oldest(self, rollout_id: str) -> Item | None:
        """The item that a refusal of this rollout is about, no longer awaited."""
        if rollout_id in self._rollouts:
            return _pop(self._rollouts, rollout_id)
        return self._oldest_append(rollout_id)

    def _oldest_append(self, rollout_id: str) -> Item | None:
        waiting = self._appends.get(rollout_id)
        if waiting is None:
            return None
        item = waiting.popleft()
        if not waiting:
            del self._appends[rollout_id]
        return item

    def _take_back(self, item: Item) -> None:
        del self._sent[item.number]
        self._queue.appendleft(item)
        self._queued_rollouts += 1
        self._queued_bytes += len(item.data)

    def _accepted(self, accepted: service.Accepted) -> None:
        rollouts = self._rollouts
        for rollout_id in accepted.rollout_ids:
            if rollout_id in rollouts:
                item = _pop(rollouts, rollout_id)
                self._settle(item)
                self._keep(item)
        for append in accepted.appends:
            item = self._oldest_append(append.rollout_id)
            if item is not None:
                self._settle(item)

    def _keep(self, item: Item) -> None:
        """Until its answer has come; the newest only, where the answers go to somebody else."""
        kept = self._unanswered
        kept[item.key] = item
        if len(kept) > self._bound:
            kept.popitem(last=False)

    def _settle(self, item: Item) -> None:
        """The service owns it now; it has seen every control request that was sent before."""
        del self._sent[item.number]
        controls = self._controls
        while controls and controls[0].number < item.number:
            controls.popleft()

    def _batch_result(self, sequence: int, result: service.BatchResult) -> None:
        _, skip = self._place(sequence, 1)
        if skip:
            return
        parts = self._parts.setdefault(result.barrier_id, [])
        parts.append(result)
        if len(parts) >= max(1, result.parts):
            del self._parts[result.barrier_id]
            self._emit([BatchResult(_joined(parts), sequence)])


def _serial_of(item: Item) -> int:
    return item.serial


def _push(waiting: dict[str, deque[Item] | Item], item: Item) -> None:
    """Keep an item by its key; nearly always it is the only one."""
    there = waiting.setdefault(item.key, item)
    if there is not item:
        if isinstance(there, Item):
            waiting[item.key] = there = deque((there,))
        there.append(item)


def _pop(waiting: dict[str, deque[Item] | Item], key: str) -> Item:
    there = waiting[key]
    if isinstance(there, Item):
        del waiting[key]
        return there
    item = there.popleft()
    if not there:
        del waiting[key]
    return item


def _is_overdraft(result: v1.SampleResult) -> bool:
    return result.error.code == 8 and failure_of(result.error).reason == CREDIT_EXCEEDED


def _joined(parts: Sequence[service.BatchResult]) -> service.BatchResult:
    """One batch from its parts: the lists one after the other, everything else as in the first part that has it."""
    if len(parts) == 1:
        return parts[0]
    joined = service.BatchResult()
    for part in sorted(parts, key=lambda part: part.part):
        joined.MergeFrom(part)
    joined.ClearField("part")
    joined.ClearField("parts")
    return joined
