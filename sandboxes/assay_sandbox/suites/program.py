"""The program under test, in its sandbox: started, watched, ended, and what its end says of a test."""

from __future__ import annotations

import socket
from contextlib import AsyncExitStack

from assay_sandbox.protocol import Backend, Launch, Outcome, PythonCall, Reason, Running
from assay_sandbox.suites.talking import Watch, outcome_within
from assay_sandbox.suites.verdict import TestOutcome, Use

_ENTRY = "assay_sandbox.harness.candidate:serve"
_END_SECONDS = 2.0
_BY_REASON = {
    Reason.CPU_LIMIT: TestOutcome.TIMEOUT,
    Reason.WALL_LIMIT: TestOutcome.TIMEOUT,
    Reason.MEMORY_LIMIT: TestOutcome.MEMORY,
}


def candidate_call(source: str) -> PythonCall:
    """A Python program as a module whose functions can be called from outside."""
    return PythonCall(_ENTRY, source.encode("utf-8", "surrogatepass"))


class Program:
    """Runs of one program, one after the other. Leaving the context ends the last.

    Attributes:
        use: what all runs that have ended took together.
    """

    def __init__(self, backend: Backend, launch: Launch, watch: Watch) -> None:
        self._backend = backend
        self._launch = launch
        self._watch = watch
        self._stack = AsyncExitStack()
        self._running: Running | None = None
        self.use = Use()

    async def start(self, end: socket.socket, suite: Running | None = None) -> None:
        """Start a run that talks over ``end``, which is closed here. Raises WorkerLost, SandboxUnavailable."""
        opening = self._backend.open(self._launch.with_channels(end))
        self._running = await self._stack.enter_async_context(opening)
        self._watch.program(self._running, suite)

    async def finish(self) -> Outcome | None:
        """End the run; how it ended, None where there was none. Raises WorkerLost."""
        self._watch.rest()
        running, self._running = self._running, None
        if running is None:
            return None
        running.kill()
        outcome = await running.outcome()
        self.use = self.use.plus(outcome.cpu_ms, outcome.peak_bytes)
        await self._stack.aclose()
        return outcome

    async def lost(self) -> tuple[TestOutcome | None, str]:
        """What became of the test in which the conversation ended, and why; None where the run's end says nothing."""
        over = self._watch.over
        self._watch.rest()
        if not over and self._running is not None:
            await outcome_within(self._running, _END_SECONDS)
        outcome = await self.finish()
        if over:
            return TestOutcome.TIMEOUT, over
        if outcome is None or outcome.reason is Reason.KILLED:
            return None, ""
        return _BY_REASON.get(outcome.reason), ending(outcome)

    async def close(self) -> None:
        """End the run, if there is one."""
        self._running = None
        await self._stack.aclose()


def outcome_kind(outcome: Outcome) -> TestOutcome | None:
    """TIMEOUT or MEMORY, where a limit ended the run."""
    return _BY_REASON.get(outcome.reason)


def ending(outcome: Outcome) -> str:
    """How a run ended, in words."""
    match outcome.reason:
        case Reason.CPU_LIMIT | Reason.WALL_LIMIT | Reason.MEMORY_LIMIT | Reason.OUTPUT_LIMIT:
            return f"the program was ended: {outcome.reason.value}"
        case Reason.SIGNALED:
            return f"the program ended with signal {outcome.signal}"
        case _:
            return f"the program ended with status {outcome.exit_status}"
