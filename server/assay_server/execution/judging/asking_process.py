"""Asking in a process of its own, as the server holds it.

A request over HTTP takes about a millisecond of Python. Hundreds that begin or end together would keep a loop from
everything else for as many milliseconds; in another thread they would hold the interpreter from it. What is left here
is a message out and a message in, and of those that come together few are handed on in one turn of the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

import structlog

from assay.sdk import Unscorable
from assay_server.execution.child_modules import start_module
from assay_server.execution.gathering import Gathering, UsualTime
from assay_server.execution.judging.asking import Deadline, Question, Said
from assay_server.execution.judging.asking_frames import (
    answer_of,
    framed,
    mail_of,
    parsed,
    question_frame,
    seconds_message,
    setup_message,
    split_frames,
)
from assay_server.execution.judging.catalogue import Endpoint
from assay_server.execution.turns import Turns

_log = structlog.get_logger(__name__)
_MODULE = "assay_server.execution.judging.asking_main"
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_ANSWERS_A_TURN = 1
_READ_BYTES = 1 << 20
_STOP_SECONDS = 5.0


class _Asked(NamedTuple):
    """A question on its way."""

    answer: asyncio.Future[Said]
    deadline: Deadline
    since: float


class AskingProcess:
    """Asks endpoints from another process; started when :meth:`launch` or the first question wants it.

    One that dies takes the questions on their way with it, which are answered as retryable; the next one finds another.
    """

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._setup = framed(setup_message(endpoints))
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._mail: Gathering[bytes] | None = None
        self._usual = UsualTime()
        self._reading: asyncio.Task[None] | None = None
        self._connecting = asyncio.Lock()
        self._asked: dict[int, _Asked] = {}
        self._numbers = 0
        self._shut_until: dict[str, float] = {}

    @property
    def pid(self) -> int | None:
        """Its process, where there is one."""
        return None if self._process is None else self._process.pid

    def launch(self) -> None:
        """Start it with an environment of its own and no descriptor but its connection."""
        certificates = {name: os.environ[name] for name in _CERTIFICATES if name in os.environ}
        self._process, self._socket = start_module(_MODULE, variables=certificates)

    def opens_in(self, endpoint: str) -> float:
        """See :meth:`Asking.opens_in`."""
        until = self._shut_until.get(endpoint)
        return 0.0 if until is None else until - asyncio.get_running_loop().time()

    def ask(self, question: Question, deadline: Deadline) -> asyncio.Future[Said]:
        """See :meth:`Asking.ask`."""
        if self._mail is None:
            return asyncio.create_task(self._ask_when_connected(question, deadline), name="first question to a judge")
        return self._post(self._mail, question, deadline)

    async def _ask_when_connected(self, question: Question, deadline: Deadline) -> Said:
        return await self._post(await self._connected(), question, deadline)

    def _post(self, mail: Gathering[bytes], question: Question, deadline: Deadline) -> asyncio.Future[Said]:
        self._numbers += 1
        number = self._numbers
        loop = asyncio.get_running_loop()
        asked = self._asked[number] = _Asked(loop.create_future(), deadline, loop.time())
        mail.add(question_frame(number, question, deadline.remaining()), self._usual.patience)
        deadline.moved = partial(self._extend, mail, number, deadline)
        asked.answer.add_done_callback(partial(self._over, mail, number))
        return asked.answer

    def _extend(self, mail: Gathering[bytes], number: int, deadline: Deadline) -> None:
        mail.add(framed(seconds_message(number, deadline.remaining())))

    def _over(self, mail: Gathering[bytes], number: int, answer: asyncio.Future[Said]) -> None:
        """It is answered, or nobody waits any more."""
        asked = self._asked.pop(number)
        asked.deadline.moved = None
        if answer.cancelled():
            mail.add(framed({"n": number}))

    async def _connected(self) -> Gathering[bytes]:
        async with self._connecting:
            if self._mail is None:
                if self._socket is None:
                    self.launch()
                reader, writer = await asyncio.open_unix_connection(sock=self._socket)
                self._socket = None
                writer.write(self._setup)
                self._reading = asyncio.create_task(self._read(reader), name="answers of judges")
                self._writer = writer
                self._mail = mail_of(writer)
        return self._mail

    async def _read(self, reader: asyncio.StreamReader) -> None:
        turns, rest = Turns(_ANSWERS_A_TURN), b""
        try:
            while data := await reader.read(_READ_BYTES):
                answers, rest = split_frames(rest + data)
                for answer in answers:
                    await turns.mine()
                    self._take(answer)
        except ConnectionError:
            pass
        self._lost()

    def _take(self, data: bytes) -> None:
        message = parsed(data)
        if "shut" in message:
            until = asyncio.get_running_loop().time() + float(str(message["seconds"]))
            name = str(message["shut"])
            self._shut_until[name] = max(self._shut_until.get(name, 0.0), until)
            return
        number = message["n"]
        asked = self._asked.get(number) if isinstance(number, int) else None
        if asked is None or asked.answer.done():
            return
        self._usual.add(asyncio.get_running_loop().time() - asked.since)
        said = answer_of(message)
        if isinstance(said, Said):
            asked.answer.set_result(said)
        else:
            asked.answer.set_exception(said)

    def _lost(self) -> None:
        """It has ended by itself, or was killed."""
        _log.error("the process that asks judges ended; the next question starts another", lost=len(self._asked))
        self._let_go()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        for asked in self._asked.values():
            if not asked.answer.done():
                message = "the process that asks judges ended meanwhile"
                asked.answer.set_exception(Unscorable("JUDGE_UNAVAILABLE", message, retryable=True))

    def _let_go(self) -> asyncio.StreamWriter | None:
        """Close the connection, where there is one."""
        mail, writer = self._mail, self._writer
        self._mail = self._writer = None
        if mail is not None:
            mail.end()
        if writer is not None:
            writer.close()
        return writer

    async def close(self) -> None:
        """End it; questions on their way are lost."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._socket is not None:
            self._socket.close()
        if (writer := self._let_go()) is not None:
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        if self._process is not None:
            try:
                await asyncio.to_thread(self._process.wait, _STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                await asyncio.to_thread(self._process.wait)
