"""Connections over which one endpoint is asked: HTTP/1.1, one question at a time on each, kept for the next."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import NamedTuple, cast
from urllib.parse import quote, urlsplit

import h11

_IDLE_SECONDS = 5.0
_PATH_MARKS = "/%:@!$&'()*+,;=~"


class Answer(NamedTuple):
    """What came back.

    Attributes:
        body: None where it is longer than it may be.
        headers: by their names in lower case; the last one of a name.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | None


class BrokenConnection(Exception):
    """There is no answer, or none that is HTTP; the message names the error, never a text of it."""


class Connections:
    """All connections to one URL, few of them as those used last go first.

    Args:
        headers: sent with each question.
        trusted: for https.
        longest: bytes of a body.
    """

    def __init__(self, url: str, headers: Mapping[str, str], trusted: ssl.SSLContext | None, longest: int) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._host = parts.hostname.encode("idna").decode() if ":" not in parts.hostname else parts.hostname
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._target = quote(parts.path or "/", safe=_PATH_MARKS)
        host = f"[{self._host}]" if ":" in self._host else self._host
        self._headers = [("host", host if parts.port is None else f"{host}:{parts.port}"), *headers.items()]
        self._trusted = trusted
        self._longest = longest
        self._open: set[_Connection] = set()
        self._idle: list[_Connection] = []

    async def post(self, body: bytes) -> Answer:
        """The answer to a POST of ``body``; one that is not waited for any more is cut off.

        Raises:
            BrokenConnection: as it says.
        """
        try:
            connection = self._warm() or await self._connected()
            question = h11.Request(
                method="POST", target=self._target, headers=[*self._headers, ("content-length", str(len(body)))]
            )
            try:
                answer = await connection.exchange(question, body)
            except BaseException:
                connection.abort()
                raise
        except (OSError, h11.ProtocolError, EOFError) as error:
            raise BrokenConnection(type(error).__name__) from None
        if connection.reusable():
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
        else:
            connection.abort()
        return answer

    async def close(self) -> None:
        """Close all of them."""
        closing = list(self._open)
        for connection in closing:
            connection.abort()
        await asyncio.gather(*(connection.lost for connection in closing))

    def _warm(self) -> _Connection | None:
        """The one that was used last, where it is not too old: its end may be about to close it."""
        oldest = asyncio.get_running_loop().time() - _IDLE_SECONDS
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable() and connection.idle_since >= oldest:
                return connection
            connection.abort()
        return None

    async def _connected(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: _Connection(self._longest), self._host, self._port, ssl=self._trusted
        )
        self._open.add(connection)
        connection.lost.add_done_callback(lambda _: self._open.discard(connection))
        return connection


class _Connection(asyncio.Protocol):
    """One connection.

    Attributes:
        lost: done when it is closed.
        idle_since: when its last question was answered.
    """

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._http = h11.Connection(h11.CLIENT)
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._head: h11.Response | None = None
        self._body: list[bytes] = []
        self._size = 0
        self._ended = False
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.idle_since = 0.0

    def reusable(self) -> bool:
        """Whether another question can be asked over it."""
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        return self._http.states == _READY and not self._ended and not self._http.trailing_data[0]

    def abort(self) -> None:
        """Close it at once."""
        self._ended = True
        if self._transport is not None:
            self._transport.abort()

    async def exchange(self, question: h11.Request, body: bytes) -> Answer:
        """Send and receive. Raises OSError, EOFError, h11.ProtocolError."""
        assert self._transport is not None
        self._head, self._size = None, 0
        self._body.clear()
        parts = [self._http.send(event) for event in (question, h11.Data(data=body), h11.EndOfMessage())]
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            self._transport.write(b"".join(part for part in parts if part))
            return await self._waiting
        finally:
            self._waiting = None

    # ------------------------------------------------------------ what comes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._waiting is None or self._waiting.done():
            self.abort()  # it speaks without being asked
        else:
            self._received(data, self._waiting)

    def eof_received(self) -> None:
        self._ended = True
        if self._waiting is not None and not self._waiting.done():
            self._received(b"", self._waiting)  # ends a body that has no length

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(exc or EOFError())
        if not self.lost.done():
            self.lost.set_result(None)

    def _received(self, data: bytes, waiting: asyncio.Future[Answer]) -> None:
        try:
            self._http.receive_data(data)
            while not waiting.done():
                event = self._http.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    return
                self._take(event, waiting)
        except h11.ProtocolError as error:
            waiting.set_exception(error)

    def _take(self, event: object, waiting: asyncio.Future[Answer]) -> None:
        match event:
            case h11.Response():
                self._head = event
            case h11.Data():
                self._size += len(event.data)
                self._body.append(bytes(event.data))
                if self._size > self._longest:
                    waiting.set_result(self._answer(None))
            case h11.EndOfMessage():
                waiting.set_result(self._answer(b"".join(self._body)))
            case h11.ConnectionClosed():
                waiting.set_exception(EOFError())
            case _:
                pass  # an interim response; the answer follows

    def _answer(self, body: bytes | None) -> Answer:
        assert self._head is not None
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in self._head.headers}
        return Answer(self._head.status_code, headers, body)


_READY = {h11.CLIENT: h11.IDLE, h11.SERVER: h11.IDLE}
