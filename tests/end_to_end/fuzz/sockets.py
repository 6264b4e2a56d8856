"""The WebSocket of the HTTP door: conversations that are nearly right, and frames that are none."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import random
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import CloseCode

from assay.sdk import Json

from .calling import AT_ONCE, CALL_SECONDS
from .frames import send
from .messages import JSONS, TEXTS, Maker
from .mutations import mutated
from .pages import damaged
from .parts import leak_in_json
from .target import Target, check_bytes

_CONTINUED, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
_START: Final = '{"type": "reset", "data": {"seed": 1}}'
_FINAL: Final = 0x80
_COMPRESSED: Final = 0x40
_MASK: Final = bytes(4)
"""It changes nothing, and is one all the same."""


@dataclass(frozen=True, slots=True)
class Talk:
    """What is said on one connection; an action of None is one that the episode offers."""

    environment: str
    messages: tuple[str | bytes | None, ...]
    leaves: bool


def talks(maker: Maker, count: int) -> Iterator[Talk]:
    """So many messages, on a few connections."""
    chance, sent = maker.chance, 0
    while sent < count:
        messages = tuple(_said(maker) for _ in range(min(count - sent, chance.randrange(1, 9))))
        if chance.random() < 0.6:
            messages = (_START, *messages[1:])
        sent += len(messages)
        yield Talk(maker.text("environment_id", ""), messages, chance.random() < 0.3)


def _said(maker: Maker) -> str | bytes | None:
    chance = maker.chance
    if (roll := chance.random()) < 0.25:
        return None
    if roll < 0.35:
        return chance.choice(TEXTS)
    kind = chance.choice(("reset", "step", "step", "step", "state", "close", "?"))
    data: Json = {}
    if kind == "reset":
        data = {"seed": chance.choice((0, 7, 2**61, -1, 1.5, "3")), **_options(chance)}
    elif kind == "step":
        data = {"action": chance.choice(TEXTS)}
    message: Json = {"type": kind, "data": data}
    written = json.dumps(message).encode() if chance.random() < 0.5 else damaged(message, chance)
    if chance.random() < 0.3:
        return written
    return written.decode("utf-8", "replace")


def _options(chance: random.Random) -> dict[str, Json]:
    options = chance.choice(JSONS)
    return dict(options) if isinstance(options, dict) and chance.random() < 0.3 else {}


class Talkers:
    """Hold conversations, and look at what is answered."""

    def __init__(self, target: Target) -> None:
        self._url = f"ws://assay:{target.token}@{target.endpoint.http_address}/openenv"
        self.kinds: dict[str, int] = {}

    async def talk_all(self, every: Iterator[Talk]) -> None:
        """Hold them, some at a time; fails on the first answer that must not be."""

        async def work() -> None:
            for talk in every:
                await self.talk(talk)

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(work())

    async def talk(self, talk: Talk) -> None:
        """One conversation."""
        try:
            async with asyncio.timeout(CALL_SECONDS):
                ended = await self._ended(talk)
            assert ended not in (0, CloseCode.INTERNAL_ERROR), f"it ended with {ended}"
            assert not 500 <= ended < 600, f"it was refused with {ended}"
        except (TimeoutError, AssertionError) as problem:
            said = [message and message[:2000] for message in talk.messages]
            raise AssertionError(f"{talk.environment!r} was told {said}: {problem!r}") from problem
        self._count(f"ended with {ended}")

    async def _ended(self, talk: Talk) -> int:
        """The code with which the connection was closed, 0 for none, or the status with which it was refused."""
        try:
            await self._talked(talk)
        except InvalidStatus as refused:
            return refused.response.status_code
        except ConnectionClosed as closed:
            return 0 if closed.rcvd is None else closed.rcvd.code
        return CloseCode.NORMAL_CLOSURE

    async def _talked(self, talk: Talk) -> None:
        url = f"{self._url}/{quote(talk.environment)}/ws"
        async with connect(url, proxy=None, ping_interval=None, open_timeout=CALL_SECONDS) as socket:
            offered: Sequence[Json] = ()
            for message in talk.messages:
                await socket.send(_step(offered) if message is None else message)
                offered = self._checked(await socket.recv()) or offered
            if talk.leaves:
                await _leave(socket)

    def _checked(self, data: str | bytes) -> Sequence[Json]:
        """The actions that an answer offers. Fails where it is none."""
        assert isinstance(data, str)
        answer = cast("dict[str, Json]", json.loads(data))
        assert set(answer) == {"type", "data"}, data[:2000]
        content = answer["data"]
        assert isinstance(content, dict)
        self._count(str(content.get("reason") or answer["type"]))
        if answer["type"] == "error":
            assert content["reason"] != "INTERNAL", data[:2000]
            assert not leak_in_json(content), data[:2000]
            return ()
        observation = content.get("observation")
        actions = observation.get("admissible_actions") if isinstance(observation, dict) else None
        return actions if isinstance(actions, list) else ()

    def _count(self, kind: str) -> None:
        self.kinds[kind] = self.kinds.get(kind, 0) + 1


def _step(offered: Sequence[Json]) -> str:
    action = offered[len(offered) // 2] if offered else "look"
    return json.dumps({"type": "step", "data": {"action": action}})


async def _leave(socket: ClientConnection) -> None:
    """Go without a word, while something is asked."""
    with contextlib.suppress(ConnectionClosed):
        await socket.send(_step(()))
    socket.transport.abort()


# ------------------------------------------------------------ frames


def frame(kind: int, payload: bytes, first: int = _FINAL, length: int | None = None, *, masked: bool = True) -> bytes:
    """A frame as clients send it; ``length`` where it lies."""
    size = len(payload) if length is None else length
    mark = 0x80 if masked else 0
    if size < 126:
        head = bytes((first | kind, mark | size))
    elif size < 1 << 16:
        head = bytes((first | kind, mark | 126)) + struct.pack(">H", size)
    else:
        head = bytes((first | kind, mark | 127)) + struct.pack(">Q", size)
    if not masked:
        return head + payload
    return head + _MASK + payload


class Frames:
    """What is sent on one connection that is, or nearly is, a WebSocket."""

    def __init__(self, maker: Maker, token: str) -> None:
        self._maker = maker
        self._chance = maker.chance
        self._token = token
        self._kinds: tuple[Callable[[], bytes], ...] = (
            self._noise, self._headers, self._controls, self._flood, self._fragments, self._lengths, self._texts,
            self._closes, self._compressed,
        )  # fmt: skip

    def next(self) -> bytes:
        """The bytes of a connection."""
        chance = self._chance
        sent = b"".join(chance.choice(self._kinds)() for _ in range(chance.choice((1, 1, 3))))
        if chance.random() < 0.3:
            sent = mutated(sent, chance)[:80_000]
        return self._handshake() + sent

    def _handshake(self) -> bytes:
        chance = self._chance
        right = chance.random() < 0.85
        key = base64.b64encode(chance.randbytes(16)).decode() if right else chance.choice(("", "x", "é" * 12))
        extra = chance.choice(
            (
                "", "", "Sec-WebSocket-Extensions: permessage-deflate\r\n", "Sec-WebSocket-Protocol: a, b\r\n",
                "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=99; ?\r\n", "Origin: null\r\n",
                "Content-Length: 7\r\n", "Transfer-Encoding: chunked\r\n", "Connection: close\r\n",
            )
        )  # fmt: skip
        environment = chance.choice(("keydoor", "keydoor", "nothing", "%00", "%ff", "a/b/c", "../x", ""))
        return (
            f"{'GET' if right else 'POST'} /openenv/{environment}/ws HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {self._token}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: {'13' if right else '99'}\r\n{extra}\r\n"
        ).encode()

    def _message(self) -> bytes:
        said = _said(self._maker)
        return said.encode("utf-8", "surrogatepass") if isinstance(said, str) else said or b'{"type": "reset"}'

    def _noise(self) -> bytes:
        return self._chance.randbytes(self._chance.choice((1, 2, 14, 300)))

    def _headers(self) -> bytes:
        """A frame that is not masked, of a kind that nobody knows, or with bits that mean nothing."""
        chance = self._chance
        kind = chance.choice((_TEXT, _TEXT, 3, 7, 11, 15))
        return frame(kind, self._message(), chance.choice((_FINAL, 0xF0, 0xA0, 0x90)), masked=chance.random() < 0.6)

    def _controls(self) -> bytes:
        """Pings and closes that are too long, or come in parts."""
        chance = self._chance
        return frame(chance.choice((_PING, _PONG, _CLOSE)), bytes(chance.choice((0, 125, 126, 70_000))),
                     chance.choice((_FINAL, 0)))  # fmt: skip

    def _flood(self) -> bytes:
        """Many small frames that each mean little."""
        chance = self._chance
        one = frame(chance.choice((_PING, _PONG, _TEXT, _BINARY)), chance.choice((b"", b"{}", b"12345678")))
        return one * chance.choice((20, 300))

    def _fragments(self) -> bytes:
        """A message in parts: in the wrong order, without end, with others between them."""
        chance = self._chance
        data = self._message()
        parts = [frame(_TEXT, data[:3], 0), frame(_CONTINUED, b"", 0) * chance.choice((1, 200)),
                 frame(_PING, b"p"), frame(_CONTINUED, data[3:])]  # fmt: skip
        if chance.random() < 0.6:
            chance.shuffle(parts)
        return b"".join(parts[: chance.choice((1, 2, 4, 4))])

    def _lengths(self) -> bytes:
        """A frame that is longer or shorter than it says."""
        chance = self._chance
        length = chance.choice((0, 1, 126, 2**16, 2**24, 2**31, 2**63 - 1, 2**64 - 1))
        return frame(chance.choice((_TEXT, _BINARY)), self._message(), length=length)

    def _texts(self) -> bytes:
        """Messages of which some are no text."""
        chance = self._chance
        data = chance.choice((b"\xff\xfe", b"\xed\xa0\x80", b"\x00", b"[" * 30_000, self._message(), self._message()))
        return frame(chance.choice((_TEXT, _BINARY)), data)

    def _closes(self) -> bytes:
        """Ends for reasons that there are not, and messages after them."""
        chance = self._chance
        code = chance.choice((0, 999, 1000, 1004, 1005, 1006, 1015, 2999, 5000, 65_535))
        payload = chance.choice((b"", b"\x03", struct.pack(">H", code), struct.pack(">H", code) + b"\xff\xfe"))
        return frame(_CLOSE, payload) + chance.choice((b"", frame(_TEXT, self._message())))

    def _compressed(self) -> bytes:
        """Compressed messages: damaged, or far larger than they are."""
        chance = self._chance
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        size = chance.choice((0, 100, 3 << 20))
        data = packer.compress(b" " * size + self._message()) + packer.flush(zlib.Z_SYNC_FLUSH)
        data = data[:-4] if chance.random() < 0.6 else mutated(data, chance)[:20_000]
        return frame(_TEXT, data, _FINAL | _COMPRESSED)


async def shoot_all(target: Target, maker: Maker, count: int) -> None:
    """Send so many connections' frames, some at a time; fails on the first answer that must not be."""
    frames = Frames(maker, target.token)
    for start in range(0, count, AT_ONCE):
        shots = [frames.next() for _ in range(min(AT_ONCE, count - start))]
        answers = await asyncio.gather(*(send(target.endpoint.http_address, shot) for shot in shots))
        for shot, answer in zip(shots, answers, strict=True):
            check_bytes(answer)
            assert not answer.startswith(b"HTTP/1.1 5"), shot[:4000]
            assert CloseCode.INTERNAL_ERROR not in closes(answer), shot[:4000]


def closes(answer: bytes) -> list[int]:
    """With which codes a server ended a WebSocket, in what came back on its connection."""
    head, _, rest = answer.partition(b"\r\n\r\n")
    found: list[int] = []
    if not head.startswith(b"HTTP/1.1 101"):
        return found
    while len(rest) >= 2:
        size, start = rest[1] & 0x7F, 2
        if size >= 126:
            wide = 2 if size == 126 else 8
            size, start = int.from_bytes(rest[2 : 2 + wide]), 2 + wide
        if rest[0] & 0x0F == _CLOSE and size >= 2 and len(rest) >= start + 2:
            found.append(int.from_bytes(rest[start : start + 2]))
        rest = rest[start + size :]
    return found
