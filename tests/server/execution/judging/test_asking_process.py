"""Judges that are asked from a process of their own: the same answers, and next to nothing on this loop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import SecretStr

from assay.sdk import Sample
from assay.sdk.spec import Leaf
from assay_server.execution.judging import AskingProcess, CatalogueJudge, Endpoint
from assay_server.execution.lanes import Lanes, LaneSettings
from assay_server.execution.server_ports import ServerPorts
from assay_server.rewards import builtin_catalogue, compile_reward
from assay_server.rewards.nodes import Plan
from assay_server.store.memory import MemoryStore

from .chat_server import Asked, ChatServer, Reply, refuses, says
from .questions import question, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "sk-canary-5544332211"


class Asking:
    """A judge whose questions leave from another process, and the server that they reach."""

    def __init__(self, server: ChatServer) -> None:
        self.server = server
        strict = server.endpoint(max_concurrent=600, retries=1)
        self.endpoints = [
            Endpoint("strict", strict.settings, SecretStr(KEY)),
            server.endpoint("narrow", max_concurrent=2, retries=2),
        ]
        self.process = AskingProcess(self.endpoints)
        self.judge = CatalogueJudge(self.endpoints, self.process)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shared() -> AsyncGenerator[Asking]:
    async with ChatServer().listening() as server:
        asking = Asking(server)
        yield asking
        pid = asking.process.pid
        await asking.judge.close()
        assert pid is not None
        assert not os.path.exists(f"/proc/{pid}")  # noqa: ASYNC240 - no disk


@pytest.fixture
def asking(shared: Asking) -> Asking:
    shared.server.asked.clear()
    shared.server.most = 0
    shared.server.replies(says({"correct": True}))
    return shared


async def test_a_verdict_with_its_model_and_its_cost(asking: Asking):
    verdict = await asking.judge.ask(question("é \ud800 <<<END", temperature=0.5, seed=7))
    assert verdict.verdict == {"correct": True}
    assert (verdict.model, verdict.prompt_tokens, verdict.completion_tokens) == ("judge-1", 10, 5)
    (asked,) = asking.server.asked
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.body["seed"] == 7
    assert "é" in asked.user
    assert "<<<END" not in asked.user.split("\n")[1]
    assert asking.process.pid != os.getpid()


async def test_an_answer_without_a_verdict_is_asked_for_once_more(asking: Asking):
    asking.server.replies(says("I think so."), says({"correct": False}))
    verdict = await asking.judge.ask(question("repair"))
    assert verdict.verdict == {"correct": False}
    assert (verdict.prompt_tokens, verdict.completion_tokens) == (20, 10)
    assert [message["role"] for message in asking.server.asked[1].messages][2:] == ["assistant", "user"]
    asking.server.replies(says("I cannot say."))
    assert (await refused(asking.judge, question("no repair"))).reason == "JUDGE_UNPARSEABLE"


async def test_trouble_is_a_status_as_it_is_here(asking: Asking):
    asking.server.replies(refuses(503))
    error = await refused(asking.judge, question("trouble"))
    assert (error.reason, error.retryable) == ("JUDGE_UNAVAILABLE", True)
    assert "HTTP status 503" in error.message
    assert len(asking.server.asked) == 2
    asking.server.replies(refuses(401))
    error = await refused(asking.judge, question("no key"))
    assert (error.reason, error.retryable) == ("JUDGE_UNAVAILABLE", False)


async def test_what_is_no_question_says_so(asking: Asking):
    for bad in (question(schema={"type": "no such type"}), question(instructions="x", schema={"type": 5})):
        with pytest.raises(ValueError, match="schema"):
            await asking.judge.ask(bad)
    assert asking.server.asked == []


async def test_retry_after_is_waited_for_by_everyone(asking: Asking):
    arrivals: list[float] = []

    async def later(asked: Asked) -> Reply:
        del asked
        arrivals.append(asyncio.get_running_loop().time())
        return refuses(429, retry_after="0.3") if len(arrivals) == 1 else says({"correct": True})

    asking.server.script = later
    first = asyncio.create_task(asking.judge.ask(question("first", "narrow")))
    await asking.server.until(lambda: bool(asking.server.asked) and not asking.server.under_way)
    await asyncio.gather(first, asking.judge.ask(question("second", "narrow")))
    assert len(arrivals) == 3
    assert arrivals[2] - arrivals[0] >= 0.3  # the second may have left before the first was refused


async def test_a_question_that_nobody_waits_for_leaves_its_endpoint(asking: Asking):
    never = asking.server.holds("waits")
    lost = [asyncio.create_task(asking.judge.ask(question(f"waits {number}", "narrow"))) for number in range(2)]
    await asking.server.until(lambda: asking.server.under_way == 2)
    for task in lost:
        task.cancel()
    await asking.server.until(lambda: asking.server.under_way == 0)
    assert (await asking.judge.ask(question("next", "narrow"))).verdict == {"correct": True}
    never.set()


async def test_five_hundred_that_come_at_once_leave_room_between_them(asking: Asking):
    """Rewards that another lane runs begin and end in few of the loop's turns each; the loop goes on meanwhile."""
    everyone = asyncio.Barrier(500)

    async def together(asked: Asked) -> Reply:
        del asked
        await everyone.wait()  # all are under way before the first is answered, and answered in one instant
        return says({"rationale": "fine", "score": 7})

    asking.server.script = together
    lanes = Lanes(LaneSettings(), ServerPorts(MemoryStore(), asking.judge))
    judged = Leaf("judge/rubric", {"endpoint": "strict", "rubric": "It is sound."}, execution_timeout=60.0)
    compiled = compile_reward(judged, builtin_catalogue())
    turn, ended = 0, list[int]()

    async def one(number: int) -> None:
        sample, plan = Sample(f"r{number}", f"the {number}th"), Plan()
        said, _ = await lanes.assess(compiled, sample, plan, compiled.pending(sample, plan))
        assert said.value == 0.7
        ended.append(turn)

    waiting = asyncio.gather(*(one(number) for number in range(500)))
    while not waiting.done():
        turn += 1
        await asyncio.sleep(0)
    await waiting
    assert asking.server.most == 500
    assert max(ended.count(one) for one in ended) <= 4
    assert len(set(ended)) >= 100


def start_of(pid: int | None, name: str) -> bytes:
    """What a process was started with."""
    return Path(f"/proc/{pid}/{name}").read_bytes()


async def test_the_key_is_in_neither_environment_nor_command_line(asking: Asking, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    await asking.judge.ask(question("key"))
    assert not any(KEY.encode() in start_of(asking.process.pid, name) for name in ("environ", "cmdline"))
    assert KEY not in caplog.text


async def test_a_process_that_is_killed_is_replaced_and_its_questions_are_retryable(asking: Asking):
    never = asking.server.holds("lost")
    waiting = [asyncio.create_task(refused(asking.judge, question(f"lost {number}"))) for number in range(3)]
    await asking.server.until(lambda: asking.server.under_way == 3)
    first = asking.process.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    for error in await asyncio.gather(*waiting):
        assert (error.reason, error.retryable) == ("JUDGE_UNAVAILABLE", True)
    assert (await asking.judge.ask(question("found"))).verdict == {"correct": True}
    assert asking.process.pid not in (None, first)
    never.set()


async def test_those_who_wait_when_the_port_closes_are_told(asking: Asking):
    never = asking.server.holds()
    judge = CatalogueJudge(asking.endpoints, AskingProcess(asking.endpoints))
    waiting = asyncio.create_task(refused(judge, question("closing")))
    await asking.server.until(lambda: asking.server.under_way == 1)
    await judge.close()
    assert ((error := await waiting).reason, error.retryable) == ("LANE_STOPPED", True)
    never.set()
