"""Three servers are replaced in turn, each with time to drain, while ranks stream and episodes are played: nobody is
told of an error, and everything is as in an undisturbed run."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from assay import aio
from assay_server.store.redis.private_server import PrivateRedis

from .fleet import Fleet
from .parts import serving
from .ranks import assert_equal, rollouts, run_ranks

ROUNDS = int(os.environ.get("ASSAY_SOAK_RESTARTS", "10"))
"""How often all servers are replaced in the long run."""

_ALSO = {"ASSAY_ENVIRONMENT_WORKERS": "1"}
_EPISODE = 12
_PAUSE_SECONDS = 0.02


Turn = tuple[tuple[str, ...], tuple[float, ...]]
"""Digests of the states of all episodes, and what they got for the action."""


async def play(target: str, token: str, count: int, until: asyncio.Event) -> list[Turn]:
    """Play groups of episodes: so many turns, and on until it is time; new ones every now and then."""
    turns: list[Turn] = []
    async with (
        aio.Client(target, token=token, timeout=120.0) as client,
        client.make_vec("keydoor", num_groups=2, group_size=2) as envs,
    ):
        while len(turns) < count or not until.is_set():
            _, info = await envs.reset(seed=len(turns))
            turns.append((tuple(info["state_digest"]), ()))
            for number in range(_EPISODE):
                actions = [_choice(offered, number) for offered in info["admissible_actions"]]
                _, rewards, _, _, info = await envs.step(actions)
                assert info["error"] == [None] * envs.num_envs
                turns.append((tuple(info["state_digest"]), tuple(map(float, rewards))))
                await asyncio.sleep(_PAUSE_SECONDS)
    return turns


def _choice(offered: Sequence[str], number: int) -> str | None:
    return offered[number % len(offered)] if offered else None


async def replaced_in_turn(fleet: Fleet, rounds: int) -> None:
    """Replace each server, one after the other, when the one before is there again."""
    for _ in range(rounds):
        for member in fleet.replicas:
            assert await fleet.replace(member) == 0, member.log[-5:]


async def survive(redis: PrivateRedis, folder: Path, rounds: int, count: int, seconds: float) -> None:
    """Replace the servers of a fleet at work, and compare with what a single one says in peace."""
    everything, over = rollouts(count), asyncio.Event()
    async with Fleet(redis, folder, 3, also=_ALSO) as fleet:
        token = fleet.token.read_text()
        async with asyncio.TaskGroup() as group:
            ranks = group.create_task(run_ranks(fleet.target, token, everything, 4, seconds=seconds))
            playing = group.create_task(play(fleet.target, token, 2 * _EPISODE, over))
            await replaced_in_turn(fleet, rounds)
            over.set()
        assert [member.lives for member in fleet.replicas] == [1 + rounds] * 3
        assert not [event for member in fleet.members for event in member.errors()]
        assert not [event for member in fleet.members for event in member.log if "unlogged" in event]
    turns = playing.result()
    async with serving() as alone:
        assert_equal(ranks.result(), await run_ranks(alone.address, "none", everything, 4))
        assert turns == await play(alone.address, "none", len(turns), over)


async def test_servers_are_replaced_under_load_and_nobody_notices(redis: PrivateRedis, tmp_path: Path) -> None:
    async with asyncio.timeout(240.0):
        await survive(redis, tmp_path, 1, 800, 4.0)


@pytest.mark.soak
async def test_servers_are_replaced_again_and_again(redis: PrivateRedis, tmp_path: Path) -> None:
    async with asyncio.timeout(180.0 * ROUNDS):
        await survive(redis, tmp_path, ROUNDS, 1600 * ROUNDS, 12.0 * ROUNDS)
