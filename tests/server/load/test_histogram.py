"""Percentiles are right to within a percent, whatever is counted, and histograms add up."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_server.load.histogram import LatencyHistogram

LATENCIES = st.lists(st.floats(min_value=0.0, max_value=1e5, allow_nan=False), min_size=1, max_size=200)


def counted(latencies: list[float]) -> LatencyHistogram:
    histogram = LatencyHistogram()
    for seconds in latencies:
        histogram.record(seconds)
    return histogram


@given(LATENCIES, st.floats(min_value=0.0, max_value=100.0))
def test_a_percentile_is_that_of_the_sorted_latencies(latencies: list[float], percent: float) -> None:
    exact = sorted(latencies)[max(1, math.ceil(percent / 100.0 * len(latencies))) - 1]
    told = counted(latencies).percentile(percent)
    assert exact - 1e-9 <= told <= exact * (1 + 1 / 128) + 1.001e-6


@given(LATENCIES, LATENCIES)
def test_histograms_add_up(first: list[float], second: list[float]) -> None:
    both, apart = counted(first + second), counted(first)
    apart.add(counted(second))
    assert [both.percentile(percent) for percent in range(101)] == [apart.percentile(percent) for percent in range(101)]
    assert (both.count, both.longest) == (apart.count, apart.longest)
    assert both.mean == pytest.approx(apart.mean)


def test_memory_is_bounded_by_the_range_and_not_by_the_count() -> None:
    histogram = counted([number / 1e6 for number in range(0, 10_000_000, 97)])
    assert len(histogram._counts) < 2500  # pyright: ignore[reportPrivateUsage] - what it occupies
    assert histogram.percentile(99.9) == pytest.approx(9.99, rel=1 / 128)


def test_nothing_counted_is_nothing() -> None:
    empty = LatencyHistogram()
    assert (empty.percentile(99.9), empty.mean, empty.longest) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("seconds", [-0.1, math.nan, math.inf])
def test_what_is_no_latency_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="seconds"):
        LatencyHistogram().record(seconds)
    with pytest.raises(ValueError, match="percentage"):
        LatencyHistogram().percentile(101.0 if math.isnan(seconds) else seconds)
