"""Calls of the contract's methods: the same functions that gRPC serves, with the same admission and the same counts."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncGenerator, Coroutine
from contextlib import AbstractContextManager, aclosing
from typing import Final, TypeVar

from google.protobuf.message import Message
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from assay_server.api.handlers import Door, Wire
from assay_server.api.http.access import authorization_of
from assay_server.api.http.refusals import deadline_exceeded
from assay_server.api.methods import Methods
from assay_server.api.principals import Principal
from assay_server.api.scopes import ANY, scopes_of
from assay_server.keys import Scope
from assay_server.pipeline.failures import Code, Failure, invalid_field

T = TypeVar("T")
M = TypeVar("M", bound=Message)

TIMEOUT_HEADER: Final = "X-Assay-Timeout"
"""Seconds within which a caller wants its answer: ``2.5`` or ``2.5s``."""

TIMEOUT_PATTERN: Final = r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s?"

_SECONDS = re.compile(TIMEOUT_PATTERN)
_RUN_CODE: Final = ("/assay.v1.SandboxService/", "/assay.v1.PluginService/CheckPlugin", "/assay.v1.PluginService/Reg")


class Dispatch:
    """Finds and calls methods on behalf of HTTP requests."""

    def __init__(self, door: Door, methods: Methods) -> None:
        self.methods = methods
        self._door = door

    def admit(self, request: Request, path: str = "") -> Principal:
        """Who calls, before anything of the request's body is read.

        Args:
            path: of the method that is asked for; empty = what anybody may ask who has a key.

        Raises:
            Failure: UNAUTHENTICATED; PERMISSION_DENIED where the key is not for this, or the method runs code and
                callers are not known.
        """
        if path.startswith(_RUN_CODE) and not self._door.knows_callers:
            message = "this server has no token, so over HTTP it runs nobody's code; start it with a token file"
            raise Failure(Code.PERMISSION_DENIED, "NEEDS_TOKEN", message)
        needed = scopes_of(path) if path else ANY
        return self.known(request.headers, path.lstrip("/").removeprefix("assay.v1.") or request.url.path, needed)

    def known(self, headers: Headers, what: str, needed: frozenset[Scope]) -> Principal:
        """Who sent these headers, where that is somebody who may. Raises Failure."""
        return self._door.principal(what, needed, authorization_of(headers))

    def place(self, principal: Principal) -> AbstractContextManager[None]:
        """A stream's place, held for as long as its context. Raises Failure where there is none."""
        return self._door.place(principal)

    async def ask(self, headers: Headers, path: str, message: Message, answer: type[M]) -> M:
        """The answer of a unary method to who sent these headers. Raises Failure."""
        self._door.arrive(headers.items())
        function = self.methods.unary[path]
        return answer.FromString(
            await self._door.call(path, function, authorization_of(headers), message.SerializeToString())
        )

    async def call_bytes(self, request: Request, path: str, message: Message) -> bytes:
        """The encoded answer of a unary method, within the time that the caller has and waits. Raises Failure."""
        self._door.arrive(request.headers.items())
        seconds, authorization = timeout_of(request), authorization_of(request.headers)
        work = self._door.call(path, self.methods.unary[path], authorization, message.SerializeToString())
        return await attended(request.receive, work, seconds)

    async def call(self, request: Request, path: str, message: Message, answer: type[M]) -> M:
        """The answer of a unary method. Raises Failure."""
        return answer.FromString(await self.call_bytes(request, path, message))

    def answers(self, request: Request, path: str, message: Message) -> AsyncGenerator[Message]:
        """The answers of a method that streams them, within the time that the caller has. Raises Failure."""
        self._door.arrive(request.headers.items())
        function, seconds = self.methods.server_streams[path], timeout_of(request)
        answers = self._door.answers(path, function, authorization_of(request.headers), message.SerializeToString())
        return answers if seconds is None else _in_time(answers, seconds)

    async def converse(self, request: Request, path: str, wire: Wire) -> None:
        """Serve a method with streams both ways. Raises Failure."""
        self._door.arrive(request.headers.items())
        await self._door.converse(path, self.methods.bidi_streams[path], authorization_of(request.headers), wire)


async def attended(receive: Receive, work: Coroutine[None, None, T], seconds: float | None) -> T:
    """The result of work, which ends when its time is up or when nobody waits for it any more.

    Raises:
        Failure: DEADLINE_EXCEEDED. ClientDisconnect.
    """
    working = asyncio.create_task(work, name="http call")
    leaving = asyncio.create_task(gone(receive), name="http caller")
    try:
        await asyncio.wait((working, leaving), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        if leaving.done():
            raise ClientDisconnect
        raise deadline_exceeded()
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _in_time(answers: AsyncGenerator[Message], seconds: float) -> AsyncGenerator[Message]:
    """The answers until the time is up. Raises Failure: DEADLINE_EXCEEDED."""
    end = asyncio.get_running_loop().time() + seconds
    async with aclosing(answers):
        while True:
            try:
                async with asyncio.timeout_at(end):
                    answer = await anext(answers)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise deadline_exceeded() from None
            yield answer


async def gone(receive: Receive) -> None:
    """Wait until the caller has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


def timeout_of(request: Request) -> float | None:
    """The seconds a caller allows; None where it does not say. Raises Failure."""
    text = request.headers.get(TIMEOUT_HEADER)
    if text is None:
        return None
    found = _SECONDS.fullmatch(text.strip())
    seconds = float(found[1]) if found else math.nan
    if not seconds > 0:
        raise invalid_field(TIMEOUT_HEADER, "expected seconds, such as 2.5")
    return seconds
