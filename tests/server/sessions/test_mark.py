"""The mark of a worker: whenever it is looked at, a number comes with its own time."""

from __future__ import annotations

import mmap
import os
import signal
import time
from collections.abc import Iterator

import pytest

from assay_server.sessions.mark import MARK_BYTES, Mark

ENOUGH = 20_000


@pytest.fixture
def mark() -> Iterator[Mark]:
    """In memory that children share."""
    with mmap.mmap(-1, MARK_BYTES) as memory:
        yield Mark(memory)


def test_what_runs_is_told_until_it_ends(mark: Mark):
    assert mark.look() == (0, 0.0)
    mark.begin(7, 12.5)
    assert (mark.number, mark.look()) == (7, (7, 12.5))
    mark.end()
    assert (mark.number, mark.look()[0]) == (0, 0)
    mark.begin(8, 13.0)
    assert mark.look() == (8, 13.0)


def test_a_look_between_two_writes_finds_no_time_of_another_order(mark: Mark):
    """Another process begins and ends orders as fast as it can; the number says what the time must be."""
    child = os.fork()
    if child == 0:
        number = 0
        while True:
            number += 1
            mark.begin(number, number + 0.5)
            sum(range(number % 64))  # sooner or later, so that looks fall everywhere
            mark.end()
    found: set[tuple[int, float]] = set()
    deadline = time.monotonic() + 60
    try:
        while len(found) < ENOUGH and time.monotonic() < deadline:
            found.update(look for look in (mark.look() for _ in range(1000)) if look[0])
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert len(found) >= ENOUGH
    assert all(started == number + 0.5 for number, started in found)
