"""The consumers of a run: where each stands, which have a stream, and whose slots are given back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay.v1 import reward_service_pb2 as wire
from assay_server.pipeline.context import RunContext
from assay_server.pipeline.delivery import Outlet
from assay_server.pipeline.failures import Failure, invalid_field
from assay_server.pipeline.senders import Sender
from assay_server.store.changes import Changes
from assay_server.store.protocol import OutboxEntry, OutboxKind

MAX_OUTBOX = 200_000


class Consumers:
    """Everyone who receives results of a run."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._outlets: dict[str, Outlet] = {}
        self._numbers: dict[str, tuple[int, int]] = {}  # last number given out, last acknowledged
        self._held_slots: list[tuple[Sender, int]] = []

    async def load(self) -> None:
        """Read where the consumers stand."""
        store, key = self._context.store, self._context.key
        for consumer in await store.list_consumers(key):
            state = await store.outbox_ack(key, consumer, 0)  # as it is: that is no stream of this consumer
            self._note(consumer, state.last_sequence, state.acked)

    # ------------------------------------------------------------ streams

    async def attach(
        self, consumer: str, consumers: tuple[str, ...] | None, resume_after: int, max_in_flight: int
    ) -> tuple[Sender, int, int]:
        """A stream joins: its sender, the last acknowledged and the last given-out number.

        Raises:
            Failure: it wants to resume after a number that was not given out.
        """
        store, key = self._context.store, self._context.key
        state = await store.outbox_state(key, consumer)
        if resume_after > state.last_sequence and store.shared:
            resume_after = (
                state.last_sequence
            )  # what was given out later was lost with a Redis that was not made to keep it
        if resume_after > state.last_sequence:
            raise invalid_field("open.resume_after", f"only {state.last_sequence} results were given out")
        if resume_after > state.acked:
            state = await store.outbox_ack(key, consumer, resume_after)
        if (older := self._outlets.get(consumer)) is not None:
            older.close(wire.Closing(reason=wire.CLOSING_REASON_REPLACED))
        self._note(consumer, state.last_sequence, state.acked)
        outlet = Outlet(store, key, consumer, max(resume_after, state.acked))
        outlet.stored_up_to(self._numbers[consumer][0])
        self._outlets[consumer] = outlet
        return Sender(outlet, consumers, max_in_flight), state.acked, state.last_sequence

    def detach(self, sender: Sender) -> None:
        """A stream is gone; what it is owed stays in the store."""
        outlet = sender.outlet
        if self._outlets.get(outlet.consumer) is outlet:
            del self._outlets[outlet.consumer]
        outlet.close(wire.Closing())

    def close_streams(self, reason: wire.ClosingReason) -> None:
        """End every stream, after what is ready has been sent."""
        for outlet in self._outlets.values():
            outlet.close(wire.Closing(reason=reason))

    def fail_streams(self, failure: Failure) -> None:
        """End every stream with a status."""
        for outlet in self._outlets.values():
            outlet.fail(failure)

    @property
    def listening(self) -> bool:
        """Whether a stream is attached."""
        return bool(self._outlets)

    def progress(self, consumer: str, progress: wire.BatchProgress) -> None:
        """Tell a consumer how its barrier fills, if it listens."""
        if (outlet := self._outlets.get(consumer)) is not None:
            outlet.progress(progress)

    def receivers(self, sender: Sender) -> tuple[str, ...]:
        """Who gets the results of what this stream sends."""
        return tuple(sorted(self._numbers)) if sender.consumers is None else sender.consumers

    # ------------------------------------------------------------ results

    def push(self, kind: OutboxKind, entries: Sequence[tuple[tuple[str, ...], bytes]], last: Mapping[str, int]) -> None:
        """Hand results that were just stored to the streams that wait for them.

        Args:
            entries: receivers and payload of each, in the order in which they were stored.
            last: the last number of each receiver after they were stored.
        """
        for consumer, sequence in last.items():
            self._note(consumer, sequence, 0)
            outlet = self._outlets.get(consumer)
            if outlet is None:
                continue
            payloads = [payload for receivers, payload in entries if consumer in receivers]
            if payloads:
                first = sequence - len(payloads) + 1
                outlet.push([OutboxEntry(first + i, kind, payload) for i, payload in enumerate(payloads)])

    def heard(self, changes: Changes) -> None:
        """What other processes gave to consumers, what these acknowledged there, and whose streams they serve now."""
        for consumer, sequence in changes.sequences.items():
            self._note(consumer, sequence, 0)
            if (outlet := self._outlets.get(consumer)) is not None:
                outlet.stored_up_to(sequence)
        for consumer, acked in changes.acknowledged.items():
            self._note(consumer, acked, acked)
        if changes.acknowledged:
            self._release_slots()
        for consumer in changes.attached:
            self._note(consumer, 0, 0)
            if (outlet := self._outlets.get(consumer)) is not None:
                outlet.close(wire.Closing(reason=wire.CLOSING_REASON_REPLACED))

    async def acknowledge(self, consumer: str, sequence: int) -> None:
        """A consumer has processed its results up to ``sequence``."""
        state = await self._context.store.outbox_ack(self._context.key, consumer, sequence)
        self._note(consumer, state.last_sequence, state.acked)
        self._release_slots()

    def ending(self, sender: Sender) -> None:
        """A stream sends nothing more: what it waits for is answers, not slots."""
        sender.ending = True
        self._release_slots()

    def _release_slots(self) -> None:
        held, self._held_slots = self._held_slots, []
        for waiting, rollouts in held:
            self.free_slots(waiting, rollouts)

    def free_slots(self, sender: Sender, rollouts: int) -> None:
        """So many rollouts of a stream hold their slots no more; it may send as many again, unless those who get
        the results are too far behind."""
        if not sender.ending and any(self._lag(consumer) > MAX_OUTBOX for consumer in self.receivers(sender)):
            self._held_slots.append((sender, rollouts))
        else:
            self._context.metrics.in_flight.dec(rollouts)
            sender.answered(rollouts)

    def _lag(self, consumer: str) -> int:
        last, acked = self._numbers.get(consumer, (0, 0))
        return last - acked

    def _note(self, consumer: str, last: int, acked: int) -> None:
        known_last, known_acked = self._numbers.get(consumer, (0, 0))
        self._numbers[consumer] = (max(last, known_last), max(acked, known_acked))
