"""Suites of programs that read and write: every case is a run of its own."""

from __future__ import annotations

import json
import socket
from dataclasses import replace

from assay_sandbox.languages.building import Builder, Built
from assay_sandbox.protocol import Backend, Launch, Limits, Outcome, Running
from assay_sandbox.suites.budget import Budget
from assay_sandbox.suites.checkers import Comparison, Program, difference
from assay_sandbox.suites.program import ending, outcome_kind
from assay_sandbox.suites.reading import InteractiveSuite, StdioCase, StdioSuite
from assay_sandbox.suites.talking import outcome_within
from assay_sandbox.suites.verdict import TestOutcome, TestResult, Use, Verdict, bad_suite

_INPUT = "input.txt"
_LAST_SECONDS = 1.0
_LONGEST_MESSAGE = 500


class StdioJob:
    """One program and its cases."""

    def __init__(self, backend: Backend, builder: Builder, tenant: str, limits: Limits, budget: Budget) -> None:
        self._backend = backend
        self._builder = builder
        self._tenant = tenant
        self._limits = limits
        self._budget = budget
        self._use = Use()

    async def verdict(self, program: Built, suite: StdioSuite | InteractiveSuite) -> Verdict:
        """Run all cases. Raises Unjudged (BAD_SUITE), WorkerLost, SandboxUnavailable."""
        judge = await self._suite_program(suite)
        results: list[TestResult] = []
        for number, case in enumerate(suite.cases, 1):
            name = f"case {number}"
            if results and self._budget.spent:
                results.append(TestResult(name, TestOutcome.NOT_RUN, message="no time is left for this job"))
            elif isinstance(suite, StdioSuite):
                results.append(await self._printed(name, program, case, suite, judge))
            else:
                results.append(await self._talked(name, program, case, judge))
        return Verdict(tuple(results), use=self._use)

    async def _suite_program(self, suite: StdioSuite | InteractiveSuite) -> Built | None:
        wanted = suite.checker if isinstance(suite, StdioSuite) else suite.judge
        if not isinstance(wanted, Program):
            return None
        built = await self._builder.built(self._tenant, wanted.language, wanted.source)
        if built.error:
            raise bad_suite("suite", f"its own program does not compile: {built.error[:2000]}")
        return built

    # ------------------------------------------------------------ what it printed

    async def _printed(
        self, name: str, program: Built, case: StdioCase, suite: StdioSuite, checker: Built | None
    ) -> TestResult:
        stdin = case.input.encode("utf-8", "surrogatepass")
        outcome = await self._backend.run(program.launch(self._limits, stdin))
        self._use = self._use.plus(outcome.cpu_ms, outcome.peak_bytes)
        result = TestResult(name, TestOutcome.PASSED, outcome.cpu_ms, outcome.wall_ms)
        if not outcome.ok:
            return replace(result, outcome=outcome_kind(outcome) or TestOutcome.ERROR, message=_crash(outcome))
        if outcome.stdout_truncated:
            return replace(result, outcome=TestOutcome.FAILED, message="it printed more than is kept")
        if checker is not None:
            wrong = await self._checked(checker, case, outcome.stdout)
        else:
            assert isinstance(suite.checker, Comparison)
            wrong = difference(suite.checker, outcome.stdout.decode("utf-8", "replace"), case.output)
        return replace(result, outcome=TestOutcome.FAILED, message=wrong) if wrong else result

    async def _checked(self, checker: Built, case: StdioCase, printed: bytes) -> str:
        """What the suite's checker says: it reads one JSON object, and accepts by ending with status 0."""
        question = {"input": case.input, "expected": case.output, "output": printed.decode("utf-8", "replace")}
        outcome = await self._backend.run(checker.launch(self._limits, json.dumps(question).encode()))
        if outcome.ok:
            return ""
        said = (outcome.stdout + b"\n" + outcome.stderr).decode("utf-8", "replace").strip()
        return f"the checker does not accept it: {said[-_LONGEST_MESSAGE:] or ending(outcome)}"

    # ------------------------------------------------------------ what it said to the judge

    async def _talked(self, name: str, program: Built, case: StdioCase, judge: Built | None) -> TestResult:
        assert judge is not None
        theirs, judges = socket.socketpair()
        candidate = replace(program.launch(self._limits), channels=(theirs,), stdio_on_channel=True)
        judging = judge.launch(self._judge_limits())
        files = {**judging.files, _INPUT: case.input.encode("utf-8", "surrogatepass")}
        judging = replace(judging, files=files, channels=(judges,), stdio_on_channel=True)
        said, did = await self._both(judging, candidate)
        self._use = self._use.plus(did.cpu_ms, did.peak_bytes)
        result = TestResult(name, TestOutcome.PASSED, did.cpu_ms, did.wall_ms)
        if outcome_kind(did) is not None:
            return replace(result, outcome=outcome_kind(did) or TestOutcome.FAILED, message=_crash(did))
        if said.ok:
            return result
        words = said.stderr.decode("utf-8", "replace").strip()[-_LONGEST_MESSAGE:] or "the judge does not accept it"
        message = words if did.ok else f"{words}; {_crash(did)}"
        return replace(result, outcome=TestOutcome.FAILED, message=message)

    async def _both(self, judging: Launch, candidate: Launch) -> tuple[Outcome, Outcome]:
        """How the judge ended, and then the program."""
        try:
            async with self._backend.open(judging) as judge, self._backend.open(candidate) as program:
                said = await judge.outcome()
                did = await _ended(program)
        finally:
            for end in (*judging.channels, *candidate.channels):
                end.close()
        return said, did

    def _judge_limits(self) -> Limits:
        """The judge waits for the program: it has more time."""
        return replace(self._limits, cpu_ms=2 * self._limits.cpu_ms, wall_ms=self._limits.wall_ms + 1000)


async def _ended(program: Running) -> Outcome:
    """How the program ended, which the judge no longer talks to."""
    if (outcome := await outcome_within(program, _LAST_SECONDS)) is not None:
        return outcome
    program.kill()
    return await program.outcome()


def _crash(outcome: Outcome) -> str:
    words = outcome.stderr.decode("utf-8", "replace").strip().splitlines()
    return f"{ending(outcome)}: {words[-1][:_LONGEST_MESSAGE]}" if words else ending(outcome)
