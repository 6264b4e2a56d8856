"""Who gets which results, in which order, and that a reconnecting consumer loses and repeats nothing."""

from __future__ import annotations

import asyncio

import pytest

from assay.v1 import reward_service_pb2 as wire
from assay.v1 import rollout_pb2
from assay.v1.run_service_pb2 import DELIVERY_MODE_ALL, DELIVERY_MODE_CONSUMER

from .rollouts import mixed_group, right, rollout, spec, step
from .server import Service

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_group_is_accepted_scored_and_finished(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "rank-0") as stream:
        await stream.send(*mixed_group("g", 4, 1))
        await stream.finish()
    assert stream.accepted == ["g/0", "g/1", "g/2", "g/3"]
    stream.assert_accepted_first()
    assert [stream.samples[f"g/{i}"].score.value for i in range(4)] == [1.0, 0.0, 0.0, 0.0]
    assert list(stream.groups["g"].rollout_ids) == ["g/0", "g/1", "g/2", "g/3"]
    assert stream.last == 5
    assert stream.closing is None


async def test_accepted_comes_before_every_result_also_under_load(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a", max_in_flight=64) as stream:
        for number in range(150):
            await stream.send(*mixed_group(f"g{number}", 4, 2), batch=3)
        await stream.finish()
    assert len(stream.samples) == 600
    stream.assert_accepted_first()


async def test_accepted_comes_before_the_results_of_rollouts_that_grew(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        names = [f"r{i}" for i in range(100)]
        await stream.send(*(rollout(name, "", state=rollout_pb2.ROLLOUT_STATE_IN_PROGRESS) for name in names))
        for name in names:
            await stream.append(name, 0, step(0, "A: 18"), final=True)
        await stream.finish()
    told: set[str] = set()
    for event in stream.events:
        told.update(one.rollout_id for one in event.accepted.appends)
        assert not {result.rollout_id for result in event.sample_results.results} - told
    assert len(stream.samples) == 100


async def test_unacknowledged_results_come_again_and_acknowledged_ones_do_not(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as first:
        await first.send(*mixed_group("g", 4, 1))
        await first.group("g")
    async with server.stream("run", "a") as second:
        await second.group("g")
        assert (second.opened.last_acked, second.opened.last_sequence) == (0, 5)
        assert len(second.samples) == 4
    async with server.stream("run", "a", resume_after=2) as third:
        await third.group("g")
        assert (third.opened.last_acked, sorted(third.samples)) == (2, ["g/2", "g/3"])
        await third.ack()
        await third.send(right("next"))
        await third.scored("next")
        assert third.last == 6
    async with server.stream("run", "a") as fourth:
        await fourth.scored("next")
        assert (fourth.opened.last_acked, fourth.opened.last_sequence, list(fourth.samples)) == (5, 6, ["next"])


async def test_a_consumer_that_left_in_the_middle_of_a_batch_sends_it_again(server: Service) -> None:
    await server.create_run("run")
    everything = [member for number in range(60) for member in mixed_group(f"g{number}", 4, 2)]
    async with server.stream("run", "a") as first:
        await first.send(*everything[:200])
        await first.until(lambda: len(first.samples) > 20, "some results")
    async with server.stream("run", "a", resume_after=first.last) as second:
        assert second.opened.last_acked == first.last
        await second.send(*everything)
        await second.finish()
    samples, groups = {**first.samples, **second.samples}, {**first.groups, **second.groups}
    assert (len(samples), len(groups)) == (240, 60)
    assert not set(first.samples) & set(second.samples)
    assert second.last == 300


async def test_an_acknowledgement_beyond_what_was_given_out_is_clipped(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        await stream.send(right("r"))
        await stream.scored("r")
        await stream.ack(1_000_000)
        await stream.send(right("s"))
        await stream.scored("s")
        assert stream.last == 2
        await stream.finish()
    async with server.stream("run", "a") as again:
        await again.scored("s")
        assert (again.opened.last_acked, list(again.samples)) == (1, ["s"])


async def test_results_acknowledged_before_they_were_sent_again_are_left_out(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as first:
        await first.send(*(right(f"r{i}") for i in range(3000)))
        await first.until(lambda: len(first.samples) == 3000, "all results")
    async with server.stream("run", "a") as again:
        again.stop_reading()
        await again.ack(2999)
        again.may_skip = True
        again.read_on()
        await again.scored("r2999")
        await again.send(right("after"))
        await again.finish()
    assert again.last == 3001


async def test_a_newer_stream_of_a_consumer_takes_over(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as older:
        await older.send(*mixed_group("g", 4, 2)[:3])
        await older.scored("g/0", "g/1", "g/2")
        async with server.stream("run", "a", resume_after=older.last) as newer:
            await older.until(lambda: older.ended is not None, "end of the older stream")
            assert older.ended == "OK"
            assert older.closing is not None
            assert older.closing.reason == wire.CLOSING_REASON_REPLACED
            assert older.closing.last_sequence == 3
            await newer.send(*mixed_group("g", 4, 2)[3:])
            await newer.group("g")
            assert newer.last == 5


async def test_a_replaced_stream_that_lags_ends_without_what_the_newer_one_acknowledged(server: Service) -> None:
    await server.create_run("run", spec(delivery=DELIVERY_MODE_CONSUMER, deliver_to="a"))
    async with server.stream("run", "a") as older, server.stream("run", "rank-0") as rank:
        older.stop_reading()
        await rank.send(*(right(f"r{i}") for i in range(3000)))
        await rank.finish()
        async with server.stream("run", "a") as newer:
            await newer.until(lambda: len(newer.samples) == 3000, "all results")
            await newer.ack()
            older.read_on()
            await older.until(lambda: older.ended is not None, "end of the older stream")
            assert older.ended == "OK"
            assert older.closing is not None
            assert older.closing.reason == wire.CLOSING_REASON_REPLACED
            assert older.closing.last_sequence == older.last < 3000


async def test_a_group_goes_to_each_of_its_senders_and_a_sample_to_its_own(server: Service) -> None:
    await server.create_run("run")
    members = mixed_group("g", 4, 2)
    async with server.stream("run", "a") as a, server.stream("run", "b") as b, server.stream("run", "c") as c:
        await asyncio.gather(a.send(*members[:2]), b.send(*members[2:]), c.send(right("alone")))
        group_a, group_b = await a.group("g"), await b.group("g")
        await asyncio.gather(a.finish(), b.finish(), c.finish())
    assert group_a == group_b
    assert (sorted(a.samples), sorted(b.samples), sorted(c.samples)) == (["g/0", "g/1"], ["g/2", "g/3"], ["alone"])
    assert not c.groups


async def test_results_wait_for_a_named_consumer_that_is_away(server: Service) -> None:
    await server.create_run("run", spec(delivery=DELIVERY_MODE_CONSUMER, deliver_to="driver"))
    async with server.stream("run", "rank-0") as rank:
        await rank.send(*mixed_group("g", 4, 2))
        await rank.finish()
    assert (len(rank.accepted), rank.last) == (4, 0)
    async with server.stream("run", "driver") as driver:
        await driver.group("g")
        assert len(driver.samples) == 4


async def test_a_stream_may_choose_another_receiver_than_its_run(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "driver") as driver:
        rank = server.stream("run", "rank-0", delivery=DELIVERY_MODE_CONSUMER, deliver_to="driver")
        async with rank:
            await rank.send(right("r"))
            await driver.scored("r")
            await rank.finish()
        assert rank.last == 0


async def test_delivery_to_all_reaches_every_known_consumer(server: Service) -> None:
    await server.create_run("run", spec(delivery=DELIVERY_MODE_ALL))
    async with server.stream("run", "gone"):
        pass
    async with server.stream("run", "a") as a, server.stream("run", "b") as b:
        await a.send(*mixed_group("g", 2, 1))
        assert await a.group("g") == await b.group("g")
        assert sorted(a.samples) == sorted(b.samples) == ["g/0", "g/1"]
    async with server.stream("run", "gone") as gone:
        await gone.group("g")


async def test_a_half_closed_stream_ends_although_others_go_on(server: Service) -> None:
    await server.create_run("run")
    stop = asyncio.Event()

    async def keep_busy() -> int:
        async with server.stream("run", "busy") as busy:
            number = 0
            while not stop.is_set():
                await busy.send(*mixed_group(f"busy{number}", 8, 4))
                number += 1
            await busy.finish()
            return number

    async with asyncio.TaskGroup() as tasks:
        work = tasks.create_task(keep_busy())
        async with server.stream("run", "a") as stream:
            await stream.send(*mixed_group("g", 4, 2))
            await stream.finish()
        stop.set()
    assert work.result() > 0
    assert (len(stream.samples), list(stream.groups)) == (4, ["g"])


async def test_large_results_are_split_over_messages_in_order(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        await stream.send(*(right(f"r{i:04}") for i in range(1000)))
        await stream.finish()
    assert list(stream.samples) == [f"r{i:04}" for i in range(1000)]
    sizes = [len(event.sample_results.results) for event in stream.events if event.HasField("sample_results")]
    assert len(sizes) >= 4
    assert max(sizes) <= 256
