"""Connections to an endpoint: what of HTTP/1.1 an endpoint may answer with, and which connections are used again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import cast

import pytest

from assay_server.execution.judging.connections import BrokenConnection, Connections

LONGEST = 10_000
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine"
Pieces = bytes | Sequence[bytes | None]


class Scripted:
    """A server that answers each request with the next bytes, which may come in pieces.

    Pieces that end with ``None`` are followed by the end of the connection.

    Attributes:
        connections: how many were opened.
        requests: heads and bodies, as they came.
        gone: connections that their other end closed.
    """

    def __init__(self, *script: Pieces) -> None:
        self._script = list(script)
        self.connections = 0
        self.requests: list[tuple[bytes, bytes]] = []
        self.gone = 0
        self.changed = asyncio.Event()
        self.port = 0

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[Scripted]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = cast("int", server.sockets[0].getsockname()[1])
        async with server:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
                self.requests.append((head, await reader.readexactly(int(length.split(b":")[1]))))
                self.changed.set()
                if not await self._answered(writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            self.gone += 1
            self.changed.set()
        finally:
            writer.close()

    async def _answered(self, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection stays open."""
        if not self._script:
            return True
        answer = self._script.pop(0)
        for piece in [answer] if isinstance(answer, bytes) else answer:
            if piece is None:
                return False
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        return True

    async def until(self, gone: int) -> None:
        """Wait until so many connections were closed by their other end."""
        async with asyncio.timeout(20):
            while self.gone < gone:
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def connections(server: Scripted, path: str = "/v1/chat/completions") -> AsyncGenerator[Connections]:
    made = Connections(f"http://127.0.0.1:{server.port}{path}", {"authorization": "Bearer k"}, None, LONGEST)
    try:
        yield made
    finally:
        await made.close()


async def bodies(script: Sequence[Pieces], count: int) -> tuple[list[bytes | None], int]:
    """What so many requests, one after the other, are answered with, and over how many connections."""
    async with Scripted(*script).listening() as server, connections(server) as made, asyncio.timeout(20):
        said = [(await made.post(b"?")).body for _ in range(count)]
        return said, server.connections


async def test_a_request_as_it_arrives():
    async with Scripted(OK).listening() as server, connections(server, "/a b/ü%20/") as made:
        answer = await made.post(b"body")
        assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"fine", "4")
        (head, body) = server.requests[0]
        request, *lines = head.decode().lower().split("\r\n")
        assert request == "post /a%20b/%c3%bc%20/ http/1.1"
        assert sorted(lines[:-2]) == ["authorization: bearer k", "content-length: 4", f"host: 127.0.0.1:{server.port}"]
        assert body == b"body"


@pytest.mark.parametrize(
    "answer",
    [
        OK,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nfi\r\n2;x=y\r\nne\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
        b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + OK,
    ],
)
async def test_answers_with_an_end_leave_the_connection_to_the_next_question(answer: bytes):
    assert await bodies([answer] * 3, 3) == ([b"fine"] * 3, 1)


async def test_an_answer_that_comes_in_pieces():
    pieces = [OK[number : number + 1] for number in range(len(OK))]
    assert await bodies([pieces, OK], 2) == ([b"fine", b"fine"], 1)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 4\r\n\r\nfine",
        b"HTTP/1.0 200 OK\r\ncontent-length: 4\r\n\r\nfine",
        OK + OK,
    ],
)
async def test_a_connection_that_is_at_its_end_is_not_used_again(answer: bytes):
    assert await bodies([answer, OK], 2) == ([b"fine", b"fine"], 2)


async def test_a_body_without_a_length_ends_with_its_connection():
    assert await bodies([[b"HTTP/1.1 200 OK\r\n\r\nfine", None], OK], 2) == ([b"fine", b"fine"], 2)


async def test_a_body_that_is_too_long_is_none_and_is_not_read_on():
    endless = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" + b"x" * (LONGEST + 1)
    assert await bodies([endless, OK], 2) == ([None, b"fine"], 2)


@pytest.mark.parametrize(
    "answer",
    [
        [None],
        [b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfine", None],
        b"SSH-2.0-secret\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: " + b"secret" * 10_000,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nsecret\r\n",
    ],
)
async def test_what_is_no_answer_is_a_broken_connection_that_repeats_nothing(answer: Pieces):
    async with Scripted(answer, OK).listening() as server, connections(server) as made, asyncio.timeout(20):
        with pytest.raises(BrokenConnection) as caught:
            await made.post(b"?")
        assert "secret" not in str(caught.value)
        assert (await made.post(b"?")).body == b"fine"


async def test_nobody_there_is_a_broken_connection():
    made = Connections("http://127.0.0.1:1/v1", {}, None, LONGEST)
    with pytest.raises(BrokenConnection, match="ConnectionRefusedError"):
        await made.post(b"?")


async def test_a_question_that_is_not_waited_for_is_cut_off():
    async with Scripted().listening() as server, connections(server) as made:
        waiting = asyncio.create_task(made.post(b"?"))
        async with asyncio.timeout(20):
            await server.changed.wait()
        waiting.cancel()
        await server.until(gone=1)
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_connections_are_as_many_as_questions_at_a_time():
    async with Scripted(*[OK] * 30).listening() as server, connections(server) as made, asyncio.timeout(20):
        for _ in range(3):
            said = await asyncio.gather(*(made.post(b"?") for _ in range(10)))
            assert [one.body for one in said] == [b"fine"] * 10
        assert server.connections == 10
