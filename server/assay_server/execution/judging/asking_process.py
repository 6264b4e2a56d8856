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

import structlog

from assay.sdk import Unscorable
from assay_server.execution.child_modules import start_module
from assay_server.execution.gathering import Gathering, UsualTime
from assay_server.execution.judging.asking import Deadline, Question, Said
from assay_server.execution.judging.asking_frames import (
    answer_of,
    framed,
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
_ANSWERS_A_TURN = 2
_READ_BYTES = 1 << 20
_STOP_SECONDS = 5.0


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
        self._answers: dict[int, asyncio.Future[Said]] = {}
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

    async def until_open(self, endpoint: str) -> None:
        """Wait while the endpoint has asked everyone to come back later."""
        wait = self._shut_until.get(endpoint, 0.0) - asyncio.get_running_loop().time()
        if wait > 0.0:
            await asyncio.sleep(wait)

    async def ask(self, question: Question, deadline: Deadline) -> Said:
        """See :meth:`Asking.ask`."""
        mail = self._mail or await self._connected()
        self._numbers += 1
        number = self._numbers
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Said] = loop.create_future()
        self._answers[number] = answer
        mail.add(question_frame(number, question, deadline.remaining()), self._usual.patience)
        deadline.moved = lambda: mail.add(framed(seconds_message(number, deadline.remaining())))
        asked = loop.time()
        try:
            said = await answer
        except asyncio.CancelledError:
            mail.add(framed({"n": number}))
            raise
        finally:
            deadline.moved = None
            self._answers.pop(number, None)
        self._usual.add(loop.time() - asked)
        return said

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
                self._mail = Gathering(lambda frames: writer.write(b"".join(frames)))
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
        answer = self._answers.get(number) if isinstance(number, int) else None
        if answer is None or answer.done():
            return
        said = answer_of(message)
        if isinstance(said, Said):
            answer.set_result(said)
        else:
            answer.set_exception(said)

    def _lost(self) -> None:
        """It has ended by itself, or was killed."""
        _log.error("the process that asks judges ended; the next question starts another", lost=len(self._answers))
        self._let_go()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        for answer in self._answers.values():
            if not answer.done():
                message = "the process that asks judges ended meanwhile"
                answer.set_exception(Unscorable("JUDGE_UNAVAILABLE", message, retryable=True))

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
