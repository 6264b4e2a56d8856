"""A program in a sandbox that acts through functions on this side: its calls out, answers in, and how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeAlias, cast

from assay_sandbox.harness.acting import ANSWERED, CALLED
from assay_sandbox.harness.console import SAID
from assay_sandbox.harness.frames import ChannelClosed
from assay_sandbox.protocol import Backend, Launch, Limits, PythonCall, Running
from assay_sandbox.suites.program import ending
from assay_sandbox.suites.talking import Talk, connected, outcome_within, told

_ENTRY = "assay_sandbox.harness.acting:serve"
_LONGEST_MS = 3_600_000
_END_SECONDS = 10.0
_MIB = 1 << 20
_CALL_PARTS = 3
_LIMITS = Limits(
    cpu_ms=5000, wall_ms=10_000, memory_bytes=256 * _MIB, pids=16, file_bytes=16 * _MIB, output_bytes=1 << 16
)
_BROKEN = "it broke the protocol"

Functions: TypeAlias = Mapping[str, Mapping[str, str]]
"""By application, empty for none, what a function is called there and its whole name."""


@dataclass(frozen=True, slots=True)
class ActingSettings:
    """What a program may use.

    Attributes:
        limits: of the whole program. Wall time is its own: while it waits for the answer of a call none is counted.
        kept_characters: of what it prints, and of its exception.
        calls: after which it is ended.
        call_bytes: of all its calls together, as JSON.
    """

    limits: Limits = _LIMITS
    kept_characters: int = 8000
    calls: int = 256
    call_bytes: int = _MIB


@dataclass(frozen=True, slots=True)
class Call:
    """The program calls a function and waits."""

    name: str
    positional: tuple[object, ...]
    named: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class End:
    """The program is over: what it printed, and the exception or the limit that ended it."""

    output: str = ""
    error: str = ""


class ActingProgram:
    """One program under way. Made by :func:`acting`."""

    def __init__(self, settings: ActingSettings, running: Running, talk: Talk) -> None:
        self._settings = settings
        self._running = running
        self._talk = talk
        self._seconds = settings.limits.wall_ms / 1000
        self._calls = 0
        self._bytes = settings.call_bytes
        self._ended_cpu_ms: float | None = None

    async def turn(self) -> Call | End:
        """Wait for what the program does next. Raises WorkerLost."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._seconds):
                letter, payload = await self._talk.receive()
        except TimeoutError:
            return await self._stopped(f"it took more than {self._settings.limits.wall_ms} ms")
        except ChannelClosed:
            return End(error=await self._why())
        self._seconds = max(0.0, self._seconds - (time.monotonic() - began))
        if letter == CALLED:
            self._calls += 1
            self._bytes -= len(payload)
        if self._calls > self._settings.calls:
            return await self._stopped(f"it made more than {self._settings.calls} calls")
        if self._bytes < 0:
            return await self._stopped(f"its calls have more than {self._settings.call_bytes} bytes")
        try:
            return self._read(letter, json.loads(payload))
        except (ValueError, RecursionError, TypeError, LookupError):
            return await self._stopped(_BROKEN)

    async def answer(self, value: object) -> None:
        """What the call came to: JSON."""
        await self._send({"value": value})

    async def refuse(self, error: str) -> None:
        """Why the call was not made."""
        await self._send({"error": error})

    async def cpu_ms(self) -> float:
        """CPU time until now. Raises WorkerLost."""
        return await self._running.cpu_ms() if self._ended_cpu_ms is None else self._ended_cpu_ms

    async def _send(self, answer: Mapping[str, object]) -> None:
        with contextlib.suppress(ChannelClosed):  # the next turn says that it is gone, and why
            await self._talk.send(ANSWERED, json.dumps(answer).encode())

    def _read(self, letter: bytes, said: object) -> Call | End:
        if letter == SAID:
            end = cast("dict[str, object]", said)
            kept = self._settings.kept_characters
            return End(told(end["output"], kept), told(end["error"], kept))
        parts = cast("list[object]", said)
        if letter != CALLED or len(parts) != _CALL_PARTS:
            raise ValueError("no call")
        json.dumps(parts, allow_nan=False)
        name, positional, named = parts
        if not isinstance(name, str) or not isinstance(positional, list) or not isinstance(named, dict):
            raise TypeError("no call")
        return Call(name, tuple(cast("list[object]", positional)), cast("dict[str, object]", named))

    async def _why(self) -> str:
        outcome = await outcome_within(self._running, _END_SECONDS)
        if outcome is None:
            return (await self._stopped(_BROKEN)).error
        self._ended_cpu_ms = outcome.cpu_ms
        return ending(outcome)

    async def _stopped(self, why: str) -> End:
        self._running.kill()
        self._ended_cpu_ms = (await self._running.outcome()).cpu_ms
        return End(error=f"the program was ended: {why}")


@asynccontextmanager
async def acting(
    backend: Backend, code: str, functions: Functions, settings: ActingSettings | None = None
) -> AsyncGenerator[ActingProgram]:
    """Start a program; it is ended at the end. Raises WorkerLost, SandboxUnavailable."""
    settings = settings or ActingSettings()
    order = {"seed": 0, "keptCharacters": settings.kept_characters, "functions": functions, "code": code}
    limits = replace(settings.limits, wall_ms=_LONGEST_MS)
    launch = Launch(PythonCall(_ENTRY, json.dumps(order).encode()), limits)
    async with connected(backend, launch) as (running, end):
        yield ActingProgram(settings, running, Talk(end))
