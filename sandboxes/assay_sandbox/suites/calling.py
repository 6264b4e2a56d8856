"""Calls of a loaded program's functions over its channel, with values that JSON can say."""

from __future__ import annotations

import asyncio
from typing import cast

from assay_sandbox.harness.decoding import decode_unhashed
from assay_sandbox.harness.encoding import encode
from assay_sandbox.harness.frames import REPLY, REQUEST, request
from assay_sandbox.harness.operations import CALL, NAME
from assay_sandbox.harness.plain import Caps, CodecError, Reference
from assay_sandbox.suites.talking import Talk

CAPS = Caps(bytes=8 << 20, items=500_000)
_LARGE_BYTES = 1 << 16
_REPLY_PARTS = 4


class CallFailed(Exception):
    """The program raised, or answered what cannot be read.

    Attributes:
        kind: the exception's nearest built-in class; empty where none was raised.
        broken: what came is no answer at all: the program speaks for the harness, and badly.
    """

    def __init__(self, message: str, kind: str = "", *, broken: bool = False) -> None:
        super().__init__(message)
        self.kind = kind
        self.broken = broken


class Caller:
    """The supervisor's side of a conversation with one program."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk

    async def ask_for(self, entry_point: str) -> None:
        """Ask a program that is not there yet for what it begins with: it answers when loaded. Raises ChannelClosed."""
        await self._request(NAME, (_first(entry_point),), {})

    async def loaded(self) -> None:
        """Wait for the program to be loaded. Raises CallFailed, ChannelClosed."""
        await self._reply()

    async def reached(self, entry_point: str) -> object:
        """What ``f``, ``Class.f`` or ``Class().f`` is, which was asked for. Raises CallFailed, ChannelClosed."""
        first, *rest = entry_point.split(".")
        value = await self._reply()
        if first.endswith("()"):
            value = await self.call(value, (), {})
        for name in rest:
            value = await self._ask("getattr", (value, name), {})
        return value

    async def call(self, function: object, operands: tuple[object, ...], named: dict[str, object]) -> object:
        """What a function returns. Raises CallFailed, ChannelClosed."""
        return await self._ask(CALL, (function, *operands), named)

    async def _ask(self, operation: str, operands: tuple[object, ...], named: dict[str, object]) -> object:
        await self._request(operation, operands, named)
        return await self._reply()

    async def _request(self, operation: str, operands: tuple[object, ...], named: dict[str, object]) -> None:
        await self._talk.send(REQUEST, request(operation, encode((operands, named), CAPS, _same)))

    async def _reply(self) -> object:
        letter, payload = await self._talk.receive()
        if letter != REPLY:
            raise CallFailed("the program broke the protocol", broken=True)
        try:
            if len(payload) > _LARGE_BYTES:
                parts = await asyncio.to_thread(decode_unhashed, payload, CAPS, _itself)
            else:
                parts = decode_unhashed(payload, CAPS, _itself)
        except CodecError as error:
            raise CallFailed(f"the program broke a limit: {error}", broken=True) from error
        if type(parts) is not tuple or len(cast("tuple[object, ...]", parts)) != _REPLY_PARTS:
            raise CallFailed("the program broke the protocol", broken=True)
        status, value, _, _ = cast("tuple[object, object, object, object]", parts)
        if status != "v":
            raise _failure(status, value)
        return value


def _first(entry_point: str) -> str:
    return entry_point.split(".", maxsplit=1)[0].removesuffix("()")


def _failure(status: object, value: object) -> CallFailed:
    """An exception in words."""
    if status == "x" and type(value) is tuple:
        kind, message, *_ = (*cast("tuple[object, ...]", value), "", "")
        name = kind if type(kind) is str else ""
        return CallFailed(f"{name}: {message if type(message) is str else ''}"[:2000], name)
    return CallFailed(f"the program broke a limit: {value if type(value) is str else ''}"[:500])


def _same(value: object) -> Reference:
    if type(value) is Reference:
        return value
    raise CodecError(f"{type(value).__name__} is not plain data")


def _itself(reference: Reference) -> object:
    return reference
