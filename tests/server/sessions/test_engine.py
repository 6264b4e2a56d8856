"""What is answered is journaled, what is lost is made again, and what one session does touches no other."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import signal
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest

from assay_server.sessions.engine import SessionEngine
from assay_server.sessions.requests import Action, CreateSessions, Timeouts
from assay_server.sessions.values import Reason, Rules, SessionFault
from assay_server.store.journal import JournaledDump, JournaledTurn, MemoryJournal, SessionKey, SqliteJournal
from assay_server.store.journal.redis import RedisJournal
from assay_server.store.protocol import StoreUnavailable
from assay_server.store.redis.private_server import PrivateRedis

from .engines import HOSTILE, TENANT, make, refusal, running, state_of, take, until


@pytest.fixture
async def engine() -> AsyncGenerator[SessionEngine]:
    async with running(step_timeout=0.5) as engine:
        yield engine


async def test_members_of_a_group_start_alike_and_groups_by_their_seeds(engine: SessionEngine) -> None:
    views = await engine.create(TENANT, CreateSessions("keydoor", (3, 4), 3, {"difficulty": "easy"}))
    starts = [state_of(view).initial_state_digest for view in views]
    assert len({view.session_id for view in views}) == 6
    assert [view.group_id == views[0].group_id for view in views] == [True] * 3 + [False] * 3
    assert len(set(starts[:3])) == len(set(starts[3:])) == 1
    assert starts[0] != starts[3]


async def test_an_action_moves_its_session_on(engine: SessionEngine) -> None:
    first, second = await make(engine, count=2)
    state = await take(engine, first, ["go", "go"])
    assert (state.step_index, state.executed, state.action_valid) == (2, True, True)
    assert list(state.admissible_actions) == ["go", "end"]
    assert (await take(engine, second, ["end"])).terminated


async def test_a_repeat_of_the_last_action_gets_the_last_answer(engine: SessionEngine) -> None:
    (session,) = await make(engine)
    answer = await engine.act(TENANT, Action(session, "go", 0))
    assert await engine.act(TENANT, Action(session, "go", 0)) == answer
    assert engine.figures.steps == 1


@pytest.mark.parametrize(("action", "at"), [("stay", 0), ("go", 2), ("go", -1)])
async def test_any_other_index_is_refused_with_the_present_one(engine: SessionEngine, action: str, at: int) -> None:
    (session,) = await make(engine)
    await take(engine, session, ["go"])
    fault = await refusal(engine, session, action, at)
    assert (fault.reason, fault.metadata["step_index"]) == (Reason.WRONG_STEP, "1")


async def test_two_actions_of_a_session_at_once_are_one_too_many(engine: SessionEngine) -> None:
    (session,) = await make(engine)
    outcomes = await asyncio.gather(*(engine.act(TENANT, Action(session, "go", 0)) for _ in range(2)))
    assert [isinstance(outcome, SessionFault) and outcome.reason for outcome in outcomes] == [
        False,
        Reason.STEP_IN_FLIGHT,
    ]


async def test_an_action_whose_caller_leaves_is_taken_once_with_its_repeat(engine: SessionEngine) -> None:
    (session,) = await make(engine)
    for step in range(24):
        leaving = asyncio.create_task(engine.act(TENANT, Action(session, "go", step)))
        for _ in range(step % 6):
            await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        assert (await take(engine, session, ["go"], step)).step_index == step + 1


async def test_agents_act_by_turns(engine: SessionEngine) -> None:
    (session,) = await make(engine, "test/turns-v1")
    state = await take(engine, session, ["go"])
    assert state.agent_id in ("alice", "bob")
    other = "bob" if state.agent_id == "alice" else "alice"
    fault = await engine.act(TENANT, Action(session, "go", 1, other))
    assert isinstance(fault, SessionFault)
    assert (fault.reason, fault.field) == (Reason.INVALID_ACTION_CONTENT, "agent_id")
    moved = state_of(await engine.act(TENANT, Action(session, "go", 1, state.agent_id)))
    assert (moved.step_index, moved.agent_id) == (2, other)
    await kill_all(engine)
    assert (await take(engine, session, ["go"], 2)).agent_id == state.agent_id


async def test_an_ended_episode_takes_no_action(engine: SessionEngine) -> None:
    (session,) = await make(engine)
    await take(engine, session, ["end"])
    assert (await refusal(engine, session, "go", 1)).reason is Reason.EPISODE_OVER


HOSTILE_ACTIONS = {
    "loop": Reason.STEP_TIMEOUT,
    "exit": Reason.ENVIRONMENT_CRASHED,
    "kill": Reason.ENVIRONMENT_CRASHED,
    "raise": Reason.ENVIRONMENT_FAILED,
    "nan": Reason.ENVIRONMENT_FAILED,
}


@pytest.mark.parametrize("action", HOSTILE_ACTIONS)
async def test_what_an_action_does_to_its_worker_touches_its_own_session_only(
    engine: SessionEngine, action: str
) -> None:
    sessions = await make(engine, count=9)
    await asyncio.gather(*(take(engine, session, ["go", "go"]) for session in sessions))
    victim, *others = sessions
    moving = asyncio.gather(*(take(engine, session, ["go", "go", "end"], 2) for session in others))
    fault = await refusal(engine, victim, action, 2)
    states = await moving
    assert fault.reason is HOSTILE_ACTIONS[action]
    assert "secret" not in fault.message
    assert [(state.step_index, state.terminated) for state in states] == [(5, True)] * 8
    # The action that could not be taken was not: the session stands where it stood.
    assert (await take(engine, victim, ["end"], 2)).terminated


async def test_a_slow_action_keeps_its_worker_and_nobody_elses() -> None:
    async with running(step_timeout=30.0) as patient:
        sessions = await make(patient, count=8)
        slow = asyncio.create_task(take(patient, sessions[0], ["slow"]))
        states = await asyncio.gather(*(take(patient, session, ["go"] * 3) for session in sessions[1:]))
        assert [state.step_index for state in states] == [3] * 7
        assert (await slow).step_index == 1
        assert (await take(patient, sessions[0], ["go"], 1)).step_index == 2


async def test_the_creator_says_how_long_an_action_may_take() -> None:
    async with running(step_timeout=30.0) as engine:
        (view,) = await engine.create(TENANT, CreateSessions(HOSTILE, (1,), 1, {}, timeouts=Timeouts(step=0.3)))
        assert (await refusal(engine, view.session_id, "loop", 0)).reason is Reason.STEP_TIMEOUT


async def walk(engine: SessionEngine, session_id: str, seed: int, steps: int) -> list[str]:
    """A random admissible walk; the digests on the way."""
    chooser = random.Random(seed)
    digests: list[str] = []
    state = state_of(await engine.act(TENANT, Action(session_id, "look", 0)))
    while len(digests) < steps and state.admissible_actions:
        digests.append(state.state_digest + str(state.step_index))
        action = chooser.choice(state.admissible_actions)
        state = state_of(await engine.act(TENANT, Action(session_id, action, state.step_index)))
    return digests


async def walks(engine: SessionEngine, steps: int) -> Sequence[list[str]]:
    views = await engine.create(TENANT, CreateSessions("keydoor", (1, 2, 3, 4), 8, {"difficulty": "hard"}))
    return await asyncio.gather(*(walk(engine, view.session_id, seed, steps) for seed, view in enumerate(views)))


async def test_killed_workers_cost_no_step() -> None:
    async with running() as undisturbed:
        expected = await walks(undisturbed, 60)
    async with running() as engine:
        walking = asyncio.create_task(walks(engine, 60))
        await until(lambda: engine.figures.created > 0)
        for kills in range(1, 4):
            steps = engine.figures.steps
            await until(lambda steps=steps: engine.figures.steps > steps + 32 or walking.done())
            await until(lambda: len(engine.workers.pids) > 0)
            os.kill(engine.workers.pids[kills % len(engine.workers.pids)], signal.SIGKILL)
        assert await walking == expected
        assert engine.workers.lost["died"] >= 1


async def test_sessions_outlive_the_engine(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    async with running(SqliteJournal(path)) as first:
        sessions = await make(first, "keydoor", 4)
        before = [await take(first, session, ["look", "inventory"]) for session in sessions]
    async with running(SqliteJournal(path)) as second:
        again = await second.act(TENANT, Action(sessions[0], "inventory", 1))
        assert state_of(again) == before[0]
        after = await asyncio.gather(*(take(second, session, ["look"], 2) for session in sessions))
        assert [state.step_index for state in after] == [3] * 4
        assert [state.state_digest for state in after] == [state.state_digest for state in before]


async def kill_all(engine: SessionEngine) -> None:
    lost = sum(engine.workers.lost.values())
    for pid in engine.workers.pids:
        os.kill(pid, signal.SIGKILL)
    await until(lambda: sum(engine.workers.lost.values()) >= lost + 2)


async def test_a_long_episode_is_resumed_from_its_last_dump(engine: SessionEngine) -> None:
    """What was random before the dump cannot be taken again, and need not be."""
    (session,) = await make(engine)
    state = await take(engine, session, ["random"] + ["go"] * 39)
    await kill_all(engine)
    after = await take(engine, session, ["go"], 40)
    assert (after.step_index, after.task_score) == (41, 0.42)
    (fork,) = await engine.fork(TENANT, session, 40, 1, "")
    assert state_of(fork) == state
    with pytest.raises(SessionFault) as caught:
        await engine.fork(TENANT, session, 31, 1, "")
    assert caught.value.reason is Reason.REPLAY_MISMATCH


async def test_the_rules_count_on_over_a_dump(engine: SessionEngine) -> None:
    (view,) = await engine.create(TENANT, CreateSessions(HOSTILE, (1,), 1, {}, Rules(max_steps=40)))
    await take(engine, view.session_id, ["go"] * 36)
    await kill_all(engine)
    assert (await take(engine, view.session_id, ["go"] * 4, 36)).stop_reason == "max_steps"


async def test_a_session_goes_on_at_whichever_server_of_a_fleet_is_asked(redis: PrivateRedis) -> None:
    async with running(RedisJournal(redis.url)) as first, running(RedisJournal(redis.url)) as second:
        (session,) = await make(first, "keydoor")
        await take(first, session, ["look", "inventory"])
        state = await take(second, session, ["look"], 2)
        assert state.step_index == 3
        assert state_of(await first.act(TENANT, Action(session, "look", 2))) == state
        assert (await refusal(first, session, "look", 1)).metadata["step_index"] == "3"
        rebuilt = first.figures.rebuilt
        assert (await refusal(first, session, "look", 1)).metadata["step_index"] == "3"
        assert first.figures.rebuilt == rebuilt
        assert (await take(second, session, ["inventory"], 3)).step_index == 4
        assert (await take(first, session, ["look"], 4)).step_index == 5


async def test_the_idle_session_of_one_server_is_not_closed_under_another(
    redis: PrivateRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay_server.sessions.engine._REAP_SECONDS", 0.01)
    async with running(RedisJournal(redis.url), idle_timeout=0.2) as first, running(RedisJournal(redis.url)) as second:
        (session,) = await make(first, "keydoor")
        await take(second, session, ["look"])
        await until(lambda: first.live == 0)
        assert (await take(second, session, ["look"], 1)).step_index == 2


async def test_a_replay_that_differs_is_data_loss(engine: SessionEngine) -> None:
    (session,) = await make(engine)
    await take(engine, session, ["random", "go"])
    await kill_all(engine)
    fault = await refusal(engine, session, "go", 2)
    assert (fault.reason, fault.metadata["step_index"]) == (Reason.REPLAY_MISMATCH, "0")


async def test_an_environment_that_ignores_its_seed_is_refused_where_members_differ(engine: SessionEngine) -> None:
    with pytest.raises(SessionFault) as caught:
        await engine.create(TENANT, CreateSessions(HOSTILE, (1,), 2, {"at_reset": "random"}))
    assert caught.value.reason is Reason.GROUP_START_DIFFERS
    assert engine.live == 0


@pytest.mark.parametrize(
    ("at_reset", "reason"), [("exit", Reason.ENVIRONMENT_CRASHED), ("raise", Reason.ENVIRONMENT_FAILED)]
)
async def test_a_reset_that_fails_leaves_no_session(engine: SessionEngine, at_reset: str, reason: Reason) -> None:
    with pytest.raises(SessionFault) as caught:
        await engine.create(TENANT, CreateSessions(HOSTILE, (1,), 4, {"at_reset": at_reset}))
    assert caught.value.reason is reason
    assert engine.live == 0


async def test_forks_continue_from_their_step_and_the_session_goes_on(engine: SessionEngine) -> None:
    (session,) = await make(engine, "keydoor")
    states = [await take(engine, session, [action], at) for at, action in enumerate(["look", "inventory", "look"])]
    forks = await engine.fork(TENANT, session, 2, 3, "")
    assert [state_of(fork) for fork in forks] == [states[1]] * 3
    assert (await take(engine, forks[0].session_id, ["look"], 2)).step_index == 3
    assert (await take(engine, session, ["look"], 3)).step_index == 4
    with pytest.raises(SessionFault) as caught:
        await engine.fork(TENANT, session, 5, 1, "")
    assert caught.value.reason is Reason.WRONG_STEP


async def test_a_snapshot_outlives_its_session(engine: SessionEngine) -> None:
    (session,) = await make(engine, "keydoor")
    state = await take(engine, session, ["look", "inventory"])
    snapshot, index, _ = await engine.snapshot(TENANT, session)
    await take(engine, session, ["look"], 2)
    await engine.close(TENANT, [session])
    restored = await engine.restore(TENANT, snapshot, "")
    assert (index, state_of(restored)) == (2, state)
    with pytest.raises(SessionFault) as caught:
        await engine.restore(TENANT, "nothing", "")
    assert caught.value.reason is Reason.UNKNOWN_SNAPSHOT


async def test_a_request_that_comes_again_makes_nothing_again(engine: SessionEngine) -> None:
    request = CreateSessions("keydoor", (1,), 3, {}, request_id="once")
    first, *others = await asyncio.gather(*(engine.create(TENANT, request) for _ in range(3)))
    assert others == [first, first]
    assert engine.live == 3
    with pytest.raises(SessionFault) as caught:
        await engine.create(TENANT, CreateSessions("keydoor", (2,), 3, {}, request_id="once"))
    assert caught.value.reason is Reason.REQUEST_CONFLICT
    assert len(await engine.create("another", request)) == 3


async def test_no_more_sessions_than_the_limit() -> None:
    async with running(max_sessions=4) as engine:
        sessions = await make(engine, count=3)
        with pytest.raises(SessionFault) as caught:
            await make(engine, count=2)
        assert caught.value.reason is Reason.SESSIONS_FULL
        assert caught.value.retry_after is not None
        await engine.close(TENANT, sessions[:1])
        await make(engine, count=2)


async def test_closed_sessions_and_those_of_others_are_not_there(engine: SessionEngine) -> None:
    (session,) = await make(engine)
    assert (await refusal_of("another", engine, session)).reason is Reason.UNKNOWN_SESSION
    await engine.close(TENANT, [session, "never was"])
    await engine.close(TENANT, [session])
    assert (await refusal(engine, session, "go", 0)).reason is Reason.SESSION_CLOSED


async def refusal_of(tenant: str, engine: SessionEngine, session: str) -> SessionFault:
    outcome = await engine.act(tenant, Action(session, "go", 0))
    assert isinstance(outcome, SessionFault)
    return outcome


RULES = {
    "max_steps": (Rules(max_steps=2), ["go"] * 2),
    "no_progress": (Rules(max_steps_without_progress=2), ["look", "look"]),
    "repeated_state": (Rules(max_state_visits=3), ["look", "look"]),
}


@pytest.mark.parametrize("stop", RULES)
async def test_the_rules_of_the_service_cut_an_episode(engine: SessionEngine, stop: str) -> None:
    rules, actions = RULES[stop]
    name = HOSTILE if stop == "max_steps" else "keydoor"
    (view,) = await engine.create(TENANT, CreateSessions(name, (1,), 1, {}, rules))
    state = await take(engine, view.session_id, actions)
    assert (state.truncated, state.terminated, state.stop_reason) == (True, False, stop)
    assert not state.admissible_actions
    assert (await refusal(engine, view.session_id, "go", len(actions))).reason is Reason.EPISODE_OVER


async def test_an_invalid_action_costs_its_penalty(engine: SessionEngine) -> None:
    rules = Rules(invalid_action_penalty=0.25)
    (view,) = await engine.create(TENANT, CreateSessions(HOSTILE, (1,), 1, {}, rules))
    state = await take(engine, view.session_id, ["wrong"])
    assert (state.reward, state.action_valid, state.executed) == (-0.25, False, False)


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("keydor", {}, Reason.UNKNOWN_ENVIRONMENT),
        ("keydoor", {"difficulty": "absurd"}, Reason.INVALID_OPTIONS),
        ("keydoor", {"colour": 1}, Reason.INVALID_OPTIONS),
    ],
)
async def test_what_cannot_be_made_is_said(
    engine: SessionEngine, name: str, options: dict[str, str], reason: Reason
) -> None:
    with pytest.raises(SessionFault) as caught:
        await engine.create(TENANT, CreateSessions(name, (1,), 2, dict(options)))
    assert caught.value.reason is reason
    assert caught.value.field.startswith(("environment_id", "options_json"))
    assert engine.live == 0


class FailingJournal(MemoryJournal):
    """A journal that cannot be written now and then."""

    failing = False

    async def append(
        self,
        turns: Sequence[tuple[SessionKey, int, JournaledTurn]],
        dumps: Sequence[tuple[SessionKey, JournaledDump]] = (),
    ) -> Sequence[SessionKey]:
        if self.failing:
            raise StoreUnavailable("the disk is full")
        return await super().append(turns, dumps)


async def test_nothing_is_answered_that_is_not_journaled() -> None:
    journal = FailingJournal()
    async with running(journal) as engine:
        (session,) = await make(engine, "keydoor")
        await take(engine, session, ["look"])
        journal.failing = True
        assert (await refusal(engine, session, "inventory", 1)).reason is Reason.JOURNAL_UNAVAILABLE
        journal.failing = False
        assert (await take(engine, session, ["inventory", "look"], 1)).step_index == 3


async def test_idle_sessions_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay_server.sessions.engine._REAP_SECONDS", 0.01)
    async with running(idle_timeout=0.02) as engine:
        await make(engine, count=3)
        await until(lambda: engine.live == 0)
        assert engine.figures.reaped == 3


async def test_who_leaves_while_a_session_is_looked_for_leaves_nothing_behind() -> None:
    told: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    async with running() as engine:
        for _ in range(20):
            asking = asyncio.create_task(engine.act(TENANT, Action("nothing", "look", 0)))
            for _ in range(2):
                await asyncio.sleep(0)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        await refusal(engine, "nothing", "look", 0)
    gc.collect()
    assert told == []
