"""Server-sent events: a stream of answers over a plain HTTP response."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

from google.protobuf.message import Message
from starlette.types import Receive, Scope, Send

from assay_server.api.http.answers import answer_json, json_bytes
from assay_server.api.http.bodies import BIG_BYTES
from assay_server.api.http.dispatch import gone
from assay_server.api.http.refusals import error_json
from assay_server.pipeline.failures import Failure

_BEAT_SECONDS: Final = 15.0
_HEADERS: Final = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]

Events = AsyncGenerator[bytes]


def event(data: bytes, *, name: str = "", number: int = 0) -> bytes:
    """One event; ``data`` has no line ends."""
    head = (f"id: {number}\n" if number else "") + (f"event: {name}\n" if name else "")
    return b"".join((head.encode(), b"data: ", data, b"\n\n"))


async def message_event(message: Message, number: int = 0) -> bytes:
    """One answer as an event."""
    big = message.ByteSize() > BIG_BYTES
    return event(await asyncio.to_thread(_written, message) if big else _written(message), number=number)


def _written(message: Message) -> bytes:
    return json_bytes(answer_json(message))


async def answered_events(answers: AsyncGenerator[Message]) -> Events:
    """The answers of a call as events, then ``end``, or ``error`` with what the call failed for."""
    try:
        async for answer in answers:
            yield await message_event(answer)
    finally:
        await answers.aclose()


class EventStream:
    """A response of events, made for as long as somebody listens.

    What fails before the first event is raised by :meth:`begun` and becomes a status; what fails later is an event.
    """

    def __init__(self, events: Events) -> None:
        self._events = events
        self._first: bytes | None = None

    async def begun(self) -> EventStream:
        """The same, when its first event is there. Raises Failure."""
        self._first = await _next(self._events)
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        del scope
        await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        sending = asyncio.create_task(self._send(send), name="events")
        leaving = asyncio.create_task(gone(receive), name="listener of events")
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sending.cancel()
            leaving.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
            await self._events.aclose()

    async def _send(self, send: Send) -> None:
        async def say(data: bytes) -> None:
            await send({"type": "http.response.body", "body": data, "more_body": True})

        try:
            item = self._first
            while item is not None:
                await say(item)
                following = asyncio.create_task(_next(self._events), name="next event")
                try:
                    while not (await asyncio.wait((following,), timeout=_BEAT_SECONDS))[0]:
                        await say(b":\n\n")  # keeps what is between from thinking that nothing comes any more
                    item = following.result()
                finally:
                    following.cancel()
            await say(event(b"{}", name="end"))
        except Failure as failure:
            await say(event(json_bytes(error_json(failure)), name="error"))
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _next(events: Events) -> bytes | None:
    async for item in events:
        return item
    return None
