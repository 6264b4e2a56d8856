"""SandboxService: programs that run, and programs that are judged."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager

from assay.v1 import sandbox_service_pb2 as wire
from assay_sandbox.admission import Busy
from assay_server.api.handlers import parse
from assay_server.api.principals import Principal
from assay_server.api.sandbox_programs import Programs, refusal
from assay_server.pipeline.failures import Code, Failure, invalid_field

MAX_JOBS = 1024
_JOBS_OF_A_CALL = 32
_MOST_SUITES_BYTES = 64 << 20


class SandboxCalls:
    """Execute, RunTests, StreamTests."""

    def __init__(self, programs: Programs) -> None:
        self._programs = programs
        self._suites = _SuiteTexts()

    async def execute(self, principal: Principal, data: bytes) -> wire.ExecuteResponse:
        """Run one program."""
        with self.room(principal):
            return await self._programs.execute(principal.tenant, parse(wire.ExecuteRequest, data))

    async def run_tests(self, principal: Principal, data: bytes) -> wire.RunTestsResponse:
        """Judge programs; answers in request order."""
        slots = asyncio.Semaphore(_JOBS_OF_A_CALL)
        with self.room(principal):
            jobs = _checked(parse(wire.RunTestsRequest, data).jobs)
            results = await asyncio.gather(*(self._result(principal, job, slots) for job in jobs))
        return wire.RunTestsResponse(results=results)

    async def stream_tests(self, principal: Principal, data: bytes) -> AsyncIterator[wire.StreamTestsResponse]:
        """Judge programs; answers as they are known."""
        slots = asyncio.Semaphore(_JOBS_OF_A_CALL)
        with self.room(principal):
            jobs = _checked(parse(wire.StreamTestsRequest, data).jobs)
            work = [asyncio.create_task(self._result(principal, job, slots), name="test job") for job in jobs]
            try:
                for done in asyncio.as_completed(work):
                    yield wire.StreamTestsResponse(result=await done)
            finally:
                for task in work:
                    task.cancel()

    def full(self, principal: Principal) -> Failure | None:
        """What a call that came now would be refused with."""
        busy = self._programs.refusal(principal.tenant)
        return None if busy is None else refusal(busy)

    def room(self, principal: Principal) -> AbstractContextManager[None]:
        """A place for a call, taken by who enters it. Raises Failure where there is no room now."""
        try:
            return self._programs.place(principal.tenant)
        except Busy as busy:
            raise refusal(busy) from busy

    async def _result(self, principal: Principal, job: wire.TestJob, slots: asyncio.Semaphore) -> wire.TestJobResult:
        async with slots:
            try:
                job.suite_json = self._suites.text(principal.tenant, job)
            except Failure as failure:
                return wire.TestJobResult(job_id=job.job_id, error=failure.to_status())
            return await self._programs.test(principal.tenant, job)


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
