from __future__ import annotations

import asyncio

import pytest

from assay_sandbox.admission import Admission, Busy


async def hold(admission: Admission, until: asyncio.Event, done: list[int], number: int) -> None:
    async with admission.slot():
        await until.wait()
        done.append(number)


async def fill(admission: Admission, jobs: int) -> tuple[list[asyncio.Task[None]], asyncio.Event, list[int]]:
    until, done = asyncio.Event(), list[int]()
    tasks = [asyncio.create_task(hold(admission, until, done, number)) for number in range(jobs)]
    await asyncio.sleep(0)
    return tasks, until, done


async def test_what_has_a_slot_or_waits_for_one_gets_its_turn_in_order():
    admission = Admission(slots=2, queue=5)
    tasks, until, done = await fill(admission, 7)
    assert (admission.running, admission.waiting) == (2, 5)
    until.set()
    await asyncio.gather(*tasks)
    assert done == list(range(7))
    assert (admission.running, admission.waiting) == (0, 0)


async def test_the_surplus_is_refused_at_once_and_told_when_to_come_back():
    admission = Admission(slots=1, queue=2)
    tasks, until, _ = await fill(admission, 3)
    with pytest.raises(Busy) as refused:
        async with admission.slot():
            pass
    assert 0 < refused.value.retry_after < 10
    until.set()
    await asyncio.gather(*tasks)


async def test_who_gives_up_waiting_frees_its_place_and_takes_no_slot_along():
    admission = Admission(slots=1, queue=2)
    tasks, until, done = await fill(admission, 3)
    tasks[1].cancel()
    await asyncio.gather(tasks[1], return_exceptions=True)
    assert admission.waiting == 1
    until.set()
    await asyncio.gather(tasks[0], tasks[2])
    assert done == [0, 2]
    assert (admission.running, admission.waiting) == (0, 0)


async def test_a_slot_that_was_handed_over_to_one_who_gives_up_goes_to_the_next():
    admission = Admission(slots=1, queue=2)
    tasks, until, done = await fill(admission, 3)
    until.set()
    await asyncio.wait([tasks[0]])
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert done[0] == 0
    assert done[-1] == 2
    assert (admission.running, admission.waiting) == (0, 0)


async def test_a_job_that_fails_gives_its_slot_back():
    admission = Admission(slots=1, queue=0)
    with pytest.raises(ZeroDivisionError):
        async with admission.slot():
            raise ZeroDivisionError
    assert admission.running == 0


class Clock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def work(admission: Admission, clock: Clock, seconds: float, jobs: int) -> None:
    for _ in range(jobs):
        async with admission.slot():
            clock.now += seconds


async def test_as_many_may_wait_as_will_have_their_turn_within_the_declared_time():
    clock = Clock()
    admission = Admission(slots=4, queue=1000, wait=0.5, clock=clock)
    await work(admission, clock, 0.01, 3000)
    assert admission.room == pytest.approx(0.5 * 4 / 0.01, abs=1)
    await work(admission, clock, 0.02, 3000)
    assert admission.room == pytest.approx(0.5 * 4 / 0.02, abs=1)


async def test_slow_jobs_leave_the_room_that_there_always_is_and_quick_ones_no_more_than_the_queue():
    clock = Clock()
    admission = Admission(slots=4, queue=100, wait=0.5, always=48, clock=clock)
    await work(admission, clock, 30.0, 50)
    assert admission.room == 48
    await work(admission, clock, 0.001, 20_000)
    assert admission.room == 100
    assert Admission(slots=4, queue=3, wait=0.5, always=48).room == 3


async def test_calls_beyond_the_room_are_refused_though_the_queue_is_longer_and_those_let_in_have_their_jobs_taken():
    clock = Clock()
    admission = Admission(slots=1, queue=100, wait=0.5, always=7, clock=clock)
    await work(admission, clock, 1.0, 100)
    assert admission.room == 7
    tasks, until, done = await fill(admission, 1 + admission.room)
    with pytest.raises(Busy) as refused:
        admission.call()
    assert refused.value.retry_after == pytest.approx(admission.room + 1, rel=0.01)
    more, until_more, _ = await fill(admission, 5)  # jobs of calls that were let in before
    until.set()
    until_more.set()
    await asyncio.gather(*tasks, *more)
    assert done == list(range(1 + admission.room))
    with admission.call():
        pass


async def test_places_are_counted_though_their_jobs_have_not_come_yet():
    admission = Admission(slots=1, queue=2)
    with admission.call(), admission.call(), admission.call(), pytest.raises(Busy):
        admission.call()
    with admission.call():
        pass
