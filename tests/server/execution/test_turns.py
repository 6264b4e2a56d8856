"""Of many that come at once few go on in one turn of the loop, and whoever else has work comes between."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from assay_server.execution.turns import Turns


async def turns_taken(per_turn: int, callers: int) -> list[int]:
    """In which turn of the loop each caller went on, in the order in which they came."""
    turns, went_on = Turns(per_turn), [-1] * callers
    turn = 0

    async def caller(number: int) -> None:
        await turns.mine()
        went_on[number] = turn

    waiting = [asyncio.create_task(caller(number)) for number in range(callers)]
    while not all(task.done() for task in waiting):
        turn += 1
        await asyncio.sleep(0)
    return went_on


@pytest.mark.parametrize("per_turn", [1, 2, 5])
async def test_no_more_go_on_in_one_turn_than_may(per_turn: int):
    went_on = await turns_taken(per_turn, 40)
    assert went_on == sorted(went_on), "somebody overtook"
    assert max(went_on.count(turn) for turn in went_on) <= per_turn
    assert len(set(went_on)) >= 40 // per_turn


async def test_one_who_comes_alone_does_not_wait():
    turns = Turns(1)
    for _ in range(3):
        turn = turns.mine()
        with pytest.raises(StopIteration):
            turn.send(None)
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def test_those_who_gave_up_take_no_turn():
    turns, went_on = Turns(1), list[int]()

    async def caller(number: int) -> None:
        await turns.mine()
        went_on.append(number)

    waiting = [asyncio.create_task(caller(number)) for number in range(6)]
    await asyncio.sleep(0)
    for number in (1, 2, 4):
        waiting[number].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert went_on == [0, 3, 5]


async def test_while_somebody_waits_the_loop_is_left_to_others_for_longer_than_they_take():
    clock, loop = [0.0], asyncio.get_running_loop()
    turns, went_on = Turns(2, lambda: clock[0]), list[float]()

    async def caller() -> None:
        await turns.mine()
        went_on.append(loop.time())
        clock[0] += 0.004  # what it computes

    await asyncio.gather(*(caller() for _ in range(10)))
    first_of_each_turn = went_on[::2]
    assert all(later - sooner >= 0.015 for sooner, later in itertools.pairwise(first_of_each_turn))


async def test_a_turn_that_took_very_long_is_not_rested_from_for_ever():
    clock = [0.0]
    turns = Turns(1, lambda: clock[0])

    async def caller() -> None:
        await turns.mine()
        clock[0] += 1e6

    async with asyncio.timeout(30):
        await asyncio.gather(*(caller() for _ in range(3)))
