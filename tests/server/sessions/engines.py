"""A session engine to test, and what is read from its answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from assay.v1 import environment_service_pb2 as wire
from assay_server.execution.discovery import discover
from assay_server.sessions.engine import SessionEngine
from assay_server.sessions.requests import Action, CreateSessions, SessionSettings, SessionView
from assay_server.sessions.values import EnvironmentSources, SessionFault
from assay_server.store.journal import Journal, MemoryJournal

PLUGIN = str(Path(__file__).parent / "plugins" / "hostile.py")
HOSTILE = "test/hostile-v1"
TENANT = "tenant"


@asynccontextmanager
async def running(
    journal: Journal | None = None, step_timeout: float = 30.0, max_sessions: int = 1000, idle_timeout: float = 900.0
) -> AsyncGenerator[SessionEngine]:
    """An engine with two workers that know the hostile environment."""
    settings = SessionSettings(
        2, max_sessions, step_timeout, idle_timeout=idle_timeout, sources=EnvironmentSources((PLUGIN,))
    )
    environments = discover(None, (PLUGIN,), installed=False).catalogues.environments
    engine = SessionEngine(environments, journal or MemoryJournal(), settings)
    try:
        yield engine
    finally:
        await engine.stop()


async def make(engine: SessionEngine, environment: str = HOSTILE, count: int = 1) -> list[str]:
    """Sessions of one group; their ids."""
    views = await engine.create(TENANT, CreateSessions(environment, (7,), count, {}))
    return [view.session_id for view in views]


async def take(engine: SessionEngine, session_id: str, actions: Sequence[str], at: int = 0) -> wire.SessionState:
    """Take actions one after the other; where the session stands then."""
    state = wire.SessionState()
    for index, action in enumerate(actions, start=at):
        state = state_of(await engine.act(TENANT, Action(session_id, action, index)))
    return state


def state_of(outcome: SessionView | SessionFault) -> wire.SessionState:
    """The state of an outcome that is one."""
    if isinstance(outcome, SessionFault):
        raise outcome
    return wire.SessionState.FromString(outcome.state)


async def refusal(engine: SessionEngine, session_id: str, action: str, at: int) -> SessionFault:
    """Why an action is not taken."""
    outcome = await engine.act(TENANT, Action(session_id, action, at))
    assert isinstance(outcome, SessionFault), outcome
    return outcome


async def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for are processes, which set no event
            await asyncio.sleep(0.005)
