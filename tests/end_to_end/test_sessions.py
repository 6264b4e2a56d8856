"""Episodes over gRPC: driven by the client library, recorded, and given step-level advantages."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from google.protobuf.message import Message

import assay
from assay import GroupResult, RolloutState, RunConfig, SessionPolicy, aio
from assay.v1 import environment_service_pb2 as wire
from assay_server.embedded import Engine

from .server import Service
from .server_process import ServerUnderTest

M = TypeVar("M", bound=Message)

QUICK = assay.Retries(attempts=60, first_delay=0.05, longest_delay=0.5)


@pytest.fixture
async def client(server: Service) -> AsyncIterator[aio.Client]:
    async with aio.Client(server.address, retries=QUICK) as client:
        await client.wait_ready(10.0)
        yield client


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as engine:
        yield engine


def choose(chooser: random.Random, admissible: list[tuple[str, ...]]) -> list[str | None]:
    return [chooser.choice(actions) if actions else None for actions in admissible]


def test_a_vector_of_episodes_has_gymnasiums_shape(engine: Engine) -> None:
    chooser = random.Random(1)
    with engine.make_vec("keydoor", 3, 4, seed=5, options={"difficulty": "easy", "maxSteps": 12}) as vector:
        observations, info = vector.reset()
        assert (vector.num_envs, vector.group_size, len(observations)) == (12, 4, 12)
        assert [len(set(info["state_digest"][start : start + 4])) for start in (0, 4, 8)] == [1, 1, 1]
        assert info["anchor"][0].state_digest == info["state_digest"][0]
        assert info["anchor"][0].observation == observations[0]
        taken = 0
        rewards, terminations, truncations = np.zeros(12), np.zeros(12, bool), np.zeros(12, bool)
        while vector.active.any():
            observations, rewards, terminations, truncations, info = vector.step(
                choose(chooser, info["admissible_actions"])
            )
            taken += 1
        assert (rewards.dtype, terminations.dtype, rewards.shape) == (np.float64, np.bool_, (12,))
        assert taken <= 12
        assert (terminations ^ truncations).all()
        assert set(info["stop_reason"]) <= {"won", "max_steps"}
        kept, rewards, *_ = vector.step(["look"] * 12)
        assert kept == observations
        assert not rewards.any()


def test_answers_come_as_they_are_ready(engine: Engine) -> None:
    with engine.make_vec("keydoor", 2, 8, seed=1, policy=SessionPolicy(max_steps=6)) as vector:
        vector.reset()
        counts = np.zeros(16, int)
        vector.send(["look"] * 16, range(16))
        while vector.active.any():
            indices, (_, _, _, _, info) = vector.recv()
            counts[indices] += 1
            going = [int(index) for index, active in zip(indices, info["active"], strict=True) if active]
            vector.send(["inventory"] * len(going), going)
        assert (counts == 6).all()
        with pytest.raises(assay.Misuse):
            vector.recv()


def test_the_same_seed_is_the_same_episode(engine: Engine) -> None:
    with engine.make_vec("keydoor", 2, 1, seed=1) as vector:
        first, _ = vector.reset()
        assert vector.reset()[0] == first
        assert vector.reset(seed=2)[0][0] == first[1]


@pytest.mark.parametrize(
    ("name", "options", "error"),
    [("keydor", {}, assay.NotFound), ("keydoor", {"difficulty": 5}, assay.InvalidArgument)],
)
def test_what_cannot_be_made_is_said(
    engine: Engine, name: str, options: dict[str, int], error: type[assay.AssayError]
) -> None:
    with pytest.raises(error):
        engine.make_vec(name, 1, 1, options=dict(options)).reset()


def test_environments_are_listed(engine: Engine) -> None:
    (info,) = engine.list_environments("assay/keydoor")
    assert info.replayable
    assert "difficulty" in str(info.options_schema)


async def test_recorded_episodes_get_step_groups_and_advantages(client: aio.Client) -> None:
    chooser = random.Random(3)
    config = RunConfig(run_id="episodes", reward="episode_return", estimator="advantage/gigpo")
    vector = client.make_vec("keydoor", 4, 8, seed=11, options={"difficulty": "easy"})
    async with vector, client.stream(config, "rank-0") as stream:
        _, info = await vector.reset()
        while vector.active.any():
            _, _, _, _, info = await vector.step(choose(chooser, info["admissible_actions"]))
        rollouts = vector.rollouts()
        assert {rollout.state for rollout in rollouts} <= {RolloutState.DONE, RolloutState.TRUNCATED}
        await stream.send_many(rollouts)
        await stream.finish()
        groups = [event async for event in stream if isinstance(event, GroupResult)]
    assert len(groups) == 4
    named = [name for group in groups for member in group for name in member.step_group_ids]
    assert len(named) == sum(len(rollout.steps) for rollout in rollouts)
    assert len(set(named)) < len(named)  # states recur, and their steps are compared with each other


async def test_acknowledged_steps_outlive_the_server(tmp_path: Path) -> None:
    undisturbed = await walk(tmp_path, "undisturbed", kills=())
    killed = await walk(tmp_path, "killed", kills=(0, 7, 12))
    assert killed == undisturbed
    assert len(killed) == 12


async def walk(folder: Path, name: str, kills: tuple[int, ...]) -> list[list[str]]:
    """State digests of episodes walked at random; in some rounds the server is killed under the actions.

    Whether such an action was taken or not: asked again, it is taken once.
    """
    store = f"sqlite:{folder / name}.db"
    digests: list[list[str]] = []
    choosers = [random.Random(number) for number in range(12)]
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(ServerUnderTest(store, folder / "token"))
        request = wire.CreateSessionsRequest(environment_id="keydoor", num_groups=3, group_size=4, seed=9)
        states = (await call(server, "CreateSessions", request, wire.CreateSessionsResponse)).sessions
        digests = [[state.state_digest] for state in states]
        for number in range(16):
            going = [place for place, state in enumerate(states) if state.admissible_actions]
            actions = wire.StepRequest(actions=[chosen(states[place], choosers[place]) for place in going])
            if number in kills:
                hasty = asyncio.create_task(call(server, "Step", actions, wire.StepResponse))
                await asyncio.sleep(0)
                await server.kill()
                await asyncio.gather(hasty, return_exceptions=True)
                server = await stack.enter_async_context(ServerUnderTest(store, folder / "token"))
            answer = await call(server, "Step", actions, wire.StepResponse)
            for place, result in zip(going, answer.results, strict=True):
                assert result.state.step_index == number + 1, result
                states[place].CopyFrom(result.state)
                digests[place].append(result.state.state_digest)
    return digests


def chosen(state: wire.SessionState, chooser: random.Random) -> wire.StepAction:
    message = wire.StepAction(session_id=state.session_id, expected_step=state.step_index)
    message.action.parts.add(text=chooser.choice(state.admissible_actions))
    return message


async def call(server: ServerUnderTest, name: str, request: Message, answer: type[M]) -> M:
    return await server.endpoint.call(f"EnvironmentService/{name}", request, answer)
