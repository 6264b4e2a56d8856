"""Programs that calls bring, as messages: judged in this process's sandboxes, or by the workers of a fleet.

A worker is sent what the call brought and answers with what the call is answered; the messages are those of the
contract, so that there is one form of a job and of a verdict.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import Protocol, TypeVar, cast

from google.protobuf import duration_pb2

from assay.sdk import Json
from assay.v1 import sandbox_service_pb2 as wire
from assay_sandbox.admission import Busy
from assay_sandbox.judging import Execution, Job, Program
from assay_sandbox.protocol import Limits, Outcome, Reason, SandboxUnavailable, WorkerLost
from assay_sandbox.suites.reading import read_suite_text
from assay_sandbox.suites.verdict import Isolation, TestOutcome, Unjudged, Verdict
from assay_server.execution.code_judge import CodeJudge, when_there_is_room
from assay_server.execution.queue.kinds import Kinds
from assay_server.execution.queue.protocol import JobFailed, JobQueue, Priority
from assay_server.pipeline.failures import Code, Failure, Violation, duration_of, internal, invalid_field

T = TypeVar("T")

_CALL = "call"
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


class Programs(Protocol):
    """Where programs are run and judged."""

    def refusal(self, tenant: str) -> Busy | None:
        """What a call that came now would be refused with."""
        ...

    def place(self, tenant: str) -> AbstractContextManager[None]:
        """For a call, all jobs of which will get their answers; enter it. Raises Busy where there is no room now."""
        ...

    async def test(self, tenant: str, job: wire.TestJob) -> wire.TestJobResult:
        """The answer to a job that has its suite; an error that is about the job is in it."""
        ...

    async def execute(self, tenant: str, request: wire.ExecuteRequest) -> wire.ExecuteResponse:
        """What a program does. Raises Failure."""
        ...


class JudgedHere:
    """Programs in the sandboxes of this process."""

    def __init__(self, judge: CodeJudge) -> None:
        self._judge = judge

    def refusal(self, tenant: str) -> Busy | None:
        """See :meth:`Programs.refusal`."""
        return self._judge.refusal(tenant)

    def place(self, tenant: str) -> AbstractContextManager[None]:
        """See :meth:`Programs.place`."""
        return self._judge.place(tenant)

    async def test(self, tenant: str, job: wire.TestJob) -> wire.TestJobResult:
        """See :meth:`Programs.test`."""
        return await when_there_is_room(lambda: self._tested(tenant, job))

    async def _tested(self, tenant: str, job: wire.TestJob) -> wire.TestJobResult:
        """Raises Busy."""
        try:
            suite = read_suite_text(job.suite_json)
            if job.refuse_in_process and getattr(suite, "isolation", None) is Isolation.IN_PROCESS:
                message = "the suite wants to share the program's process, and the job refuses that"
                raise Failure(Code.FAILED_PRECONDITION, "IN_PROCESS_REFUSED", message)
            wanted = Job(job.language, job.source, suite, tenant, _limits(job.limits))
            return wire.TestJobResult(job_id=job.job_id, verdict=_verdict(await self._judge.judge(wanted)))
        except (Unjudged, WorkerLost, SandboxUnavailable, Failure) as error:
            return wire.TestJobResult(job_id=job.job_id, error=refusal(error).to_status())

    async def execute(self, tenant: str, request: wire.ExecuteRequest) -> wire.ExecuteResponse:
        """See :meth:`Programs.execute`."""
        _check_files(request.files)
        program = Program(
            request.language,
            request.source,
            request.stdin,
            {file.path: file.data for file in request.files},
            tuple(request.arguments),
            tenant,
            _limits(request.limits),
        )
        return _executed(await _foreseen(self._judge.execute(program)))


class JudgedByWorkers:
    """Programs handed to the workers of a fleet.

    Args:
        judge: of this process, which has no sandbox; it knows how many calls there is room for.
    """

    def __init__(self, queue: JobQueue, judge: CodeJudge) -> None:
        self._queue = queue
        self._judge = judge

    def refusal(self, tenant: str) -> Busy | None:
        """See :meth:`Programs.refusal`."""
        return self._judge.refusal(tenant)

    def place(self, tenant: str) -> AbstractContextManager[None]:
        """See :meth:`Programs.place`."""
        return self._judge.place(tenant)

    async def test(self, tenant: str, job: wire.TestJob) -> wire.TestJobResult:
        """See :meth:`Programs.test`."""
        try:
            return wire.TestJobResult.FromString(await self._answer(tenant, "test", job.SerializeToString()))
        except Failure as failure:
            return wire.TestJobResult(job_id=job.job_id, error=failure.to_status())

    async def execute(self, tenant: str, request: wire.ExecuteRequest) -> wire.ExecuteResponse:
        """See :meth:`Programs.execute`."""
        return wire.ExecuteResponse.FromString(await self._answer(tenant, "execute", request.SerializeToString()))

    async def _answer(self, tenant: str, call: str, message: bytes) -> bytes:
        payload = json.dumps({_CALL: call, "message": _text(message)}).encode()
        try:
            text = await self._queue.run(tenant, payload, priority=Priority.INTERACTIVE)
        except JobFailed as failed:
            raise refusal(failed) from failed
        answer = cast("dict[str, object]", json.loads(text))
        if "failure" in answer:
            raise _failure(cast("dict[str, object]", answer["failure"]))
        return base64.b64decode(cast("str", answer["message"]))


def call_jobs(programs: Programs) -> Kinds:
    """What a worker does with jobs of calls."""

    async def do(tenant: str, job: Mapping[str, Json]) -> Mapping[str, object]:
        message = base64.b64decode(cast("str", job["message"]))
        try:
            if job[_CALL] == "test":
                answer = (await programs.test(tenant, wire.TestJob.FromString(message))).SerializeToString()
            else:
                request = wire.ExecuteRequest.FromString(message)
                answer = (await programs.execute(tenant, request)).SerializeToString()
        except Failure as failure:
            return {"failure": asdict(failure)}
        return {"message": _text(answer)}

    return {_CALL: do}


def _failure(told: dict[str, object]) -> Failure:
    """As it was written."""
    told["code"] = Code(cast("int", told["code"]))
    told["violations"] = tuple(Violation(**one) for one in cast("list[dict[str, str]]", told["violations"]))
    return Failure(**told)  # type: ignore[arg-type]


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def _foreseen(work: Awaitable[T]) -> T:
    """The result; what is foreseen as a Failure."""
    try:
        return await work
    except (Unjudged, WorkerLost, SandboxUnavailable, Busy) as error:
        raise refusal(error) from error


def refusal(error: Exception) -> Failure:
    """The failure that tells of something foreseen; of anything else only that it is."""
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
        case JobFailed():
            return Failure(Code.UNAVAILABLE, error.reason, str(error), retryable=error.retryable)
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
