"""Suites of Python code against Python programs, each in a sandbox of its own; what they say to each other passes
through nobody. Here it is decided what became of every test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from assay_sandbox.harness.frames import ChannelClosed
from assay_sandbox.harness.link import ENDINGS
from assay_sandbox.harness.reports import (
    ANOTHER,
    BEGIN,
    BROKEN,
    DONE,
    END,
    ENOUGH,
    GONE,
    JOB,
    NEED,
    STOPPED,
    UNLOADED,
)
from assay_sandbox.protocol import Backend, Launch, Limits
from assay_sandbox.suites.budget import Budget
from assay_sandbox.suites.program import Program, candidate_call
from assay_sandbox.suites.talking import Watch, limits_of_run
from assay_sandbox.suites.verdict import TestOutcome, TestResult, Verdict, bad_suite, timed
from assay_sandbox.suites.warm import SuiteProcess

_TESTS_OF_UNKNOWN_SUITES = 100
_MOST_TESTS = 20_000
_PLAIN = {
    "PASSED": TestOutcome.PASSED,
    "FAILED": TestOutcome.FAILED,
    "ERROR": TestOutcome.ERROR,
}
_TOO_MUCH = "its answers were too much for the suite"


class SeparateJob:
    """One program judged by one suite."""

    def __init__(self, backend: Backend, suite: SuiteProcess, source: str, limits: Limits, budget: Budget) -> None:
        self._suite = suite
        self._budget = budget
        runs = limits_of_run(limits, len(suite.tests) or _TESTS_OF_UNKNOWN_SUITES)
        self._watch = Watch(limits)
        self._program = Program(backend, Launch(candidate_call(source), runs), self._watch)
        self._results: dict[str, TestResult] = {}
        self._begun = ""
        self._compile_output = ""
        self._over = False

    async def verdict(self) -> Verdict:
        """Run all tests. Raises Unjudged (BAD_SUITE), WorkerLost, SandboxUnavailable."""
        with self._watch:
            try:
                await self._candidate(JOB)
                while not self._over:
                    await self._step()
                await self._program.finish()
                self._suite.finished = True
            except ChannelClosed:
                await self._suite_ended()
            finally:
                await self._program.close()
        use = self._program.use
        return Verdict(timed(self._all_results(), use), self._compile_output, use=use)

    async def _step(self) -> None:
        letter, said = await self._suite.talk.receive_object()
        if letter == BEGIN:
            self._begun = _text(said, "name")
            self._watch.turn()
        elif letter == END:
            await self._test_ended(said)
            self._watch.turn()
        elif letter == NEED:
            await self._another()
        elif letter == DONE:
            self._over = True
        else:
            await self._job_ended(letter, said)

    async def _test_ended(self, said: Mapping[str, object]) -> None:
        name, told = _text(said, "name"), _text(said, "outcome")
        self._begun = ""
        if told == "SKIPPED":
            return
        wall = said.get("wall")
        seconds = wall if isinstance(wall, float) else 0.0
        outcome = _PLAIN.get(told, TestOutcome.ERROR)
        result = TestResult(name, outcome, wall_ms=seconds * 1000, message=_text(said, "message"))
        self._record(await self._with_end(result, said))
        self._watch.settled()

    async def _with_end(self, result: TestResult, said: Mapping[str, object]) -> TestResult:
        """The result; where the program was lost, with what its end says about that. It did not pass then."""
        if not self._watch.over and said.get("lost") is not True:
            return result
        kind, message = await self._program.lost()
        if kind is None and (not message or result.message not in ENDINGS):
            return replace(result, outcome=TestOutcome.FAILED)
        return replace(result, outcome=kind or TestOutcome.FAILED, message=message)

    def _record(self, result: TestResult) -> None:
        """A test that runs several times passes if it does so each time."""
        before = self._results.get(result.name)
        if before is None and len(self._results) >= _MOST_TESTS:
            raise bad_suite("suite", f"more than {_MOST_TESTS} tests")
        if before is None or before.outcome is TestOutcome.PASSED:
            wall = 0.0 if before is None else before.wall_ms
            self._results[result.name] = replace(result, wall_ms=result.wall_ms + wall)

    async def _candidate(self, letter: bytes) -> None:
        """Start the program, and give the suite its end of the socket to it."""
        theirs, suites = self._suite.ends()
        try:
            await self._program.start(theirs, self._suite.running)
            self._suite.give(letter, suites)
        finally:
            if not isinstance(suites, int):
                suites.close()

    async def _another(self) -> None:
        if self._budget.spent or not self._suite.has_ends:
            self._suite.talk.hand_over(ENOUGH)
            self._over = True
            return
        await self._program.finish()
        await self._candidate(ANOTHER)

    async def _job_ended(self, letter: bytes, said: Mapping[str, object]) -> None:
        """The job ended otherwise than by DONE."""
        self._over = True
        if letter == GONE:
            self._record(TestResult(self._next(), TestOutcome.FAILED, message=_TOO_MUCH))
            self._suite.judged()
            return
        message = _text(said, "message") if letter in (BROKEN, UNLOADED, STOPPED) else "it broke the protocol"
        if letter not in (UNLOADED, STOPPED):
            raise bad_suite("suite", message)
        result = TestResult("program", TestOutcome.FAILED, message=message)
        result = await self._with_end(result, said)
        if letter == STOPPED:
            self._record(replace(result, name=self._next("suite"), message=f"outside the tests: {result.message}"))
            return
        if said.get("syntax") is True:
            self._compile_output = result.message
        told = f"the program could not be loaded: {result.message}"
        for name in self._suite.tests or [result.name]:
            self._results.setdefault(name, replace(result, name=name, message=told))

    async def _suite_ended(self) -> None:
        """The suite's sandbox is gone."""
        over, begun = self._watch.over or self._watch.suite_over, self._begun
        fault = await self._suite.ended("while it judged")
        await self._program.finish()
        if not over and not begun:
            raise fault
        outcome = TestOutcome.TIMEOUT if over else TestOutcome.FAILED
        self._record(TestResult(self._next(), outcome, message=over or _TOO_MUCH))

    def _next(self, otherwise: str = "program") -> str:
        """The test under way, or the first that was not."""
        return self._begun or next((name for name in self._suite.tests if name not in self._results), otherwise)

    def _all_results(self) -> list[TestResult]:
        names = [*self._suite.tests, *(name for name in self._results if name not in self._suite.tests)]
        return [
            self._results.get(name) or TestResult(name, TestOutcome.NOT_RUN, message="not reached") for name in names
        ]


def _text(said: Mapping[str, object], name: str) -> str:
    value = said.get(name)
    return value if isinstance(value, str) else ""
