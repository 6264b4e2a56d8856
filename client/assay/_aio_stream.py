"""The asyncio stream: the same machine as the synchronous one, driven by tasks of the running loop."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, TypeAlias

import grpc
import grpc.aio

from assay import _methods as methods
from assay import _outgoing as outgoing
from assay._forks import abandon, watch_forks
from assay._reconnecting import Reconnects, next_delay
from assay._stream_state import Opening, StreamState
from assay._transport import failure_of_rpc, open_aio_channel
from assay.connection import Connection
from assay.errors import AssayError, DeadlineExceeded, Failure, StreamClosed
from assay.results import Event
from assay.rollouts import RolloutLike, RolloutState, StepLike
from assay.runs import RunInfo
from assay.signals import SignalValue
from assay.streams import ABANDON_SECONDS, CLOSE_SECONDS
from assay.v1 import reward_service_pb2 as service

if TYPE_CHECKING:
    from typing_extensions import Self

    Call: TypeAlias = grpc.aio.StreamStreamCall[bytes, service.StreamRolloutsResponse]


class RolloutStream:
    """One consumer's stream of one run; made by ``aio.Client.stream`` and opened by ``async with``.

    What :class:`assay.RolloutStream` says holds here too; an abandoned block (an exception, a cancellation) ends at
    once.
    """

    def __init__(
        self,
        connection: Connection,
        opening: Opening,
        create: Callable[[], Awaitable[RunInfo]] | None = None,
        *,
        auto_ack: bool = True,
        give_up_after: float | None = 300.0,
    ) -> None:
        self._connection = connection
        self._opening = opening
        self._create = create
        self._auto_ack = auto_ack
        self._reconnects = Reconnects(connection, give_up_after, random.randrange(1 << 16))  # noqa: S311 - spreads streams
        self._state = StreamState(opening, auto_ack=auto_ack)
        self._error: AssayError | None = None
        self._wanted: frozenset[str] = frozenset()
        self._finishing = False
        self._closing = False
        self._forked = False
        self._deadline = 0.0
        self._blocked = 0
        self._work = asyncio.Event()
        self._news = asyncio.Event()
        self._space = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None
        self._channel: grpc.aio.Channel | None = None
        self._channel_of: tuple[str, int] = ("", 0)
        watch_forks(self)

    async def __aenter__(self) -> Self:
        if self._create is not None:
            created = await self._create()
            generation = self._opening.generation or created.generation
            opening = replace(self._opening, run_id=created.run_id, generation=generation)
            self._state = StreamState(opening, auto_ack=self._auto_ack)
        self._start()
        try:
            await self._wait(lambda: self._state.opened is not None, None, "")
            self._wanted = frozenset(self.required_signals)
        except BaseException:
            await self.abandon()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            await self.close()
        else:
            await self.abandon()

    def _start(self) -> None:
        self._runner = asyncio.create_task(self._run(), name=f"assay-stream-{self._opening.consumer}")
        self._runner.add_done_callback(lambda _: self._news.set())

    # ------------------------------------------------------------ what is known

    @property
    def run_id(self) -> str:
        return self._opened().run_id

    @property
    def generation(self) -> int:
        """Of the run, as this stream knows it."""
        return self._opened().generation

    @property
    def consumer(self) -> str:
        return self._opening.consumer

    @property
    def max_in_flight(self) -> int:
        """Rollouts that may be queued or scoring at the service at a time."""
        return self._opened().max_in_flight

    @property
    def required_signals(self) -> tuple[str, ...]:
        """Names of the signals that are sent; all others are left out."""
        return tuple(self._opened().required_signals)

    def _opened(self) -> service.Opened:
        if self._state.opened is None:
            raise StreamClosed("the stream is not open: use it with `async with`")
        return self._state.opened

    # ------------------------------------------------------------ sending

    async def send(self, rollout: RolloutLike) -> None:
        """Send a rollout, soon and together with others. Waits while many are waiting already."""
        rollout_id, data = outgoing.serialized_rollout(rollout, self._wanted)
        self._check_sending()
        if not self._state.has_room:
            await self._wait_for_room()
        now = time.monotonic()
        self._state.add_rollout(rollout_id, data, now)
        if self._state.is_due(now):
            self._work.set()

    async def send_many(self, rollouts: Iterable[RolloutLike]) -> None:
        """Send rollouts in order."""
        for rollout in rollouts:
            await self.send(rollout)

    async def append(
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
        """Grow a rollout that was sent in state IN_PROGRESS; ``final`` freezes it and has it scored."""
        frame = outgoing.append_request(
            rollout_id,
            from_index,
            steps,
            final=final,
            state=state,
            num_tokens=num_tokens,
            signals=signals,
            wanted=self._wanted,
        )
        self._check_sending()
        if not self._state.has_room:
            await self._wait_for_room()
        self._state.add_append(rollout_id, frame, time.monotonic())
        self._work.set()

    async def close_group(self, group_id: str, expected: Iterable[str] | None = None) -> None:
        """Fix a group's members: those expected, or (None) those that have arrived."""
        self._control(outgoing.close_group_request(group_id, expected))

    async def abort_group(self, group_id: str, reason: str = "") -> None:
        """Give a group up: it gets no advantages."""
        self._control(outgoing.abort_group_request(group_id, reason))

    async def barrier(
        self,
        barrier_id: str,
        participants: Iterable[str] = (),
        *,
        count: int | None = None,
        kept_groups: int | None = None,
        all_participants: bool = False,
    ) -> None:
        """Collect finished groups into one batch; answered by BatchProgress and then one BatchResult."""
        self._control(
            outgoing.barrier_request(
                barrier_id, participants, count=count, kept_groups=kept_groups, all_participants=all_participants
            )
        )

    async def cancel(self, rollout_ids: Iterable[str], reason: str = "") -> None:
        """Take rollouts back that are not scored yet; they are answered CANCELLED."""
        self._control(outgoing.cancel_request(rollout_ids, reason))

    async def flush(self) -> None:
        """Hand everything sent so far to the connection now, without waiting for company."""
        self._check()
        self._state.flush()
        self._work.set()

    async def wait_accepted(self, timeout: float | None = None) -> None:
        """Flush, and return once everything sent so far is accepted (or refused, which is answered in a result)."""
        self._check()
        serial = self._state.flush()
        self._work.set()
        done = self._state.accepted_up_to
        await self._wait(lambda: done(serial), timeout, "not everything was accepted")

    async def acknowledge(self, sequence: int) -> None:
        """Everything up to ``sequence`` has been processed and may be forgotten. Not needed with ``auto_ack``."""
        self._check()
        self._state.acknowledge(sequence, time.monotonic())
        self._work.set()

    ack = acknowledge

    async def finish(self) -> None:
        """Send nothing more. Iteration then ends once everything that is owed has come."""
        self._check()
        self._state.flush()
        self._finishing = True
        self._work.set()

    def _control(self, frame: bytes) -> None:
        self._check_sending()
        self._state.add_control(frame, time.monotonic())
        self._work.set()

    # ------------------------------------------------------------ receiving

    async def receive(self, timeout: float | None = None) -> Event | None:
        """The next result, progress included; None after ``close`` or once a finished stream has ended."""
        self._check_process()
        state = self._state
        if not state.has_events and not self._ended:
            await self._wait(lambda: state.has_events or self._ended, timeout, "no result came")
        event = state.take(time.monotonic())
        if event is None:
            if self._error is not None:
                raise self._error
            return None
        if state.ack_news:
            self._work.set()
        if not state.is_full:
            self._space.set()
        return event

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        event = await self.receive()
        if event is None:
            raise StopAsyncIteration
        return event

    # ------------------------------------------------------------ ending

    async def close(self) -> None:
        """Wait until everything sent is accepted, acknowledge what was handed out, and end. Harmless to repeat."""
        try:
            if not self._ended and not self._closing:
                await self.wait_accepted()
        finally:
            await self._close(CLOSE_SECONDS, acknowledge=self._auto_ack)

    async def abandon(self) -> None:
        """End at once: what was not accepted is lost, and the result handed out last is not acknowledged."""
        self._check_process()
        self._state.abandon()
        await self._close(ABANDON_SECONDS, acknowledge=False)

    async def _close(self, grace: float, *, acknowledge: bool) -> None:
        self._check_process()
        if self._closing:
            return
        self._closing = self._finishing = True
        self._deadline = time.monotonic() + grace
        if acknowledge:
            self._state.acknowledge_handed(time.monotonic())
        self._state.discard()
        if self._ended and self._error is None and self._state.ack_pending:
            self._start()
        self._work.set()
        self._space.set()
        if self._runner is not None:
            await asyncio.wait([self._runner], timeout=grace)
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)

    def after_fork_in_child(self) -> None:
        """The stream belongs to the parent: here it only says so."""
        self._forked = True
        abandon((self._channel, self._runner))
        self._channel = None

    @property
    def _ended(self) -> bool:
        return self._runner is None or self._runner.done()

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

    async def _wait(self, done: Callable[[], bool], timeout: float | None, message: str) -> None:
        """Wait for news. Whoever waits here must not hold up the answers, however many results are waiting."""
        deadline = None if timeout is None else time.monotonic() + timeout
        self._blocked += 1
        self._space.set()
        try:
            while not done():
                if self._ended:
                    self._check()
                left = None if deadline is None else deadline - time.monotonic()
                self._news.clear()
                if not await _within(self._news, left):
                    raise DeadlineExceeded(f"{message} within {timeout} s")
        finally:
            self._blocked -= 1

    async def _wait_for_room(self) -> None:
        await self._wait(lambda: self._state.has_ample_room, None, "")
        self._check_sending()

    # ------------------------------------------------------------ the task that owns the connection

    async def _run(self) -> None:
        try:
            delay = await self._connect_once()
            while delay is not None:
                await self._pause(delay)
                delay = await self._connect_once()
        except AssayError as error:
            self._error = error
        finally:
            if self._channel is not None:
                channel, self._channel = self._channel, None
                await channel.close()

    async def _pause(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._closing and (left := deadline - time.monotonic()) > 0:
            self._work.clear()
            await _within(self._work, left)

    async def _connect_once(self) -> float | None:
        """Seconds until the next attempt; None: it is over."""
        failure = await self._converse()
        state = self._state
        done = self._finishing and state.settled
        state.disconnected()
        self._news.set()
        now = time.monotonic()
        if self._closing and now >= self._deadline:
            return None
        draw = random.random()  # noqa: S311 - jitter
        return next_delay(self._reconnects, state.closing, failure, done=done, now=now, draw=draw)

    async def _converse(self) -> Failure | None:
        """One connection, from its first request to its end; why it broke, or None where the service ended it."""
        channel = await self._channel_now()
        method: grpc.aio.StreamStreamMultiCallable[bytes, service.StreamRolloutsResponse] = channel.stream_stream(
            methods.STREAM_ROLLOUTS_PATH, response_deserializer=service.StreamRolloutsResponse.FromString
        )
        call = method(metadata=self._connection.metadata())
        writer = asyncio.create_task(self._write(call), name=f"assay-writer-{self._opening.consumer}")
        try:
            # not "async for": a call keeps its iterator, which keeps the call and so its connection until Python looks
            while isinstance(response := await call.read(), service.StreamRolloutsResponse):
                if not await self._take_in(response):
                    break
        except grpc.RpcError as error:
            return failure_of_rpc(error)
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            call.cancel()
        return None

    async def _take_in(self, response: service.StreamRolloutsResponse) -> bool:
        state = self._state
        state.receive(response)
        self._reconnects.received(response, time.monotonic())
        self._news.set()
        self._work.set()
        while state.is_full and not (self._blocked or self._closing):
            self._space.clear()
            await self._space.wait()
        return state.closing is None

    async def _write(self, call: Call) -> None:
        """The requests of one connection; what breaks it is seen by who reads."""
        state = self._state
        await call.write(state.connect())
        while True:
            now = time.monotonic()
            self._work.clear()
            frame = state.next_frame(now)
            if frame is not None:
                if self._blocked:
                    self._news.set()
                await call.write(frame)
            elif self._finishing and state.settled:
                await call.done_writing()
                return
            else:
                await _within(self._work, state.wait_time(now))

    async def _channel_now(self) -> grpc.aio.Channel:
        wanted = (self._reconnects.target, self._reconnects.rounds)
        if self._channel is None or self._channel_of != wanted:
            if self._channel is not None:
                await self._channel.close()
            self._channel = open_aio_channel(replace(self._connection, target=wanted[0]))
            self._channel_of = wanted
        return self._channel


async def _within(event: asyncio.Event, seconds: float | None) -> bool:
    """Whether the event came within that time; None = wait as long as it takes.

    Not ``asyncio.wait_for``, which before Python 3.12 forgets a cancellation that comes together with the event.
    """
    waiter = asyncio.ensure_future(event.wait())
    try:
        done, _ = await asyncio.wait((waiter,), timeout=seconds)
    finally:
        waiter.cancel()
    return bool(done)
