from __future__ import annotations

import asyncio
import contextlib
import math

from assay_server.execution.item_clock import ItemClock, current_clock


async def test_work_within_its_time_is_done_and_sees_its_clock():
    clock = ItemClock(60.0)

    async def work() -> object:
        assert current_clock() is clock
        return await asyncio.create_task(nested())

    async def nested() -> float:
        return current_clock().remaining()

    task = clock.begin(work(), "work")
    assert current_clock() is not clock
    assert await clock.until_done(task)
    left = task.result()
    assert isinstance(left, float)
    assert 0.0 < left < 60.0


async def test_time_runs_out_also_for_work_that_refuses_to_end():
    release = asyncio.Event()

    async def stubborn() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await release.wait()
        await release.wait()

    clock = ItemClock(0.01)
    task = clock.begin(stubborn(), "stubborn")
    assert not await clock.until_done(task)
    task.cancel()
    release.set()
    await task


async def test_the_clock_stands_while_everything_asked_is_in_a_queue():
    turn, done = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        clock = current_clock()
        with clock.asking():
            with clock.queueing():
                await turn.wait()
            await done.wait()

    clock = ItemClock(0.02)
    task = clock.begin(work(), "work")
    waiting = asyncio.create_task(clock.until_done(task))
    other = ItemClock(0.05)
    assert not await other.until_done(other.begin(asyncio.Event().wait(), "longer"))  # pyright: ignore[reportArgumentType] - waits for ever
    assert not waiting.done()
    assert 0.0 < clock.remaining() <= 0.02
    turn.set()
    assert not await waiting
    task.cancel()


async def test_one_question_at_work_lets_the_clock_run():
    clock = ItemClock(60.0)

    async def work() -> bool:
        clock = current_clock()
        with clock.asking(), clock.asking(), clock.queueing():
            before = clock.remaining()
            await asyncio.sleep(0)
            running = clock.remaining() < before
            with clock.queueing():
                standing = clock.remaining()
                await asyncio.sleep(0)
                return running and clock.remaining() == standing

    task = clock.begin(work(), "work")
    assert await clock.until_done(task)
    assert task.result()


async def test_without_an_item_time_never_runs_out():
    clock = current_clock()
    with clock.asking(), clock.queueing():
        assert clock.remaining() == math.inf
