"""The cpu lane's clocks, lanes, replacements and secrets."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from assay.sdk import Sample, Score, Unscorable
from assay_server.execution.cpu.pool import CpuPool
from assay_server.execution.cpu.template import TemplateSetup

from .cpu_lane import (
    FAR_TIMEOUT,
    HOSTILE,
    MEMORY_BYTES,
    SIZE,
    at_full_strength,
    cpu_pool,
    outcome,
    processes_of,
    until,
    zombies_below,
)
from .plugins.hostile import FINE


@pytest.fixture
async def pool() -> AsyncGenerator[CpuPool]:
    async with cpu_pool() as pool:
        yield pool


async def test_the_slow_lane_takes_half_of_the_workers_at_most(pool: CpuPool) -> None:
    slow = [asyncio.create_task(outcome(pool, "loop", FAR_TIMEOUT)) for _ in range(3 * SIZE)]
    fine = await asyncio.gather(*(outcome(pool, "fine") for _ in range(100)))
    assert fine == [FINE] * 100
    assert not any(task.done() for task in slow), "the fast items waited for the slow ones"
    assert pool.figures.most_slow == SIZE // 2
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
    await until(lambda: at_full_strength(pool))


async def test_items_that_wait_instead_of_computing_do_not_hold_the_fast_workers(pool: CpuPool) -> None:
    sleeping = [asyncio.create_task(outcome(pool, "sleep", FAR_TIMEOUT)) for _ in range(2 * SIZE)]
    async with asyncio.timeout(FAR_TIMEOUT / 2):
        assert await asyncio.gather(*(outcome(pool, "fine") for _ in range(100))) == [FINE] * 100
    assert not any(task.done() for task in sleeping)
    for task in sleeping:
        task.cancel()
    await asyncio.gather(*sleeping, return_exceptions=True)
    await until(lambda: at_full_strength(pool))


async def test_the_time_in_the_queue_is_not_time_of_execution() -> None:
    async with cpu_pool(size=1) as pool:
        said = await asyncio.gather(*(outcome(pool, "loop", 0.2) for _ in range(3)), outcome(pool, "fine", 0.2))
        assert said == ["DEADLINE_EXCEEDED"] * 3 + [FINE]


async def test_queue_and_run_times_are_told_apart() -> None:
    async with cpu_pool(size=1) as pool:
        loop = asyncio.create_task(outcome(pool, "loop", 0.2))
        await asyncio.sleep(0)
        ran = await pool.run("hostile/does-v1", "c", {}, Sample("r", "fine"), None)
        assert await loop == "DEADLINE_EXCEEDED"
        assert ran.queue_seconds > 0.0
        assert ran.queue_seconds > ran.run_seconds >= 0.0


async def test_how_a_worker_ended_is_waited_for_where_the_template_is_slow_to_tell(pool: CpuPool) -> None:
    assert pool.template.pid is not None
    os.kill(pool.template.pid, signal.SIGSTOP)
    call = asyncio.create_task(outcome(pool, "exit_now"))
    try:
        await asyncio.wait([call], timeout=0.5)
        assert not call.done(), call.result()
    finally:
        os.kill(pool.template.pid, signal.SIGCONT)
    assert await call == "REWARD_EXITED"
    await until(lambda: at_full_strength(pool))


def hold_up_the_loop_until_idle(pool: CpuPool) -> None:
    """Block until no worker computes any more."""
    spent: list[str] = []
    while spent != (now := [Path(f"/proc/{pid}/schedstat").read_text().split()[0] for pid in pool.worker_pids]):
        spent = now
        time.sleep(0.1)


async def test_what_a_worker_says_after_it_was_given_up_is_not_heard() -> None:
    async with cpu_pool(size=1) as pool:
        kinds = ("fine", "work_past_the_slice", *["fine"] * 4)
        calls = [asyncio.create_task(outcome(pool, kind)) for kind in kinds]
        await until(lambda: pool.figures.finished == 1 and pool.running == 1)
        hold_up_the_loop_until_idle(pool)  # the worker goes on, and reports item after item
        assert await asyncio.gather(*calls) == [FINE] * len(kinds)
        assert set(pool.figures.kills) <= {"slow done"}
        await until(lambda: at_full_strength(pool))
        assert pool.strength == pool.size


async def test_a_reward_that_is_killed_again_and_again_starts_in_the_slow_lane(pool: CpuPool) -> None:
    for _ in range(3):
        assert await outcome(pool, "", 0.05, "hostile/loops-v1") == "DEADLINE_EXCEEDED"
    moved = pool.figures.moved
    assert await outcome(pool, "", 0.05, "hostile/loops-v1") == "DEADLINE_EXCEEDED"
    assert pool.figures.moved == moved, "it was given a fast worker first"
    assert await outcome(pool, "fine") == FINE


async def test_a_reward_is_not_quarantined_for_a_few_of_many_samples(pool: CpuPool) -> None:
    await asyncio.gather(*(outcome(pool, "fine") for _ in range(100)))
    for _ in range(4):
        assert await outcome(pool, "loop", 1.0) == "DEADLINE_EXCEEDED"
    assert pool.figures.moved >= 4


async def test_a_cancelled_call_frees_its_worker(pool: CpuPool) -> None:
    running = [asyncio.create_task(outcome(pool, "sleep")) for _ in range(2 * SIZE)]
    await until(lambda: pool.figures.most_slow == SIZE // 2)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await until(lambda: at_full_strength(pool))
    assert await outcome(pool, "fine") == FINE


async def test_a_killed_worker_without_an_item_is_replaced(pool: CpuPool) -> None:
    for pid in pool.worker_pids:
        os.kill(pid, signal.SIGKILL)
    assert await asyncio.gather(*(outcome(pool, "fine") for _ in range(20))) == [FINE] * 20
    await until(lambda: at_full_strength(pool))


async def test_items_survive_the_death_of_the_template(pool: CpuPool) -> None:
    waiting = [asyncio.create_task(outcome(pool, "fine")) for _ in range(200)]
    assert pool.template.pid is not None
    os.kill(pool.template.pid, signal.SIGKILL)
    assert await asyncio.gather(*waiting) == [FINE] * 200
    await until(lambda: pool.figures.restarts == 1 and at_full_strength(pool))


async def test_what_items_left_goes_when_the_template_is_killed(pool: CpuPool) -> None:
    running = asyncio.create_task(outcome(pool, "daemon_then_loop", FAR_TIMEOUT))
    await until(lambda: len(processes_of(pool)) > pool.size + pool.spares + 1)
    assert pool.template.pid is not None
    os.kill(pool.template.pid, signal.SIGKILL)
    await until(lambda: pool.figures.restarts == 1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await until(lambda: at_full_strength(pool))


async def test_the_template_ends_with_the_server_and_takes_all_with_it() -> None:
    async with cpu_pool() as pool:
        running = asyncio.create_task(outcome(pool, "daemon_then_loop", FAR_TIMEOUT))
        await until(lambda: len(processes_of(pool)) > pool.size + pool.spares + 1)
        await pool.stop()  # and the fixture asserts that nothing is left
        assert zombies_below(os.getpid()) == []
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_stop_fails_what_waits_as_retryable() -> None:
    async with cpu_pool(size=1) as pool:
        calls = [
            asyncio.create_task(pool.run("hostile/does-v1", "c", {}, Sample("r", "sleep"), None)) for _ in range(20)
        ]
        await until(lambda: pool.running > 0)
        await pool.stop()
        said = await asyncio.gather(*calls, return_exceptions=True)
        assert {(error.reason, error.retryable) for error in said if isinstance(error, Unscorable)} == {
            ("LANE_STOPPED", True)
        }
        with pytest.raises(Unscorable, match="not running"):
            await pool.run("hostile/does-v1", "c", {}, Sample("r", "fine"), None)


async def test_a_template_that_cannot_start_leaves_nothing_waiting(capfd: pytest.CaptureFixture[str]) -> None:
    pool = CpuPool(2, TemplateSetup((HOSTILE,), ("no_such_module",), MEMORY_BYTES), FAR_TIMEOUT)
    pool.launch()
    await pool.start()
    waiting = asyncio.create_task(outcome(pool, "fine"))
    assert await waiting == "LANE_UNAVAILABLE"
    assert await outcome(pool, "fine") == "LANE_UNAVAILABLE"
    await pool.stop()
    assert processes_of(pool) == []
    assert "no_such_module" in capfd.readouterr().err


async def test_large_samples_and_many_items_pass_through(pool: CpuPool) -> None:
    big = Sample("r", "fine", prompt="é" * (4 << 20))
    ran = [pool.run("hostile/does-v1", "c", {}, big, None) for _ in range(10)]
    assert [one.score for one in await asyncio.gather(*ran)] == [FINE] * 10


# ---------------------------------------------------------------- secrets

CANARY = b"canary-" + b"7f3a9c51e0d24b68" * 2


def environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def memory_contains(pid: int, secret: bytes) -> bool:
    """Whether any readable page of a process holds these bytes."""
    with (
        open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as maps,
        open(f"/proc/{pid}/mem", "rb", buffering=0) as memory,
    ):
        for line in maps:
            span, permissions, *_ = line.split()
            if "r" not in permissions or line.rstrip().endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                continue
            start, end = (int(edge, 16) for edge in span.split("-"))
            try:
                memory.seek(start)
                if secret in memory.read(end - start):
                    return True
            except (OSError, ValueError, OverflowError):
                continue
    return False


async def test_no_secret_of_the_server_is_in_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_TEST_SECRET", CANARY.decode())
    held = bytearray(CANARY)  # and in the memory of this process, which is the server here
    assert memory_contains(os.getpid(), CANARY)
    async with cpu_pool() as pool:
        await asyncio.gather(*(outcome(pool, "fine") for _ in range(50)))
        said = await outcome(pool, "", reward="hostile/environment-v1")
        assert isinstance(said, Score)
        assert said.evidence is not None
        known = {"PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "ASSAY_CPU_LANE", "fds"}
        threads = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"}
        assert set(said.evidence.detail) <= known | threads
        processes = processes_of(pool)
        assert len(processes) == pool.size + pool.spares + 1
        for pid in processes:
            assert CANARY not in environment_of(pid)
            assert not memory_contains(pid, CANARY)
        # The check can fail: what a worker was told is found in the memory of one of them.
        told = Sample("r", "fine", prompt=CANARY[::-1].decode() * 100)
        await pool.run("hostile/does-v1", "c", {}, told, None)
        assert any(memory_contains(pid, CANARY[::-1]) for pid in processes_of(pool))
    assert bytes(held) == CANARY


async def test_a_worker_holds_no_descriptor_but_its_own(pool: CpuPool) -> None:
    for _ in range(2 * SIZE):
        said = await outcome(pool, "", reward="hostile/environment-v1")
        assert isinstance(said, Score)
        assert said.evidence is not None
        descriptors = said.evidence.detail["fds"]
        assert isinstance(descriptors, list)
        # standard three, its connection, the template's wake-up pipe, and the listing itself
        assert len(descriptors) <= 7
