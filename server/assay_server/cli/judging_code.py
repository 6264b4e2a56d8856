"""``assay run-tests``: programs with their suites in, verdicts out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import BinaryIO

from assay.client import Client
from assay.code import CodeResult, CodeTest
from assay.errors import AssayError, Failure, Violation
from assay.sdk import Json
from assay.v1 import sandbox_service_pb2 as v1
from assay_server.cli.answers import Answer, Tally, bad_item, bad_line, item_error, result
from assay_server.cli.connection import SandboxName, connected
from assay_server.cli.json_text import BadLine, read_object, write_line
from assay_server.cli.line_source import Line, LineSource
from assay_server.cli.ordered import ReadAhead
from assay_server.cli.progress import progress

_BATCH_LINES = 64
_BATCH_BYTES = 8 * 1024 * 1024
_CALLS = 8
_LINES_AHEAD = 512
_INVALID_ARGUMENT = 3
_MILLION = 1_000_000
_FIELDS = frozenset({"id", "language", "source", "suite", "limits"})
_LIMITS = frozenset({"cpuMs", "wallMs", "memoryBytes"})


def run_test_lines(backend: SandboxName | None, *, server: str | None, token: str | None) -> Tally:
    """Answer every line of standard input; an answer is written as soon as it and those before it are known.

    Raises:
        Usage: a backend named to a remote server. assay.errors.AssayError: the server cannot be reached.
    """
    with connected(server, token, sandbox=backend) as client:
        descriptor = sys.stdin.fileno()
        with progress("judging", descriptor) as wrote, _Judging(LineSource(descriptor), client) as judging:
            return judging.write(sys.stdout.buffer, wrote)


class _Judging(ReadAhead[tuple[Line, "Future[Answer]"]]):
    """Lines, each answered by itself; the jobs of a batch are asked for together."""

    def __init__(self, source: LineSource, client: Client) -> None:
        super().__init__(source, ahead=_LINES_AHEAD, workers=_CALLS, max_lines=_BATCH_LINES, max_bytes=_BATCH_BYTES)
        self._client = client

    def write(self, out: BinaryIO, wrote: Callable[[list[Line]], None]) -> Tally:
        """Write the answers in input order until the input has ended."""
        tally = Tally()
        for line, future in self.handed_on():
            answer = future.result()
            out.write(write_line(answer.value))
            out.flush()
            tally.counts[answer.kind] += 1
            wrote([line])
        return tally

    def take(self, batch: list[Line]) -> bool:
        jobs: dict[str, tuple[v1.TestJob, str, Future[Answer]]] = {}
        for line in batch:
            if not self.has_room():
                return False
            future: Future[Answer] = Future()
            self.hand_on((line, future))
            read = _read_job(line)
            if isinstance(read, Answer):
                future.set_result(read)
            else:
                # Ids are the caller's, and may repeat: on the way to the server it is the line's number that counts.
                given, read.job_id = read.job_id, str(line.number)
                jobs[read.job_id] = (read, given, future)
        if jobs:
            self.pool.submit(self._ask, jobs)
        return True

    def _ask(self, jobs: Mapping[str, tuple[v1.TestJob, str, Future[Answer]]]) -> None:
        try:
            for judged in self._client.stream_tests([job for job, _, _ in jobs.values()]):
                _, given, future = jobs[judged.job_id]
                future.set_result(_answer(given, judged))
        except AssayError as error:
            for _, _, future in jobs.values():
                if not future.done():
                    future.set_exception(error)


def _read_job(line: Line) -> v1.TestJob | Answer:
    try:
        value = read_object(line)
    except BadLine as problem:
        return bad_line(line, "id", problem)
    problem = _problem(value)
    if problem is not None:
        field, message = problem
        failure = Failure(
            _INVALID_ARGUMENT, f"{field}: {message}", "INVALID_ARGUMENT", violations=(Violation(field, message),)
        )
        return bad_item(line, "id", value.get("id"), failure)
    job = v1.TestJob(
        job_id=str(value.get("id", "")),
        language=str(value.get("language", "python")),
        suite_json=json.dumps(value["suite"]),
    )
    job.source = _clean(str(value["source"]))
    limits = value.get("limits") or {}
    assert isinstance(limits, dict)
    _set_limits(job, limits)
    return job


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _problem(value: Mapping[str, Json]) -> tuple[str, str] | None:
    """What is wrong with a job: the field, and what was expected."""
    unknown = sorted(set(value) - _FIELDS)
    if unknown:
        return unknown[0], f"is not a field of a job; those are {', '.join(sorted(_FIELDS))}"
    for name, default in (("id", ""), ("language", "python"), ("source", None)):
        if not isinstance(value.get(name, default), str):
            return name, "expected text"
    if not isinstance(value.get("suite"), dict):
        return "suite", "expected an object"
    return _limits_problem(value.get("limits", {}))


def _limits_problem(limits: Json) -> tuple[str, str] | None:
    if not isinstance(limits, dict):
        return "limits", "expected an object"
    for name, number in limits.items():
        if name not in _LIMITS:
            return f"limits.{name}", f"is not one of {', '.join(sorted(_LIMITS))}"
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number < 1 << 50:
            return f"limits.{name}", "expected a number > 0"
    return None


def _set_limits(job: v1.TestJob, limits: Mapping[str, Json]) -> None:
    for name, duration in (("cpuMs", job.limits.cpu_time), ("wallMs", job.limits.wall_time)):
        number = limits.get(name)
        if isinstance(number, int | float):
            nanos = round(number * _MILLION)
            duration.seconds, duration.nanos = divmod(nanos, 1000 * _MILLION)
    memory = limits.get("memoryBytes")
    if isinstance(memory, int | float):
        job.limits.memory_bytes = int(memory)


def _answer(id: str, judged: CodeResult) -> Answer:
    if judged.error is not None:
        return item_error("id", id, judged.error)
    told: dict[str, Json] = {
        "id": id,
        "passed": judged.passed,
        "passFraction": judged.pass_fraction,
        "tests": _tests(judged.tests),
        "verdictIsolation": "SEPARATE" if judged.separate else "IN_PROCESS",
    }
    if judged.first_failure:
        told["firstFailure"] = judged.first_failure
    if judged.compile_output:
        told["compileOutput"] = judged.compile_output
    told["use"] = {**judged.use}
    return result(told)


def _tests(tests: Sequence[CodeTest]) -> list[Json]:
    return [
        {
            "name": test.name,
            "outcome": test.outcome.name,
            "cpuMs": round(test.cpu_ms, 3),
            "wallMs": round(test.wall_ms, 3),
            **({"message": test.message} if test.message else {}),
        }
        for test in tests
    ]
