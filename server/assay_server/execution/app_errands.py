"""Errands' actions that need the outside: their programs run in a sandbox, their questions go to judges.

An action is played here on an episode of its own that stands where the session's does. What the program calls is
answered by that episode's state, outside of the sandbox; what happened goes back, and is journaled with the action.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import cast

from assay.sdk import Json, Unscorable
from assay_sandbox.acting import ActingProgram, ActingSettings, Call, acting
from assay_sandbox.protocol import SandboxUnavailable, WorkerLost
from assay_server.environments.apps import AppsEpisode
from assay_server.environments.apps.outside import (
    Answered,
    Called,
    Ended,
    Errand,
    Event,
    Need,
    Program,
    Said,
    encode_tape,
)
from assay_server.environments.apps.reading import IN_PROGRAMS
from assay_server.environments.asked import JudgeQuestion, Reach
from assay_server.environments.protocol import EpisodeOver
from assay_server.execution.code_judge import when_there_is_room
from assay_server.execution.sandboxes import Sandboxes

AskJudge = Callable[[str, JudgeQuestion], Awaitable[dict[str, Json]]]
"""Asks a judge for a tenant. Raises Unscorable."""

_ATTEMPTS = 3
_UNAVAILABLE = "SANDBOX_UNAVAILABLE"


class AppErrands:
    """Plays actions. Used from one event loop."""

    def __init__(self, sandboxes: Sandboxes, ask: AskJudge, settings: ActingSettings | None = None) -> None:
        self._sandboxes = sandboxes
        self._ask = ask
        self._settings = settings

    async def answer(self, tenant: str, request: str) -> str:
        """The tape of an action.

        Raises:
            Unscorable: SANDBOX_UNAVAILABLE; what judges raise. The action was not taken.
        """
        errand = Errand.decode(request)
        for _ in range(_ATTEMPTS):
            tape = await self._tape(tenant, errand)
            if tape is not None:
                return encode_tape(tape)
        message = f"the sandbox was lost {_ATTEMPTS} times under the program"
        raise Unscorable(_UNAVAILABLE, message, retryable=True)

    async def _tape(self, tenant: str, errand: Errand) -> list[Event] | None:
        """What happened; None where the sandbox was lost: nothing was answered yet, all of it can be done again."""
        try:
            return await _Playing(self._sandboxes, self._ask, self._settings, tenant).tape_of(errand)
        except WorkerLost:
            return None
        except SandboxUnavailable as error:
            raise Unscorable(_UNAVAILABLE, str(error), retryable=True) from error


class _Playing:
    """One action being played."""

    def __init__(self, sandboxes: Sandboxes, ask: AskJudge, settings: ActingSettings | None, tenant: str) -> None:
        self._sandboxes = sandboxes
        self._ask = ask
        self._settings = settings
        self._tenant = tenant
        self._tape: list[Event] = []
        self._program: ActingProgram | None = None

    async def tape_of(self, errand: Errand) -> list[Event]:
        judge = errand.options.get("judge")
        episode = AppsEpisode(Reach(programs=True, judges=(judge,) if isinstance(judge, str) else ()))
        episode.reset(errand.seed, errand.options)
        episode.restore(errand.dump.encode())
        play = episode.play(errand.action)
        try:
            need = next(play)
            while not isinstance(need, Program):
                need = play.send(await self._met(need))
            await self._in_sandbox(need, play.send)
        except StopIteration:
            pass
        except EpisodeOver as error:
            raise AssertionError("an errand of an episode that is over") from error
        return self._tape

    async def _in_sandbox(self, need: Program, send: Callable[[Event], Need]) -> None:
        """Play on from a program to the action's end, in one of the sandboxes' places."""
        await self._sandboxes.backend()
        async with self._sandboxes.quotas.job(self._tenant) as charge:
            await when_there_is_room(lambda: self._placed(need, send, charge))

    async def _placed(self, need: Program, send: Callable[[Event], Need], charge: Callable[[float], None]) -> None:
        async with self._sandboxes.admission.slot(), AsyncExitStack() as stack:
            backend = await self._sandboxes.backend()
            self._program = await stack.enter_async_context(acting(backend, need.code, IN_PROGRAMS, self._settings))
            try:
                following = send(await self._turn())
                while True:
                    following = send(await self._met(following))
            except StopIteration:
                charge(await self._program.cpu_ms())

    async def _met(self, need: Need) -> Event:
        """What happens where this is needed."""
        match need:
            case JudgeQuestion():
                event: Event = Said(await self._ask(self._tenant, need))
                self._tape.append(event)
                return event
            case Answered():
                return await self._answered(need)
            case Program():
                raise AssertionError("an action has one program")

    async def _answered(self, answer: Answered) -> Event:
        assert self._program is not None
        if answer.error:
            await self._program.refuse(answer.error)
        else:
            await self._program.answer(answer.value)
        return await self._turn()

    async def _turn(self) -> Event:
        assert self._program is not None
        turn = await self._program.turn()
        event: Event = (
            Called(turn.name, cast("tuple[Json, ...]", turn.positional), cast("dict[str, Json]", turn.named))
            if isinstance(turn, Call)
            else Ended(turn.output, turn.error)
        )
        self._tape.append(event)
        await asyncio.sleep(0)  # a program that calls without end leaves turns of the loop to others
        return event
