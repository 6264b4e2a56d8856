"""Run as a program: a gRPC door that frames close again and again, in a process that makes and drops many objects.

Prints how often it answered a caller who came after such a frame. Written as a program because the fault that it looks
for (the library's core writes into what was freed) ends the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from assay_server.api.listening import Handlers, Listener

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
_SERVING = health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING).SerializeToString()
_ALONE = (("grpc.use_local_subchannel_pool", 1),)
_CLOSING = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED}


def _header(name: bytes, value: bytes) -> bytes:
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def _call_of_no_path() -> bytes:
    block = b"".join(
        _header(name, value)
        for name, value in (
            (b":method", b"POST"),
            (b":scheme", b"http"),
            (b":path", b"/\xff\xfe/x"),
            (b":authority", b"x"),
            (b"content-type", b"application/grpc"),
            (b"te", b"trailers"),
        )
    )
    return _PREFACE + len(block).to_bytes(3, "big") + b"\x01\x04\x00\x00\x00\x01" + block


async def _connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """To the door, which is closed for an instant after each frame."""
    async with asyncio.timeout(60.0):
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                return await asyncio.open_connection("127.0.0.1", port)
            await asyncio.sleep(0.001)


async def _send(port: int, frames: bytes) -> None:
    reader, writer = await _connected(port)
    writer.write(frames)
    await writer.drain()
    await reader.read(1)
    writer.close()


async def _serves(address: str) -> bool:
    """Whether a newcomer is answered, with as many attempts as it takes."""
    async with asyncio.timeout(60.0):
        while not await _asked(address):
            pass
    return True


async def _asked(address: str) -> bool:
    async with grpc.aio.insecure_channel(address, options=_ALONE) as channel:
        check: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/grpc.health.v1.Health/Check")
        try:
            return await check(b"", timeout=2.0) == _SERVING
        except grpc.aio.AioRpcError as error:
            if error.code() in _CLOSING:
                return False
            raise


async def _churn() -> None:
    kept: list[list[bytearray]] = []
    while True:
        await asyncio.gather(*(asyncio.sleep(0) for _ in range(50)))
        kept = [*kept[-4:], [bytearray(size) for size in range(64, 512, 8)]]


async def _main(times: int) -> None:
    logging.disable(logging.CRITICAL)
    checker = health.aio.HealthServicer()  # pyright: ignore - missing in its stubs

    def furnish(server: Handlers) -> None:
        health_pb2_grpc.add_HealthServicer_to_server(checker, server)  # pyright: ignore - it wants less than a server

    listener = Listener([("grpc.so_reuseport", 0)], furnish)
    address = await listener.start("127.0.0.1:0", None)
    churning = asyncio.create_task(_churn())
    answered = 0
    for _ in range(times):
        await _send(int(address.rpartition(":")[2]), _call_of_no_path())
        answered += await _serves(address)
    churning.cancel()
    await listener.stop(0.0)
    print(answered)  # noqa: T201 - what it says


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
