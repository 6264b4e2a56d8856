"""Acknowledgements are stored behind the reader's back: the newest of those that wait, and none is lost in silence."""

from __future__ import annotations

import asyncio

import pytest

from assay_server.pipeline.acknowledging import Acknowledging
from assay_server.store.protocol import StoreUnavailable


async def test_the_newest_of_those_that_wait_is_stored_and_nobody_waits() -> None:
    stored: list[int] = []
    go_on = asyncio.Event()

    async def store(sequence: int) -> None:
        await go_on.wait()
        stored.append(sequence)

    acknowledging = Acknowledging(store)
    await acknowledging.note(1)
    await asyncio.sleep(0)  # the first is on its way
    for sequence in (2, 5, 3):
        await acknowledging.note(sequence)
    go_on.set()
    await acknowledging.settle()
    assert stored == [1, 5]
    await acknowledging.note(6)
    await acknowledging.settle()
    assert stored == [1, 5, 6]


async def test_what_cannot_be_stored_is_said() -> None:
    async def store(sequence: int) -> None:
        raise StoreUnavailable(f"no room for {sequence}")

    acknowledging = Acknowledging(store)
    await acknowledging.note(1)
    with pytest.raises(StoreUnavailable):
        await acknowledging.settle()
    await acknowledging.stop()


async def test_stopping_stores_no_more() -> None:
    stored: list[int] = []

    async def store(sequence: int) -> None:
        await asyncio.Event().wait()
        stored.append(sequence)

    acknowledging = Acknowledging(store)
    await acknowledging.stop()
    await acknowledging.note(1)
    await acknowledging.stop()
    assert not stored
