"""Limits per tenant, on a clock of the test's own."""

from __future__ import annotations

import pytest

from assay_server.api.rates import RateSettings, TenantRates
from assay_server.pipeline.failures import Code, Failure


class Clock:
    """Time as the test says."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def refused(rates: TenantRates, tenant: str, rollouts: int = 0) -> Failure | None:
    try:
        if rollouts:
            rates.rollouts(tenant, rollouts)
        else:
            rates.request(tenant)
    except Failure as failure:
        return failure
    return None


def test_a_minutes_worth_can_be_used_at_once_and_comes_back_evenly():
    clock = Clock()
    rates = TenantRates(RateSettings(requests=60), clock)
    assert [refused(rates, "a") for _ in range(60)] == [None] * 60
    failure = refused(rates, "a")
    assert failure is not None
    assert (failure.code, failure.reason) == (Code.RESOURCE_EXHAUSTED, "TENANT_RATE")
    assert failure.retry_after == pytest.approx(1.0, rel=0.01)
    clock.now += failure.retry_after or 0.0
    assert refused(rates, "a") is None
    assert refused(rates, "a") is not None
    clock.now += 3600.0
    assert [refused(rates, "a") for _ in range(61)].count(None) == 60


def test_one_tenant_uses_up_nothing_of_anothers():
    rates = TenantRates(RateSettings(requests=1, rollouts=1), Clock())
    assert refused(rates, "a") is None
    assert refused(rates, "a") is not None
    assert refused(rates, "b") is None
    assert refused(rates, "a", rollouts=5) is None
    assert refused(rates, "a", rollouts=1) is not None
    assert refused(rates, "b", rollouts=5) is None


def test_a_batch_is_taken_whole_and_its_debt_is_waited_for():
    clock = Clock()
    rates = TenantRates(RateSettings(rollouts=60), clock)
    assert refused(rates, "a", rollouts=180) is None
    failure = refused(rates, "a", rollouts=1)
    assert failure is not None
    assert failure.retry_after == pytest.approx(121.0, rel=0.01)
    clock.now += failure.retry_after or 0.0
    assert refused(rates, "a", rollouts=1) is None


def test_streams_have_places_per_tenant_that_are_given_back():
    rates = TenantRates(RateSettings(streams=1))
    for _ in range(2):
        with rates.stream("a"), rates.stream("b"):
            with pytest.raises(Failure) as caught, rates.stream("a"):
                pass
            assert caught.value.reason == "TENANT_STREAMS"
            assert caught.value.retry_after


def test_without_limits_nothing_is_counted():
    rates = TenantRates(RateSettings())
    assert all(refused(rates, "a") is None and refused(rates, "a", rollouts=1000) is None for _ in range(1000))
    assert not rates.counts_rollouts
