"""Programs to be judged by tests, and what became of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from google.protobuf import duration_pb2

from assay._requests import one_each
from assay._statuses import failure_of
from assay.errors import Failure, NotScored, invalid
from assay.sdk.samples import Json
from assay.v1 import sandbox_service_pb2 as v1

MAX_JOBS = 256
_MAX_BYTES = 32 * 1024 * 1024
_SECOND = 1_000_000_000


@dataclass(frozen=True)
class CodeLimits:
    """What a program may use for each test; None = the service's default.

    Attributes:
        cpu_ms: CPU time; decides.
        wall_ms: the backstop; 10 s where nothing is said.
    """

    cpu_ms: float | None = None
    wall_ms: float | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True)
class CodeJob:
    """A program, and the suite that it shall pass.

    Attributes:
        suite: ``{"kind": "assert" | "calls" | "stdio" | "pytest" | "interactive", ...}``.
        job_id: comes back with the result.
        refuse_in_process: a suite that declares that it must share the program's process is not run.
    """

    source: str
    suite: Mapping[str, Json]
    language: str = "python"
    job_id: str = ""
    limits: CodeLimits | None = None
    refuse_in_process: bool = False

    def to_message(self, path: str = "job") -> v1.TestJob:
        """The job on the wire. Raises InvalidArgument where it cannot be sent."""
        try:
            suite = json.dumps(self.suite, allow_nan=False)
            message = v1.TestJob(job_id=self.job_id, language=self.language, source=self.source, suite_json=suite)
        except (TypeError, ValueError) as error:
            raise invalid(path, f"cannot be sent: {error}") from error
        message.refuse_in_process = self.refuse_in_process
        limits = self.limits
        if limits is not None:
            _set(message.limits.cpu_time, limits.cpu_ms)
            _set(message.limits.wall_time, limits.wall_ms)
            message.limits.memory_bytes = limits.memory_bytes or 0
        return message


def _set(duration: duration_pb2.Duration, milliseconds: float | None) -> None:
    if milliseconds is not None:
        nanos = round(milliseconds * 1e6)
        duration.seconds, duration.nanos = nanos // _SECOND, nanos % _SECOND


class CodeOutcome(Enum):
    """What became of one test."""

    UNSPECIFIED = 0
    PASSED = 1
    FAILED = 2
    ERROR = 3
    TIMEOUT = 4
    MEMORY = 5
    NOT_RUN = 6


@dataclass(frozen=True)
class CodeTest:
    """One test of a suite."""

    name: str
    outcome: CodeOutcome
    cpu_ms: float
    wall_ms: float
    message: str


class CodeResult:
    """A verdict, or why there is none: a program that could not be judged did not fail."""

    __slots__ = ("message",)

    def __init__(self, message: v1.TestJobResult) -> None:
        self.message = message

    def __repr__(self) -> str:
        told = self.message.error.message if self.error else f"{self.pass_fraction:.0%} of {len(self.tests)} tests"
        return f"CodeResult({self.job_id!r}: {told})"

    @property
    def job_id(self) -> str:
        return self.message.job_id

    @property
    def error(self) -> Failure | None:
        """Why there is no verdict; None where there is one."""
        return None if self.message.HasField("verdict") else failure_of(self.message.error)

    @property
    def passed(self) -> bool:
        """Whether all tests passed. Raises NotScored where there is no verdict."""
        return self._verdict().passed

    @property
    def pass_fraction(self) -> float:
        """The part that passed. Raises NotScored where there is no verdict."""
        return self._verdict().pass_fraction

    @property
    def tests(self) -> tuple[CodeTest, ...]:
        """Every test, in the suite's order. Raises NotScored where there is no verdict."""
        return tuple(
            CodeTest(test.name, CodeOutcome(int(test.outcome)), _ms(test.cpu_time), _ms(test.wall_time), test.message)
            for test in self._verdict().tests
        )

    @property
    def first_failure(self) -> str:
        """Name and message of the first test that did not pass."""
        return self._verdict().first_failure

    @property
    def compile_output(self) -> str:
        """What the compiler said."""
        return self._verdict().compile_output

    @property
    def use(self) -> dict[str, float]:
        """Milliseconds and bytes that it took: queueMs, compileMs, cpuMs, wallMs, peakMemoryBytes."""
        use = self._verdict().use
        times = {
            "queueMs": use.queue_time,
            "compileMs": use.compile_time,
            "cpuMs": use.cpu_time,
            "wallMs": use.wall_time,
        }
        return {**{name: round(_ms(time), 3) for name, time in times.items()}, "peakMemoryBytes": use.peak_memory_bytes}

    @property
    def separate(self) -> bool:
        """Whether program and suite ran in different sandboxes."""
        return self._verdict().verdict_isolation == v1.VERDICT_ISOLATION_SEPARATE

    def _verdict(self) -> v1.TestVerdict:
        if not self.message.HasField("verdict"):
            failure = failure_of(self.message.error)
            raise NotScored(f"program {self.job_id!r} could not be judged: {failure.message}", failure=failure)
        return self.message.verdict


def _ms(duration: duration_pb2.Duration) -> float:
    return duration.seconds * 1000 + duration.nanos / 1e6


def job_requests(jobs: Sequence[CodeJob | v1.TestJob]) -> Iterator[v1.RunTestsRequest]:
    """Requests of at most 256 jobs and 32 MiB each, in order."""
    request, size = v1.RunTestsRequest(), 0
    for index, job in enumerate(jobs):
        message = job if isinstance(job, v1.TestJob) else job.to_message(f"jobs[{index}]")
        added = message.ByteSize()
        if request.jobs and (len(request.jobs) == MAX_JOBS or size + added > _MAX_BYTES):
            yield request
            request, size = v1.RunTestsRequest(), 0
        request.jobs.append(message)
        size += added
    if request.jobs:
        yield request


def job_results(request: v1.RunTestsRequest, response: v1.RunTestsResponse) -> list[CodeResult]:
    """One result per job of the request."""
    return [CodeResult(result) for result in one_each(response.results, len(request.jobs), "results")]
