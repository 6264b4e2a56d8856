"""The supervisor's end of a socket to a run, and the clock of what happens there."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from assay_sandbox.harness.frames import HEADER, MAX_PAYLOAD, ChannelClosed, framed
from assay_sandbox.protocol import Backend, Launch, Limits, Outcome, Running, SandboxError

if TYPE_CHECKING:
    from typing_extensions import Self

_READ_BYTES = 1 << 18
_GRACE_CPU_MS = 500.0
"""What a suite may compute until it notices that its program was ended."""
_LONGEST_GRACE_SECONDS = 10.0
_FIRST_LOOK_SECONDS = 0.05
_SHORTEST_SLEEP_SECONDS = 0.005
_CUT_CHARACTERS = 100
"""What the other side may add to say that it has cut something."""


class Talk:
    """Frames over one end of a socket pair."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end
        self._buffer = bytearray()
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        """Close this end."""
        self._end.close()

    async def send(self, letter: bytes, payload: bytes) -> None:
        """Write a frame. Raises ChannelClosed."""
        try:
            await self._loop.sock_sendall(self._end, framed(letter, payload))
        except OSError as error:
            raise ChannelClosed(str(error)) from error

    def hand_over(self, letter: bytes, given: socket.socket | int = 0) -> None:
        """Write a letter with a socket beside it, which is then closed here, or with a number. Raises ChannelClosed."""
        try:
            if isinstance(given, int):
                self._end.send(letter + bytes((given,)))
                return
            with given:
                socket.send_fds(self._end, [letter + b"\0"], [given.fileno()])
        except OSError as error:
            raise ChannelClosed(str(error)) from error

    async def receive(self) -> tuple[bytes, bytes]:
        """The next frame: letter and payload. Raises ChannelClosed."""
        while True:
            if len(self._buffer) >= HEADER.size:
                size, letter = HEADER.unpack_from(self._buffer)
                if size > MAX_PAYLOAD:
                    raise ChannelClosed("a message is too long")
                end = HEADER.size + size
                if len(self._buffer) >= end:
                    payload = bytes(self._buffer[HEADER.size : end])
                    del self._buffer[:end]
                    return bytes((letter,)), payload
            try:
                part = await self._loop.sock_recv(self._end, _READ_BYTES)
            except OSError as error:
                raise ChannelClosed(str(error)) from error
            if not part:
                raise ChannelClosed("the other side is gone")
            self._buffer += part

    async def receive_object(self) -> tuple[bytes, Mapping[str, object]]:
        """The next frame with its payload read as a JSON object. Raises ChannelClosed."""
        letter, payload = await self.receive()
        try:
            value = cast("object", json.loads(payload))
        except (ValueError, RecursionError) as error:
            raise ChannelClosed("not JSON") from error
        if not isinstance(value, dict):
            raise ChannelClosed("not a JSON object")
        return letter, cast("dict[str, object]", value)


@asynccontextmanager
async def connected(backend: Backend, launch: Launch) -> AsyncGenerator[tuple[Running, socket.socket]]:
    """A run, and our end of a channel to it that comes before those of the launch; both end with the context.

    Raises WorkerLost, SandboxUnavailable.
    """
    ours, theirs = socket.socketpair()
    try:
        async with backend.open(launch.with_channels(theirs, *launch.channels)) as running:
            yield running, ours
    finally:
        ours.close()


async def outcome_within(running: Running, seconds: float) -> Outcome | None:
    """How a run ends by itself; None where it does not in this time. Raises WorkerLost."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            return await running.outcome()
    return None


class Watch:
    """Ends runs that take too long over one test.

    CPU time decides; wall time is the backstop. What the suite does with the program's answers counts as wall time.

    Attributes:
        over: why the test under way was ended; empty while it may go on.
        suite_over: why the suite was ended too; empty where it was not.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._began = time.monotonic()
        self._first = True
        self._tests = 0
        self._resting = False
        self._program: Running | None = None
        self._suite: Running | None = None
        self._task: asyncio.Task[None] | None = None
        self.over = ""
        self.suite_over = ""

    def __enter__(self) -> Self:
        self._task = asyncio.create_task(self._watch(), name="watch")
        return self

    def __exit__(self, *_: object) -> None:
        task, self._task = self._task, None  # it remembers where it was cancelled: a circle otherwise
        assert task is not None
        if task.done() and not task.cancelled():
            task.result()
        task.cancel()

    def program(self, program: Running, suite: Running | None = None) -> None:
        """Watch this run now; ``suite`` is ended too where it does not notice that the program was."""
        self._program, self._suite, self._first = program, suite, True
        self.turn()

    def turn(self) -> None:
        """Another test begins, or something between tests."""
        self._began = time.monotonic()
        self._tests += 1
        self._resting = False
        self.over = ""

    def rest(self) -> None:
        """The program has ended or shall end: until the next turn nobody is ended for what that takes."""
        self._tests += 1
        self._resting = True

    def settled(self) -> None:
        """The first test of a run is over: the ones after it have a past."""
        self._first = False

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._first_look())
            number = self._tests
            if self._resting or time.monotonic() - self._began < self._first_look():
                continue
            try:
                await self._watch_test(number)
            except SandboxError:
                return  # the run is lost, and whoever waits for it is told so

    def _first_look(self) -> float:
        return min(_FIRST_LOOK_SECONDS, self._limits.cpu_ms / 4000, self._limits.wall_ms / 4000)

    async def _watch_test(self, number: int) -> None:
        """Follow a test that has run for a while to its end, or end it."""
        before = 0.0 if self._first else await self._cpu_ms()
        while number == self._tests:
            wall_left = self._limits.wall_ms - (time.monotonic() - self._began) * 1000
            cpu_left = self._limits.cpu_ms - (await self._cpu_ms() - before)
            if number != self._tests:
                return
            if wall_left <= 0 or cpu_left <= 0:
                self.over = f"more than {self._limits.cpu_ms if cpu_left <= 0 else self._limits.wall_ms} ms"
                await self._end(number)
                return
            await asyncio.sleep(max(_SHORTEST_SLEEP_SECONDS, min(wall_left, cpu_left / 2) / 1000))

    async def _cpu_ms(self) -> float:
        return 0.0 if self._program is None else await self._program.cpu_ms()

    async def _end(self, number: int) -> None:
        if self._program is not None:
            self._program.kill()
        suite = self._suite
        if suite is None:
            return
        before, began = await suite.cpu_ms(), time.monotonic()
        while time.monotonic() - began < _LONGEST_GRACE_SECONDS and await suite.cpu_ms() - before < _GRACE_CPU_MS:
            await asyncio.sleep(_FIRST_LOOK_SECONDS)
            if number != self._tests:
                return
        if number == self._tests:
            self.suite_over = self.over
            suite.kill()


def limits_of_run(limits: Limits, tests: int) -> Limits:
    """What a run may use in which so many tests follow each other; each by itself is watched."""
    times = max(1, tests) + 1
    return replace(limits, cpu_ms=limits.cpu_ms * times, wall_ms=limits.wall_ms * times)


def told(value: object, kept_characters: int) -> str:
    """A text of the other side's, which cuts its texts itself: valid Unicode of bounded length, whatever comes."""
    kept = value[: kept_characters + _CUT_CHARACTERS] if isinstance(value, str) else ""
    return kept.encode("utf-8", "replace").decode()


def texts(value: object) -> list[str]:
    """The texts of a list; empty where it is none."""
    items = cast("Sequence[object]", value) if isinstance(value, list) else ()
    return [item for item in items if isinstance(item, str)]
