"""A small chat-completions endpoint on a real socket, with a script for what it answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from assay.sdk import Json
from assay_server.execution.judging import CatalogueJudge, Endpoint, EndpointSettings

PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Json]

    @property
    def messages(self) -> list[dict[str, str]]:
        return cast("list[dict[str, str]]", self.body["messages"])

    @property
    def system(self) -> str:
        return self.messages[0]["content"]

    @property
    def user(self) -> str:
        return self.messages[1]["content"]


@dataclass(frozen=True)
class Reply:
    """What goes back."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def says(content: object, tokens: tuple[int, int] | None = (10, 5)) -> Reply:
    """A completion; anything but text is written as JSON."""
    text = content if isinstance(content, str) else json.dumps(content)
    answer: dict[str, object] = {"model": "judge-1", "choices": [{"message": {"role": "assistant", "content": text}}]}
    if tokens is not None:
        answer["usage"] = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]}
    return Reply(json.dumps(answer).encode())


def refuses(status: int, **headers: str) -> Reply:
    """An HTTP error."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(b'{"error": "no"}', status, named)


Script = Callable[[Asked], Awaitable[Reply]]


class ChatServer:
    """The endpoint.

    Attributes:
        asked: every request, in order.
        most: requests that were under way at the same time, at most.
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.under_way = 0
        self.most = 0
        self.script: Script = self._accept
        self._changed = asyncio.Condition()
        self._writers: set[asyncio.StreamWriter] = set()
        self._port = 0

    @staticmethod
    async def _accept(asked: Asked) -> Reply:
        del asked
        return says({"correct": True})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def replies(self, *replies: Reply) -> None:
        """Answer with these in order; the last one stays."""
        rest = list(replies)

        async def next_reply(asked: Asked) -> Reply:
            del asked
            return rest.pop(0) if len(rest) > 1 else rest[0]

        self.script = next_reply

    def holds(self, word: str = "", reply: Reply | None = None) -> asyncio.Event:
        """Answer questions with this word only once the returned event is set; accepts where no reply is given."""
        release = asyncio.Event()

        async def held(asked: Asked) -> Reply:
            if word in asked.user:
                await release.wait()
            return await self._accept(asked) if reply is None else reply

        self.script = held
        return release

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a request that came, or was answered, makes the condition true."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._changed:
            await self._changed.wait_for(condition)

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[ChatServer]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._port = cast("int", server.sockets[0].getsockname()[1])
        try:
            yield self
        finally:
            server.close()
            for writer in list(self._writers):
                writer.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while (asked := await _read(reader)) is not None:
                reply = await self._answer(asked, reader)
                if reply is None:
                    break
                writer.write(_written(reply))
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, asked: Asked, reader: asyncio.StreamReader) -> Reply | None:
        """The scripted reply; None where the client goes away before it is there."""
        self.asked.append(asked)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await self._tell()
        reply = asyncio.ensure_future(self.script(asked))
        gone = asyncio.create_task(reader.read(1))
        try:
            await asyncio.wait((reply, gone), return_when=asyncio.FIRST_COMPLETED)
            return reply.result() if reply.done() else None
        finally:
            for task in (reply, gone):
                task.cancel()
            await asyncio.gather(reply, gone, return_exceptions=True)
            self.under_way -= 1
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def endpoint(self, name: str = "strict", **settings: object) -> Endpoint:
        """A catalogue entry that leads here, quick to try again."""
        chosen = {"base_url": self.url, "model": "judge-1", "retry_delay": 0.001, **settings}
        return Endpoint(name, EndpointSettings.model_validate(chosen))


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        request, *lines = head.split("\r\n")[:-2]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        data = await reader.readexactly(int(headers["content-length"]))
    except asyncio.IncompleteReadError:
        return None
    return Asked(request.split(" ")[1], headers, cast("dict[str, Json]", json.loads(data)))


def _written(reply: Reply) -> bytes:
    lines = [f"HTTP/1.1 {reply.status} Any", f"content-length: {len(reply.body)}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + reply.body


@asynccontextmanager
async def judging(*endpoints: Endpoint) -> AsyncGenerator[CatalogueJudge]:
    """A port to these endpoints, closed at the end."""
    judge = CatalogueJudge(endpoints)
    try:
        yield judge
    finally:
        await judge.close()
