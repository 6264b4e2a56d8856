"""Programs in, verdicts out: the one door to all suites, languages and limits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from assay_sandbox.admission import Admission
from assay_sandbox.languages.building import Builder, Built
from assay_sandbox.proofs.proving import ProofSuite, Provers
from assay_sandbox.protocol import Backend, Limits, Outcome, WorkerLost
from assay_sandbox.suites.budget import Budget
from assay_sandbox.suites.calls import CallsJob
from assay_sandbox.suites.in_process import InProcessJob
from assay_sandbox.suites.policy import Ending, PlayLimits, PolicyJob, World
from assay_sandbox.suites.reading import (
    AssertSuite,
    CallsSuite,
    CompileSuite,
    InteractiveSuite,
    PytestSuite,
    StdioSuite,
    Suite,
)
from assay_sandbox.suites.separate import SeparateJob
from assay_sandbox.suites.stdio import StdioJob
from assay_sandbox.suites.verdict import Isolation, TestOutcome, TestResult, Unjudged, Use, Verdict
from assay_sandbox.suites.warm import WarmSuites, suite_limits

_ATTEMPTS = 3
_PAUSE_SECONDS = 0.05
_MOST = Limits(600_000, 600_000, 4 << 30, 256, 1 << 30, 16 << 20)
_LONGEST_SOURCE = 4 << 20
_STEP = {"cpu_ms": 2000, "wall_ms": 10_000}
"""Of one step of a policy."""


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """What an operator decides.

    Attributes:
        warm_suites: loaded suites that are kept.
        limits: of a test for which nothing else is said.
        most: what a request may ask for.
    """

    warm_suites: int = 32
    limits: Limits = field(default_factory=Limits)
    most: Limits = field(default_factory=lambda: _MOST)


@dataclass(frozen=True, slots=True)
class Job:
    """A program, and the suite that it shall pass.

    Attributes:
        limits: of each test; None = the settings'.
    """

    language: str
    source: str
    suite: Suite
    tenant: str = "local"
    limits: Limits | None = None


@dataclass(frozen=True, slots=True)
class Execution:
    """What a program did.

    Attributes:
        compile_error: what the compiler said; empty where it ran.
    """

    outcome: Outcome | None
    compile_error: str = ""
    queue_ms: float = 0.0
    compile_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Program:
    """A program to run by itself."""

    language: str
    source: str
    stdin: bytes = b""
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    arguments: tuple[str, ...] = ()
    tenant: str = "local"
    limits: Limits | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """A Python program that plays.

    Attributes:
        worlds: makes the world of each episode; again, where a sandbox was lost under it.
    """

    source: str
    worlds: Sequence[Callable[[], World]]
    tenant: str = "local"


class Judge:
    """Runs suites on a backend that was started. Used from one event loop."""

    def __init__(self, backend: Backend, admission: Admission, settings: JudgeSettings | None = None) -> None:
        """``admission`` may be shared with others who use the backend."""
        self._backend = backend
        self._settings = settings or JudgeSettings()
        self._admission = admission
        self._builder = Builder(backend)
        limits = suite_limits(self._settings.limits)
        self._suites = WarmSuites(backend, limits, self._settings.warm_suites)
        self._provers = Provers(backend)

    async def close(self) -> None:
        """End the suites that are kept; the backend goes on."""
        await self._suites.close()
        await self._provers.close()

    async def judge(self, job: Job) -> Verdict:
        """What the suite says of the program.

        Raises:
            Unjudged: the suite, the language or this machine is at fault. Busy: the queue is full. WorkerLost: several
                times in a row. SandboxUnavailable: there is no sandbox.
        """
        limits = self._limits(job.limits)
        _check_source(job.source)
        async with self._admission.slot() as waited:
            began = time.monotonic()
            verdict = await self._attempted(job, limits)
            wall = (time.monotonic() - began) * 1000
        use = replace(verdict.use, queue_ms=waited * 1000, wall_ms=wall)
        return replace(verdict, tests=tuple(map(_clean, verdict.tests)), use=use)

    async def execute(self, program: Program) -> Execution:
        """What the program does. Raises as :meth:`judge`."""
        limits = self._limits(program.limits)
        _check_source(program.source)
        async with self._admission.slot() as waited:
            built = await self._builder.built(program.tenant, program.language, program.source)
            if built.error:
                return Execution(None, built.error, waited * 1000, built.compile_ms)
            launch = built.launch(limits, program.stdin, program.arguments)
            outcome = await self._backend.run(replace(launch, files={**program.files, **launch.files}))
        return Execution(outcome, queue_ms=waited * 1000, compile_ms=built.compile_ms)

    async def play(self, policy: Policy) -> tuple[list[Ending], Use]:
        """What became of each episode, and what they took. Raises as :meth:`judge`, and what a world raises."""
        _check_source(policy.source)
        async with self._admission.slot():
            job = PolicyJob(self._backend, policy.source, PlayLimits(replace(self._settings.limits, **_STEP)))
            return await job.play(policy.worlds), job.use

    def _limits(self, asked: Limits | None) -> Limits:
        wanted, most = asked or self._settings.limits, self._settings.most
        for name in ("cpu_ms", "wall_ms", "memory_bytes", "pids", "file_bytes", "output_bytes"):
            value, highest = int(getattr(wanted, name)), int(getattr(most, name))
            if not 0 < value <= highest:
                raise Unjudged("BAD_LIMIT", f"limits.{name}: {value} is not within 1..{highest}", field="limits")
        return wanted

    async def _attempted(self, job: Job, limits: Limits) -> Verdict:
        """The verdict; begun again where a sandbox was lost under it."""
        attempts = 1
        while True:
            try:
                return await self._judged(job, limits)
            except WorkerLost:
                if attempts == _ATTEMPTS:
                    raise
            attempts += 1
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _judged(self, job: Job, limits: Limits) -> Verdict:
        suite = job.suite
        if isinstance(suite, CompileSuite):
            return await self._compiled(job, suite)
        if isinstance(suite, ProofSuite):
            return await self._provers.verdict(job.tenant, job.source, suite)
        built = await self._builder.built(job.tenant, job.language, job.source)
        if built.error:
            return _not_compiled(built, suite)
        budget = Budget(limits)
        if isinstance(suite, StdioSuite | InteractiveSuite):
            verdict = await StdioJob(self._backend, self._builder, job.tenant, limits, budget).verdict(built, suite)
        elif built.language.name != "python":
            kind = {AssertSuite: "assert", CallsSuite: "calls", PytestSuite: "pytest"}[type(suite)]
            text = f"suites of kind {kind} are for python; for {built.language.name} use stdio or interactive"
            raise Unjudged("SUITE_UNSUPPORTED", text, field="language")
        elif isinstance(suite, CallsSuite):
            verdict = await CallsJob(self._backend, suite, job.source, limits, budget).verdict()
        else:
            verdict = await self._by_suite_code(suite, job, limits, budget)
        return replace(verdict, use=replace(verdict.use, compile_ms=built.compile_ms))

    async def _by_suite_code(
        self, suite: AssertSuite | PytestSuite, job: Job, limits: Limits, budget: Budget
    ) -> Verdict:
        payload, files = _payload(suite)
        if suite.isolation is Isolation.IN_PROCESS:
            return await InProcessJob(self._backend, payload, files, job.source, limits).verdict()
        async with self._suites.lent(job.tenant, payload, files) as process:
            return await SeparateJob(self._backend, process, job.source, limits, budget).verdict()

    async def _compiled(self, job: Job, suite: CompileSuite) -> Verdict:
        if suite.syntax_only or job.language in ("python", "py", "python3"):
            error = await self._builder.syntax(job.language, job.source)
        else:
            error = (await self._builder.built(job.tenant, job.language, job.source)).error
        outcome = TestOutcome.FAILED if error else TestOutcome.PASSED
        return Verdict((TestResult("compile", outcome, message=error[:2000]),), compile_output=error)


@asynccontextmanager
async def judging(
    backend: Backend, *, slots: int = 4, queue: int = 1024, settings: JudgeSettings | None = None
) -> AsyncGenerator[Judge]:
    """A judge with a backend of its own, which is started, and stopped in the end."""
    await backend.start()
    judge = Judge(backend, Admission(slots, queue), settings)
    try:
        yield judge
    finally:
        await judge.close()
        await backend.stop()


def _clean(test: TestResult) -> TestResult:
    """Names and messages are valid Unicode, whatever a program says."""
    name, message = (text.encode("utf-8", "replace").decode() for text in (test.name, test.message))
    return replace(test, name=name, message=message)


def _check_source(source: str) -> None:
    if len(source) > _LONGEST_SOURCE:
        message = f"source: {len(source)} characters; at most {_LONGEST_SOURCE}"
        raise Unjudged("SOURCE_TOO_LONG", message, field="source")


def _payload(suite: AssertSuite | PytestSuite) -> tuple[dict[str, str], Mapping[str, bytes]]:
    if isinstance(suite, PytestSuite):
        return {"kind": "pytest"}, suite.files
    fields = {"kind": "assert", "prelude": suite.prelude, "code": suite.code, "entryPoint": suite.entry_point}
    return fields, {}


def _not_compiled(built: Built, suite: Suite) -> Verdict:
    """A program that does not compile fails every test that can be named."""
    cases = suite.cases if isinstance(suite, StdioSuite | InteractiveSuite | CallsSuite) else ()
    names = [f"case {number}" for number in range(1, len(cases) + 1)] or ["program"]
    results = tuple(TestResult(name, TestOutcome.FAILED, message="it does not compile") for name in names)
    return Verdict(results, compile_output=built.error)
