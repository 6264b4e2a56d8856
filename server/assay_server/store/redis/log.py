"""The log of one run, as one process writes and reads it.

Operations go out in the order in which they were asked for, as many at a time as have gathered while the last ones were
on their way. They are done when the log brings them back, here as in every other process; what they say is told then.
An operation whose sending failed is sent again until the log has it: it happens once, whatever becomes of the
connection. Only when the process's lease has passed to another is it refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import structlog

from assay_server.store.changes import Changes, Listener
from assay_server.store.ending import end
from assay_server.store.protocol import LeaseEnded, RunRecord, StoreError, StoreUnavailable

from . import scripts
from .codec import pack, pack_operations, unpack_operations
from .connection import Server
from .entries import Entry, entries_of, entries_read
from .keys import RunKeys
from .shared_run import Operation, SharedRun
from .snapshots import dump, load

_log = structlog.get_logger(__name__)

_MAX_OPERATIONS = 64
_MAX_BYTES = 4 << 20
_READ_ENTRIES = 64
_BLOCK_MS = 1000
_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 0.5
_SNAPSHOT_ENTRIES = 2048
_KEEP_ENTRIES = 1024
_RECENT_SECONDS = 10.0


@dataclass(slots=True)
class _Waiting:
    counter: int
    operation: Operation
    packed: bytes
    future: asyncio.Future[object]


class RunLog:
    """One run's log.

    Args:
        record: the run as it was created.
        writer: what this process is called in this log; never used twice.
        lease_ms: how long the others wait for a process that says nothing.

    Attributes:
        state: what has come of the log so far.
        listeners: who is told what other processes did.
        failed: why this process may use the log no more; None while it may.
        joined: whether it holds a lease.
        used: when it was last asked for something, by the monotonic clock.
        aged: when its age was last noted, likewise.
    """

    def __init__(self, server: Server, keys: RunKeys, record: RunRecord, writer: str, lease_ms: int) -> None:
        self.state = SharedRun(record)
        self.writer = writer
        self.listeners: list[Listener] = []
        self.failed: StoreError | None = None
        self.joined = False
        self.used = self.aged = time.monotonic()
        self._server = server
        self._keys = keys
        self._record = record
        self._lease_ms = lease_ms
        self._seen = 0
        self._mark = ""
        self._counter = 0
        self._outgoing: deque[_Waiting] = deque()
        self._sent: deque[_Waiting] = deque()
        self._recent: deque[tuple[float, Entry]] = deque()
        self._snapshot_at = 0
        self._ages: deque[tuple[float, int]] = deque()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Read what is there and begin to work. StoreUnavailable."""
        await self.catch_up()
        self._tasks = [
            asyncio.create_task(self._guarded(self._send()), name="log sender"),
            asyncio.create_task(self._guarded(self._read()), name="log reader"),
        ]

    async def catch_up(self) -> None:
        """Read what is there. StoreUnavailable."""
        head, blob, rows = await self._server.together(
            ("HMGET", self._keys.head, "snapshot", "last"),
            ("GET", self._keys.snapshot),
            ("XRANGE", self._keys.log, "-", "+"),
        )
        (at, last) = cast("Sequence[bytes | None]", head)
        if blob is not None:
            self.state = load(self._record, cast("bytes", blob))
            self._seen = self._snapshot_at = int(at or 0)
        entries = entries_of(rows)
        for entry in entries:
            if entry.number > self._seen:
                self._mark = entry.before if not self._mark else self._mark
                self._take(entry)
            else:
                self._mark = entry.mark
        if self._mark != (last or b"").decode():
            raise StoreUnavailable(f"the log of run {self._record.run_id!r} has holes")

    def submit(self, operation: Operation) -> asyncio.Future[object]:
        """Have an operation done; its outcome, once the log has it. Raises what the operation raises, or LeaseEnded."""
        if self.failed is not None:
            raise self.failed
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._counter += 1
        self._outgoing.append(_Waiting(self._counter, operation, pack(operation), future))
        self._wake.set()
        return future

    @property
    def busy(self) -> bool:
        """Whether somebody waits for an operation or listens."""
        return bool(self._outgoing or self._sent or self.listeners)

    async def renew(self) -> None:
        """Keep the lease. StoreUnavailable."""
        if not self.joined or self.failed is not None:
            return
        code, tail = cast(
            "tuple[int, int]",
            await self._server.script(
                scripts.RENEW, self._keys_of_all(), self.writer, self._lease_ms, self._seen, scripts.KEEP_SECONDS
            ),
        )
        if code == scripts.LOG_CUT:
            await self._repair(tail)
        elif code == scripts.LEASE_ENDED:
            self.fail(LeaseEnded(f"the lease on run {self._record.run_id!r} has passed to another process"))

    async def take_over(self, gone: str) -> bool:
        """Do from now on what a writer had to do whose lease has ended; whether that was still to be had."""
        if not self.joined:
            await self.submit(("join",))
        data = pack_operations([pack(("took", gone, self.writer))])
        return bool(await self._server.script(scripts.TAKE_OVER, (self._keys.head, self._keys.log), gone, data))

    def note_age(self, age_seconds: float) -> int | None:
        """The tick that the run had reached so long ago; None where that is not known, or not this process's task."""
        now = time.monotonic()
        self._ages.append((now, self.state.run.tick))
        tick = None
        while self._ages and self._ages[0][0] <= now - age_seconds:
            tick = self._ages.popleft()[1]
        return tick if next(iter(self.state.members), "") == self.writer else None

    async def close(self) -> None:
        """Give the lease back and stop; what was not sent is not done."""
        self.fail(StoreUnavailable("the store is closed"))
        await end(self._tasks)
        if self.joined:
            data = pack_operations([pack(("left", self.writer))])
            with contextlib.suppress(StoreUnavailable):  # then the lease ends by itself
                await self._server.script(scripts.LEAVE, (self._keys.head, self._keys.log), self.writer, data)

    def fail(self, error: StoreError) -> None:
        """Let nobody use this log any more."""
        if self.failed is not None:
            return
        self.failed = error
        for waiting in (*self._sent, *self._outgoing):
            if not waiting.future.done():
                waiting.future.set_exception(error)
        self._sent.clear()
        self._outgoing.clear()
        self._tell(Changes(lease_ended=True))

    # ------------------------------------------------------------ writing

    async def _guarded(self, work: Callable[[], object] | object) -> None:
        try:
            await work  # type: ignore[misc]  # a coroutine
        except StoreError as error:
            self.fail(error)
        except Exception:  # noqa: BLE001 - whatever it is, what this process knows of the run may be wrong
            _log.exception("a run's log broke", run=self._record.run_id)
            self.fail(LeaseEnded(f"the log of run {self._record.run_id!r} cannot be used by this process"))

    async def _send(self) -> None:
        while True:
            while not self._outgoing:
                self._wake.clear()
                await self._wake.wait()
            batch: list[_Waiting] = []
            size = 0
            while self._outgoing and len(batch) < _MAX_OPERATIONS and size < _MAX_BYTES:
                waiting = self._outgoing.popleft()
                size += len(waiting.packed)
                batch.append(waiting)
            self._sent.extend(batch)
            data = pack_operations([waiting.packed for waiting in batch])
            await self._append(batch[0].counter, len(batch), data)

    async def _append(self, counter: int, operations: int, data: bytes) -> None:
        """Send until the log has it. LeaseEnded."""
        pause = _FIRST_PAUSE_SECONDS
        keys = (self._keys.head, self._keys.log)
        while True:
            try:
                code, tail = cast(
                    "tuple[int, int]",
                    await self._server.script(
                        scripts.APPEND,
                        keys,
                        self.writer,
                        counter,
                        operations,
                        self._lease_ms,
                        int(not self.joined),
                        self._seen,
                        data,
                    ),
                )
                if code == scripts.OK:
                    self.joined = True
                    return
                if code == scripts.LEASE_ENDED:
                    raise LeaseEnded(f"the lease on run {self._record.run_id!r} has passed to another process")
                await self._repair(tail)
            except StoreUnavailable as error:  # noqa: PERF203 - waiting is what this is for
                _log.warning("Redis is not there, trying again", run=self._record.run_id, error=str(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _repair(self, tail: int) -> None:
        """Put back what the log lost with the last moments of a Redis that ended, where this process has seen it.

        LeaseEnded if the log went on otherwise, or lost more than is remembered here. StoreUnavailable.
        """
        lost = [entry for _, entry in self._recent if entry.number > tail]
        _log.warning("the log lost its end", run=self._record.run_id, entries=self._seen - tail, remembered=len(lost))
        if len(lost) == self._seen - tail:
            arguments = [part for entry in lost for part in entry]
            keys = (self._keys.head, self._keys.log)
            if await self._server.script(scripts.REPAIR, keys, *arguments):
                return
        raise LeaseEnded(f"the log of run {self._record.run_id!r} is not the one that this process has seen")

    # ------------------------------------------------------------ reading

    async def _read(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                rows = await self._server.blocking(
                    "XREAD", "COUNT", _READ_ENTRIES, "BLOCK", _BLOCK_MS, "STREAMS", self._keys.log, f"{self._seen}-0"
                )
            except StoreUnavailable:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
                continue
            pause = _FIRST_PAUSE_SECONDS
            for entry in entries_read(rows):
                self._take(entry)
                await asyncio.sleep(0)
            await self._snapshot_if_due()

    def _take(self, entry: Entry) -> None:
        """Do what an entry says. LeaseEnded if it does not follow what was seen."""
        if entry.number != self._seen + 1 or entry.before != self._mark:
            raise LeaseEnded(f"the log of run {self._record.run_id!r} went on without this process")
        self._seen, self._mark = entry.number, entry.mark
        self._remember(entry)
        changes = Changes()
        if entry.writer == self.writer and self._sent:
            for _ in range(entry.operations):
                waiting = self._sent.popleft()
                self._answer(waiting, changes)
            return
        for operation in unpack_operations(entry.data):
            with contextlib.suppress(StoreError):  # told to the process that asked for it
                self.state.apply(entry.writer, operation, changes)
        self._tell(changes)

    def _answer(self, waiting: _Waiting, changes: Changes) -> None:
        try:
            outcome = self.state.apply(self.writer, waiting.operation, changes)
        except StoreError as error:
            if not waiting.future.done():
                waiting.future.set_exception(error)
            return
        if not waiting.future.done():
            waiting.future.set_result(outcome)

    def _tell(self, changes: Changes) -> None:
        changes.inherited = changes.passed_on.get(self.writer, [])
        for listener in tuple(self.listeners):
            listener(changes)

    def _remember(self, entry: Entry) -> None:
        now = time.monotonic()
        self._recent.append((now, entry))
        while self._recent[0][0] < now - _RECENT_SECONDS:
            self._recent.popleft()

    # ------------------------------------------------------------ snapshots

    async def _snapshot_if_due(self) -> None:
        """Write down what came of the log; it falls to the member that is there for longest."""
        if self._seen < self._snapshot_at + _SNAPSHOT_ENTRIES:
            return
        self._snapshot_at = self._seen
        if next(iter(self.state.members), "") == self.writer:
            with contextlib.suppress(StoreUnavailable):  # the log is merely longer
                await self.snapshot()

    async def snapshot(self) -> None:
        """Write down what came of the log so far, and cut off what lies far behind. StoreUnavailable."""
        keys = (self._keys.head, self._keys.log, self._keys.snapshot)
        await self._server.script(scripts.SNAPSHOT, keys, self._seen, dump(self.state), _KEEP_ENTRIES)

    def _keys_of_all(self) -> tuple[str, str, str, str]:
        keys = self._keys
        return (keys.head, keys.log, keys.snapshot, keys.record)
