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
