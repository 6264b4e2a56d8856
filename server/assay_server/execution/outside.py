"""All that environments ask of the outside, and who answers it."""

from __future__ import annotations

from assay.sdk import Json, JudgeRequest, Unscorable
from assay_server.environments.apps.outside import ERRAND
from assay_server.environments.asked import QUESTION, JudgeQuestion, verdict_text
from assay_server.execution.app_errands import AppErrands
from assay_server.execution.interpreters import Interpreters
from assay_server.execution.judge_account import ChargeableJudge
from assay_server.execution.sandboxes import Sandboxes

_SAID = "what was said"


class EverythingOutside:
    """Satisfies :class:`assay_server.sessions.asking.Outside`. Used from one event loop."""

    def __init__(self, sandboxes: Sandboxes, judge: ChargeableJudge | None = None) -> None:
        self._judge = judge
        self._interpreters = Interpreters(sandboxes)
        self._errands = AppErrands(sandboxes, self.ask)

    async def answer(self, tenant: str, session_id: str, request: str) -> str:
        """The answer. Raises Unscorable: nobody could answer; the action was not taken."""
        if request.startswith(ERRAND):
            return await self._errands.answer(tenant, request)
        if request.startswith(QUESTION):
            return verdict_text(await self.ask(tenant, JudgeQuestion.decode(request)))
        return await self._interpreters.answer(tenant, session_id, request)

    async def ask(self, tenant: str, question: JudgeQuestion) -> dict[str, Json]:
        """A judge's answer. Raises Unscorable."""
        if self._judge is None:
            message = (
                "this process asks no judges; where a fleet's workers run the programs, ask by a call outside of one"
            )
            raise Unscorable("UNKNOWN_JUDGE", message)
        said = question.said.encode("utf-8", "replace").decode()
        request = JudgeRequest(question.judge, question.instructions, {_SAID: said}, question.schema)
        return dict((await self._judge.of(tenant).ask(request)).verdict)

    def forget(self, tenant: str, session_id: str) -> None:
        """End a session's interpreter."""
        self._interpreters.forget(tenant, session_id)

    async def close(self) -> None:
        """End all."""
        await self._interpreters.close()
