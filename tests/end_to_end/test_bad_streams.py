"""What ends a stream, with which status, and that nobody else notices."""

from __future__ import annotations

from typing import cast

import grpc
import pytest

from assay.v1 import reward_service_pb2 as wire
from assay.v1.run_service_pb2 import DELIVERY_MODE_CONSUMER, DeliveryMode
from assay_server.pipeline.failures import Code

from .driver import Stream
from .rollouts import mixed_group, right
from .server import Service
from .statuses import Refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

INVALID_UTF8 = b"\x12\x08\x0a\x06\x0a\x02\xff\xfe\x12\x00"  # a batch with one rollout whose id is no text


async def _first(server: Service, data: bytes) -> Refusal:
    stream = Stream(server.bytes_call(), wire.Open())
    await stream.write_bytes(data)
    stream.listen()
    return await stream.failure()


@pytest.mark.parametrize(
    ("open_request", "field"),
    [
        (wire.Open(consumer="a"), "open.run_id"),
        (wire.Open(run_id="run"), "open.consumer"),
        (wire.Open(run_id="run", consumer="x" * 257), "open.consumer"),
        (wire.Open(run_id="run", consumer="a\n"), "open.consumer"),
        (wire.Open(run_id="run", consumer="a", generation=-1), "open.generation"),
        (wire.Open(run_id="run", consumer="a", resume_after=1), "open.resume_after"),
        (wire.Open(run_id="run", consumer="a", resume_after=-1), "open.resume_after"),
        (wire.Open(run_id="run", consumer="a", max_in_flight=-1), "open.max_in_flight"),
        (wire.Open(run_id="run", consumer="a", delivery=DELIVERY_MODE_CONSUMER), "open.deliver_to"),
        (wire.Open(run_id="run", consumer="a", delivery=DELIVERY_MODE_CONSUMER, deliver_to="\t"), "open.deliver_to"),
        (wire.Open(run_id="run", consumer="a", delivery=cast("DeliveryMode", 99)), "open.delivery"),
    ],
)
async def test_an_open_that_is_not_well_formed(server: Service, open_request: wire.Open, field: str) -> None:
    await server.create_run("run")
    if open_request.run_id:
        open_request.run_id = server.run_id("run")
    refusal = await _first(server, wire.StreamRolloutsRequest(open=open_request).SerializeToString())
    assert (refusal.code, refusal.fields) == (Code.INVALID_ARGUMENT, (field,))


async def test_an_open_of_what_is_not_there(server: Service) -> None:
    await server.create_run("run")
    for open_request, code, reason in (
        (wire.Open(run_id="nothing", consumer="a"), Code.NOT_FOUND, "RUN_NOT_FOUND"),
        (
            wire.Open(run_id=server.run_id("run"), consumer="a", generation=7),
            Code.FAILED_PRECONDITION,
            "STALE_GENERATION",
        ),
    ):
        refusal = await _first(server, wire.StreamRolloutsRequest(open=open_request).SerializeToString())
        assert (refusal.code, refusal.reason) == (code, reason)


async def test_the_first_message_must_open(server: Service) -> None:
    await server.create_run("run")
    for first in (wire.StreamRolloutsRequest(ack=wire.Ack(sequence=1)), wire.StreamRolloutsRequest()):
        refusal = await _first(server, first.SerializeToString())
        assert (refusal.code, refusal.fields) == (Code.INVALID_ARGUMENT, ("open",))
    assert (await _first(server, b"\xff")).reason == "UNDECODABLE"


async def test_a_stream_that_says_nothing_is_told_to_open(server: Service) -> None:
    stream = Stream(server.bytes_call(), wire.Open())
    stream.listen()
    await stream.half_close()
    assert (await stream.failure()).fields == ("open",)


@pytest.mark.parametrize("data", [INVALID_UTF8, b"\x12\xff\xff\xff\xff\x0f"], ids=["text that is not UTF-8", "damaged"])
async def test_a_frame_that_cannot_be_decoded_ends_its_own_stream_only(server: Service, data: bytes) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as bad, server.stream("run", "b") as good:
        await bad.send(right("before"))
        await bad.scored("before")
        await bad.write_bytes(data)
        refusal = await bad.failure()
        assert (refusal.code, refusal.reason, refusal.fields) == (Code.INVALID_ARGUMENT, "UNDECODABLE", ())
        await good.send(*mixed_group("g", 4, 2))
        await good.group("g")
        await good.finish()
    async with server.stream("run", "a") as again:
        await again.scored("before")
        assert again.opened.last_sequence == 1


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (wire.StreamRolloutsRequest(), "request"),
        (wire.StreamRolloutsRequest(open=wire.Open(run_id="run", consumer="a")), "open"),
        (wire.StreamRolloutsRequest(ack=wire.Ack(sequence=-1)), "ack.sequence"),
    ],
    ids=["empty", "second open", "negative ack"],
)
async def test_a_request_that_makes_no_sense_is_answered_and_the_stream_goes_on(
    server: Service, request_: wire.StreamRolloutsRequest, field: str
) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        await stream.write(request_)
        await stream.until(lambda: "" in stream.refused, "the refusal")
        (refusal,) = stream.refused[""]
        assert (refusal.code, refusal.reason, refusal.fields) == (Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", (field,))
        await stream.send(right("after"))
        await stream.finish()
        assert "after" in stream.samples


async def test_a_batch_of_nothing_is_no_work_and_the_run_goes_on(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        for number in range(3):
            await stream.overdraw([])
            await stream.send(right(f"r{number}"))
            await stream.scored(f"r{number}")
        await stream.overdraw([])
        await stream.finish()


async def test_a_batch_that_is_too_large_is_refused_item_by_item_and_the_stream_goes_on(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        many = [right(f"many-{number}") for number in range(257)]
        await stream.write(wire.StreamRolloutsRequest(rollouts=wire.RolloutBatch(rollouts=many)))
        await stream.until(lambda: len(stream.refused) == len(many), "the refusals")
        assert {refusal.fields for (refusal,) in stream.refused.values()} == {("rollouts",)}
        await stream.send(*many)
        await stream.finish()
        assert set(stream.samples) == {rollout.rollout_id for rollout in many}
        assert stream.opened.max_batch_rollouts == 256


async def test_a_message_beyond_the_limit_is_refused_and_the_connection_lives(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as bad, server.stream("run", "b") as good:
        await bad.write_bytes(b"\0" * (64 * 1024 * 1024 + 1))
        await bad.until(lambda: bad.ended is not None, "the end")
        assert bad.ended == "RESOURCE_EXHAUSTED"
        await good.send(right("r"))
        await good.scored("r")


async def test_a_unary_message_beyond_the_limit_is_refused(server: Service) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await server.call_bytes("RewardService/Score", b"\0" * (64 * 1024 * 1024 + 1))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
