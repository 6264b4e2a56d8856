"""Interpreters of sessions: one for each that runs Python, kept between its calls, in the server's sandboxes.

An interpreter that is gone (there are too many, it was idle for long, the sandbox was lost, the server is another one)
is made again from what it was told. Where that does not say the same again its variables are lost, and the session is
told so.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import asdict, dataclass, field

from assay_sandbox.console import Console, ConsoleSettings
from assay_sandbox.protocol import SandboxUnavailable, WorkerLost
from assay_server.environments.tools.outside import FIRST, PythonAnswer, PythonRequest, Ran, Unreadable, chained
from assay_server.execution.code_judge import when_there_is_room
from assay_server.execution.sandboxes import Sandboxes

_MOST_CODES = 1000
_MOST_CHARACTERS = 1 << 20
_NOT_ASKED_WELL = "the request cannot be read"
_ATTEMPTS = 2
_TOO_LONG = "told for too long"
"""Where no request stands."""


@dataclass(frozen=True, slots=True)
class InterpreterSettings:
    """How many interpreters, and for how long.

    Attributes:
        kept: interpreters between calls; those not used for longest end first.
        idle_seconds: without a call, after which one ends.
        rebuild_seconds: that running the earlier pieces again may take.
    """

    kept: int = 32
    idle_seconds: float = 600.0
    rebuild_seconds: float = 20.0
    console: ConsoleSettings = field(default_factory=ConsoleSettings)


@dataclass(slots=True, eq=False)
class _Kept:
    """An interpreter, where it stands, when it was last used, and the CPU milliseconds that were charged for it."""

    console: Console
    chain: str = FIRST
    used: float = 0.0
    charged: float = 0.0


class Interpreters:
    """Satisfies :class:`assay_server.sessions.asking.Outside`. Used from one event loop."""

    def __init__(self, sandboxes: Sandboxes, settings: InterpreterSettings | None = None) -> None:
        self._sandboxes = sandboxes
        self._settings = settings or InterpreterSettings()
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        self._endings: set[asyncio.Task[None]] = set()

    @property
    def kept(self) -> int:
        """Interpreters that wait for their next call."""
        return len(self._kept)

    async def answer(self, tenant: str, session_id: str, request: str) -> str:
        """What comes of the pieces of a request; all that goes wrong is an answer."""
        try:
            asked = PythonRequest.decode(request)
        except Unreadable:
            return PythonAnswer(unavailable=_NOT_ASKED_WELL).encode()
        pieces = (*asked.before, *asked.codes)
        if len(pieces) > _MOST_CODES or sum(map(len, pieces)) > _MOST_CHARACTERS:
            return PythonAnswer(unavailable="the interpreter was told more than it may be told").encode()
        try:
            return (await self._answered(tenant, session_id, asked)).encode()
        except SandboxUnavailable as error:
            return PythonAnswer(unavailable=str(error)).encode()

    def forget(self, tenant: str, session_id: str) -> None:
        """End a session's interpreter."""
        kept = self._kept.pop((tenant, session_id), None)
        if kept is not None:
            self._end(kept)

    async def close(self) -> None:
        """End all."""
        while self._kept:
            self._end(self._kept.popitem()[1])
        await asyncio.gather(*self._endings)

    async def _answered(self, tenant: str, session_id: str, asked: PythonRequest) -> PythonAnswer:
        await self._sandboxes.backend()
        async with self._sandboxes.quotas.job(tenant) as charge:

            async def work() -> PythonAnswer:
                async with self._sandboxes.admission.slot():
                    answer, cpu_ms = await self._run((tenant, session_id), asked)
                charge(cpu_ms)
                return answer

            return await when_there_is_room(work)

    async def _run(self, key: tuple[str, str], asked: PythonRequest) -> tuple[PythonAnswer, float]:
        """Run the pieces; what came of them, and the CPU time that was not charged yet."""
        for _ in range(_ATTEMPTS):
            kept: _Kept | None = None
            try:
                kept = await self._standing(key, asked)
                stands = kept.chain == asked.chain
                ran = await self._told(kept, asked.codes) if stands else []
                cpu_ms = await kept.console.cpu_ms()
            except WorkerLost:  # the sandbox's own end: nothing was answered yet, so that all of it can be done again
                if kept is not None:
                    self._end(kept)
                continue
            except BaseException:
                if kept is not None:
                    self._end(kept)
                raise
            spent, kept.charged = cpu_ms - kept.charged, cpu_ms
            if stands and not (ran and ran[-1].lost):
                self._keep(key, kept)
            else:
                self._end(kept)
            return PythonAnswer(tuple(ran), forgotten=not stands), spent
        return PythonAnswer(unavailable="the sandbox was lost several times"), 0.0

    async def _told(self, kept: _Kept, codes: tuple[str, ...]) -> list[Ran]:
        ran: list[Ran] = []
        for code in codes:
            said = Ran(**asdict(await kept.console.run(code)))
            ran.append(said)
            if said.lost:
                break
            kept.chain = chained(kept.chain, code, said)
        return ran

    async def _standing(self, key: tuple[str, str], asked: PythonRequest) -> _Kept:
        """An interpreter that was told all that came before; it stands elsewhere than asked where none can be brought
        there."""
        kept = self._kept.pop(key, None)
        if kept is not None and kept.chain == asked.chain:
            return kept
        if kept is not None:  # the session was taken back to an earlier step
            self._end(kept)
        kept = _Kept(await Console.opened(await self._sandboxes.backend(), self._settings.console))
        try:
            async with asyncio.timeout(self._settings.rebuild_seconds):
                await self._told(kept, asked.before)
        except TimeoutError:
            kept.chain = _TOO_LONG
        except BaseException:
            self._end(kept)
            raise
        return kept

    def _keep(self, key: tuple[str, str], kept: _Kept) -> None:
        now = kept.used = time.monotonic()
        self._kept[key] = kept
        while len(self._kept) > self._settings.kept or self._oldest_used() < now - self._settings.idle_seconds:
            self._end(self._kept.popitem(last=False)[1])

    def _oldest_used(self) -> float:
        return next(iter(self._kept.values())).used if self._kept else time.monotonic()

    def _end(self, kept: _Kept) -> None:
        task = asyncio.create_task(kept.console.close(), name="interpreter's end")
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)
