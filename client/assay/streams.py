"""The synchronous stream: rollouts in, results out, over as many connections as it takes."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING

import grpc

from assay import _methods as methods
from assay import _outgoing as outgoing
from assay._forks import abandon, watch_forks
from assay._reconnecting import Reconnects, next_delay
from assay._stream_state import Opening, StreamState
from assay._transport import failure_of_rpc, open_channel
from assay.connection import Connection
from assay.errors import AssayError, DeadlineExceeded, Failure, StreamClosed
from assay.results import Event
from assay.rollouts import RolloutLike, RolloutState, StepLike
from assay.signals import SignalValue
from assay.v1 import reward_service_pb2 as service

if TYPE_CHECKING:
    from typing_extensions import Self

CLOSE_SECONDS = 10.0
"""How long closing waits for the service to have read the last acknowledgement."""

ABANDON_SECONDS = 0.5
"""The same, where a stream is abandoned."""


class RolloutStream:
    """One consumer's stream of one run; made by ``Client.stream``. A context manager and an iterator of results.

    Sending and receiving may be done by different threads. Rollouts are kept until the service has accepted them and
    are sent again over a new connection; results come in order, each exactly once. Leaving the ``with`` block waits
    until everything sent is accepted.

    Iterating waits for the next result, and ends after ``close`` or, once all that is owed has come, after
    ``finish``.

    A stream belongs to the process that opened it; in a forked child it raises :class:`assay.StreamClosed`. Fork
    before streams are opened where you can: with gRPC before 1.80 a child that was forked beside a live stream
    may not be able to use gRPC at all.
    """

    def __init__(
        self,
        connection: Connection,
        opening: Opening,
        *,
        auto_ack: bool = True,
        give_up_after: float | None = 300.0,
    ) -> None:
        self._connection = connection
        self._reconnects = Reconnects(connection, give_up_after, random.randrange(1 << 16))  # noqa: S311 - spreads streams
        self._state = StreamState(opening, auto_ack=auto_ack)
        self._auto_ack = auto_ack
        self._error: AssayError | None = None
        self._finishing = False
        self._closing = False
        self._ended = False
        self._forked = False
        self._epoch = 0
        self._blocked = 0
        self._paused = False
        self._deadline: float | None = None
        self._wanted_signals: frozenset[str] | None = None
        self._channel: grpc.Channel | None = None
        self._channel_of: tuple[str, int] = ("", 0)
        self._call: grpc.Call | None = None
        self._make_locks()
        watch_forks(self)
        self._thread = threading.Thread(target=self._run, name=f"assay-stream-{opening.consumer}", daemon=True)
        self._thread.start()

    def _make_locks(self) -> None:
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)  # something may be due for sending
        self._news = threading.Condition(self._lock)  # something changed for a waiting user
        self._space = threading.Condition(self._lock)  # events were taken

    # ------------------------------------------------------------ what is known

    def wait_opened(self, timeout: float | None = None) -> None:
        """Return once the service has taken the stream.

        Raises:
            AssayError: it did not, or not in time.
        """
        with self._lock:
            self._wait(lambda: self._state.opened is not None or self._ended, timeout, "the stream was not opened")
            if self._state.opened is None:
                self._check()

    @property
    def run_id(self) -> str:
        return self._opened().run_id

    @property
    def generation(self) -> int:
        """Of the run, as this stream knows it."""
        return self._opened().generation

    @property
    def consumer(self) -> str:
        return self._state.opening.consumer

    @property
    def max_in_flight(self) -> int:
        """Rollouts that may be queued or scoring at the service at a time."""
        return self._opened().max_in_flight

    @property
    def required_signals(self) -> tuple[str, ...]:
        """Names of the signals that are sent; all others are left out."""
        return tuple(self._opened().required_signals)

    def _opened(self) -> service.Opened:
        opened = self._state.opened
        if opened is None:
            self.wait_opened()
            opened = self._state.opened
            assert opened is not None
        return opened

    # ------------------------------------------------------------ sending

    def send(self, rollout: RolloutLike) -> None:
        """Send a rollout, soon and together with others. Waits while many are waiting already.

        Raises:
            InvalidArgument: it cannot be sent. What the service refuses is answered in a result.
        """
        rollout_id, data = outgoing.serialized_rollout(rollout, self._wanted())
        with self._lock:
            self._check_sending()
            if not self._state.has_room:
                self._wait_for_room()
            now = time.monotonic()
            self._state.add_rollout(rollout_id, data, now)
            if self._state.is_due(now):
                self._work.notify()

    def send_many(self, rollouts: Iterable[RolloutLike]) -> None:
        """Send rollouts in order."""
        for rollout in rollouts:
            self.send(rollout)

    def append(
        self,
        rollout_id: str,
        from_index: int,
        steps: Sequence[StepLike],
        *,
        final: bool = False,
        state: RolloutState | None = None,
        num_tokens: int | None = None,
        signals: Mapping[str, SignalValue] | None = None,
    ) -> None:
        """Grow a rollout that was sent in state IN_PROGRESS; ``final`` freezes it and has it scored.

        Args:
            from_index: index of the first of ``steps``.
            state: with ``final``: DONE (default) or TRUNCATED.
            num_tokens: with ``final``: length of the response in tokens.
        """
        frame = outgoing.append_request(
            rollout_id,
            from_index,
            steps,
            final=final,
            state=state,
            num_tokens=num_tokens,
            signals=signals,
            wanted=self._wanted() if signals else (),
        )
        with self._lock:
            self._check_sending()
            if not self._state.has_room:
                self._wait_for_room()
            self._state.add_append(rollout_id, frame, time.monotonic())
            self._work.notify()

    def close_group(self, group_id: str, expected: Iterable[str] | None = None) -> None:
        """Fix a group's members: those expected, or (None) those that have arrived."""
        self._control(outgoing.close_group_request(group_id, expected))

    def abort_group(self, group_id: str, reason: str = "") -> None:
        """Give a group up: it gets no advantages."""
        self._control(outgoing.abort_group_request(group_id, reason))

    def barrier(
        self,
        barrier_id: str,
        participants: Iterable[str] = (),
        *,
        count: int | None = None,
        kept_groups: int | None = None,
        all_participants: bool = False,
    ) -> None:
        """Collect finished groups into one batch; answered by BatchProgress and then one BatchResult.

        Args:
            participants: consumers that each send the same barrier and get the result; empty = this one.
            count: until that many rollouts are in finished groups, or
            kept_groups: until that many groups were kept by the run's filters, or
            all_participants: until every participant has sent it and is owed nothing before it.
        """
        self._control(
            outgoing.barrier_request(
                barrier_id, participants, count=count, kept_groups=kept_groups, all_participants=all_participants
            )
        )

    def cancel(self, rollout_ids: Iterable[str], reason: str = "") -> None:
        """Take rollouts back that are not scored yet; they are answered CANCELLED."""
        self._control(outgoing.cancel_request(rollout_ids, reason))

    def flush(self) -> None:
        """Hand everything sent so far to the connection now, without waiting for company and without blocking."""
        with self._lock:
            self._check()
            self._state.flush()
            self._work.notify()

    def wait_accepted(self, timeout: float | None = None) -> None:
        """Flush, and return once everything sent so far is accepted (or refused, which is answered in a result).

        Raises:
            DeadlineExceeded: not within ``timeout`` seconds.
        """
        with self._lock:
            self._check()
            serial = self._state.flush()
            self._work.notify()
            done = self._state.accepted_up_to
            self._wait(lambda: done(serial) or self._ended, timeout, "not everything was accepted")
            if not done(serial):
                self._check()

    def acknowledge(self, sequence: int) -> None:
        """Everything up to ``sequence`` has been processed and may be forgotten. Not needed with ``auto_ack``."""
        with self._lock:
            self._check()
            self._state.acknowledge(sequence, time.monotonic())
            self._work.notify()

    ack = acknowledge

    def finish(self) -> None:
        """Send nothing more. Iteration then ends once everything that is owed has come."""
        with self._lock:
            self._check()
            self._state.flush()
            self._finishing = True
            self._work.notify_all()

    def _control(self, frame: bytes) -> None:
        with self._lock:
            self._check_sending()
            self._state.add_control(frame, time.monotonic())
            self._work.notify()

    def _wanted(self) -> frozenset[str]:
        wanted = self._wanted_signals
        if wanted is None:
            wanted = self._wanted_signals = frozenset(self._opened().required_signals)
        return wanted

    # ------------------------------------------------------------ receiving

    def receive(self, timeout: float | None = None) -> Event | None:
        """The next result, progress included; None after ``close`` or once a finished stream has ended.

        Raises:
            DeadlineExceeded: nothing came within ``timeout`` seconds.
        """
        with self._lock:
            state = self._state
            self._check_process()
            if not state.has_events:
                self._wait(lambda: state.has_events or self._ended, timeout, "no result came")
            event = state.take(time.monotonic())
            if event is None:
                if self._error is not None:
                    raise self._error
                return None
            if state.ack_news:
                self._work.notify()
            if self._paused and not state.is_full:
                self._space.notify()
            return event

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        event = self.receive()
        if event is None:
            raise StopIteration
        return event

    # ------------------------------------------------------------ ending

    def close(self) -> None:
        """Wait until everything sent is accepted, acknowledge what was handed out, and end. Harmless to repeat.

        Results that were not taken yet stay with the service; a later stream of this consumer gets them.

        Raises:
            AssayError: what was sent could not be delivered.
        """
        try:
            if not self._ended and not self._closing:
                self.wait_accepted()
        finally:
            self._close(CLOSE_SECONDS, acknowledge=self._auto_ack)

    def abandon(self) -> None:
        """End at once: what was not accepted is lost, and the result handed out last is not acknowledged."""
        with self._lock:
            self._check_process()
            self._state.abandon()
        self._close(ABANDON_SECONDS, acknowledge=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()

    def _close(self, grace: float, *, acknowledge: bool) -> None:
        with self._lock:
            self._check_process()
            if self._closing:
                return
            self._closing = self._finishing = True
            self._deadline = time.monotonic() + grace
            if acknowledge:
                self._state.acknowledge_handed(time.monotonic())
            self._state.discard()
            again = self._ended and self._error is None and self._state.ack_pending
            self._work.notify_all()
            self._space.notify_all()
        if again:
            self._thread.join()
            self._ended = False
            self._thread = threading.Thread(target=self._run, name=self._thread.name, daemon=True)
            self._thread.start()
        with self._lock:
            self._news.wait_for(lambda: self._ended, grace)
            self._epoch += 1
            self._work.notify_all()
            if self._call is not None:
                self._call.cancel()
        self._thread.join()

    def after_fork_in_child(self) -> None:
        """The stream belongs to the parent: here it only says so."""
        self._forked = True
        abandon((self._call, self._channel))
        self._call = self._channel = None
        self._make_locks()

    def _check_process(self) -> None:
        if self._forked:
            raise StreamClosed("the stream belongs to the parent of this forked process: open one here")

    def _check(self) -> None:
        self._check_process()
        if self._error is not None:
            raise self._error
        if self._ended or self._closing:
            raise StreamClosed("the stream is closed")

    def _check_sending(self) -> None:
        self._check()
        if self._finishing:
            raise StreamClosed("the stream was told that nothing more is sent")

    def _wait(self, done: Callable[[], bool], timeout: float | None, message: str) -> None:
        """Wait for news. Whoever waits here must not hold up the answers, however many results are waiting."""
        self._blocked += 1
        self._space.notify_all()
        try:
            if not self._news.wait_for(done, timeout):
                raise DeadlineExceeded(f"{message} within {timeout} s")
        finally:
            self._blocked -= 1

    def _wait_for_room(self) -> None:
        self._wait(lambda: self._state.has_ample_room or self._ended, None, "")
        self._check_sending()

    # ------------------------------------------------------------ the thread that owns the connection

    def _run(self) -> None:
        try:
            delay = self._connect_once()
            while delay is not None:
                self._pause(delay)
                delay = self._connect_once()
        except AssayError as error:
            self._error = error
        finally:
            with self._lock:
                self._ended = True
                self._epoch += 1
                self._work.notify_all()
                self._news.notify_all()
            if self._channel is not None:
                self._channel.close()
                self._channel = None

    def _pause(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        with self._lock:
            while not self._closing and (left := deadline - time.monotonic()) > 0:
                self._work.wait(left)

    def _connect_once(self) -> float | None:
        """Seconds until the next attempt; None: it is over."""
        with self._lock:
            self._epoch += 1
            epoch = self._epoch
        end = self._converse(epoch)
        with self._lock:
            self._epoch += 1
            self._call = None
            closing, settled, closed = self._state.closing, self._state.settled, self._closing
            self._state.disconnected()
            self._work.notify_all()
            self._news.notify_all()
        now = time.monotonic()
        if closed and now >= (self._deadline or 0.0):
            return None
        done = self._finishing and settled
        return next_delay(self._reconnects, closing, end, done=done, now=now, draw=random.random())  # noqa: S311 - jitter

    def _converse(self, epoch: int) -> Failure | None:
        """One connection, from its first request to its end; why it broke, or None where the service ended it."""
        method: grpc.StreamStreamMultiCallable[bytes, service.StreamRolloutsResponse] = (
            self._channel_now().stream_stream(
                methods.STREAM_ROLLOUTS_PATH, response_deserializer=service.StreamRolloutsResponse.FromString
            )
        )
        with self._lock:
            opening = self._state.connect()
        call = method(self._frames(epoch, opening), metadata=self._connection.metadata())
        self._call = call
        try:
            for response in call:
                if not self._take_in(response):
                    break
        except grpc.RpcError as error:
            return failure_of_rpc(error)
        finally:
            call.cancel()
        return None

    def _take_in(self, response: service.StreamRolloutsResponse) -> bool:
        with self._lock:
            state = self._state
            state.receive(response)
            self._reconnects.received(response, time.monotonic())
            self._news.notify_all()
            self._work.notify()
            while state.is_full and not (self._blocked or self._closing):
                self._paused = True
                self._space.wait()
            self._paused = False
            return state.closing is None

    def _frames(self, epoch: int, opening: bytes) -> Generator[bytes]:
        """The requests of one connection; ends when it is over or nothing more is to be sent."""
        yield opening
        while (frame := self._next_frame(epoch)) is not None:
            yield frame

    def _next_frame(self, epoch: int) -> bytes | None:
        with self._lock:
            while epoch == self._epoch:
                now = time.monotonic()
                frame = self._state.next_frame(now)
                if frame is not None:
                    if self._blocked:
                        self._news.notify_all()
                    return frame
                if self._finishing and self._state.settled:
                    return None
                self._work.wait(self._state.wait_time(now))
            return None

    def _channel_now(self) -> grpc.Channel:
        wanted = (self._reconnects.target, self._reconnects.rounds)
        if self._channel is None or self._channel_of != wanted:
            if self._channel is not None:
                self._channel.close()
            self._channel = open_channel(replace(self._connection, target=wanted[0]))
            self._channel_of = wanted
        return self._channel
