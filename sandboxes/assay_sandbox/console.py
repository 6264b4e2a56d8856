"""A Python interpreter in a sandbox that stays: piece by piece in, what each says out, until it is closed or lost."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from assay_sandbox.harness.console import CODE, SAID
from assay_sandbox.harness.frames import ChannelClosed
from assay_sandbox.protocol import Backend, Launch, Limits, PythonCall, Running
from assay_sandbox.suites.program import ending
from assay_sandbox.suites.talking import Talk, Watch, connected, outcome_within, told

_ENTRY = "assay_sandbox.harness.console:serve"
_FOREVER_MS = 10**9
_END_SECONDS = 2.0
_MIB = 1 << 20
_LIMITS = Limits(
    cpu_ms=5000, wall_ms=8000, memory_bytes=256 * _MIB, pids=16, file_bytes=16 * _MIB, output_bytes=1 << 16
)
_ENDED = "the interpreter was ended"


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """What an interpreter may use.

    Attributes:
        limits: CPU and wall time of each piece; the rest of the interpreter as a whole.
        kept_characters: of what a piece prints, and of its exception.
    """

    limits: Limits = _LIMITS
    kept_characters: int = 8000


@dataclass(frozen=True, slots=True)
class Said:
    """What came of a piece.

    Attributes:
        output: what it printed, and the value of its last expression.
        error: the exception that ended it; empty where none did.
        lost: why the interpreter is gone, with all that it kept; empty where it is there.
    """

    output: str = ""
    error: str = ""
    lost: str = ""


class Console:
    """One interpreter. Made by :meth:`opened`."""

    def __init__(self, settings: ConsoleSettings, running: Running, talk: Talk, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._running = running
        self._talk = talk
        self._stack = stack

    @classmethod
    async def opened(cls, backend: Backend, settings: ConsoleSettings, seed: int = 0) -> Console:
        """Start one; ``seed`` is of its ``random``. Raises WorkerLost, SandboxUnavailable."""
        payload = json.dumps({"seed": seed, "keptCharacters": settings.kept_characters}).encode()
        limits = replace(settings.limits, cpu_ms=_FOREVER_MS, wall_ms=_FOREVER_MS)
        stack = AsyncExitStack()
        launch = Launch(PythonCall(_ENTRY, payload), limits)
        running, end = await stack.enter_async_context(connected(backend, launch))
        return cls(settings, running, Talk(end), stack)

    async def run(self, code: str) -> Said:
        """Run a piece of code. Raises WorkerLost where the sandbox was lost, whatever the code did."""
        with Watch(self._settings.limits) as watch:
            watch.program(self._running)
            watch.settled()
            try:
                await self._talk.send(CODE, code.encode("utf-8", "surrogatepass"))
                letter, said = await self._talk.receive_object()
            except ChannelClosed:
                return Said(lost=await self._why(watch))
        if letter != SAID:
            await self.close()
            return Said(lost="the interpreter broke the protocol")
        kept = self._settings.kept_characters
        return Said(told(said.get("output"), kept), told(said.get("error"), kept))

    async def cpu_ms(self) -> float:
        """CPU time until now. Raises WorkerLost."""
        return await self._running.cpu_ms()

    async def close(self) -> None:
        """End it; may be called more than once."""
        self._talk.close()
        await self._stack.aclose()

    async def _why(self, watch: Watch) -> str:
        self._talk.close()
        outcome = None if watch.over else await outcome_within(self._running, _END_SECONDS)
        await self.close()
        if watch.over:
            return f"{_ENDED}: the code took {watch.over}"
        return _ENDED if outcome is None else ending(outcome)
