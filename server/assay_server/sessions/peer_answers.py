"""The answering side of a fleet: questions of other servers about sessions that this one holds.

A conversation that ends takes its unanswered questions with it: who asked is gone, or its own caller is.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable

import structlog

from assay_server.sessions.engine import SessionEngine
from assay_server.sessions.first_ready import write_as_ready
from assay_server.sessions.fleet import NotHeld, Question
from assay_server.sessions.peer_frames import Asked, Closed, Failed, Reply, TakenBack, decode_said, encode_reply
from assay_server.sessions.values import SessionFault
from assay_server.store.journal import HeldElsewhere

_log = structlog.get_logger(__name__)


class PeerAnswers:
    """Conversations with other servers."""

    def __init__(self, engine: SessionEngine) -> None:
        self._engine = engine
        self._readers: set[asyncio.Task[None]] = set()
        self._leaving = False

    async def serve(
        self, read: Callable[[], Awaitable[bytes | None]], write: Callable[[bytes], Awaitable[None]]
    ) -> None:
        """Answer until ``read`` gives ``None`` or this server leaves. Raises BadFrame."""
        ready: asyncio.Queue[bytes | None] = asyncio.Queue()
        under_way: dict[int, asyncio.Task[None]] = {}
        reader = asyncio.create_task(self._read(read, ready, under_way), name="peer reader")
        if self._leaving:
            reader.cancel()
        self._readers.add(reader)
        finisher = asyncio.create_task(_finish(reader, under_way, ready), name="peer finisher")
        try:
            await write_as_ready(ready, write)
            if not reader.cancelled():
                reader.result()
        finally:
            self._readers.discard(reader)
            tasks = [reader, finisher, *under_way.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def leave(self) -> None:
        """Take no more questions; those that were asked are answered."""
        self._leaving = True
        for reader in self._readers:
            reader.cancel()

    async def _read(
        self,
        read: Callable[[], Awaitable[bytes | None]],
        ready: asyncio.Queue[bytes | None],
        under_way: dict[int, asyncio.Task[None]],
    ) -> None:
        while (data := await read()) is not None:
            for said in decode_said(data):
                match said:
                    case Asked(number, question):
                        task = asyncio.create_task(self._answer(number, question, ready), name="peer question")
                        under_way[number] = task
                        task.add_done_callback(functools.partial(_forget, under_way, number))
                    case TakenBack(number):
                        if number in under_way:
                            under_way[number].cancel()
                    case Closed(tenant, session_ids):
                        self._engine.let_go(tenant, session_ids)

    async def _answer(self, number: int, question: Question, ready: asyncio.Queue[bytes | None]) -> None:
        reply: Reply
        try:
            reply = await self._engine.answer(question)
        except SessionFault as fault:
            reply = fault
        except HeldElsewhere:
            reply = NotHeld()
        except Exception as error:  # noqa: BLE001 - who asked must hear of it, and raises it there
            _log.error("a question of another server failed", exc_info=error)
            reply = Failed()
        ready.put_nowait(encode_reply(number, reply))


def _forget(under_way: dict[int, asyncio.Task[None]], number: int, _: asyncio.Task[None]) -> None:
    under_way.pop(number, None)


async def _finish(
    reader: asyncio.Task[None], under_way: dict[int, asyncio.Task[None]], ready: asyncio.Queue[bytes | None]
) -> None:
    """Have the writer stop when everything that was read is answered."""
    await asyncio.wait([reader])
    if under_way:
        await asyncio.wait(list(under_way.values()))
    ready.put_nowait(None)
