"""Interpreters of sessions, in real sandboxes: kept between calls, made again where they are gone."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from assay_sandbox.protocol import Grade
from assay_sandbox.quotas import Quotas, QuotaSettings
from assay_server.environments.tools.outside import FIRST, PythonAnswer, PythonRequest, Ran, chained
from assay_server.execution.interpreters import Interpreters, InterpreterSettings
from assay_server.execution.sandboxes import Sandboxes, SandboxSettings

pytestmark = pytest.mark.asyncio(loop_scope="module")
TENANT = "tenant"


@pytest_asyncio.fixture(loop_scope="module")
async def interpreters(sandboxes: Sandboxes) -> AsyncGenerator[Interpreters]:
    interpreters = Interpreters(sandboxes, InterpreterSettings(kept=2))
    yield interpreters
    await interpreters.close()


class Session:
    """What an episode does: it remembers what was told, and says so with the next request."""

    def __init__(self, interpreters: Interpreters, name: str) -> None:
        self._interpreters = interpreters
        self._name = name
        self.told: list[str] = []
        self.chain = FIRST

    async def run(self, *codes: str) -> PythonAnswer:
        request = PythonRequest(codes, tuple(self.told), self.chain).encode()
        answer = PythonAnswer.decode(await self._interpreters.answer(TENANT, self._name, request))
        for code, ran in zip(codes, answer.ran, strict=False):
            self.chain = chained(self.chain, code, ran)
            self.told.append(code)
        return answer


async def test_names_are_kept_from_call_to_call_and_session_to_session_apart(interpreters: Interpreters) -> None:
    one, other = Session(interpreters, "one"), Session(interpreters, "other")
    assert (await one.run("x = 1", "x + 1")).ran == (Ran(), Ran("2\n"))
    assert "NameError" in (await other.run("x")).ran[0].error
    assert (await one.run("x")).ran == (Ran("1\n"),)
    assert interpreters.kept == 2


async def test_an_interpreter_that_is_gone_is_made_again(interpreters: Interpreters) -> None:
    session = Session(interpreters, "one")
    await session.run("import random", "x = [random.random() for _ in range(3)]", "x")
    interpreters.forget(TENANT, "one")
    assert interpreters.kept == 0
    (ran,) = (await session.run("len(x)")).ran
    assert ran == Ran("3\n")


async def test_those_not_used_for_longest_end_first(interpreters: Interpreters) -> None:
    sessions = [Session(interpreters, f"s{number}") for number in range(3)]
    for number, session in enumerate(sessions):
        await session.run(f"x = {number}")
    assert interpreters.kept == 2
    assert [(await session.run("x")).ran[0].output for session in sessions] == ["0\n", "1\n", "2\n"]


async def test_what_does_not_say_the_same_again_is_forgotten_and_nothing_is_run(interpreters: Interpreters) -> None:
    session = Session(interpreters, "one")
    await session.run("import time; time.perf_counter_ns()")
    interpreters.forget(TENANT, "one")
    assert await session.run("open('made', 'w').close()") == PythonAnswer(forgotten=True)


async def test_a_session_that_was_taken_back_does_not_see_what_it_did_later(interpreters: Interpreters) -> None:
    session = Session(interpreters, "one")
    await session.run("x = 1")
    chain = session.chain
    await session.run("x = 2")
    session.told, session.chain = ["x = 1"], chain
    assert (await session.run("x")).ran == (Ran("1\n"),)


async def test_a_lost_interpreter_says_so_and_what_follows_is_not_run(interpreters: Interpreters) -> None:
    session = Session(interpreters, "one")
    answer = await session.run("x = 1", "import os; os._exit(1)", "x = 2")
    assert [bool(ran.lost) for ran in answer.ran] == [False, True]
    assert interpreters.kept == 0


async def test_lost_and_forgotten_interpreters_are_charged_for_too() -> None:
    quota = QuotaSettings(cpu_seconds=1000.0)
    sandboxes = Sandboxes(SandboxSettings(quota=quota), lambda _: None)
    if sandboxes.level().grade < Grade.FLOOR:
        pytest.skip("this machine gives no sandbox")
    spent: list[float] = []

    class Noting(Quotas):
        @asynccontextmanager
        async def job(self, tenant: str) -> AsyncGenerator[Callable[[float], None]]:
            del tenant
            yield spent.append

    sandboxes.quotas = Noting(quota)
    interpreters = Interpreters(sandboxes)
    session = Session(interpreters, "one")
    work = "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass\n"
    await session.run(f"{work}time.perf_counter_ns()")
    interpreters.forget(TENANT, "one")
    assert (await session.run("1")).forgotten
    session.told, session.chain = [], FIRST
    assert (await session.run(f"{work}import os; os._exit(0)")).ran[0].lost
    await interpreters.close()
    await sandboxes.stop()
    assert len(spent) == 3
    assert min(spent) >= 150


@pytest.mark.parametrize("request_text", ["", "{}", "[]", '{"codes": 3}', '{"codes": [], "before": [], "chain": 1}'])
async def test_what_is_no_request_is_an_answer_too(interpreters: Interpreters, request_text: str) -> None:
    answer = PythonAnswer.decode(await interpreters.answer(TENANT, "one", request_text))
    assert "cannot be read" in answer.unavailable


async def test_without_sandboxes_it_says_so() -> None:
    off = Interpreters(Sandboxes(SandboxSettings(backend="none"), lambda _: None))
    answer = PythonAnswer.decode(await off.answer(TENANT, "one", PythonRequest(("1",)).encode()))
    assert "switched sandboxes off" in answer.unavailable
    too_much = PythonRequest(("#" * (1 << 20), "1")).encode()
    assert "more than it may" in PythonAnswer.decode(await off.answer(TENANT, "one", too_much)).unavailable
    await off.close()
