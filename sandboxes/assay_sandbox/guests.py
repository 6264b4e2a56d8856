"""A Python program in a sandbox that stays and answers: what it is asked goes in, its answer comes out, until it is
closed or lost. The program comes with the launch, as files; nothing of it has to be there before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from assay_sandbox.harness.frames import ChannelClosed
from assay_sandbox.protocol import Backend, Launch, Limits, Outcome, PythonCall, Running
from assay_sandbox.suites.talking import Talk, connected, outcome_within

_ENTRY = "assay_sandbox.harness.guest:serve"
_END_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class GuestProgram:
    """What is run.

    Attributes:
        module: in ``files``; its ``serve(told, channel)`` is called.
        told: what it is called with, as JSON has it.
        files: by their paths below the working directory, from which modules are imported before all others.
        imports: modules to import first; with numpy among them the program is forked from an interpreter that has it.
    """

    module: str
    told: Mapping[str, str]
    files: Mapping[str, bytes]
    imports: tuple[str, ...] = ()


class GuestGone(Exception):
    """The program is gone, with all that it kept; how it ended is in ``outcome``."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.reason.value)
        self.outcome = outcome


class Guest:
    """One program. Made by :meth:`opened`; asked one thing at a time."""

    def __init__(self, running: Running, talk: Talk, stack: AsyncExitStack) -> None:
        self._running = running
        self._talk = talk
        self._stack = stack

    @classmethod
    async def opened(cls, backend: Backend, program: GuestProgram, limits: Limits) -> Guest:
        """Start one. Raises WorkerLost, SandboxUnavailable."""
        order = {"module": program.module, "told": dict(program.told), "imports": program.imports}
        call = PythonCall(_ENTRY, json.dumps(order).encode())
        stack = AsyncExitStack()
        launch = Launch(call, limits, files=program.files)
        running, end = await stack.enter_async_context(connected(backend, launch))
        return cls(running, Talk(end), stack)

    async def said(self) -> tuple[bytes, bytes]:
        """What it says next: letter and payload. Raises GuestGone, WorkerLost."""
        try:
            return await self._talk.receive()
        except ChannelClosed:
            raise await self.gone() from None

    async def ask(self, letter: bytes, payload: bytes) -> tuple[bytes, bytes]:
        """Its answer. Raises GuestGone, WorkerLost."""
        try:
            await self._talk.send(letter, payload)
        except ChannelClosed:
            raise await self.gone() from None
        return await self.said()

    async def cpu_ms(self) -> float:
        """CPU time until now. Raises WorkerLost."""
        return await self._running.cpu_ms()

    async def gone(self) -> GuestGone:
        """How it ended; it is ended where it does not end by itself. Raises WorkerLost."""
        outcome = await outcome_within(self._running, _END_SECONDS)
        return await self.ended() if outcome is None else GuestGone(outcome)

    async def ended(self) -> GuestGone:
        """End it now; how it ended. Raises WorkerLost."""
        self._running.kill()
        return GuestGone(await self._running.outcome())

    async def close(self) -> None:
        """End it; may be called more than once."""
        self._talk.close()
        await self._stack.aclose()
