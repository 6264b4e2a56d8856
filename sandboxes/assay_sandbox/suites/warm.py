"""Suites that are loaded already, each in a sandbox of its own, for one tenant."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from assay_sandbox.harness.frames import ChannelClosed
from assay_sandbox.harness.reports import BROKEN, GONE, READY
from assay_sandbox.protocol import Backend, Launch, Limits, PythonCall, Reason, Running, WorkerLost
from assay_sandbox.suites.talking import Talk, connected, texts
from assay_sandbox.suites.verdict import Unjudged, bad_suite

_ENTRY = "assay_sandbox.harness.suite_process:run"
_FOREVER_MS = 10**9
_LOAD_SECONDS = 60.0
_GONE_SECONDS = 2.0
_SPARES = 4
"""Candidates for which a suite has sockets from its start, where they cannot be handed over."""
_LONGEST_LIFE_SECONDS = 120.0
"""A suite holds on to the sandbox worker that it began in, which shall be replaced from time to time."""
_LONGEST_IDLE_SECONDS = 180.0


class SuiteProcess:
    """One suite in its sandbox. Judges one candidate at a time.

    Attributes:
        tests: names of the tests, where they are known before they run.
        usable: whether it can take another job.
        finished: whether it has said all that it had to say about the last one.
    """

    def __init__(self, running: Running, talk: Talk, stack: AsyncExitStack, spares: list[socket.socket] | None) -> None:
        self._spares = spares
        self.running = running
        self.talk = talk
        self._stack = stack
        self.tests: list[str] = []
        self.usable = False
        self.finished = False
        self.born = time.monotonic()

    async def load(self) -> None:
        """Wait until the suite is loaded. Raises Unjudged (BAD_SUITE), WorkerLost."""
        try:
            async with asyncio.timeout(_LOAD_SECONDS):
                letter, said = await self.talk.receive_object()
        except TimeoutError:
            raise bad_suite("suite", f"it was not loaded within {_LOAD_SECONDS:g} s") from None
        except ChannelClosed:
            raise await self.ended("while it was loaded") from None
        if letter == BROKEN:
            raise bad_suite("suite", str(said.get("message"))[:2000])
        if letter != READY:
            raise bad_suite("suite", "it broke the protocol")
        self.tests = texts(said.get("tests"))
        self.usable = True

    async def ended(self, when: str) -> Unjudged:
        """Why it is gone, as what can be said of the job. Raises WorkerLost."""
        self.usable = False
        self.running.kill()
        outcome = await self.running.outcome()
        words = outcome.stderr.decode("utf-8", "replace").strip().splitlines()
        last = f"; it wrote {words[-1][:300]!r}" if words else ""
        if outcome.reason is Reason.MEMORY_LIMIT:
            return bad_suite("suite", f"it ran out of memory {when}")
        return bad_suite("suite", f"it ended {when} ({outcome.reason.value}, status {outcome.exit_status}{last})")

    @property
    def has_ends(self) -> bool:
        """Whether it can be given another candidate."""
        return self._spares is None or bool(self._spares)

    def ends(self) -> tuple[socket.socket, socket.socket | int]:
        """Both ends of a socket for a candidate: the candidate's, and the suite's or the number by which it has it."""
        if self._spares is None:
            return socket.socketpair()
        number = _SPARES - len(self._spares)
        return self._spares.pop(0), number

    def give(self, letter: bytes, end: socket.socket | int) -> None:
        """Have it judge the candidate at the other end. Raises WorkerLost where a suite that was kept is gone."""
        self.usable = self.finished = False
        try:
            self.talk.hand_over(letter, end)
        except ChannelClosed as error:
            raise WorkerLost("a suite that was kept is gone") from error

    def judged(self) -> None:
        """The job's process is gone: it can take another."""
        self.usable = self.has_ends

    async def settle(self) -> None:
        """Wait until the job's process is gone; then the suite can take another."""
        try:
            async with asyncio.timeout(_GONE_SECONDS):
                letter = b""
                while letter != GONE:
                    letter, _ = await self.talk.receive()
        except (TimeoutError, ChannelClosed):
            return
        self.judged()

    async def close(self) -> None:
        """End it."""
        self.talk.close()
        for end in self._spares or ():
            end.close()
        await self._stack.aclose()


class WarmSuites:
    """Keeps suites after use; the least recently used go first."""

    def __init__(self, backend: Backend, limits: Limits, keep: int) -> None:
        self._backend = backend
        self._limits = limits
        self._keep = keep
        self._idle: OrderedDict[tuple[str, str, int], SuiteProcess] = OrderedDict()
        self._count = 0

    @asynccontextmanager
    async def lent(
        self, tenant: str, suite: Mapping[str, str], files: Mapping[str, bytes]
    ) -> AsyncGenerator[SuiteProcess]:
        """A loaded suite, for one job. Raises Unjudged (BAD_SUITE), WorkerLost, SandboxUnavailable."""
        payload = json.dumps(suite).encode()
        digest = hashlib.sha256(payload)
        for path in sorted(files):
            digest.update(b"\0%d\0" % len(files[path]) + path.encode() + b"\0" + files[path])
        name = digest.hexdigest()
        process = self._taken(tenant, name) or await self._opened(payload, files)
        try:
            yield process
        finally:
            await self._returned(tenant, name, process)

    def _taken(self, tenant: str, name: str) -> SuiteProcess | None:
        for key in reversed(self._idle):
            if key[:2] == (tenant, name):
                return self._idle.pop(key)
        return None

    async def _opened(self, payload: bytes, files: Mapping[str, bytes]) -> SuiteProcess:
        pairs = [] if self._backend.hands_over_sockets else [socket.socketpair() for _ in range(_SPARES)]
        channels = tuple(suites for suites, _ in pairs)
        launch = Launch(PythonCall(_ENTRY, payload), self._limits, files=files, channels=channels)
        stack = AsyncExitStack()
        spares = [candidates for _, candidates in pairs] or None
        try:
            running, ours = await stack.enter_async_context(connected(self._backend, launch))
            process = SuiteProcess(running, Talk(ours), stack, spares)
            await process.load()
        except BaseException:
            for end in spares or ():
                end.close()
            await stack.aclose()
            raise
        return process

    async def _returned(self, tenant: str, name: str, process: SuiteProcess) -> None:
        if process.finished and not process.usable:
            await process.settle()
        if not process.usable or not self._keep or time.monotonic() - process.born > _LONGEST_LIFE_SECONDS:
            await process.close()
            return
        self._count += 1
        self._idle[tenant, name, self._count] = process
        while len(self._idle) > self._keep or self._oldest_age() > _LONGEST_IDLE_SECONDS:
            _, oldest = self._idle.popitem(last=False)
            await oldest.close()

    def _oldest_age(self) -> float:
        return time.monotonic() - next(iter(self._idle.values())).born if self._idle else 0.0

    async def close(self) -> None:
        """End all that are kept."""
        while self._idle:
            _, process = self._idle.popitem()
            await process.close()


def suite_limits(limits: Limits) -> Limits:
    """What a suite's process may use: as long as it is kept, and the memory of a run."""
    return Limits(cpu_ms=_FOREVER_MS, wall_ms=_FOREVER_MS, memory_bytes=limits.memory_bytes, pids=limits.pids)
