"""What sessions ask of the outside, answered by a fleet's workers: they have the sandboxes.

A request holds all that its answer takes: an interpreter that another worker kept is made again from what it was told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from assay.sdk import Json, Unscorable
from assay_server.environments.apps.outside import ERRAND, Errand
from assay_server.environments.apps.reading import RUN, said_by
from assay_server.environments.asked import QUESTION
from assay_server.execution.outside import EverythingOutside

from .kinds import Kinds
from .protocol import JobFailed, JobQueue, Priority

_OUTSIDE = "outside"


class OutsideByWorkers:
    """Satisfies :class:`assay_server.sessions.asking.Outside`: programs are jobs, judges are asked here."""

    def __init__(self, queue: JobQueue, here: EverythingOutside) -> None:
        self._queue = queue
        self._here = here

    async def answer(self, tenant: str, session_id: str, request: str) -> str:
        """The answer. Raises Unscorable: nobody could answer; the action was not taken."""
        if not _runs_programs(request):
            return await self._here.answer(tenant, session_id, request)
        payload = json.dumps({_OUTSIDE: request, "session": session_id}).encode()
        try:
            text = await self._queue.run(tenant, payload, priority=Priority.INTERACTIVE)
        except JobFailed as failed:
            raise failed.unscorable() from failed
        answer = cast("dict[str, str]", json.loads(text))
        if "heard" not in answer:
            raise Unscorable(answer["reason"], answer["message"], retryable=bool(answer["retryable"]))
        return answer["heard"]

    def forget(self, tenant: str, session_id: str) -> None:
        """Interpreters that workers keep end when they were not used for long."""


def _runs_programs(request: str) -> bool:
    if request.startswith(QUESTION):
        return False
    if not request.startswith(ERRAND):
        return True
    errand = Errand.decode(request)
    return any(call.name == RUN for call in said_by(errand.action, code=errand.options.get("code") is True).calls)


def session_jobs(outside: EverythingOutside) -> Kinds:
    """What a worker does with jobs of sessions."""

    async def do(tenant: str, job: Mapping[str, Json]) -> Mapping[str, object]:
        try:
            return {"heard": await outside.answer(tenant, cast("str", job["session"]), cast("str", job[_OUTSIDE]))}
        except Unscorable as refused:
            return {"reason": refused.reason, "message": refused.message, "retryable": refused.retryable}

    return {_OUTSIDE: do}
