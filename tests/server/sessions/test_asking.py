"""What the outside answers is recorded with the action: whatever is made again is told the same, and nobody is asked
twice."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from assay_sandbox.protocol import Grade
from assay_server.config import Settings
from assay_server.embedded import Engine
from assay_server.environments.catalogue import builtin_environments
from assay_server.environments.tools.outside import PythonAnswer, PythonRequest, Ran
from assay_server.execution.sandboxes import Sandboxes, SandboxSettings
from assay_server.sessions.engine import SessionEngine
from assay_server.sessions.requests import SessionSettings
from assay_server.sessions.values import EnvironmentSources
from assay_server.store.journal import Journal, JournaledTurn, MemoryJournal, NewSession, SqliteJournal
from assay_server.store.protocol import StoreUnavailable

from .engines import TENANT, make, state_of, take, until

PYTHON = json.dumps({"name": "python", "arguments": {"code": "now()"}})


class Clock:
    """An outside that never says the same twice."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, PythonRequest]] = []
        self.forgotten: list[str] = []

    async def answer(self, tenant: str, session_id: str, request: str) -> str:
        assert tenant == TENANT
        self.asked.append((session_id, PythonRequest.decode(request)))
        await asyncio.sleep(0)
        return PythonAnswer((Ran(f"{len(self.asked)}\n"),)).encode()

    def forget(self, tenant: str, session_id: str) -> None:
        del tenant
        self.forgotten.append(session_id)


@asynccontextmanager
async def asking(journal: Journal, outside: Clock | None) -> AsyncGenerator[SessionEngine]:
    settings = SessionSettings(2, 100, 30.0, sources=EnvironmentSources(checked=True, programs=True))
    engine = SessionEngine(builtin_environments(), journal, settings, outside)
    try:
        yield engine
    finally:
        await engine.stop()


async def test_a_session_made_again_is_told_what_was_recorded() -> None:
    clock = Clock()
    async with asking(MemoryJournal(), clock) as engine:
        (session,) = await make(engine, "tools")
        state = await take(engine, session, [PYTHON, PYTHON])
        assert "2\n" in state.observation.parts[0].text
        for pid in engine.workers.pids:
            os.kill(pid, signal.SIGKILL)
        await until(lambda: engine.workers.lost.total() >= 2)
        state = await take(engine, session, [PYTHON], at=2)
        assert "3\n" in state.observation.parts[0].text
        assert engine.figures.rebuilt == 1
        assert len(clock.asked) == 3
        assert clock.asked[-1][1].before == ("now()", "now()")
        await engine.close(TENANT, [session])
        assert clock.forgotten == [session]


async def test_a_fork_has_the_answers_up_to_its_step() -> None:
    clock = Clock()
    async with asking(MemoryJournal(), clock) as engine:
        (session,) = await make(engine, "tools")
        first = await take(engine, session, [PYTHON])
        second = await take(engine, session, [PYTHON], at=1)
        (fork,) = await engine.fork(TENANT, session, 1, 1, "")
        assert state_of(fork).state_digest == first.state_digest
        assert state_of(await engine.act(TENANT, _action(fork.session_id, 1))).state_digest != second.state_digest
        assert [name for name, _ in clock.asked] == [session, session, fork.session_id]
        assert clock.asked[-1][1].before == ("now()",)


def _action(session_id: str, at: int):  # noqa: ANN202 - its type is the import's
    from assay_server.sessions.requests import Action

    return Action(session_id, PYTHON, at)


async def test_an_engine_that_is_another_one_goes_on_from_the_journal(tmp_path: Path) -> None:
    async with asking(SqliteJournal(tmp_path / "journal.db"), Clock()) as engine:
        (session,) = await make(engine, "tools")
        await take(engine, session, [PYTHON])
    clock = Clock()
    async with asking(SqliteJournal(tmp_path / "journal.db"), clock) as engine:
        await take(engine, session, [PYTHON], at=1)
    assert [request.before for _, request in clock.asked] == [("now()",)]


async def test_where_nobody_answers_the_policy_is_told() -> None:
    async with asking(MemoryJournal(), None) as engine:
        (session,) = await make(engine, "tools")
        state = await take(engine, session, [PYTHON])
        assert "python is not available here: this server runs no programs" in state.observation.parts[0].text
        assert (state.executed, state.terminated) == (False, False)
        assert json.loads(state.info_json)["numToolCalls"] == 1


async def test_a_journal_from_before_is_given_room_for_answers(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)
    await journal.open()
    old = NewSession("a", "group", "run", b"spec", b"start", [JournaledTurn("go", "", b"digest")])
    (key,) = await journal.create("t", [old], "", b"")
    await journal.close()
    with sqlite3.connect(path) as connection:  # as the version before made it
        connection.execute("ALTER TABLE turns DROP COLUMN heard")
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    for _ in range(2):
        await journal.open()
        await journal.close()
    await journal.open()
    await journal.append([(key, 1, JournaledTurn("ask", "", b"d", "42"))])
    assert [turn.heard for turn in (await journal.read("t", "a")).turns] == ["", "42"]
    await journal.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(StoreUnavailable, match="another version"):
        await journal.open()


def test_a_server_runs_the_python_of_its_sessions() -> None:
    if Sandboxes(SandboxSettings(), lambda _: None).level().grade < Grade.FLOOR:
        pytest.skip("this machine gives no sandbox")
    with Engine(Settings(store="memory:", environment_workers=1)) as engine:
        episodes = engine.make_vec("tools", num_groups=1, group_size=2, seed=5, options={"tools": ["python"]})
        _, info = episodes.reset()
        assert all("tools" in told for told in info["further"])
        episodes.step(["python(code='x = 1')", "python(code='x = 2')"])
        seen, _, _, _, info = episodes.step(["python(code='x')", "python(code='x')"])
        assert [text.partition("\n")[0] for text in seen] == ["1", "2"]
        assert [told["numToolCalls"] for told in info["further"]] == [2, 2]
        assert [rollout.num_tool_calls for rollout in episodes.rollouts()] == [2, 2]
        episodes.close()
