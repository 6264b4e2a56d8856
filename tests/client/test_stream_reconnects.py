"""Both streams over connections that break, are closed, or never open."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest

import assay
from assay import aio
from assay._reconnecting import Reconnects
from assay.connection import Connection
from assay.errors import Failure
from assay.v1 import reward_service_pb2 as wire

from .service import Recorder, Requests, Service, accepted, closing, opened, refuse, results, status
from .streaming import PATIENCE, QUICK, client_of, rollout, sample, take


def drop_after_receiving(requests: Requests, context: grpc.ServicerContext) -> Iterator[wire.StreamRolloutsResponse]:
    """Opens, takes the first rollouts, and dies before it says so."""
    for request in requests:
        if request.HasField("open"):
            yield opened(last_acked=request.open.resume_after)
        else:
            refuse(context, status(14, "gone"))


def test_what_was_not_accepted_is_sent_again(service: Service):
    recorder = Recorder()
    service.script(drop_after_receiving, drop_after_receiving, recorder)
    with client_of(service).stream("run") as stream:
        stream.send_many(map(rollout, range(5)))
        stream.wait_accepted(PATIENCE)
        assert take(stream, 5) == [f"r{number}" for number in range(5)]
    assert recorder.sent_ids() == [f"r{number}" for number in range(5)]


async def test_the_asyncio_stream_sends_again_too(service: Service):
    recorder = Recorder()
    service.script(drop_after_receiving, drop_after_receiving, recorder)
    async with aio.Client(service.target, retries=QUICK).stream("run") as stream:
        await stream.send_many(map(rollout, range(5)))
        await stream.wait_accepted(PATIENCE)
        got = [sample(await stream.receive(PATIENCE)).rollout_id for _ in range(5)]
    assert got == recorder.sent_ids() == [f"r{number}" for number in range(5)]


def half_then_drop(requests: Requests, context: grpc.ServicerContext) -> Iterator[wire.StreamRolloutsResponse]:
    """Accepts three, answers two of them, and dies."""
    for request in requests:
        if request.HasField("open"):
            yield opened()
        elif request.HasField("rollouts"):
            yield accepted("r0", "r1", "r2")
            yield results(2, "r0", "r1")
            refuse(context, status(14, "gone"))


def test_results_come_once_over_several_connections(service: Service):
    opens: list[int] = []

    def again(requests: Requests, context: grpc.ServicerContext) -> Iterator[wire.StreamRolloutsResponse]:
        del context
        for request in requests:
            if request.HasField("open"):
                opens.append(request.open.resume_after)
                yield opened(last_acked=request.open.resume_after)
                held = ["r0", "r1", "r2"]
                yield results(3, *held[request.open.resume_after :])
            elif request.HasField("rollouts"):  # what broke the stream may have overtaken that they were accepted
                yield accepted(*(one.rollout_id for one in request.rollouts.rollouts))
        yield closing()

    service.script(half_then_drop, again)
    with client_of(service).stream("run") as stream:
        stream.send_many(map(rollout, range(3)))
        assert take(stream, 3) == ["r0", "r1", "r2"]
    assert opens[0] <= 2


@pytest.mark.parametrize("reason", [wire.CLOSING_REASON_DRAINING, wire.CLOSING_REASON_MAX_AGE])
def test_a_closing_service_is_left_and_another_one_found(service: Service, reason: wire.ClosingReason):
    def drains(requests: Requests, context: grpc.ServicerContext) -> Iterator[wire.StreamRolloutsResponse]:
        del context
        next(requests)
        yield opened()
        yield closing(reason, service.target)

    recorder = Recorder()
    service.script(drains, recorder)
    with client_of(service).stream("run") as stream:
        stream.send(rollout(1))
        assert take(stream, 1) == ["r1"]


def closes_with(reason: wire.ClosingReason):
    def script(requests: Requests, context: grpc.ServicerContext) -> Iterator[wire.StreamRolloutsResponse]:
        del context
        next(requests)
        yield opened()
        yield closing(reason)

    return script


@pytest.mark.parametrize(
    ("reason", "kind"),
    [(wire.CLOSING_REASON_REPLACED, assay.StreamReplaced), (wire.CLOSING_REASON_FENCED, assay.StaleGeneration)],
)
def test_a_stream_whose_place_is_taken_says_so(
    service: Service, reason: wire.ClosingReason, kind: type[assay.AssayError]
):
    service.script(closes_with(reason))
    stream = client_of(service).stream("run")
    with pytest.raises(kind):
        stream.receive(PATIENCE)
    with pytest.raises(kind):
        stream.send(rollout(1))
    stream.close()


async def test_an_asyncio_stream_whose_place_is_taken_says_so(service: Service):
    service.script(closes_with(wire.CLOSING_REASON_REPLACED))
    with pytest.raises(assay.StreamReplaced):
        async with aio.Client(service.target).stream("run") as stream:
            await stream.receive(PATIENCE)


def refuses(code: int, reason: str = ""):
    def script(requests: Requests, context: grpc.ServicerContext) -> Iterator[wire.StreamRolloutsResponse]:
        next(requests)
        refuse(context, status(code, "no", reason))
        yield closing()

    return script


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (9, "STALE_GENERATION", assay.StaleGeneration),
        (5, "", assay.NotFound),
        (16, "", assay.Unauthenticated),
        (3, "", assay.InvalidArgument),
        (12, "", assay.Unimplemented),
    ],
)
def test_a_stream_that_cannot_open_says_why(service: Service, code: int, reason: str, kind: type[assay.AssayError]):
    service.script(refuses(code, reason))
    with pytest.raises(kind):
        client_of(service).stream("run")


async def test_an_asyncio_stream_that_cannot_open_says_why(service: Service):
    service.script(refuses(5))
    with pytest.raises(assay.NotFound):
        async with aio.Client(service.target).stream("run"):
            pass


def test_a_stream_gives_up_in_the_end(service: Service):
    service.script(refuses(14))
    with pytest.raises(assay.Unavailable):
        client_of(service).stream("run", give_up_after=0.0)


def test_a_service_that_fails_again_and_again_without_progress_is_given_up(service: Service):
    service.script(*[refuses(13)] * 6)
    with pytest.raises(assay.Internal):
        client_of(service).stream("run")


def test_missing_results_are_data_loss(service: Service):
    def loses(requests: Requests, context: grpc.ServicerContext) -> Iterator[wire.StreamRolloutsResponse]:
        del context
        next(requests)
        yield opened()
        yield results(5, "r5")
        yield from ()
        next(requests, None)

    service.script(loses)
    stream = client_of(service).stream("run")
    with pytest.raises(assay.DataLoss):
        stream.receive(PATIENCE)
    stream.close()


def test_to_be_opened_alone_is_no_progress():
    reconnects = Reconnects(Connection("localhost:1", None, None, 10.0, QUICK), give_up_after=60.0)
    broken = Failure(14, "gone")
    for second in range(60):
        reconnects.received(opened(), float(second))
        reconnects.delay_after(broken, second + 0.5, 0.5)
    with pytest.raises(assay.Unavailable):
        reconnects.delay_after(broken, 61.0, 0.5)


def test_a_connection_that_brought_something_or_lasted_starts_patience_afresh():
    reconnects = Reconnects(Connection("localhost:1", None, None, 10.0, QUICK), give_up_after=60.0)
    broken = Failure(14, "gone")
    for hour in range(5):
        reconnects.received(opened(), hour * 3600.0)
        reconnects.delay_after(broken, hour * 3600.0 + 30.0, 0.5)
    for minute in range(5):
        reconnects.received(opened(), 20_000.0 + 60.0 * minute)
        reconnects.received(results(1, "r0"), 20_000.1 + 60.0 * minute)
        reconnects.delay_after(broken, 20_000.2 + 60.0 * minute, 0.5)
