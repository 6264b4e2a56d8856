"""Credits, and consumers that do not keep up: they fill their own outbox and nobody else's."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from assay.v1 import rollout_pb2
from assay.v1.run_service_pb2 import DELIVERY_MODE_CONSUMER
from assay_server.pipeline import consumers
from assay_server.pipeline.failures import Code

from .rollouts import mixed_group, right, rollout, spec, step
from .server import Endpoint, Service, serving, settings
from .server_process import server_process

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 1024 * 1024


async def test_four_in_flight_are_enough_for_groups_of_eight(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a", max_in_flight=4) as stream:
        assert stream.opened.max_in_flight == 4
        for number in range(20):
            await stream.send(*mixed_group(f"g{number}", 8, 3))
        await stream.finish()
        assert stream.credit == 4
    assert (len(stream.samples), len(stream.groups)) == (160, 20)
    assert not stream.refused


async def test_the_server_grants_no_more_than_its_own_limit() -> None:
    async with serving(settings(max_in_flight=16)) as server:
        await server.create_run("run")
        for wish, granted in ((0, 16), (1000, 16), (3, 3)):
            async with server.stream("run", "a", max_in_flight=wish) as stream:
                assert stream.opened.max_in_flight == granted


async def test_what_goes_beyond_the_credit_is_refused_in_band_with_a_retry_hint(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a", max_in_flight=4) as stream:
        everything = [right(f"r{i}") for i in range(10)]
        await stream.overdraw(everything)
        await stream.until(lambda: len(stream.samples) + len(stream.refused) == 10, "all answers")
        assert sorted(stream.samples) == ["r0", "r1", "r2", "r3"]
        for name in ("r4", "r9"):
            refusal = await stream.refusal(name)
            assert (refusal.code, refusal.reason) == (Code.RESOURCE_EXHAUSTED, "CREDIT_EXCEEDED")
            assert refusal.metadata["retryable"] == "true"
            assert refusal.retry_seconds
        stream.credit = 4
        await stream.send(*everything[4:])
        await stream.scored(*(f"r{i}" for i in range(10)))


async def test_members_that_wait_for_their_group_hold_no_slot(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a", max_in_flight=2) as stream:
        for number in range(30):
            await stream.send(*mixed_group(f"g{number}", 2, 1)[:1])
        growing = [rollout(f"r{i}", "", state=rollout_pb2.ROLLOUT_STATE_IN_PROGRESS) for i in range(30)]
        await stream.send(*growing)
        await stream.until(lambda: stream.credit == 2, "all credit")
        assert not stream.groups
        for number in range(30):
            await stream.send(*mixed_group(f"g{number}", 2, 1)[1:])
            await stream.append(f"r{number}", 0, step(0, "A: 18"), final=True)
        await stream.finish()
    assert (len(stream.samples), len(stream.groups)) == (90, 30)


async def test_a_rank_that_sends_for_a_driver_that_is_away_gets_its_credit_back(server: Service) -> None:
    await server.create_run("run", spec(delivery=DELIVERY_MODE_CONSUMER, deliver_to="driver"))
    async with server.stream("run", "rank", max_in_flight=8) as rank:
        await rank.send(*(right(f"r{i}") for i in range(2000)), batch=8)
        await rank.finish()
    async with server.stream("run", "driver") as driver:
        await driver.until(lambda: len(driver.samples) == 2000, "all results")


async def test_a_stream_ends_however_far_behind_those_are_who_get_its_results(
    server: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "MAX_OUTBOX", 20)
    await server.create_run("run", spec(delivery=DELIVERY_MODE_CONSUMER, deliver_to="driver"))
    async with server.stream("run", "rank", max_in_flight=64) as rank:
        await rank.send(*(right(f"r{i}") for i in range(60)))
        await rank.until(lambda: len(rank.accepted) == 60, "all taken over")
        assert rank.credit < 64, "slots were given back although the driver is far behind"
        await rank.finish()


STALLED = spec(estimator="advantage/gigpo", delivery=DELIVERY_MODE_CONSUMER, deliver_to="stalled")


async def _four_others(endpoint: Endpoint) -> None:
    await asyncio.gather(*(_another(endpoint, f"rank-{index}") for index in range(4)))


async def _another(endpoint: Endpoint, name: str) -> None:
    async with endpoint.stream("run", name, delivery=DELIVERY_MODE_CONSUMER, deliver_to=name) as stream:
        for number in range(20):
            await stream.send(*mixed_group(f"{name}:{number}", 8, number % 9))
            await stream.ack()
        await stream.finish()
    assert (len(stream.samples), len(stream.groups)) == (160, 20)


async def test_a_client_that_does_not_read_disturbs_nobody_and_then_gets_everything(tmp_path: Path) -> None:
    async with serving(settings(f"sqlite:{tmp_path / 'assay.db'}")) as server:
        await server.create_run("run", STALLED)
        async with server.stream("run", "stalled") as stalled, server.stream("run", "rank") as rank:
            stalled.stop_reading()
            await rank.send(*(right(f"r{i}") for i in range(6000)))
            await rank.send(*_many_steps("g", 16))
            await rank.until(lambda: rank.credit == rank.opened.max_in_flight, "all answers")
            await _four_others(server)
            assert stalled.last == 0
            stalled.read_on()
            await stalled.group("g")
            assert len(stalled.samples) == 6016


@pytest.mark.soak
async def test_what_waits_for_a_client_that_does_not_read_is_not_held_in_memory(tmp_path: Path) -> None:
    """After a while of warming caches the process does not grow while many MiB of results pile up."""
    async with server_process(tmp_path) as server:
        endpoint = server.endpoint
        await endpoint.create_run("run", STALLED)
        async with endpoint.stream("run", "stalled") as stalled, endpoint.stream("run", "rank") as rank:
            stalled.stop_reading()
            warm = 0
            for number in range(120):
                await rank.send(*_many_steps(f"g{number}", 16))
                await rank.until(lambda: rank.credit == rank.opened.max_in_flight, "all answers")
                if number == 69:
                    warm = server.resident_bytes()
            grown = server.resident_bytes() - warm
            await _four_others(endpoint)
            stalled.read_on()
            await stalled.until(lambda: len(stalled.groups) == 120, "everything")
            waiting = sum(stalled.groups[f"g{number}"].ByteSize() for number in range(70, 120))
    assert waiting > 15 * MIB
    assert grown < waiting / 3, f"{waiting / MIB:.1f} MiB more waited and the server grew by {grown / MIB:.1f} MiB"


def _many_steps(group: str, size: int) -> list[rollout_pb2.Rollout]:
    members: list[rollout_pb2.Rollout] = []
    for member in mixed_group(group, size, size // 2):
        last = member.steps[0].action
        del member.steps[:]
        for index in range(400):
            member.steps.append(step(index, "go", observation=f"{member.rollout_id} at {index}"))
        member.steps[-1].action.CopyFrom(last)
        members.append(member)
    return members
