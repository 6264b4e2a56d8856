"""What sessions ask of the outside, done by the fleet's workers."""

from __future__ import annotations

import json

import pytest

from assay.sdk import Json, Unscorable
from assay_server.environments.apps import AppsEpisode
from assay_server.environments.apps.outside import Called, Ended, decode_tape
from assay_server.environments.asked import JudgeQuestion, Reach
from assay_server.environments.tools.outside import FIRST, PythonAnswer, PythonRequest, Ran, chained
from assay_server.execution.outside import EverythingOutside
from assay_server.execution.queue import JobFailed, LocalQueue
from assay_server.execution.queue.kinds import job_handler
from assay_server.execution.queue.outside_jobs import OutsideByWorkers, session_jobs
from assay_server.execution.sandboxes import Sandboxes, SandboxSettings

pytestmark = pytest.mark.asyncio(loop_scope="module")
TENANT, SESSION = "tenant", "session"
NOTHING = SandboxSettings(backend="none")


def program(code: str, **options: Json) -> str:
    """The request of an errand whose action is this program."""
    environment = AppsEpisode(Reach(programs=True, judges=("user",)))
    environment.reset(0, {"family": "overdue", "code": True, **options})
    return environment.request_for(f"```python\n{code}\n```")


async def test_programs_and_interpreters_run_at_a_worker_and_another_one_goes_on(sandboxes: Sandboxes) -> None:
    here = EverythingOutside(Sandboxes(NOTHING, lambda _: None))
    before, chain = tuple[str, ...](), FIRST
    for code, said in (("x = 20", Ran()), ("x + 1", Ran("21\n"))):
        worker = EverythingOutside(sandboxes)  # each time another one
        queue = LocalQueue(job_handler(session_jobs(worker)), 2)
        await queue.open()
        outside = OutsideByWorkers(queue, here)
        request = PythonRequest((code,), before, chain).encode()
        answer = PythonAnswer.decode(await outside.answer(TENANT, SESSION, request))
        assert answer.ran == (said,)
        before, chain = (*before, code), chained(chain, code, said)
        tape = decode_tape(await outside.answer(TENANT, SESSION, program("print(todos_list()['page'])")))
        assert tape == (Called("todos_list", (), {}), Ended("1\n"))
        with pytest.raises(Unscorable, match="a call outside of one"):
            await outside.answer(TENANT, SESSION, program("ask_user('?')", user="judge", judge="user"))
        await queue.close()
        await worker.close()
    await here.close()


async def test_what_cannot_be_done_is_a_status_and_judges_are_asked_here() -> None:
    class Asked(EverythingOutside):
        async def ask(self, tenant: str, question: JudgeQuestion) -> dict[str, Json]:
            return {"tenant": tenant, "judge": question.judge}

    nowhere = Sandboxes(NOTHING, lambda _: None)
    worker = EverythingOutside(nowhere)
    queue = LocalQueue(job_handler(session_jobs(worker)), 2)
    await queue.open()
    outside = OutsideByWorkers(queue, Asked(nowhere))
    with pytest.raises(Unscorable) as caught:
        await outside.answer(TENANT, SESSION, program("1"))
    assert (caught.value.reason, caught.value.retryable) == ("SANDBOX_UNAVAILABLE", True)
    question = JudgeQuestion("user", "", "Who was it?", {})
    verdict = json.loads(await outside.answer(TENANT, SESSION, question.encode()))
    assert verdict == {"verdict": {"tenant": TENANT, "judge": "user"}}
    environment = AppsEpisode(Reach(judges=("user",)))
    environment.reset(14, {"family": "hotel", "user": "judge", "judge": "user"})
    asking = environment.request_for('ask_user(question="Which amount?")')
    assert "said" in await outside.answer(TENANT, SESSION, asking)
    await queue.close()

    async def lost(tenant: str, payload: bytes) -> bytes:
        raise JobFailed("JOB_LOST", f"{tenant} {payload!r:.0}", retryable=True)

    queue = LocalQueue(lost, 1)
    await queue.open()
    with pytest.raises(Unscorable) as caught:
        await OutsideByWorkers(queue, worker).answer(TENANT, SESSION, program("1"))
    assert caught.value.reason == "JOB_DEAD"
    await queue.close()
    await nowhere.stop()
