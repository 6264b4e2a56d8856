"""One consumer's side of a run: what it is owed, in order, and what its stream still has to be told.

Results come from the store's outbox. Those stored while the stream keeps up are handed over in memory; a consumer
that lags is served from the store again, so that what waits for it costs no memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from assay.v1 import reward_service_pb2 as wire
from assay_server.pipeline.failures import Code, Failure
from assay_server.pipeline.frames import ENOUGH_ITEMS, MAX_BYTES, MAX_ITEMS, frame_results, run_length
from assay_server.store.protocol import OutboxEntry, RunKey, StaleGeneration, Store

_TAIL_ENTRIES = 4096
_TAIL_BYTES = 8 * 1024 * 1024
_LINGER_SECONDS = 0.002
_MAX_NOTICES = 1024


class Outlet:
    """What is to be sent to one consumer. Written by the run, read by the one stream that is attached."""

    def __init__(self, store: Store, key: RunKey, consumer: str, after: int) -> None:
        self.consumer = consumer
        self._store = store
        self._key = key
        self._sent = after
        self._known = after
        self._tail: deque[OutboxEntry] = deque()
        self._tail_bytes = 0
        self._notices: deque[wire.StreamRolloutsResponse] = deque()
        self._progress: dict[str, wire.BatchProgress] = {}
        self._credit = 0
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._closing: wire.Closing | None = None
        self._ended = False
        self._failure: Failure | None = None

    # ------------------------------------------------------------ the run's side

    def push(self, entries: Sequence[OutboxEntry]) -> None:
        """Results that were just stored for this consumer."""
        first, last = entries[0].sequence, entries[-1].sequence
        keeps_up = first == self._known + 1 and (self._tail or self._sent == self._known)
        self._known = max(self._known, last)
        if keeps_up:
            self._tail.extend(entries)
            self._tail_bytes += sum(len(entry.payload) for entry in entries)
            if len(self._tail) > _TAIL_ENTRIES or self._tail_bytes > _TAIL_BYTES:
                self._forget_tail()
        elif self._tail:
            self._forget_tail()
        self._wake.set()

    def stored_up_to(self, sequence: int) -> None:
        """Results up to here are in the store: found there at attach, or given by another process."""
        if sequence > self._known:
            self._forget_tail()  # what follows it is not the next
            self._known = sequence
        self._wake.set()

    def notify(self, response: wire.StreamRolloutsResponse) -> None:
        """Something that is not held: accepted ids, refused items."""
        self._notices.append(response)
        if len(self._notices) >= _MAX_NOTICES:
            self._room.clear()
        self._wake.set()

    def progress(self, progress: wire.BatchProgress) -> None:
        """How a barrier fills; only the newest state is sent."""
        self._progress[progress.barrier_id] = progress
        self._wake.set()

    def credit(self, rollouts: int) -> None:
        """The consumer's stream may send so many rollouts more."""
        self._credit += rollouts
        self._wake.set()

    def close(self, closing: wire.Closing) -> None:
        """Send what is there and end."""
        if self._closing is None:
            self._closing = closing
            self._wake.set()
            self._room.set()

    def fail(self, failure: Failure) -> None:
        """End the stream with a status; what it sent and was not accepted is still the client's."""
        self._failure = failure
        self.close(wire.Closing())

    async def room(self) -> None:
        """Wait while too many notices are unsent: a stream that does not read is not read from."""
        await self._room.wait()

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._closing is not None

    @property
    def said_closing(self) -> bool:
        """Whether the client was told that this is the end."""
        return self._ended

    @property
    def _fenced(self) -> bool:
        return self._closing is not None and self._closing.reason == wire.CLOSING_REASON_FENCED

    @property
    def _superseded(self) -> bool:
        """What is not sent yet is a newer stream's to send, or nobody's."""
        return self._fenced or (self._closing is not None and self._closing.reason == wire.CLOSING_REASON_REPLACED)

    # ------------------------------------------------------------ the stream's side

    async def next_frames(self) -> list[bytes]:
        """The next answers, at least one; an empty list after the last one.

        Raises:
            Failure: the stream was failed, or its generation is over.
        """
        while True:
            results = await self._next_results()
            frames = [*self._notice_frames(), *results]  # what was accepted in between comes before its results
            if frames:
                return frames
            if self._failure is not None:
                raise self._failure
            if self._closing is not None:
                return self._last_frame(self._closing)
            self._wake.clear()
            await self._wake.wait()

    def _last_frame(self, closing: wire.Closing) -> list[bytes]:
        if self._fenced and self._ended:
            raise stale_stream()
        if self._ended or not closing.reason:
            return []
        self._ended = True
        last = wire.Closing(reason=closing.reason, reconnect_target=closing.reconnect_target, last_sequence=self._sent)
        return [wire.StreamRolloutsResponse(closing=last).SerializeToString()]

    def _notice_frames(self) -> list[bytes]:
        frames = [notice.SerializeToString() for notice in self._notices]
        self._notices.clear()
        self._room.set()
        if self._credit:
            credit = wire.Credit(rollouts=self._credit)
            frames.append(wire.StreamRolloutsResponse(credit=credit).SerializeToString())
            self._credit = 0
        frames.extend(
            wire.StreamRolloutsResponse(batch_progress=progress).SerializeToString()
            for progress in self._progress.values()
        )
        self._progress.clear()
        return frames

    async def _next_results(self) -> list[bytes]:
        """A message of results that were not sent yet, where there are any."""
        if self._sent >= self._known or self._superseded:
            return []
        if self._tail and len(self._tail) < ENOUGH_ITEMS and self._closing is None:
            await asyncio.sleep(_LINGER_SECONDS)
        entries = self._from_tail() if self._tail else await self._from_store()
        if not entries:
            return []
        frame = frame_results(entries)
        self._sent = frame.last_sequence
        return [frame.data]

    def _from_tail(self) -> list[OutboxEntry]:
        head = [self._tail[position] for position in range(min(MAX_ITEMS + 1, len(self._tail)))]
        count = run_length(head)
        for entry in head[:count]:
            self._tail.popleft()
            self._tail_bytes -= len(entry.payload)
        return head[:count]

    async def _from_store(self) -> list[OutboxEntry]:
        known = self._known
        try:
            read = await self._store.outbox_read(
                self._key, self.consumer, self._sent, max_entries=MAX_ITEMS, max_bytes=MAX_BYTES
            )
        except StaleGeneration:
            self.close(wire.Closing(reason=wire.CLOSING_REASON_FENCED))
            return []
        if not read:  # acknowledged before they were sent here
            self._sent = known
            return []
        return list(read[: run_length(read)])

    def _forget_tail(self) -> None:
        self._tail.clear()
        self._tail_bytes = 0


def stale_stream() -> Failure:
    """What ends the streams of a generation that is over."""
    message = "the run was restored; open again with its present generation"
    return Failure(Code.FAILED_PRECONDITION, "STALE_GENERATION", message)
