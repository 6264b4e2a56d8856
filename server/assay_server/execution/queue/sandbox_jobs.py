"""Programs judged by a worker: the sandbox port over a queue, and the worker's side of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import cast

from assay.sdk import Json, PlayedEpisode, PolicyTrial, Sandbox, SuiteReport, SuiteTest, Unscorable
from assay_server.execution.item_clock import current_clock

from .kinds import Kinds
from .protocol import JobFailed, JobQueue, Priority

LANE = "sandbox"
_SOURCE = "source"


class QueuedSandbox:
    """The port through which rewards run programs, where workers do that.

    What a program may take is bounded by the limits of its tests, so the clock of the reward stands meanwhile.
    """

    def __init__(self, queue: JobQueue, tenant: str) -> None:
        self._queue = queue
        self._tenant = tenant

    async def run_tests(self, language: str, source: str, suite: Mapping[str, Json]) -> SuiteReport:
        """The suite's verdict. Raises Unscorable where the program could not be judged."""
        asked: dict[str, Json] = {"language": language, _SOURCE: source, "suite": dict(suite)}
        report = cast("dict[str, object]", (await self._answer(asked))["report"])
        tests = tuple(SuiteTest(**test) for test in cast("list[dict[str, object]]", report.pop("tests")))  # type: ignore[arg-type]  # as it was written
        return SuiteReport(tests=tests, **report)  # type: ignore[arg-type]  # as above

    async def play(self, source: str, trial: PolicyTrial) -> Sequence[PlayedEpisode]:
        """What the program does as a policy. Raises Unscorable where the environment cannot be hosted."""
        answer = await self._answer({_SOURCE: source, "trial": asdict(trial)})
        played = cast("list[dict[str, object]]", answer["played"])
        return [PlayedEpisode(**episode) for episode in played]  # type: ignore[arg-type]  # as it was written

    async def _answer(self, asked: Mapping[str, object]) -> Mapping[str, object]:
        clock = current_clock()
        with clock.asking(), clock.queueing():
            try:
                text = await self._queue.run(self._tenant, json.dumps(asked).encode(), priority=Priority.NORMAL)
            except JobFailed as failed:
                raise failed.unscorable() from failed
        answer = cast("dict[str, object]", json.loads(text))
        if "refused" in answer:
            refused = cast("dict[str, str]", answer["refused"])
            raise Unscorable(
                refused["reason"], refused["message"], field=refused["field"], retryable=bool(answer["retryable"])
            )
        return answer


def reward_jobs(sandbox_of: Callable[[str], Sandbox]) -> Kinds:
    """What a worker does with jobs of rewards, in the sandbox of their tenant."""

    async def do(tenant: str, job: Mapping[str, Json]) -> Mapping[str, object]:
        try:
            return await _done(sandbox_of(tenant), job)
        except Unscorable as refused:
            told = {"reason": refused.reason, "message": refused.message, "field": refused.field}
            return {"refused": told, "retryable": refused.retryable}

    return {_SOURCE: do}


async def _done(sandbox: Sandbox, job: Mapping[str, Json]) -> Mapping[str, object]:
    source = cast("str", job[_SOURCE])
    if "trial" in job:
        trial = cast("dict[str, object]", job["trial"])
        seeds = tuple(cast("list[int]", trial.pop("seeds")))
        played = await sandbox.play(source, PolicyTrial(seeds=seeds, **trial))  # type: ignore[arg-type]  # as it was written
        return {"played": [asdict(episode) for episode in played]}
    suite = cast("dict[str, Json]", job["suite"])
    return {"report": asdict(await sandbox.run_tests(cast("str", job["language"]), source, suite))}
