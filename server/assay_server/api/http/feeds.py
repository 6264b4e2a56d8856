"""A run's stream over HTTP: what a consumer is owed comes as events, what it sends comes by POST.

It is the stream that gRPC serves, with the same function behind it: the same numbers, the same outbox, one stream per
consumer. ``Last-Event-ID`` is its resume point, so an event stream that breaks is continued by any client that knows
server-sent events.
"""

from __future__ import annotations

import asyncio
from typing import Final, cast

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from assay.sdk import Json
from assay.v1 import reward_service_pb2 as wire
from assay_server.api.http.bodies import read_message, to_message
from assay_server.api.http.dispatch import Dispatch, attended, timeout_of
from assay_server.api.http.events import Events, EventStream, message_event
from assay_server.api.http.routes import Answer, get, post
from assay_server.pipeline.failures import Code, Failure, invalid_field
from assay_server.pipeline.runs import Runs

_STREAM: Final = "/assay.v1.RewardService/StreamRollouts"
FEED_PATH: Final = "/v1/runs/{run_id}/consumers/{consumer}"
_WAITING: Final = 4
_PARAMETERS: Final = frozenset({"generation", "delivery", "deliverTo", "maxInFlight", "resumeAfter"})

Key = tuple[str, str, str]
"""Tenant, run, consumer."""


class _Line:
    """Stands for the wire between a consumer and the function that serves its stream."""

    def __init__(self, first: wire.StreamRolloutsRequest) -> None:
        self._requests: asyncio.Queue[bytes] = asyncio.Queue(_WAITING)
        self._requests.put_nowait(first.SerializeToString())
        self._answers: asyncio.Queue[bytes | None] = asyncio.Queue(_WAITING)
        self.over = asyncio.Event()

    async def read(self) -> bytes:
        """The next request; the consumer's side never ends before its connection does."""
        return await self._requests.get()

    async def write(self, message: bytes, /) -> None:
        """An answer; waits while the consumer reads slowly."""
        await self._answers.put(message)

    async def send(self, request: wire.StreamRolloutsRequest) -> None:
        """Hand a request over; waits while the server takes none. Raises Failure where the feed ends."""
        handing = asyncio.create_task(self._requests.put(request.SerializeToString()), name="request of a feed")
        ending = asyncio.create_task(self.over.wait(), name="end of a feed")
        try:
            await asyncio.wait((handing, ending), return_when=asyncio.FIRST_COMPLETED)
            if not handing.done():
                raise _no_feed()
        finally:
            handing.cancel()
            ending.cancel()
            await asyncio.gather(handing, ending, return_exceptions=True)

    async def next(self) -> bytes | None:
        """The next answer; None after the last."""
        return await self._answers.get()

    async def finish(self) -> None:
        """There are no more answers."""
        self.over.set()
        await self._answers.put(None)

    def drop(self) -> None:
        """Nobody reads answers any more."""
        while not self._answers.empty():
            self._answers.get_nowait()


class Feeds:
    """The feeds that are open at this server."""

    def __init__(self, dispatch: Dispatch, runs: Runs) -> None:
        self._dispatch = dispatch
        self._runs = runs
        self._open: dict[Key, _Line] = {}

    def routes(self) -> list[Route]:
        """Results as events, requests and acknowledgements by POST."""
        return [
            get(f"{FEED_PATH}:results", self._results),
            post(f"{FEED_PATH}:send", self._send),
            post(f"{FEED_PATH}:ack", self._ack),
        ]

    async def _results(self, request: Request) -> Answer:
        key = self._key(request)
        line = _Line(_opening(request))
        return await EventStream(self._events(request, key, line)).begun()

    async def _events(self, request: Request, key: Key, line: _Line) -> Events:
        serving = asyncio.create_task(self._serve(request, line), name=f"feed of {key[2]}")
        self._open[key] = line
        try:
            while (frame := await line.next()) is not None:
                message = wire.StreamRolloutsResponse.FromString(frame)
                yield await message_event(message, message.sequence)
            await serving
        finally:
            if self._open.get(key) is line:
                del self._open[key]
            line.over.set()
            serving.cancel()
            line.drop()
            await asyncio.gather(serving, return_exceptions=True)

    async def _serve(self, request: Request, line: _Line) -> None:
        try:
            await self._dispatch.converse(request, _STREAM, line)
        finally:
            await line.finish()

    async def _send(self, request: Request) -> Answer:
        key = self._key(request)
        line = self._open.get(key)
        if line is None:
            raise _no_feed()
        message = await read_message(request, wire.StreamRolloutsRequest)
        if message.WhichOneof("request") in (None, "open"):
            raise invalid_field("request", "expected one request other than open; the feed is open already")
        seconds = timeout_of(request)
        await attended(request.receive, line.send(message), seconds)
        return JSONResponse({}, 202)

    async def _ack(self, request: Request) -> Answer:
        tenant, run_id, consumer = self._key(request)
        sequence = (await read_message(request, wire.Ack)).sequence
        if sequence < 0:
            raise invalid_field("sequence", "must not be negative")
        run = await self._runs.live(tenant, run_id, 0)
        await run.consumers.acknowledge(consumer, sequence)
        return JSONResponse({})

    def _key(self, request: Request) -> Key:
        principal = self._dispatch.admit(request, _STREAM)
        return principal.tenant, request.path_params["run_id"], request.path_params["consumer"]


def _opening(request: Request) -> wire.StreamRolloutsRequest:
    """The first request of a stream, from the path, the query and ``Last-Event-ID``."""
    query = dict(request.query_params)
    if unknown := sorted(set(query) - _PARAMETERS):
        raise invalid_field(unknown[0][:64], f"is no parameter of a feed; there are {', '.join(sorted(_PARAMETERS))}")
    last = request.headers.get("last-event-id", "").strip()
    given: dict[str, Json] = {
        **query,
        **({"resumeAfter": last} if last else {}),
        "runId": request.path_params["run_id"],
        "consumer": request.path_params["consumer"],
    }
    opening = to_message(cast("Json", given), wire.Open)
    return wire.StreamRolloutsRequest(open=opening)


def _no_feed() -> Failure:
    message = "this consumer has no feed at this server; open its results first"
    return Failure(Code.FAILED_PRECONDITION, "NO_FEED", message)
