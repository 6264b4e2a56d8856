"""SIGTERM: not ready first, then a resume point on every stream; nothing that was acknowledged is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2

from assay.v1 import reward_service_pb2 as wire
from assay.v1.run_service_pb2 import DELIVERY_MODE_CONSUMER

from .driver import Stream
from .rollouts import mixed_group, right, spec
from .server import Endpoint, http_get, serving, settings
from .server_process import server_process

CONSUMERS = ("a", "b", "c")


async def pump(stream: Stream, name: str) -> int:
    """Send groups until the stream ends; how many were sent."""
    number = 0
    try:
        while stream.ended is None and stream.closing is None:
            await stream.send(*mixed_group(f"{name}:{number}", 4, number % 5))
            number += 1
    except (AssertionError, grpc.aio.AioRpcError, asyncio.InvalidStateError):
        await stream.until(lambda: stream.closing is not None, "Closing")
    return number + 1


async def resume(endpoint: Endpoint, before: Stream, name: str, groups: int) -> None:
    async with endpoint.stream("run", name, resume_after=before.last) as after:
        assert before.closing is not None
        assert before.closing.reason == wire.CLOSING_REASON_DRAINING
        assert before.closing.last_sequence == before.last
        for number in range(groups):
            await after.send(*mixed_group(f"{name}:{number}", 4, number % 5))
        await after.finish()
    assert not set(before.samples) & set(after.samples)
    assert len(before.samples) + len(after.samples) == groups * 4
    assert len(before.groups) + len(after.groups) == groups
    assert after.last == groups * 5
    assert set(before.accepted) <= {*before.samples, *after.samples}


async def test_sigterm_under_load_loses_nothing_and_exits_with_0(tmp_path: Path) -> None:
    async with server_process(tmp_path) as first:
        await first.endpoint.create_run("run")
        streams = {name: first.endpoint.stream("run", name) for name in CONSUMERS}
        for stream in streams.values():
            await stream.start()
        pumps = [asyncio.create_task(pump(stream, name)) for name, stream in streams.items()]
        for stream in streams.values():
            await stream.until(lambda stream=stream: len(stream.samples) > 100, "load")
        first.terminate()
        groups = await asyncio.gather(*pumps)
        for stream in streams.values():
            await stream.until(lambda stream=stream: stream.ended is not None, "end")
            assert stream.ended == "OK"
        assert await first.exit_code() == 0
        assert not [event for event in first.log if event["level"] in {"warning", "error"}]
        assert not first.unlogged
    async with server_process(tmp_path) as second:
        for (name, before), count in zip(streams.items(), groups, strict=True):
            await resume(second.endpoint, before, name, count)


async def test_a_draining_server_is_not_ready_while_it_still_sends(tmp_path: Path) -> None:
    async with serving(settings(f"sqlite:{tmp_path / 'assay.db'}", http=True)) as server:
        await server.create_run("run", spec(delivery=DELIVERY_MODE_CONSUMER, deliver_to="slow"))
        assert (await http_get(server.http_address, "/readyz"))[0] == 200
        watching: list[int] = []
        watch = asyncio.create_task(_watch(server, watching))
        async with server.stream("run", "slow") as slow, server.stream("run", "rank") as rank:
            slow.stop_reading()
            await rank.send(*(right(f"r{i}") for i in range(3000)))
            await rank.until(lambda: rank.credit == rank.opened.max_in_flight, "all answers")
            drain = asyncio.create_task(server.process.drain())
            assert await _status_other_than(200, server.http_address) == 503
            assert (await http_get(server.http_address, "/livez"))[0] == 200
            assert not drain.done()
            slow.read_on()
            for stream in (slow, rank):
                await stream.until(lambda stream=stream: stream.ended is not None, "end")
                assert stream.ended == "OK"
                assert stream.closing is not None
                assert stream.closing.reason == wire.CLOSING_REASON_DRAINING
            assert slow.closing is not None
            assert slow.closing.last_sequence == slow.last == 3000
            watch.cancel()
            await drain
        assert watching[:2] == [
            health_pb2.HealthCheckResponse.SERVING,
            health_pb2.HealthCheckResponse.NOT_SERVING,
        ]


async def _status_other_than(status: int, address: str) -> int:
    while (present := (await http_get(address, "/readyz"))[0]) == status:
        pass
    return present


async def _watch(server: Endpoint, seen: list[int]) -> None:
    call = server.watch_health()
    try:
        async for answer in call:
            seen.append(answer.status)  # noqa: PERF401 - as they come: the call ends with an error
    except grpc.aio.AioRpcError:
        return


async def test_a_stalled_consumer_does_not_hold_the_drain_for_ever(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'assay.db'}"
    async with server_process(tmp_path) as first:
        await first.endpoint.create_run("run", spec(delivery=DELIVERY_MODE_CONSUMER, deliver_to="slow"))
        slow, rank = first.endpoint.stream("run", "slow"), first.endpoint.stream("run", "rank")
        await slow.start()
        await rank.start()
        slow.stop_reading()
        await rank.send(*(right(f"r{i}") for i in range(3000)))
        await rank.until(lambda: rank.credit == rank.opened.max_in_flight, "all answers")
        first.terminate()
        assert await first.exit_code() == 0
        slow.read_on()
        await slow.until(lambda: slow.ended is not None, "end")
    async with serving(settings(store)) as server:
        async with server.stream("run", "slow", resume_after=slow.last) as again:
            await again.finish()
        assert again.last == 3000
