"""Long runs: workers killed every second under load."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from pathlib import Path

import pytest

from assay_server.sessions.engine import SessionEngine
from assay_server.sessions.requests import Action, CreateSessions
from assay_server.store.journal import SqliteJournal

from .engines import TENANT, running, state_of

SECONDS = 60
SESSIONS = 512


async def walk(engine: SessionEngine, session_id: str, seed: int, steps: int) -> list[str]:
    """Digests of an episode walked at random; every action is acknowledged before the next."""
    chooser = random.Random(seed)
    state = state_of(await engine.act(TENANT, Action(session_id, "look", 0)))
    digests = [state.state_digest]
    while len(digests) < steps and state.admissible_actions:
        action = chooser.choice(state.admissible_actions)
        state = state_of(await engine.act(TENANT, Action(session_id, action, state.step_index)))
        assert state.step_index == len(digests) + 1
        digests.append(state.state_digest)
    return digests


async def make_and_walk(engine: SessionEngine, seed: int) -> list[list[str]]:
    request = CreateSessions("household", tuple(range(seed, seed + SESSIONS // 8)), 8, {"difficulty": "hard"})
    views = await engine.create(TENANT, request)
    walks = await asyncio.gather(*(walk(engine, view.session_id, place, 100) for place, view in enumerate(views)))
    await engine.close(TENANT, [view.session_id for view in views])
    return walks


@pytest.mark.soak
async def test_workers_killed_every_second_for_a_minute_cost_no_step(tmp_path: Path) -> None:
    async with running(SqliteJournal(tmp_path / "undisturbed.db")) as engine:
        expected = await make_and_walk(engine, 0)
    loop = asyncio.get_running_loop()
    async with running(SqliteJournal(tmp_path / "killed.db")) as engine:
        await make_and_walk(engine, 0)
        end = loop.time() + SECONDS
        rounds = kills = 0

        async def kill() -> None:
            nonlocal kills
            while loop.time() < end:
                await asyncio.sleep(1.0)
                if engine.workers.pids:
                    os.kill(engine.workers.pids[kills % len(engine.workers.pids)], signal.SIGKILL)
                    kills += 1

        killer = asyncio.create_task(kill())
        while loop.time() < end:
            assert await make_and_walk(engine, 0) == expected
            rounds += 1
        await killer
        assert engine.workers.lost["died"] >= SECONDS // 2
        assert engine.live == 0
        assert rounds >= 1
