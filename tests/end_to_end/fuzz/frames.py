"""Bytes on connections that are no gRPC, nearly HTTP/2, or HTTP/2 with frames that lie."""

from __future__ import annotations

import asyncio
import contextlib
import random
import struct
from collections.abc import Callable, Sequence
from typing import Final

from assay_server.api.methods import path_of

from .messages import Maker, methods
from .mutations import mutated

READ_SECONDS: Final = 0.05
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _PRIORITY, _RESET, _SETTINGS, _PUSH, _PING, _LEAVE, _WINDOW, _MORE = range(10)
_END_STREAM, _END_HEADERS = 1, 4


def frame(kind: int, flags: int, stream: int, payload: bytes, length: int | None = None) -> bytes:
    """An HTTP/2 frame; ``length`` where it lies."""
    size = (len(payload) if length is None else length) & 0xFFFFFF
    return size.to_bytes(3, "big") + bytes((kind, flags)) + (stream & 0xFFFFFFFF).to_bytes(4, "big") + payload


def headers(path: str, token: str, more: Sequence[tuple[str, str]] = ()) -> bytes:
    """A block of headers of a gRPC call, each spelled out."""
    fields = [
        (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"),
        ("content-type", "application/grpc"), ("te", "trailers"), ("authorization", f"Bearer {token}"), *more,
    ]  # fmt: skip
    return b"".join(b"\x00" + _spelled(name) + _spelled(value) for name, value in fields)


def _spelled(text: str) -> bytes:
    data = text.encode()
    if len(data) < 127:
        return bytes((len(data),)) + data
    rest, size = len(data) - 127, bytearray((127,))
    while rest > 127:
        size.append(rest & 127 | 128)
        rest >>= 7
    return bytes((*size, rest)) + data


def message(data: bytes, length: int | None = None, compressed: int = 0) -> bytes:
    """A message as gRPC frames it; ``length`` where it lies."""
    return struct.pack(">BI", compressed, (len(data) if length is None else length) & 0xFFFFFFFF) + data


class Wires:
    """What is sent on one connection to the gRPC door."""

    def __init__(self, maker: Maker, token: str) -> None:
        self._maker = maker
        self._chance = maker.chance
        self._token = token
        self._kinds: tuple[Callable[[], bytes], ...] = (
            self._noise, self._noise_after_preface, self._calls, self._calls, self._calls, self._headers, self._flood,
            self._damaged,
        )  # fmt: skip

    def next(self) -> bytes:
        """The bytes of a connection."""
        return self._chance.choice(self._kinds)()

    def _noise(self) -> bytes:
        return self._chance.randbytes(self._chance.choice((1, 24, 300)))

    def _noise_after_preface(self) -> bytes:
        return PREFACE + self._noise()

    def _begun(self) -> bytes:
        return PREFACE + frame(_SETTINGS, 0, 0, b"")

    def _calls(self) -> bytes:
        """A call with a message that is not what its frame says."""
        chance, method = self._chance, self._chance.choice(methods())
        data = mutated(self._maker.request(method).SerializeToString(), chance)[:16_000]
        framed = message(
            data, chance.choice((None, None, 0, len(data) + 1, 2**31, 2**32 - 1)), chance.choice((0, 0, 1, 9))
        )
        opened = frame(_HEADERS, _END_HEADERS, 1, headers(path_of(method), self._token))
        return self._begun() + opened + frame(_DATA, chance.choice((0, _END_STREAM)), 1, framed)

    def _headers(self) -> bytes:
        """Headers that are too many, empty, of the wrong kind, or of no call."""
        chance = self._chance
        block = chance.choice(
            (
                headers("/assay.v1.RewardService/Nothing", self._token),
                headers("", self._token),
                headers("/" + "x" * 9000, self._token),
                headers("/assay.v1.RewardService/Score", "\x7f\x01", [("grpc-timeout", "0n"), ("grpc-encoding", "?")]),
                headers("/assay.v1.RewardService/Score", self._token, [("grpc-timeout", "99999999999H")]),
                headers(
                    "/assay.v1.RewardService/Score", self._token, [("a-bin", "!!!"), ("content-type", "text/html")]
                ),
                chance.randbytes(200),
                b"\xff" * 300,
                b"",
            )
        )
        flags = chance.choice((_END_HEADERS, _END_HEADERS | _END_STREAM, 0, 0x3F))
        return self._begun() + frame(_HEADERS, flags, chance.choice((1, 1, 0, 2, 2**31 - 1)), block)

    def _flood(self) -> bytes:
        """Many small frames that each mean little."""
        chance = self._chance
        kind, flags, stream, payload = chance.choice(
            (
                (_PING, 0, 0, b"12345678"),
                (_SETTINGS, 0, 0, struct.pack(">HI", chance.randrange(9), chance.getrandbits(32))),
                (_WINDOW, 0, 0, struct.pack(">I", chance.choice((0, 1, 2**31 - 1)))),
                (_RESET, 0, 1, struct.pack(">I", 8)),
                (_PRIORITY, 0, 1, b"\x00\x00\x00\x01\xff"),
                (_PUSH, _END_HEADERS, 1, b"\x00\x00\x00\x02"),
                (_MORE, 0, 1, b"\x00\x01a\x01b"),
                (_LEAVE, 0, 0, bytes(8)),
                (99, 255, 3, b"?"),
            )
        )
        return self._begun() + frame(kind, flags, stream, payload) * chance.choice((1, 20, 300))

    def _damaged(self) -> bytes:
        """A good call of which bits fell over."""
        return PREFACE + mutated(self._calls()[len(PREFACE) :], self._chance)[:20_000]


class Lines:
    """What is sent on one connection to the HTTP door."""

    def __init__(self, chance: random.Random, token: str) -> None:
        self._chance = chance
        self._token = token

    def next(self) -> bytes:
        """The bytes of a connection: a request of HTTP/1.1 in which something is wrong."""
        chance = self._chance
        body = chance.choice((b"{}", b"{", b'{"a":' * 300, b"\xff\xfe", chance.randbytes(64), b""))
        length = chance.choice((str(len(body)), str(len(body)), "-1", "99999999999999999999", "0x10", "", "1e3"))
        method, version = (
            chance.choice(("POST", "POST", "GET", "PUT", "TRACE", "\x01")),
            chance.choice(("1.1", "1.0", "9")),
        )
        paths = (
            "/v1/RewardService/Score",
            "/v1/RunService/PutBlobs",
            "/%00",
            "/%ff%fe",
            "//",
            "/..%2f..",
            "*",
            "/a" * 5000,
        )
        target = chance.choice(paths)
        extra = chance.choice(
            (
                "", "Transfer-Encoding: chunked\r\n", "Expect: 100-continue\r\n", "Upgrade: websocket\r\n",
                "X: \x00\r\n",
                "Content-Encoding: gzip\r\n", f"A: {'b' * 70_000}\r\n", "Host: evil.example\r\n", "\r\n", ": \r\n",
            )
        )  # fmt: skip
        head = (
            f"{method} {target} HTTP/{version}\r\n"
            f"Host: localhost\r\nAuthorization: Bearer {self._token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {length}\r\n{extra}\r\n"
        )
        data = head.encode("latin-1") + chance.choice((body, b"5\r\nhello\r\n0\r\n\r\n", b"fffffffff\r\n"))
        return mutated(data, chance)[:80_000] if chance.random() < 0.3 else data


async def send(address: str, data: bytes) -> bytes:
    """Send bytes on a connection of its own; what comes back soon. A door that was closed by others' is waited for."""
    host, _, port = address.rpartition(":")
    async with asyncio.timeout(20.0):
        while not await listens(address):  # noqa: ASYNC110 - ports tell nobody
            await asyncio.sleep(0.05)
    try:
        reader, writer = await asyncio.open_connection(host, int(port))
    except ConnectionRefusedError:  # closed again since
        return b""
    found = b""
    with contextlib.suppress(OSError, TimeoutError):
        writer.write(data)
        await writer.drain()
        async with asyncio.timeout(READ_SECONDS):
            while piece := await reader.read(1 << 16):
                found += piece
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return found


async def listens(address: str) -> bool:
    """Whether somebody is there."""
    host, _, port = address.rpartition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except ConnectionRefusedError:
        return False
    writer.close()
    return True
