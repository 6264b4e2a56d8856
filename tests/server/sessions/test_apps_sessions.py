"""Errands as sessions: forked, put aside, and carried on where their workers are killed."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import cast

from assay.sdk import Json
from assay_server.environments.apps import AppsEpisode
from assay_server.sessions.requests import CreateSessions
from assay_server.store.journal import SqliteJournal

from .engines import TENANT, make, running, state_of, take, until

APPS = "assay/apps-v1"
SEED = 7
"""What :func:`make` starts sessions with."""


def script(seed: int) -> tuple[str, ...]:
    environment = AppsEpisode()
    environment.reset(seed, {})
    return environment.solution()


async def test_an_errand_outlives_its_workers_and_its_server(tmp_path: Path) -> None:
    path, actions = tmp_path / "sessions.db", script(SEED)
    reading = ["{}", '{"name": "list_apps", "arguments": {}}'] * 18  # past a dump
    async with running(SqliteJournal(path)) as engine:
        (view,) = await engine.create(TENANT, CreateSessions(APPS, (SEED,), 1, {"maxSteps": 100}))
        session = view.session_id
        state = await take(engine, session, [*reading, actions[0]])
        for pid in engine.workers.pids:
            os.kill(pid, signal.SIGKILL)
        await until(lambda: sum(engine.workers.lost.values()) >= 2)
        state = await take(engine, session, actions[1:-1], state.step_index)
    async with running(SqliteJournal(path)) as engine:
        last = await take(engine, session, actions[-1:], state.step_index)
    assert (last.won, last.task_score, last.step_index) == (True, 1.0, len(reading) + len(actions))
    info = cast("dict[str, Json]", json.loads(last.info_json))
    assert info["missing"] == 18
    assert all(one["passed"] for one in cast("list[dict[str, bool]]", info["tests"]))


async def test_forks_of_an_errand_go_their_own_ways() -> None:
    actions = script(SEED)
    async with running() as engine:
        (session,) = await make(engine, APPS)
        before = await take(engine, session, actions[:-1])
        forks = await engine.fork(TENANT, session, before.step_index, 2, "")
        assert [state_of(fork).state_digest for fork in forks] == [before.state_digest] * 2
        side_effect = '{"name": "notes_create", "arguments": {"title": "x", "text": ""}}'
        spoilt = await take(engine, forks[0].session_id, [side_effect, actions[-1]], before.step_index)
        won = await take(engine, forks[1].session_id, actions[-1:], before.step_index)
        kept = await take(engine, session, actions[-1:], before.step_index)
    assert (spoilt.won, won.won, kept.won) == (False, True, True)
    assert won.state_digest == kept.state_digest != spoilt.state_digest
