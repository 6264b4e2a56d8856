"""Load is open-loop: rates are held whatever the service does; its stalls are seen by all that were due meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_server.load.arrivals import offsets
from assay_server.load.driving import ANSWERED, Outcome, Tally, drive
from assay_server.load.reporting import notes, step_json, table
from assay_server.load.stepping import Step, climb, rates

REFUSED, FAILED = Outcome("refused", "RESOURCE_EXHAUSTED/TENANT_RATE"), Outcome("failed", "INTERNAL")


@dataclass
class Time:
    """A clock that moves only when somebody sleeps."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


@dataclass
class Serial:
    """A service that answers one request after the other, and stands still once."""

    time: Time
    takes: float
    stall_at: float
    stall: float
    began: list[float] = field(default_factory=list[float])
    free: float = 0.0

    async def begin(self, number: int, done: Callable[[Outcome], None]) -> None:
        del number
        time = self.time
        self.began.append(time.now)
        start = max(time.now, self.free)
        if start <= self.stall_at < start + self.takes:
            start += self.stall
        self.free = start + self.takes
        before, time.now = time.now, self.free  # answered then, while others go on to arrive
        done(ANSWERED)
        time.now = before


async def load(service: Serial, rate: float, duration: float) -> Tally:
    return await drive(
        service, offsets("constant", rate, duration, Random(0)), clock=service.time, sleep=service.time.sleep
    )


async def test_a_stall_is_in_the_tail_of_all_that_were_due_meanwhile() -> None:
    time = Time()
    tally = await load(Serial(time, takes=0.001, stall_at=105.0, stall=1.0), rate=100.0, duration=10.0)
    assert tally.answered == tally.due == 1000
    # A second in which a hundred were due, of a thousand: who waits for answers would have seen one late one.
    assert tally.latencies.percentile(50.0) < 0.01
    assert tally.latencies.percentile(95.0) == pytest.approx(0.55, abs=0.06)
    assert tally.latencies.percentile(99.0) == pytest.approx(0.91, abs=0.06)
    assert tally.latencies.longest == pytest.approx(1.001, abs=0.02)


async def test_without_a_stall_the_tail_is_flat() -> None:
    time = Time()
    tally = await load(Serial(time, takes=0.001, stall_at=0.0, stall=1.0), rate=100.0, duration=10.0)
    assert tally.latencies.longest < 0.01


async def test_rates_are_held_though_nothing_is_answered() -> None:
    time = Time()
    began: list[float] = []

    class Silent:
        async def begin(self, number: int, done: Callable[[Outcome], None]) -> None:
            del number, done
            began.append(time.now)

    tally = await drive(
        Silent(), offsets("constant", 250.0, 2.0, Random(0)), patience=0.01, clock=time, sleep=time.sleep
    )
    assert (tally.due, tally.answered, dict(tally.failed)) == (500, 0, {"NO_ANSWER": 500})
    gaps = [later - earlier for earlier, later in pairwise(began)]
    assert gaps == pytest.approx([1 / 250.0] * 499)
    assert tally.sending.longest == 0.0


async def test_a_sender_that_is_late_says_so_and_makes_up() -> None:
    time = Time()

    class Blocking:
        async def begin(self, number: int, done: Callable[[Outcome], None]) -> None:
            if number == 10:
                time.now += 0.5  # it took so long to hand this one over
            done(ANSWERED)

    tally = await drive(Blocking(), offsets("constant", 100.0, 2.0, Random(0)), clock=time, sleep=time.sleep)
    assert tally.due == tally.answered == 200
    assert tally.sending.longest == pytest.approx(0.49)
    assert tally.latencies.longest == pytest.approx(0.5)
    assert tally.latencies.percentile(80.0) > tally.latencies.percentile(50.0)


async def test_refusals_are_counted_apart_from_failures() -> None:
    time = Time()
    said = [ANSWERED, REFUSED, FAILED, REFUSED]

    class Mixed:
        async def begin(self, number: int, done: Callable[[Outcome], None]) -> None:
            done(said[number % 4])
            done(ANSWERED)  # of which the first word counts

    tally = await drive(Mixed(), offsets("constant", 100.0, 1.0, Random(0)), clock=time, sleep=time.sleep)
    assert (tally.answered, dict(tally.refused), dict(tally.failed)) == (
        25, {REFUSED.status: 50}, {FAILED.status: 25},
    )  # fmt: skip
    assert tally.latencies.count == 25
    assert tally.ended == tally.due
    step = Step(100.0, 1.0, tally)
    assert notes([step])[:2] == [f"refused {REFUSED.status}: 50", f"failed {FAILED.status}: 25"]
    told = step_json(step)
    assert (told["refused"], told["failed"], told["answered"]) == ({REFUSED.status: 50}, {FAILED.status: 25}, 25)
    assert [len(line) for line in table([step])] == [len(table([step])[0])] * 2


async def test_how_long_refusals_took_is_told_from_when_they_were_due() -> None:
    time = Time()

    class Slow:
        async def begin(self, number: int, done: Callable[[Outcome], None]) -> None:
            time.now += 0.05 if number == 3 else 0.0
            done(REFUSED)

    tally = await drive(Slow(), offsets("constant", 10.0, 1.0, Random(0)), clock=time, sleep=time.sleep)
    assert (tally.refusals.count, tally.latencies.count) == (10, 0)
    assert tally.refusals.longest == pytest.approx(0.05)
    step = Step(10.0, 1.0, tally)
    assert "refusals at 10/s: p50 0.0, p99 50.0, max 50.0 ms" in notes([step])
    assert step_json(step)["refusalMs"]


@given(st.floats(min_value=0.1, max_value=500.0), st.floats(min_value=0.1, max_value=10.0), st.integers())
def test_arrivals_are_in_order_and_in_time(rate: float, duration: float, seed: int) -> None:
    constant = list(offsets("constant", rate, duration, Random(seed)))
    assert abs(len(constant) - rate * duration) <= 1.0
    for found in (constant, list(offsets("poisson", rate, duration, Random(seed)))):
        assert found == sorted(found)
        assert all(0.0 <= at < duration for at in found)


def test_poisson_arrivals_have_the_rate_and_the_spread() -> None:
    found = list(offsets("poisson", 1000.0, 20.0, Random(1)))
    gaps = [later - earlier for earlier, later in pairwise(found)]
    mean = sum(gaps) / len(gaps)
    assert mean == pytest.approx(1e-3, rel=0.05)
    assert sum((gap - mean) ** 2 for gap in gaps) / len(gaps) == pytest.approx(mean**2, rel=0.1)


@pytest.mark.parametrize(("rate", "duration"), [(0.0, 1.0), (1.0, 0.0), (-1.0, 1.0)])
def test_a_load_of_nothing_is_refused(rate: float, duration: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        list(offsets("constant", rate, duration, Random(0)))


async def test_steps_end_with_the_first_that_saturates() -> None:
    def ran(rate: float) -> Step:
        time = Time()
        return Step(rate, 1.0, asyncio.run(load(Serial(time, 0.01, 0.0, 0.0), rate, 1.0)))

    async def run(rate: float) -> Step:
        return await asyncio.to_thread(ran, rate)

    def doubled() -> Iterator[float]:
        return rates(20.0, 6, 2.0)

    told: list[float] = []
    steps = await climb(doubled(), run, lambda step: told.append(step.rate))
    assert told == [step.rate for step in steps] == [20.0, 40.0, 80.0, 160.0]
    assert [step.saturated for step in steps] == [False, False, False, True]
    assert notes(steps)[-1] == "saturated at 160/s; 80/s was kept up with"
