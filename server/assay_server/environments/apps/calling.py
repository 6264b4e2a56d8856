"""Calls of the applications' functions: one by one, or by a program that runs elsewhere and calls them here."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar, cast

from assay.sdk import Json
from assay_server.environments.apps.functions import ASK, DECLARED, FINISH, FUNCTIONS
from assay_server.environments.apps.options import AppsOptions
from assay_server.environments.apps.outside import Answered, Called, Ended, Event, Need, Nobody, Program, Said
from assay_server.environments.apps.policies import POLICIES
from assay_server.environments.apps.reading import LONGEST_CODE, RUN
from assay_server.environments.apps.tasks import Task
from assay_server.environments.apps.world import AppError, World
from assay_server.environments.asked import gives_orders
from assay_server.environments.protocol import EnvironmentFault
from assay_server.environments.tools.reading import Planned, planned
from assay_server.rewards.calls_literals import Call

MOST_TOGETHER = 16
MOST_OF_PROGRAM = 200
"""Calls that an action, and a program, may make."""

_LONGEST_VIEW = 20_000
_LOOKS = 16
"""Calls of a program between two looks at how full the world is."""

T = TypeVar("T")
Play: TypeAlias = "Generator[Need, Event, T]"


@dataclass(slots=True)
class Counts:
    """What an episode counts.

    Attributes:
        violations: pairs of policy and function, in order.
        before: violations before the present step.
        orders: questions to the user that give orders instead of asking.
    """

    steps: int = 0
    calls: int = 0
    failures: int = 0
    missing: int = 0
    violations: tuple[tuple[str, str], ...] = ()
    before: int = 0
    orders: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """What came of an action."""

    shown: str
    valid: bool = True
    executed: bool = False


@dataclass(slots=True)
class Calling:
    """Makes calls in a world, and counts.

    Attributes:
        finished: the agent said that it is done, with ``answer``.
    """

    task: Task
    world: World
    options: AppsOptions
    counts: Counts
    finished: bool = False
    answer: Json = None

    def finish(self, answer: Json) -> None:
        """It is done."""
        self.finished, self.answer = True, answer

    def all_of(self, calls: Sequence[Planned]) -> Play[Done]:
        """Make calls, in order."""
        shown: list[str] = []
        done, valid, programs, is_full = False, True, 0, self.world.is_full
        for number, call in enumerate(calls):
            programs += call.name == RUN
            try:
                if number >= MOST_TOGETHER:
                    raise AppError(f"an action may have {MOST_TOGETHER} calls")
                if programs > 1:
                    raise AppError("an action may have one program")
                answer, executed = yield from self._shown(call, is_full=is_full)
                done = done or executed
            except AppError as error:
                self.counts.failures += 1
                valid = valid and not call.problem
                answer = f"Error: {error}"
            shown.append(f"{ascii(call.name)[1:81]}: {answer}" if len(calls) > 1 else answer)
            if self.finished or number >= MOST_TOGETHER:
                break
        return Done("\n".join(shown), valid, done)

    def _shown(self, call: Planned, *, is_full: bool) -> Play[tuple[str, bool]]:
        """Make a call; what it answers as it is shown, and whether it was executed. Raises AppError."""
        if call.name == RUN and not call.problem:
            return (yield from self._program(cast("str", call.arguments["code"])))
        answer = yield from self._made(call, is_full=is_full)
        shown = answer if isinstance(answer, str) and call.name in (ASK, FINISH) else json.dumps(answer)
        return (shown if len(shown) <= _LONGEST_VIEW else f"{shown[:_LONGEST_VIEW]} ... cut"), True

    def _made(self, call: Planned, *, is_full: bool) -> Play[Json]:
        """Make a call; what it answers. Raises AppError where it cannot be made; nothing has changed then."""
        if call.problem:
            raise AppError(call.problem)
        self.counts.calls += 1
        if call.name == FINISH:
            self.finish(call.arguments.get("answer"))
            return "finished"
        if is_full:
            raise AppError("there is no room for more changes: finish")
        if call.name == ASK:
            return (yield from self._asked(cast("str", call.arguments["question"])))
        broken = [one.id for one in POLICIES if one.is_broken_by(self.world, call.name, call.arguments)]
        answer = FUNCTIONS[call.name].run(self.world, call.arguments)
        self.counts.violations += tuple((policy, call.name) for policy in broken)
        return answer

    # ------------------------------------------------------------ the user

    def _asked(self, question: str) -> Play[str]:
        """What the user says. Raises AppError where nobody does."""
        user = self.task.user
        if not self.options.judge:
            return user.reply(self.world, question)
        self.counts.orders += gives_orders(question)
        event = yield user.question(self.options.judge, self.task.instruction, question)
        match event:
            case Said():
                return user.replied(self.world, question, event.verdict)
            case Nobody():
                raise AppError("the user cannot be asked: this process asks no judges")
            case _:
                raise _unexpected(event)

    # ------------------------------------------------------------ programs

    def _program(self, code: str) -> Play[tuple[str, bool]]:
        """Run a program; what it said, and whether it ran to its end. Raises AppError where nobody runs it."""
        if len(code) > LONGEST_CODE:
            raise AppError(f"a program may have {LONGEST_CODE} characters")
        event = yield Program(code)
        number, is_full = 0, False
        while isinstance(event, Called):
            is_full = self.world.is_full if number % _LOOKS == 0 else is_full
            number += 1
            event = yield (yield from self._called(event, number, is_full=is_full))
        match event:
            case Ended():
                self.counts.failures += bool(event.error)
                said = "\n".join(part.rstrip("\n") for part in (event.output, event.error) if part)
                return said or "(no output)", not event.error
            case Nobody():
                raise AppError("programs are not run by this process")
            case _:
                raise _unexpected(event)

    def _called(self, called: Called, number: int, *, is_full: bool) -> Play[Answered]:
        try:
            if number > MOST_OF_PROGRAM:
                raise AppError(f"a program may make {MOST_OF_PROGRAM} calls")
            if self.finished:
                raise AppError("the episode is over: finish was called")
            call = planned(Call(called.name, dict(called.named), called.positional), DECLARED)
            return Answered((yield from self._made(call, is_full=is_full)))
        except AppError as error:
            return Answered(error=str(error))


def _unexpected(event: Event) -> EnvironmentFault:
    return EnvironmentFault(f"an answer of the outside does not fit: {type(event).__name__}")
