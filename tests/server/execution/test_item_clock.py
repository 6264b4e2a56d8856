from __future__ import annotations

import asyncio
import contextlib
import math

import pytest

from assay_server.execution.item_clock import ItemClock, OutOfTime, current_clock


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


async def test_work_in_its_caller_s_task_sees_its_clock_and_says_what_it_found():
    clock, outer = ItemClock(60.0), asyncio.current_task()

    async def work() -> str:
        assert current_clock() is clock
        assert asyncio.current_task() is outer
        await asyncio.sleep(0)
        return "found"

    assert await clock.run(work()) == "found"
    assert current_clock() is not clock

    async def breaks() -> None:
        raise TimeoutError("of its own")

    with pytest.raises(TimeoutError, match="of its own"):
        await ItemClock(60.0).run(breaks())


async def test_work_in_its_caller_s_task_is_cut_off_when_its_time_is_over():
    cleaned: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append("yes")

    with pytest.raises(OutOfTime):
        await ItemClock(0.01).run(work())
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    assert cleaned == ["yes"]


async def test_an_error_while_it_is_cut_off_is_the_error_and_leaves_no_cancellation_behind():
    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise KeyError("cleaning up") from None

    with pytest.raises(KeyError):
        await ItemClock(0.01).run(work())
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_its_caller_s_own_cancellation_passes_through():
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(ItemClock(60.0).run(work()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_clock_of_work_in_its_caller_s_task_stands_while_it_is_in_a_queue():
    turn = asyncio.Event()

    async def work() -> None:
        clock = current_clock()
        with clock.asking(), clock.queueing():
            await turn.wait()

    item = asyncio.create_task(ItemClock(0.02).run(work()))
    with pytest.raises(OutOfTime):
        await ItemClock(0.05).run(asyncio.Event().wait())
    assert not item.done()
    turn.set()
    await item
