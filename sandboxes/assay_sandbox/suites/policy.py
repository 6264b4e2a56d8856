"""Programs that play: a function ``act(observation, admissible_actions)``, called once for each step.

The world that it plays in is on this side: the program is told what it sees and says what it does, and has nothing else
of it. Every episode is a run of its own.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol

from assay_sandbox.harness.frames import ChannelClosed
from assay_sandbox.protocol import Backend, Launch, Limits, WorkerLost
from assay_sandbox.suites.calling import Caller, CallFailed
from assay_sandbox.suites.program import Program, candidate_call
from assay_sandbox.suites.talking import Talk, Watch
from assay_sandbox.suites.verdict import TestOutcome, Use

ENTRY_POINT = "act"
LONGEST_ACTION = 100_000
_ATTEMPTS = 3
_LONGEST_MESSAGE = 500
_EXIT = "SystemExit"


class PlayStatus(Enum):
    """What became of an episode."""

    PLAYED = "PLAYED"  # to the world's end
    NOT_LOADED = "NOT_LOADED"  # the program raised while it was loaded, or has no act
    EXCEPTION = "EXCEPTION"  # act raised
    EXITED = "EXITED"  # the program ended
    TIMEOUT = "TIMEOUT"  # a step, or the episode, took too long
    MEMORY = "MEMORY"
    BAD_ACTION = "BAD_ACTION"  # act returned something that is no text, or too long a one
    BROKEN_PROTOCOL = "BROKEN_PROTOCOL"  # what came over the channel is no answer
    NOT_RUN = "NOT_RUN"  # no time was left for it


_BY_OUTCOME = {TestOutcome.TIMEOUT: PlayStatus.TIMEOUT, TestOutcome.MEMORY: PlayStatus.MEMORY}


@dataclass(frozen=True, slots=True)
class View:
    """What a program is shown."""

    observation: str
    actions: Sequence[str]


class World(Protocol):
    """One episode, hosted on this side."""

    async def start(self) -> View | None:
        """The first view; None where it is over before it begins."""
        ...

    async def act(self, action: str) -> View | None:
        """What an action leads to; None where the episode is over."""
        ...


@dataclass(frozen=True, slots=True)
class Ending:
    """How an episode ended."""

    status: PlayStatus
    message: str = ""


@dataclass(frozen=True, slots=True)
class PlayLimits:
    """What a policy may use.

    Attributes:
        step: CPU and wall time of one call of ``act``, loading included in the first; memory, processes, files.
        episode_cpu_ms: of an episode.
        job_cpu_ms: of all episodes: those that begin later are not run.
        job_seconds: the same in wall time, the backstop.
    """

    step: Limits
    episode_cpu_ms: int = 20_000
    job_cpu_ms: int = 60_000
    job_seconds: float = 300.0


class PolicyJob:
    """One program and its episodes.

    Attributes:
        use: what all runs that have ended took together.
    """

    def __init__(self, backend: Backend, source: str, limits: PlayLimits) -> None:
        self._backend = backend
        self._limits = limits
        whole = replace(limits.step, cpu_ms=limits.episode_cpu_ms, wall_ms=int(limits.job_seconds * 1000))
        self._launch = Launch(candidate_call(source), whole)
        self.use = Use()

    async def play(self, worlds: Sequence[Callable[[], World]]) -> list[Ending]:
        """All episodes, one after the other. Raises WorkerLost, SandboxUnavailable, and what a world raises."""
        until = time.monotonic() + self._limits.job_seconds
        endings: list[Ending] = []
        for world in worlds:
            if self.use.cpu_ms >= self._limits.job_cpu_ms or time.monotonic() >= until:
                endings.append(Ending(PlayStatus.NOT_RUN, "no time is left for this job"))
            elif endings and endings[-1].status is PlayStatus.NOT_LOADED:
                endings.append(endings[-1])
            else:
                endings.append(await self._attempted(world))
        return endings

    async def _attempted(self, world: Callable[[], World]) -> Ending:
        """An episode; begun again, in a new world, where a sandbox was lost under it."""
        attempts = 1
        while True:
            try:
                return await self._episode(world())
            except WorkerLost:
                if attempts == _ATTEMPTS:
                    raise
            attempts += 1

    async def _episode(self, world: World) -> Ending:
        view = await world.start()
        if view is None:
            return Ending(PlayStatus.PLAYED)
        with Watch(self._limits.step) as watch:
            program = Program(self._backend, self._launch, watch)
            theirs, ours = socket.socketpair()
            talk = Talk(ours)
            try:
                await program.start(theirs)
                ending = await self._played(world, view, Caller(talk), watch)
            except ChannelClosed:
                ending = await _lost(program)
            finally:
                talk.close()
                await self._ended(program)
        return ending

    async def _ended(self, program: Program) -> None:
        try:
            await program.finish()
            self.use = self.use.plus(program.use.cpu_ms, program.use.peak_bytes)
        finally:
            await program.close()

    async def _played(self, world: World, first: View, caller: Caller, watch: Watch) -> Ending:
        try:
            await caller.ask_for(ENTRY_POINT)
            await caller.loaded()
            act = await caller.reached(ENTRY_POINT)
        except CallFailed as error:
            return _failed(error, PlayStatus.NOT_LOADED, "the program could not be loaded: ")
        view: View | None = first
        while view is not None:
            try:
                action = await caller.call(act, (view.observation, list(view.actions)), {})
            except CallFailed as error:
                return _failed(error, PlayStatus.EXCEPTION)
            watch.settled()
            if type(action) is not str or len(action) > LONGEST_ACTION:
                said = f"a text of {len(action)} characters" if type(action) is str else f"a {type(action).__name__}"
                return Ending(PlayStatus.BAD_ACTION, f"{ENTRY_POINT} returned {said}; expected a text")
            view = await world.act(action.encode("utf-8", "replace").decode())
            watch.turn()
        return Ending(PlayStatus.PLAYED)


def _failed(error: CallFailed, status: PlayStatus, told: str = "") -> Ending:
    if error.broken:
        status = PlayStatus.BROKEN_PROTOCOL
    elif error.kind == _EXIT:
        status = PlayStatus.EXITED
    return Ending(status, _clean(told + str(error)))


async def _lost(program: Program) -> Ending:
    kind, message = await program.lost()
    if not message:
        return Ending(PlayStatus.BROKEN_PROTOCOL, "the program broke the protocol")
    status = PlayStatus.EXITED if kind is None else _BY_OUTCOME.get(kind, PlayStatus.EXITED)
    return Ending(status, _clean(message))


def _clean(message: str) -> str:
    return message[:_LONGEST_MESSAGE].encode("utf-8", "replace").decode()
