"""StreamRollouts: one consumer of one run over one stream."""

from __future__ import annotations

import asyncio
import random

import grpc

from assay.v1 import reward_service_pb2 as wire
from assay.v1 import run_service_pb2
from assay_server.api.handlers import Wire, parse
from assay_server.api.principals import Principal
from assay_server.api.rates import TenantRates
from assay_server.config import Settings
from assay_server.metrics import Metrics
from assay_server.pipeline.acknowledging import Acknowledging
from assay_server.pipeline.failures import Code, Failure, failure_of, internal, invalid_field
from assay_server.pipeline.intake import MAX_ROLLOUT_BYTES, check_id
from assay_server.pipeline.live_run import LiveRun
from assay_server.pipeline.runs import Runs
from assay_server.pipeline.senders import Sender
from assay_server.store.protocol import StoreError
from assay_server.tracing.present import of_stream, present_caller
from assay_server.version import VERSION

MAX_BATCH_ROLLOUTS = 256
MAX_MESSAGE_BYTES = 64 * 1024 * 1024
_HANG_UP_SECONDS = 1.0
_LOOK_SECONDS = 0.1
_AGE_SPREAD = 0.2


class RolloutStreams:
    """Serves StreamRollouts."""

    def __init__(self, runs: Runs, settings: Settings, metrics: Metrics, rates: TenantRates) -> None:
        self._runs = runs
        self._rates = rates
        self._settings = settings
        self._metrics = metrics
        self._last_sent: dict[asyncio.Task[object], float] = {}

    async def drop_stalled(self, seconds: float) -> None:
        """End streams to which nothing could be sent for so long; what they are owed is in the store."""
        clock = asyncio.get_running_loop().time
        began = clock()
        while True:
            for task, sent in self._last_sent.items():
                if clock() - max(began, sent) >= seconds:
                    task.cancel()
            await asyncio.sleep(_LOOK_SECONDS)

    async def serve(self, principal: Principal, context: Wire) -> None:
        """Join the run, then read and write until either side ends."""
        request = await _open_request(context)
        run = await self._runs.live(principal.tenant, request.run_id, request.generation)
        limit = min(request.max_in_flight or self._settings.max_in_flight, self._settings.max_in_flight)
        sender, acked, last = await run.consumers.attach(
            request.consumer, _receivers(run, request), request.resume_after, limit
        )
        sender.caller = present_caller()
        of_stream("assay.consumer", request.consumer)
        self._metrics.streams.inc()
        clock, task = asyncio.get_running_loop().time, asyncio.current_task()
        assert task is not None
        self._last_sent[task] = clock()
        reader: asyncio.Task[None] | None = None
        retirement = self._retire_later(sender)
        try:
            await context.write(_opened(run, limit, acked, last).SerializeToString())
            reader = asyncio.create_task(_read(run, sender, context, self._rates), name=f"reader of {request.consumer}")
            while frames := await sender.outlet.next_frames():
                for frame in frames:
                    await context.write(frame)
                    self._last_sent[task] = clock()
                if sender.outlet.said_closing:
                    # A call that ends under its client's writes breaks there, and what was sent last is never read.
                    await asyncio.wait((reader,), timeout=_HANG_UP_SECONDS)
        finally:
            if retirement is not None:
                retirement.cancel()
            run.consumers.detach(sender)
            of_stream("assay.rollouts", sender.received)
            del self._last_sent[task]
            self._metrics.streams.dec()
            if reader is not None:
                reader.cancel()
                await asyncio.gather(reader, return_exceptions=True)

    def _retire_later(self, sender: Sender) -> asyncio.TimerHandle | None:
        """Ask the client in time to connect again, wherever there is most room by then."""
        if self._settings.stream_seconds is None:
            return None
        age = self._settings.stream_seconds * random.uniform(1.0 - _AGE_SPREAD, 1.0)  # noqa: S311 - not all at once
        closing = wire.Closing(reason=wire.CLOSING_REASON_MAX_AGE)
        return asyncio.get_running_loop().call_later(age, sender.outlet.close, closing)


async def _open_request(context: Wire) -> wire.Open:
    data = await context.read()
    if data == grpc.aio.EOF:  # pyright: ignore[reportAttributeAccessIssue] - missing in its stubs
        raise invalid_field("open", "the first request of a stream must be open; there was none")
    request = parse(wire.StreamRolloutsRequest, data)
    if request.WhichOneof("request") != "open":
        raise invalid_field("open", f"the first request of a stream must be open, not {request.WhichOneof('request')}")
    if not request.open.run_id:
        raise invalid_field("open.run_id", "must be given")
    check_id(request.open.consumer, "open.consumer")
    if request.open.delivery not in run_service_pb2.DeliveryMode.values():
        raise invalid_field("open.delivery", f"unknown value {request.open.delivery}")
    for name in ("generation", "resume_after", "max_in_flight"):
        if getattr(request.open, name) < 0:
            raise invalid_field(f"open.{name}", "must not be negative")
    return request.open


def _receivers(run: LiveRun, request: wire.Open) -> tuple[str, ...] | None:
    """Who gets the results of what this stream sends; None = every consumer of the run."""
    mode = request.delivery or run.spec.message.delivery or run_service_pb2.DELIVERY_MODE_SENDER
    if mode == run_service_pb2.DELIVERY_MODE_ALL:
        return None
    if mode == run_service_pb2.DELIVERY_MODE_SENDER:
        return (request.consumer,)
    deliver_to = request.deliver_to or run.spec.message.deliver_to
    if not deliver_to:
        raise invalid_field("open.deliver_to", "must name a consumer where delivery is CONSUMER")
    check_id(deliver_to, "open.deliver_to")
    return (deliver_to,)


def _opened(run: LiveRun, limit: int, acked: int, last: int) -> wire.StreamRolloutsResponse:
    opened = wire.Opened(
        run_id=run.record.run_id,
        generation=run.record.generation,
        max_in_flight=limit,
        max_batch_rollouts=MAX_BATCH_ROLLOUTS,
        max_rollout_bytes=MAX_ROLLOUT_BYTES,
        max_message_bytes=MAX_MESSAGE_BYTES,
        required_signals=run.spec.required_signals,
        last_acked=acked,
        last_sequence=last,
        server_version=VERSION,
    )
    return wire.StreamRolloutsResponse(opened=opened)


async def _read(run: LiveRun, sender: Sender, context: Wire, rates: TenantRates) -> None:
    """Take requests until the client ends its side; then everything it is owed is sent and the stream ends.

    What is read while the server drains, or after Closing, is left to the client, which sends it again where it
    connects next.
    """
    acknowledging = Acknowledging(lambda sequence: run.consumers.acknowledge(sender.outlet.consumer, sequence))
    try:
        while (data := await context.read()) != grpc.aio.EOF:  # pyright: ignore[reportAttributeAccessIssue] - as above
            if run.closed_to_requests or sender.outlet.closed:
                continue
            request = parse(wire.StreamRolloutsRequest, data)
            if rates.counts_rollouts and request.HasField("rollouts"):
                await rates.rollouts_in_time(run.record.tenant, len(request.rollouts.rollouts))
            try:
                await _handle(run, sender, acknowledging, request)
            except Failure as failure:  # what is asked makes no sense; whoever asked is told, and goes on
                sender.refuse("", request.group_control.group_id, failure)
            await sender.outlet.room()
            await sender.room()
        await acknowledging.settle()
    except (Failure, StoreError) as error:
        sender.outlet.fail(failure_of(error) or internal())
        return
    if sender.outlet.closed:
        return
    run.consumers.ending(sender)
    await run.settle_sender(sender)
    sender.outlet.close(wire.Closing())


async def _handle(
    run: LiveRun, sender: Sender, acknowledging: Acknowledging, request: wire.StreamRolloutsRequest
) -> None:
    match request.WhichOneof("request"):
        case "rollouts":
            rollouts = request.rollouts.rollouts
            sender.received += len(rollouts)
            if len(rollouts) > MAX_BATCH_ROLLOUTS:
                await _refuse_batch(sender, request)
                return
            _refuse_overdraft(sender, request)
            run.submit(sender, request)
        case "ack":
            if request.ack.sequence < 0:
                raise invalid_field("ack.sequence", "must not be negative")
            await acknowledging.note(request.ack.sequence)
        case "open":
            raise invalid_field("open", "the stream is open already")
        case None:
            raise invalid_field("request", "is empty, or of a kind this server does not know")
        case _:
            run.submit(sender, request)


async def _refuse_batch(sender: Sender, request: wire.StreamRolloutsRequest) -> None:
    """Answer every rollout of a batch that has too many; none was taken over."""
    rollouts = request.rollouts.rollouts
    failure = invalid_field("rollouts", f"{len(rollouts)} in a batch; at most {MAX_BATCH_ROLLOUTS}")
    for rollout in rollouts:
        sender.refuse(rollout.rollout_id, rollout.group_id, failure)
        await sender.outlet.room()


def _refuse_overdraft(sender: Sender, request: wire.StreamRolloutsRequest) -> None:
    """Answer what goes beyond the stream's credit at once; it was not taken over."""
    rollouts = request.rollouts.rollouts
    surplus = sender.in_flight + len(rollouts) - sender.max_in_flight
    if surplus <= 0:
        return
    text = f"the stream may have {sender.max_in_flight} rollouts in flight; wait for Credit"
    failure = Failure(Code.RESOURCE_EXHAUSTED, "CREDIT_EXCEEDED", text, retry_after=0.1)
    for rollout in rollouts[len(rollouts) - min(surplus, len(rollouts)) :]:
        sender.refuse(rollout.rollout_id, rollout.group_id, failure)
    del rollouts[len(rollouts) - min(surplus, len(rollouts)) :]
