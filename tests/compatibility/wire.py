"""Calls as bytes: written down while a client of the previous minor version makes them, and made again from what was
written down, with nothing of that client there."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import grpc

from assay_server.api.methods import path_of, services

FROZEN = Path(__file__).parent / "frozen"
CONTRACT = FROZEN / "contract.binpb"
CALLS = FROZEN / "calls.jsonl"


@dataclass
class Call:
    """One call: its path, and the messages both ways."""

    path: str
    requests: list[bytes] = field(default_factory=list[bytes])
    answers: list[bytes] = field(default_factory=list[bytes])

    def line(self) -> str:
        """The call as a line of the file."""
        hexed = [[data.hex() for data in messages] for messages in (self.requests, self.answers)]
        return json.dumps([self.path, *hexed])

    @classmethod
    def of(cls, line: str) -> Call:
        """The call in a line."""
        path, requests, answers = json.loads(line)
        return cls(path, [bytes.fromhex(one) for one in requests], [bytes.fromhex(one) for one in answers])


def frozen_calls() -> list[Call]:
    """The calls of the previous minor version's client, with what its server answered."""
    return [Call.of(line) for line in CALLS.read_text().splitlines()]


def streams() -> Mapping[str, bool]:
    """Whether a method's requests are a stream, by path."""
    return {path_of(method): bool(method.client_streaming) for service in services() for method in service.methods}


class Recorder(grpc.GenericRpcHandler):
    """Stands before a server, passes everything on, and writes it down."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        self.calls: list[Call] = []

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        """Any method, as a stream both ways."""
        path = str(handler_call_details.method)

        async def serve(
            requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]
        ) -> AsyncIterator[bytes]:
            call = Call(path)
            self.calls.append(call)
            metadata = [pair for pair in context.invocation_metadata() or () if pair[0] == "authorization"]

            async def noted() -> AsyncIterator[bytes]:
                async for request in requests:
                    call.requests.append(request)
                    yield request

            both = cast("Callable[..., AsyncIterator[bytes]]", self._channel.stream_stream(path))
            async for answer in both(noted(), metadata=metadata):
                call.answers.append(answer)
                yield answer

        return grpc.stream_stream_rpc_method_handler(serve)


async def repeat(channel: grpc.aio.Channel, call: Call, token: str) -> Sequence[bytes]:
    """What a server answers to the same bytes."""
    metadata = (("authorization", f"Bearer {token}"),)
    if streams()[call.path]:
        both = cast("Callable[..., AsyncIterator[bytes]]", channel.stream_stream(call.path))
        return [answer async for answer in both(_each(call.requests), metadata=metadata, timeout=60.0)]
    single = cast("Callable[..., Awaitable[bytes]]", channel.unary_unary(call.path))
    return [await single(call.requests[0], metadata=metadata, timeout=60.0)]


async def _each(requests: Sequence[bytes]) -> AsyncIterator[bytes]:
    for request in requests:
        yield request
