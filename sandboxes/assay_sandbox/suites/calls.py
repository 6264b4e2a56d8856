"""Suites of calls with values that JSON can say. The program gets the arguments; what it shall return stays here."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import cast

from assay_sandbox.harness.encoding import encode
from assay_sandbox.harness.frames import ChannelClosed
from assay_sandbox.harness.plain import CodecError, Reference
from assay_sandbox.protocol import Backend, Launch, Limits
from assay_sandbox.suites.budget import Budget
from assay_sandbox.suites.calling import CAPS, Caller, CallFailed
from assay_sandbox.suites.equality import equals
from assay_sandbox.suites.program import Program, candidate_call
from assay_sandbox.suites.reading import CallCase, CallsSuite
from assay_sandbox.suites.talking import Talk, Watch, limits_of_run
from assay_sandbox.suites.verdict import TestOutcome, TestResult, Verdict, bad_suite, timed

_LONGEST_SHOWN = 200


class CallsJob:
    """One program and its calls."""

    def __init__(self, backend: Backend, suite: CallsSuite, source: str, limits: Limits, budget: Budget) -> None:
        self._suite = suite
        self._budget = budget
        self._watch = Watch(limits)
        runs = limits_of_run(limits, len(suite.cases))
        self._program = Program(backend, Launch(candidate_call(source), runs), self._watch)
        self._talk: Talk | None = None
        self._caller: Caller | None = None
        self._entry: object = None
        self._compile_output = ""

    async def verdict(self) -> Verdict:
        """Make all calls. Raises Unjudged (BAD_SUITE), WorkerLost, SandboxUnavailable."""
        results: list[TestResult] = []
        payloads = list(self._payloads())
        with self._watch:
            try:
                for case, (arguments, named) in zip(self._suite.cases, payloads, strict=True):
                    if results and self._budget.spent:
                        break
                    results.append(await self._test(f"call {len(results) + 1}", case, arguments, named))
                    if self._caller is None and not self._entry:
                        break
                await self._program.finish()
            finally:
                self._drop()
                await self._program.close()
        results += self._rest(results)
        return Verdict(timed(results, self._program.use), self._compile_output, use=self._program.use)

    def _rest(self, results: list[TestResult]) -> list[TestResult]:
        """Calls that were not made: the program cannot be loaded, which is all that there is to say of them."""
        left = range(len(results) + 1, len(self._suite.cases) + 1)
        last = results[-1]
        if self._entry is None:
            return [TestResult(f"call {number}", last.outcome, message=last.message) for number in left]
        return [TestResult(f"call {number}", TestOutcome.NOT_RUN, message="not reached") for number in left]

    def _payloads(self) -> Iterator[tuple[tuple[object, ...], dict[str, object]]]:
        for number, case in enumerate(self._suite.cases):
            arguments, named = tuple(case.args), dict(case.kwargs)
            try:
                encode((arguments, named), CAPS)
            except CodecError as error:
                raise bad_suite(f"suite.cases[{number}]", str(error)) from error
            yield arguments, cast("dict[str, object]", named)

    async def _test(
        self, name: str, case: CallCase, arguments: tuple[object, ...], named: dict[str, object]
    ) -> TestResult:
        began = time.monotonic()
        outcome, message = TestOutcome.PASSED, ""
        try:
            caller = self._caller or await self._load()
            began = time.monotonic()
            self._watch.turn()
            value = await caller.call(self._entry, arguments, named)
            if not equals(value, case.expected, self._suite.tolerance):
                outcome, message = TestOutcome.FAILED, f"returned {_shown(value)}, expected {_shown(case.expected)}"
        except CallFailed as error:
            outcome, message = TestOutcome.FAILED, str(error)
        except ChannelClosed:
            self._drop()
            kind, message = await self._program.lost()
            outcome, message = kind or TestOutcome.FAILED, message or "the program broke the protocol"
        self._watch.settled()
        return TestResult(name, outcome, wall_ms=(time.monotonic() - began) * 1000, message=message)

    async def _load(self) -> Caller:
        """Start the program and find its entry point; None for the entry where there is none."""
        self._entry = None
        theirs, ours = socket.socketpair()
        talk = Talk(ours)
        caller = Caller(talk)
        try:
            await caller.ask_for(self._suite.entry_point)
            await self._program.start(theirs)
            await caller.loaded()
            self._entry = await caller.reached(self._suite.entry_point)
        except CallFailed as error:
            talk.close()
            if error.kind == "SyntaxError":
                self._compile_output = str(error)
            raise CallFailed(f"the program could not be loaded: {error}") from error
        except BaseException:
            talk.close()
            raise
        self._talk, self._caller = talk, caller
        return caller

    def _drop(self) -> None:
        if self._talk is not None:
            self._talk.close()
            self._talk = self._caller = None


def _shown(value: object) -> str:
    if type(value) is Reference:
        return f"an object of type {value.name[:100]}"
    text = repr(value) if _is_short(value) else f"a {type(value).__name__}"
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "..."


def _is_short(value: object) -> bool:
    """Whether showing it is cheap: digits of huge numbers take quadratic time."""
    if isinstance(value, int):
        return abs(value) < 1 << 1000
    return isinstance(value, str | bytes | float | bool | complex) or value is None or _all_short(value)


def _all_short(value: object) -> bool:
    items = cast("list[object]", value) if isinstance(value, list | tuple) else None
    return items is not None and len(items) <= _LONGEST_SHOWN and all(_is_scalar(item) for item in items)


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, str | bytes | float) or (isinstance(value, int) and abs(value) < 1 << 200)
