"""The process that asks judges: what their connections cost, no loop of the server's pays.

Run as ``python -m assay_server.execution.judging.asking_main FD``; FD is its end of the socket pair to the server. The
first message has the endpoints with their keys, which are in neither its environment nor its command line.
"""

from __future__ import annotations

import asyncio
import ctypes
import signal
import socket
import sys
from collections.abc import Callable

import structlog

from assay.sdk import Unscorable
from assay_server.execution.gathering import Gathering, patience
from assay_server.execution.giving_way import give_way
from assay_server.execution.judging.asking import DirectAsking
from assay_server.execution.judging.asking_frames import (
    HEADER,
    Message,
    endpoints_of,
    failed_message,
    framed,
    mail_of,
    parsed,
    question_of,
    said_message,
    seconds_of,
)

_PR_SET_PDEATHSIG = 1

_log = structlog.get_logger(__name__)


class _Asked:
    """A question at work, and when nobody waits for it any more."""

    def __init__(self, seconds: float) -> None:
        self.moved: Callable[[], None] | None = None
        self.task: asyncio.Task[None] | None = None
        self.extend(seconds)

    def extend(self, seconds: float) -> None:
        self._ends = asyncio.get_running_loop().time() + seconds

    def remaining(self) -> float:
        return self._ends - asyncio.get_running_loop().time()


class _Desk:
    """Takes questions from the server and sends answers back."""

    def __init__(self, mail: Gathering[bytes], asking: DirectAsking) -> None:
        self._mail = mail
        self._asking = asking
        self._asked: dict[int, _Asked] = {}

    def take(self, message: Message) -> None:
        """A question, more time for one, or the end of one."""
        number = message["n"]
        assert isinstance(number, int)
        if "ask" in message:
            asked = self._asked[number] = _Asked(seconds_of(message))
            asked.task = asyncio.create_task(self._answer(number, message, asked))
            return
        asked = self._asked.get(number)
        if asked is None or asked.task is None:
            return
        if "left" in message:
            asked.extend(seconds_of(message))
        else:
            asked.task.cancel()

    async def _answer(self, number: int, message: Message, asked: _Asked) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            question = question_of(message)
            if (wait := self._asking.opens_in(question.request.endpoint)) > 0.0:  # the server may not have heard yet
                await asyncio.sleep(wait)
            answer = said_message(number, await self._asking.answer(question, asked))
        except Exception as error:  # noqa: BLE001 - whatever breaks is the answer to this question alone
            if not isinstance(error, (ValueError, Unscorable)):
                _log.exception("a question to a judge broke")
            answer = failed_message(number, error)
        finally:
            del self._asked[number]
        self._mail.add(framed(answer), patience(clock() - began))


async def work(connection: socket.socket) -> None:
    """Answer questions until the server goes away."""
    reader, writer = await asyncio.open_unix_connection(sock=connection)
    mail = mail_of(writer)

    def shut(endpoint: str, seconds: float) -> None:
        mail.add(framed({"shut": endpoint, "seconds": seconds}))

    asking: DirectAsking | None = None
    try:
        asking = DirectAsking(endpoints_of(await _next(reader)), shut)
        desk = _Desk(mail, asking)
        while True:
            desk.take(await _next(reader))
    except (asyncio.IncompleteReadError, ConnectionError):
        return
    finally:
        mail.end()
        writer.close()


async def _next(reader: asyncio.StreamReader) -> Message:
    (length,) = HEADER.unpack(await reader.readexactly(HEADER.size))
    return parsed(await reader.readexactly(length))


def main() -> None:
    """Ask judges until the server goes away."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    give_way()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server's to hear
    asyncio.run(work(socket.socket(fileno=int(sys.argv[1]))))


if __name__ == "__main__":
    main()
