"""Programs judged by a worker: the sandbox port over a queue, and the worker's side of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import cast

from assay.sdk import Json, Sandbox, SuiteReport, SuiteTest, Unscorable
from assay_server.execution.item_clock import current_clock

from .protocol import JobFailed, JobHandler, JobQueue, Priority

LANE = "sandbox"


class QueuedSandbox:
    """The port through which rewards run programs, where workers do that.

    What a program may take is bounded by the limits of its tests, so the clock of the reward stands meanwhile.
    """

    def __init__(self, queue: JobQueue, tenant: str) -> None:
        self._queue = queue
        self._tenant = tenant

    async def run_tests(self, language: str, source: str, suite: Mapping[str, Json]) -> SuiteReport:
        """The suite's verdict. Raises Unscorable where the program could not be judged."""
        payload = json.dumps({"language": language, "source": source, "suite": suite}).encode()
        clock = current_clock()
        with clock.asking(), clock.queueing():
            try:
                answer = json.loads(await self._queue.run(self._tenant, payload, priority=Priority.NORMAL))
            except JobFailed as failed:
                raise Unscorable(failed.reason, str(failed), retryable=failed.retryable) from failed
        if "refused" in answer:
            refused = cast("dict[str, str]", answer["refused"])
            raise Unscorable(
                refused["reason"], refused["message"], field=refused["field"], retryable=bool(answer["retryable"])
            )
        report = cast("dict[str, object]", answer["report"])
        tests = tuple(SuiteTest(**test) for test in cast("list[dict[str, object]]", report.pop("tests")))  # type: ignore[arg-type]  # as it was written
        return SuiteReport(tests=tests, **report)  # type: ignore[arg-type]  # as above


def judging(sandbox_of: Callable[[str], Sandbox]) -> JobHandler:
    """What a worker does with such a job, in the sandbox of its tenant."""

    async def judge(tenant: str, payload: bytes) -> bytes:
        job = json.loads(payload)
        try:
            report = await sandbox_of(tenant).run_tests(job["language"], job["source"], job["suite"])
        except Unscorable as refused:
            told = {"reason": refused.reason, "message": refused.message, "field": refused.field}
            return json.dumps({"refused": told, "retryable": refused.retryable}).encode()
        return json.dumps({"report": asdict(report)}).encode()

    return judge
