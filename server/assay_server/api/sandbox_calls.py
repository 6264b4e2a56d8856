"""SandboxService: programs that run, and programs that are judged."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AbstractContextManager
from typing import TypeVar

from google.protobuf import duration_pb2

from assay.v1 import sandbox_service_pb2 as wire
from assay_sandbox.admission import Busy
from assay_sandbox.judging import Execution, Job, Program
from assay_sandbox.protocol import Limits, Outcome, Reason, SandboxUnavailable, WorkerLost
from assay_sandbox.suites.reading import read_suite_text
from assay_sandbox.suites.verdict import Isolation, TestOutcome, Unjudged, Verdict
from assay_server.api.handlers import parse
from assay_server.api.principals import Principal
from assay_server.execution.code_judge import CodeJudge, when_there_is_room
from assay_server.pipeline.failures import Code, Failure, duration_of, internal, invalid_field

T = TypeVar("T")

MAX_JOBS = 1024
_JOBS_OF_A_CALL = 32
_MOST_SUITES_BYTES = 64 << 20
_INVALID = frozenset(
    {"BAD_SUITE", "BAD_LIMIT", "SOURCE_TOO_LONG", "SUITE_UNSUPPORTED", "UNKNOWN_LANGUAGE", "BAD_PROGRAM"}
)
_EXITS = {
    Reason.OK: wire.EXIT_KIND_EXITED,
    Reason.EXITED: wire.EXIT_KIND_EXITED,
    Reason.SIGNALED: wire.EXIT_KIND_SIGNALED,
    Reason.KILLED: wire.EXIT_KIND_SIGNALED,
    Reason.CPU_LIMIT: wire.EXIT_KIND_TIME_LIMIT,
    Reason.WALL_LIMIT: wire.EXIT_KIND_TIME_LIMIT,
    Reason.MEMORY_LIMIT: wire.EXIT_KIND_MEMORY_LIMIT,
    Reason.OUTPUT_LIMIT: wire.EXIT_KIND_OUTPUT_LIMIT,
}
_OUTCOMES = {
    TestOutcome.PASSED: wire.TEST_OUTCOME_PASSED,
    TestOutcome.FAILED: wire.TEST_OUTCOME_FAILED,
    TestOutcome.ERROR: wire.TEST_OUTCOME_ERROR,
    TestOutcome.TIMEOUT: wire.TEST_OUTCOME_TIMEOUT,
    TestOutcome.MEMORY: wire.TEST_OUTCOME_MEMORY,
    TestOutcome.NOT_RUN: wire.TEST_OUTCOME_NOT_RUN,
}
_ISOLATIONS = {
    Isolation.SEPARATE: wire.VERDICT_ISOLATION_SEPARATE,
    Isolation.IN_PROCESS: wire.VERDICT_ISOLATION_IN_PROCESS,
}


class SandboxCalls:
    """Execute, RunTests, StreamTests."""

    def __init__(self, judge: CodeJudge) -> None:
        self._judge = judge
        self._suites = _SuiteTexts()

    async def execute(self, principal: Principal, data: bytes) -> wire.ExecuteResponse:
        """Run one program."""
        with self._accepted(principal):
            request = parse(wire.ExecuteRequest, data)
            _check_files(request.files)
            program = Program(
                request.language,
                request.source,
                request.stdin,
                {file.path: file.data for file in request.files},
                tuple(request.arguments),
                principal.tenant,
                _limits(request.limits),
            )
            return _executed(await _foreseen(self._judge.execute(program)))

    async def run_tests(self, principal: Principal, data: bytes) -> wire.RunTestsResponse:
        """Judge programs; answers in request order."""
        slots = asyncio.Semaphore(_JOBS_OF_A_CALL)
        with self._accepted(principal):
            jobs = _checked(parse(wire.RunTestsRequest, data).jobs)
            results = await asyncio.gather(*(self._result(principal, job, slots) for job in jobs))
        return wire.RunTestsResponse(results=results)

    async def stream_tests(self, principal: Principal, data: bytes) -> AsyncIterator[wire.StreamTestsResponse]:
        """Judge programs; answers as they are known."""
        slots = asyncio.Semaphore(_JOBS_OF_A_CALL)
        with self._accepted(principal):
            jobs = _checked(parse(wire.StreamTestsRequest, data).jobs)
            work = [asyncio.create_task(self._result(principal, job, slots), name="test job") for job in jobs]
            try:
                for done in asyncio.as_completed(work):
                    yield wire.StreamTestsResponse(result=await done)
            finally:
                for task in work:
                    task.cancel()

    def _accepted(self, principal: Principal) -> AbstractContextManager[None]:
        """A place for a call, before it is read: refusing costs little. Raises Failure where there is no room."""
        try:
            return self._judge.place(principal.tenant)
        except Busy as busy:
            raise _failure(busy) from busy

    async def _result(self, principal: Principal, job: wire.TestJob, slots: asyncio.Semaphore) -> wire.TestJobResult:
        async with slots:
            return await when_there_is_room(lambda: self._judged(principal, job))

    async def _judged(self, principal: Principal, job: wire.TestJob) -> wire.TestJobResult:
        """The answer to a job; an error that is about the job is in it. Raises Busy."""
        try:
            suite = read_suite_text(self._suites.text(principal.tenant, job))
            if job.refuse_in_process and getattr(suite, "isolation", None) is Isolation.IN_PROCESS:
                message = "the suite wants to share the program's process, and the job refuses that"
                raise Failure(Code.FAILED_PRECONDITION, "IN_PROCESS_REFUSED", message)
            wanted = Job(job.language, job.source, suite, principal.tenant, _limits(job.limits))
            return wire.TestJobResult(job_id=job.job_id, verdict=_verdict(await self._judge.judge(wanted)))
        except (Unjudged, WorkerLost, SandboxUnavailable, Failure) as error:
            return wire.TestJobResult(job_id=job.job_id, error=_failure(error).to_status())


def _checked(jobs: Sequence[wire.TestJob]) -> Sequence[wire.TestJob]:
    if len(jobs) > MAX_JOBS:
        raise invalid_field("jobs", f"{len(jobs)} in a request; at most {MAX_JOBS}")
    return jobs


class _SuiteTexts:
    """Suites that were sent, by what they are; the oldest are forgotten."""

    def __init__(self) -> None:
        self._texts: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._bytes = 0

    def text(self, tenant: str, job: wire.TestJob) -> str:
        """The suite of a job. Raises Failure where it is named and not known."""
        if job.suite_json:
            self._keep(tenant, job.suite_json)
            return job.suite_json
        if not job.suite_digest:
            raise invalid_field("suite", "is missing; give it, or the digest of one that was sent")
        text = self._texts.get((tenant, job.suite_digest))
        if text is None:
            message = f"the suite {job.suite_digest[:80]!r} is not known; send it"
            raise Failure(Code.NOT_FOUND, "UNKNOWN_SUITE", message, retryable=True)
        return text

    def _keep(self, tenant: str, text: str) -> None:
        key = (tenant, hashlib.sha256(text.encode()).hexdigest())
        if key not in self._texts:
            self._bytes += len(text)
        self._texts[key] = text
        self._texts.move_to_end(key)
        while self._bytes > _MOST_SUITES_BYTES:
            self._bytes -= len(self._texts.popitem(last=False)[1])


async def _foreseen(work: Awaitable[T]) -> T:
    """The result; what is foreseen as a Failure."""
    try:
        return await work
    except (Unjudged, WorkerLost, SandboxUnavailable, Busy) as error:
        raise _failure(error) from error


def _failure(error: Exception) -> Failure:
    match error:
        case Unjudged():
            if error.reason in _INVALID:
                failure = invalid_field(error.field or "job", error.message)
                return Failure(failure.code, error.reason, error.message, failure.violations)
            return Failure(Code.FAILED_PRECONDITION, error.reason, error.message, retryable=error.retryable)
        case Busy():
            reason = "SANDBOX_QUOTA" if error.by_quota else "SANDBOX_BUSY"
            return Failure(Code.RESOURCE_EXHAUSTED, reason, str(error), retry_after=error.retry_after)
        case WorkerLost():
            return Failure(Code.UNAVAILABLE, "WORKER_LOST", "the sandbox was lost several times", retry_after=1.0)
        case SandboxUnavailable():
            return Failure(Code.FAILED_PRECONDITION, "SANDBOX_UNAVAILABLE", str(error))
        case Failure():
            return error
        case _:
            return internal()


def _limits(limits: wire.Limits) -> Limits | None:
    if not limits.ByteSize():
        return None
    default = Limits()
    return Limits(
        _milliseconds(limits.cpu_time) or default.cpu_ms,
        _milliseconds(limits.wall_time) or default.wall_ms,
        limits.memory_bytes or default.memory_bytes,
        limits.processes or default.pids,
        default.file_bytes,
        limits.output_bytes or default.output_bytes,
    )


def _milliseconds(duration: duration_pb2.Duration) -> int:
    nanos = duration.seconds * 1_000_000_000 + duration.nanos
    if nanos < 0:
        raise invalid_field("limits", "a duration is negative")
    return -(-nanos // 1_000_000)


def _check_files(files: Sequence[wire.SourceFile]) -> None:
    for position, file in enumerate(files):
        if "\0" in file.path or any(part in ("", ".", "..") for part in file.path.split("/")):
            raise invalid_field(f"files[{position}].path", "expected a relative path below the working directory")


def _executed(execution: Execution) -> wire.ExecuteResponse:
    response = wire.ExecuteResponse(compile_output=execution.compile_error)
    response.use.queue_time.CopyFrom(duration_of(execution.queue_ms / 1000))
    response.use.compile_time.CopyFrom(duration_of(execution.compile_ms / 1000))
    outcome = execution.outcome
    if outcome is None:
        response.exit = wire.EXIT_KIND_COMPILE_ERROR
        return response
    _fill(response, outcome)
    return response


def _fill(response: wire.ExecuteResponse, outcome: Outcome) -> None:
    if outcome.reason is Reason.NOT_STARTED:
        raise Failure(Code.FAILED_PRECONDITION, "NOT_STARTED", "the program could not be started")
    response.exit = _EXITS[outcome.reason]
    response.exit_code = outcome.exit_status
    response.signal = outcome.signal
    response.stdout, response.stderr = outcome.stdout, outcome.stderr
    response.stdout_truncated, response.stderr_truncated = outcome.stdout_truncated, outcome.stderr_truncated
    response.use.cpu_time.CopyFrom(duration_of(outcome.cpu_ms / 1000))
    response.use.wall_time.CopyFrom(duration_of(outcome.wall_ms / 1000))
    response.use.peak_memory_bytes = outcome.peak_bytes


def _verdict(verdict: Verdict) -> wire.TestVerdict:
    use = verdict.use
    return wire.TestVerdict(
        passed=verdict.passed,
        pass_fraction=verdict.pass_fraction,
        tests=[
            wire.TestResult(
                name=_clean(test.name),
                outcome=_OUTCOMES[test.outcome],
                cpu_time=duration_of(test.cpu_ms / 1000),
                wall_time=duration_of(test.wall_ms / 1000),
                message=_clean(test.message),
            )
            for test in verdict.tests
        ],
        first_failure=_clean(verdict.first_failure),
        compile_output=_clean(verdict.compile_output),
        use=wire.ResourceUse(
            queue_time=duration_of(use.queue_ms / 1000),
            compile_time=duration_of(use.compile_ms / 1000),
            cpu_time=duration_of(use.cpu_ms / 1000),
            wall_time=duration_of(use.wall_ms / 1000),
            peak_memory_bytes=use.peak_bytes,
        ),
        verdict_isolation=_ISOLATIONS[verdict.isolation],
    )


def _clean(text: str) -> str:
    """Text that is valid Unicode: programs may have surrogates in what they say."""
    return text.encode("utf-8", "replace").decode()
