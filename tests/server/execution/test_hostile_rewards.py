"""Whatever a reward does to its worker, it does to its own item and to nothing else."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncGenerator

import pytest

from assay.sdk import Score
from assay_server.execution.cpu.pool import CpuPool

from .cpu_lane import SIZE, at_full_strength, cpu_pool, outcome, until, zombies_below
from .plugins.hostile import FINE

SHORT = 0.15

OUTCOMES: dict[str, str | Score] = {
    "fine": FINE,
    "numpy_values": Score(0.5, components={"a": 3.0}),
    "loop": "DEADLINE_EXCEEDED",
    "sleep": "DEADLINE_EXCEEDED",
    "big_power": "DEADLINE_EXCEEDED",
    "ignore_signals": "DEADLINE_EXCEEDED",
    "daemon_then_loop": "DEADLINE_EXCEEDED",
    "allocate": "MEMORY_LIMIT",
    "allocate_at_once": "MEMORY_LIMIT",
    "kill_self": "MEMORY_LIMIT",
    "exit_now": "REWARD_EXITED",
    "exit_with_three": "REWARD_EXITED",
    "daemon_then_exit": "REWARD_EXITED",
    "segmentation_fault": "REWARD_CRASHED",
    "abort": "REWARD_CRASHED",
    "close_descriptors": "REWARD_CRASHED",
    "write_garbage": "REWARD_CRASHED",
    "write_endless_frame": "REWARD_CRASHED",
    "forge_neighbours": "REWARD_CRASHED",
    "kill_parent": "REWARD_CRASHED",
    "system_exit": "REWARD_FAILED",
    "raises": "REWARD_FAILED",
    "recursion": "REWARD_FAILED",
    "interrupted": "REWARD_FAILED",
    "wrong_type": "REWARD_FAILED",
    "nothing": "REWARD_FAILED",
    "value_of_no_type": "REWARD_FAILED",
    "huge_text": "REWARD_FAILED",
    "lone_surrogate": "REWARD_FAILED",
    "lone_surrogate_in_detail": "REWARD_FAILED",
    "detail_not_finite": "REWARD_FAILED",
    "detail_of_objects": "REWARD_FAILED",
    "deep_detail": "REWARD_FAILED",
    "far_position": "REWARD_FAILED",
    "odd_span": "REWARD_FAILED",
    "odd_verdict": "REWARD_FAILED",
    "unscorable_with_odd_reason": "REWARD_FAILED",
    "not_a_number": "REWARD_OUT_OF_BOUNDS",
    "above_bounds": "REWARD_OUT_OF_BOUNDS",
    "component_not_finite": "REWARD_OUT_OF_BOUNDS",
    "unscorable": "REFERENCE_MISSING",
    "child": FINE,
    "daemon": FINE,
    "thread": FINE,
    "late_alarm": FINE,
}


@pytest.fixture
async def pool() -> AsyncGenerator[CpuPool]:
    async with cpu_pool() as pool:
        yield pool


@pytest.mark.parametrize("behaviour", OUTCOMES)
async def test_only_the_item_itself_gets_what_it_does(pool: CpuPool, behaviour: str) -> None:
    timeout = SHORT if OUTCOMES[behaviour] == "DEADLINE_EXCEEDED" else None
    before = [outcome(pool, "fine") for _ in range(3 * SIZE)]
    after = [outcome(pool, "fine") for _ in range(3 * SIZE)]
    *neighbours, own = await asyncio.gather(*before, *after, outcome(pool, behaviour, timeout))
    assert own == OUTCOMES[behaviour]
    assert neighbours == [FINE] * len(neighbours)
    await until(lambda: at_full_strength(pool))
    assert await outcome(pool, "fine") == FINE


async def test_the_lane_comes_back_however_often_its_template_is_killed_while_it_comes_back(pool: CpuPool) -> None:
    for _ in range(2):
        said = await asyncio.gather(*(outcome(pool, kind) for kind in ("kill_parent", "fine") * 3))
        assert said == [OUTCOMES["kill_parent"], FINE] * 3
        await until(lambda: at_full_strength(pool))


async def test_neighbours_in_the_slow_lane_are_not_blamed_for_a_template_either(pool: CpuPool) -> None:
    for _ in range(3):  # a reward that does this is quarantined after a few: all its items start in the slow lane
        said = await asyncio.gather(*(outcome(pool, kind) for kind in ("kill_parent", "brief") * 3))
        assert said == [OUTCOMES["kill_parent"], FINE] * 3
    await until(lambda: at_full_strength(pool))


async def test_who_answers_before_the_end_of_the_template_is_noticed_harms_no_neighbour(pool: CpuPool) -> None:
    kinds = ("kill_parent_and_answer", "brief", "fine")
    said = await asyncio.gather(*(outcome(pool, kind) for kind in kinds * 4))
    assert [one for kind, one in zip(kinds * 4, said, strict=True) if kind in ("brief", "fine")] == [FINE] * 8
    assert all(one in (FINE, "REWARD_CRASHED") for one in said[::3])
    await until(lambda: at_full_strength(pool))


async def test_a_template_that_was_stopped_is_taken_for_dead(pool: CpuPool) -> None:
    pool.template.patience = 1.0
    said, *neighbours = await asyncio.gather(outcome(pool, "stop_parent"), *(outcome(pool, "fine") for _ in range(3)))
    assert said == "REWARD_CRASHED"
    assert neighbours == [FINE] * 3
    await until(lambda: at_full_strength(pool))


async def test_a_batch_with_one_of_each_scores_all_the_others(pool: CpuPool) -> None:
    kinds = [kind for kind in OUTCOMES if kind not in ("kill_parent", "allocate", "huge_text")]
    calls = [
        outcome(pool, name, SHORT if OUTCOMES[name] == "DEADLINE_EXCEEDED" else None)
        for kind in kinds
        for name in (kind, *["fine"] * 5)
    ]
    said = await asyncio.gather(*calls)
    assert dict(zip(kinds, said[::6], strict=True)) == {kind: OUTCOMES[kind] for kind in kinds}
    assert [one for position, one in enumerate(said) if position % 6] == [FINE] * (5 * len(kinds))
    await until(lambda: at_full_strength(pool))


async def kill_many(pool: CpuPool, kills: int) -> None:
    """Kill workers in every way, and compare descriptors, zombies and processes before and after."""
    await outcome(pool, "exit_now")
    await until(lambda: at_full_strength(pool))
    gc.collect()
    descriptors = len(os.listdir("/proc/self/fd"))
    assert pool.template.pid is not None
    template = f"/proc/{pool.template.pid}/fd"
    of_template = len(os.listdir(template))
    kinds = ("exit_now", "segmentation_fault", "loop", "daemon_then_exit", "kill_self", "write_garbage", "thread")
    done = sum(pool.figures.kills.values())
    for number in range(0, kills, len(kinds)):
        said = await asyncio.gather(*(outcome(pool, kind, 0.02 if kind == "loop" else None) for kind in kinds))
        assert said == [OUTCOMES[kind] for kind in kinds], number
    assert sum(pool.figures.kills.values()) - done >= kills
    await until(lambda: at_full_strength(pool))
    assert len(os.listdir("/proc/self/fd")) == descriptors
    assert len(os.listdir(template)) == of_template
    template_pid = pool.template.pid
    await until(lambda: zombies_below(template_pid) == zombies_below(os.getpid()) == [])  # the dead wait for a moment
    assert await outcome(pool, "fine") == FINE


async def test_nothing_leaks_over_300_kills(pool: CpuPool) -> None:
    await kill_many(pool, 300)


@pytest.mark.soak
async def test_nothing_leaks_over_1000_kills(pool: CpuPool) -> None:
    await kill_many(pool, 1000)
