"""What may wait for company goes on with it, in order, and what may not takes all along."""

from __future__ import annotations

import asyncio

import pytest

from assay_server.execution.gathering import Gathering, UsualTime, patience


async def test_those_that_come_while_one_waits_go_with_it_in_order():
    given: list[list[int]] = []
    gone = asyncio.Event()

    def give(items: list[int]) -> None:
        given.append(items)
        gone.set()

    gathering = Gathering(give)
    gathering.add(1, 0.01)
    for number in (2, 3):
        await asyncio.sleep(0)
        gathering.add(number, 60.0)  # it may wait for longer, and leaves with the first
    assert not given
    await gone.wait()
    assert given == [[1, 2, 3]]
    assert len(gathering) == 0


async def test_one_that_may_not_wait_takes_along_those_that_do():
    given: asyncio.Queue[list[str]] = asyncio.Queue()
    gathering = Gathering(given.put_nowait)
    gathering.add("patient", 60.0)
    gathering.add("urgent")
    assert len(gathering) == 2
    assert await given.get() == ["patient", "urgent"]
    gathering.add("alone")
    assert await given.get() == ["alone"]


async def test_nothing_is_given_on_after_the_end():
    given: list[list[int]] = []
    gathering = Gathering(given.append)
    gathering.add(1)
    gathering.end()
    gathering.add(2)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not given
    assert len(gathering) == 0


def test_who_took_long_may_wait_a_little():
    assert patience(0.0) == 0.0
    assert patience(1.0) == pytest.approx(0.01)
    assert patience(600.0) == pytest.approx(0.02)


def test_what_is_usual_follows_what_was():
    usual = UsualTime()
    assert usual.patience == 0.0
    usual.add(0.5)
    assert usual.patience == pytest.approx(0.005)
    for _ in range(100):
        usual.add(0.1)
    assert usual.patience == pytest.approx(0.001, rel=0.01)
