"""Verdicts about programs, for those who call and for rewards."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

from assay.sdk import Json, PlayedEpisode, PolicyTrial, SuiteReport, SuiteTest, Unscorable
from assay_sandbox.admission import Busy
from assay_sandbox.judging import Execution, Job, Judge, Policy, Program
from assay_sandbox.protocol import SandboxUnavailable, WorkerLost
from assay_sandbox.suites.policy import Ending
from assay_sandbox.suites.reading import read_suite
from assay_sandbox.suites.verdict import Isolation, Unjudged, Verdict
from assay_server.execution.item_clock import current_clock
from assay_server.execution.policy_games import PolicyGames
from assay_server.execution.sandboxes import Sandboxes
from assay_server.tracing.present import spanned

T = TypeVar("T")


class CodeJudge:
    """Judges programs in the server's sandboxes."""

    def __init__(self, sandboxes: Sandboxes) -> None:
        self._sandboxes = sandboxes
        self._judge: Judge | None = None

    def refusal(self, tenant: str) -> Busy | None:
        """What a call that came now would be refused with."""
        return self._sandboxes.quotas.refusal(tenant) or self._sandboxes.admission.refusal()

    def place(self, tenant: str) -> AbstractContextManager[None]:
        """For a call, all jobs of which will get their answers; enter it. Raises Busy where there is no room now."""
        self._sandboxes.quotas.check(tenant)
        return self._sandboxes.admission.call()

    async def judge(self, job: Job) -> Verdict:
        """What the suite says. Raises Unjudged, Busy, WorkerLost, SandboxUnavailable."""
        judge = await self._ready()
        with spanned("sandbox.run", {"assay.language": job.language[:64]}) as span:
            async with self._sandboxes.quotas.job(job.tenant) as charge:
                verdict = await judge.judge(job)
                charge(verdict.use.cpu_ms + verdict.use.compile_ms)
            if span is not None:
                span.set("assay.passed", verdict.passed)
                span.set("assay.cpu_ms", verdict.use.cpu_ms)
        return verdict

    async def execute(self, program: Program) -> Execution:
        """What the program does. Raises Unjudged, Busy, WorkerLost, SandboxUnavailable."""
        judge = await self._ready()
        with spanned("sandbox.run", {"assay.language": program.language[:64]}):
            return await self._executed(judge, program)

    async def _executed(self, judge: Judge, program: Program) -> Execution:
        async with self._sandboxes.quotas.job(program.tenant) as charge:
            execution = await judge.execute(program)
            charge(execution.compile_ms + (execution.outcome.cpu_ms if execution.outcome else 0.0))
        return execution

    async def play(self, policy: Policy) -> list[Ending]:
        """What became of a policy's episodes. Raises as :meth:`judge`, and what a world raises."""
        judge = await self._ready()
        with spanned("sandbox.run"):
            return await self._played(judge, policy)

    async def _played(self, judge: Judge, policy: Policy) -> list[Ending]:
        async with self._sandboxes.quotas.job(policy.tenant) as charge:
            endings, use = await judge.play(policy)
            charge(use.cpu_ms)
        return endings

    async def close(self) -> None:
        """End the suites that are kept."""
        if self._judge is not None:
            await self._judge.close()

    async def _ready(self) -> Judge:
        backend = await self._sandboxes.backend()
        if self._judge is None:
            self._judge = Judge(backend, self._sandboxes.admission)
        return self._judge


async def when_there_is_room(work: Callable[[], Awaitable[T]]) -> T:
    """Do it, waiting as long as the queue is full: for what was accepted already and must get its answer."""
    while True:
        try:
            return await work()
        except Busy as busy:  # noqa: PERF203 - as often as it has to be tried
            await asyncio.sleep(busy.retry_after)


class RewardSandbox:
    """The port through which rewards run programs.

    What a program may take is bounded by the limits of its tests, so the clock of the reward stands meanwhile.
    """

    def __init__(self, judge: CodeJudge, tenant: str) -> None:
        self._judge = judge
        self._tenant = tenant

    async def run_tests(self, language: str, source: str, suite: Mapping[str, Json]) -> SuiteReport:
        """The suite's verdict. Raises Unscorable where the program could not be judged."""
        with _asked():
            job = Job(language, source, read_suite(suite), self._tenant)
            return _report(await when_there_is_room(lambda: self._judge.judge(job)))

    async def play(self, source: str, trial: PolicyTrial) -> Sequence[PlayedEpisode]:
        """What the program does as a policy. Raises Unscorable where the environment cannot be hosted."""
        games = PolicyGames(trial)
        await games.check()
        with _asked():
            policy = Policy(source, games.worlds, self._tenant)
            return games.played(await when_there_is_room(lambda: self._judge.play(policy)))


@contextmanager
def _asked() -> Generator[None]:
    """The reward's clock stands; what keeps a program from being judged is told as rewards tell it."""
    clock = current_clock()
    with clock.asking(), clock.queueing():
        try:
            yield
        except Unjudged as error:
            at = f"reference.{error.field}" if error.field.startswith("suite") else ""
            raise Unscorable(error.reason, error.message, field=at, retryable=error.retryable) from error
        except WorkerLost as error:
            raise Unscorable("WORKER_LOST", "the sandbox was lost several times", retryable=True) from error
        except SandboxUnavailable as error:
            raise Unscorable("SANDBOX_UNAVAILABLE", str(error)) from error


def _report(verdict: Verdict) -> SuiteReport:
    tests = tuple(SuiteTest(test.name, test.outcome.value, test.cpu_ms / 1000, test.message) for test in verdict.tests)
    separate = verdict.isolation is Isolation.SEPARATE
    return SuiteReport(verdict.passed, verdict.pass_fraction, tests, verdict.compile_output, separate)
