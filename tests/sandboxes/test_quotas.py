"""What a tenant may have, and that others do not pay for it."""

from __future__ import annotations

import asyncio
import time

import pytest

from assay_sandbox.admission import Admission, Busy
from assay_sandbox.quotas import Quotas, QuotaSettings

A_SECOND_A_SECOND = QuotaSettings(cpu_seconds=60.0)


async def use(quotas: Quotas, tenant: str, milliseconds: float) -> None:
    async with quotas.job(tenant) as charge:
        charge(milliseconds)


async def test_without_quotas_nobody_is_refused_and_nobody_waits():
    quotas = Quotas(QuotaSettings())
    async with asyncio.timeout(20):
        await asyncio.gather(*(use(quotas, "a", 1e9) for _ in range(100)))
    quotas.check("a")


async def test_cpu_time_that_is_used_up_comes_back_and_who_was_let_in_waits_for_it():
    quotas = Quotas(A_SECOND_A_SECOND)
    began = time.monotonic()
    await use(quotas, "a", 60_200)  # a minute's worth at once, and a little more
    with pytest.raises(Busy) as refused:
        quotas.check("a")
    assert refused.value.by_quota
    assert 0 < refused.value.retry_after < 1
    quotas.check("b")
    await use(quotas, "b", 1)
    await use(quotas, "a", 0)
    assert time.monotonic() - began > 0.2
    quotas.check("a")


async def test_no_more_than_a_minutes_worth_is_saved():
    quotas = Quotas(QuotaSettings(cpu_seconds=1e-3))
    quotas.check("a")
    await use(quotas, "a", 2)
    with pytest.raises(Busy) as refused:
        quotas.check("a")
    assert 55 < refused.value.retry_after < 65


async def test_jobs_of_one_tenant_take_turns_and_those_of_another_do_not_wait_for_them():
    quotas = Quotas(QuotaSettings(jobs=2))
    running = 0
    most = 0
    free = asyncio.Event()

    async def job() -> None:
        nonlocal running, most
        async with quotas.job("a"):
            running += 1
            most = max(most, running)
            await free.wait()
            running -= 1

    work = [asyncio.create_task(job()) for _ in range(6)]
    while running < 2:  # noqa: ASYNC110 - the loop has to turn for it
        await asyncio.sleep(0)
    with pytest.raises(Busy, match="2 sandbox jobs running"):
        quotas.check("a")
    quotas.check("b")
    await use(quotas, "b", 1)
    free.set()
    await asyncio.gather(*work)
    assert most == 2
    quotas.check("a")


async def test_calls_that_were_let_in_hold_places_before_their_jobs_come():
    admission = Admission(slots=1, queue=1)
    with admission.call(), admission.call():
        with pytest.raises(Busy):
            admission.call().__enter__()
        async with admission.slot():
            pass
    with admission.call():
        pass
