"""Requests over gRPC: whole, damaged, or never meant to be any; one at a time or as streams."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, cast

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from assay.v1 import reward_service_pb2 as wire
from assay_server.api.methods import path_of
from assay_server.pipeline.failures import Code

from .messages import Maker, methods
from .mutations import mutated
from .parts import CALL_OVER, refusal_of_error
from .target import Target, check_answer, check_bytes

AT_ONCE: Final = 12
CALL_SECONDS: Final = 60.0
LISTEN_SECONDS: Final = 0.3
_BROKEN: Final = frozenset({Code.UNKNOWN, Code.INTERNAL, Code.DATA_LOSS, Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED})
_OVER: Final = "Internal error from Core"
DEAR: Final = frozenset({"Execute", "RunTests", "StreamTests", "CreateSessions"})
DEAR_SHARE: Final = 0.1


@dataclass(frozen=True, slots=True)
class Shot:
    """What is sent to a method: one message, or for streams several."""

    method: MethodDescriptor
    messages: tuple[bytes, ...]


def shots(maker: Maker, count: int) -> Iterator[Shot]:
    """So many messages, to all methods."""
    chance, known, sent = maker.chance, methods(), 0
    while sent < count:
        method = chance.choice(known)
        if method.name in DEAR and chance.random() > DEAR_SHARE:
            continue
        messages = _conversation(maker, method) if method.client_streaming else (_message(maker, method),)
        sent += len(messages)
        yield Shot(method, messages)


def _message(maker: Maker, method: MethodDescriptor) -> bytes:
    data = maker.request(method).SerializeToString()
    return data if maker.chance.random() < 0.4 else mutated(data, maker.chance)


def _conversation(maker: Maker, method: MethodDescriptor) -> tuple[bytes, ...]:
    messages = tuple(_message(maker, method) for _ in range(maker.chance.randrange(1, 9)))
    if method.name == "StreamRollouts" and maker.chance.random() < 0.8:
        opening = wire.Open(run_id=maker.chance.choice(maker.words["run_id"]), consumer=maker.chance.choice("ab"))
        messages = (wire.StreamRolloutsRequest(open=opening).SerializeToString(), *messages)
    return messages


class Gunner:
    """Sends shots, and looks at what comes back."""

    def __init__(self, target: Target) -> None:
        self._endpoint = target.endpoint
        self.codes: dict[str, int] = {}

    async def fire_all(self, every: Iterator[Shot]) -> None:
        """Fire, some at a time; fails on the first answer that must not be."""

        async def work() -> None:
            for shot in every:
                await self.fire(shot)

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(work())

    async def fire(self, shot: Shot) -> None:
        """One shot."""
        try:
            code = await self._fired(shot)
        except AssertionError as problem:
            described = [f"{message[:2000].hex()} ({len(message)})" for message in shot.messages]
            raise AssertionError(f"{path_of(shot.method)} was sent {described}: {problem}") from problem
        self.codes[code] = self.codes.get(code, 0) + 1

    async def _fired(self, shot: Shot) -> str:
        answered: type[Message] = GetMessageClass(shot.method.output_type)
        try:
            async with asyncio.timeout(CALL_SECONDS):
                async for data in self._answers(shot):
                    check_answer(answered.FromString(data))
                    if "Sandbox" not in shot.method.containing_service.name:
                        check_bytes(data)
        except grpc.aio.AioRpcError as error:
            return _refused(error)
        except TimeoutError:
            raise AssertionError("there was no answer") from None
        except DecodeError:
            raise AssertionError("the answer is none") from None
        return "OK"

    def _answers(self, shot: Shot) -> AsyncIterator[bytes]:
        path, metadata, channel = path_of(shot.method), self._endpoint.metadata, self._endpoint.channel
        if shot.method.client_streaming:
            call = cast("Callable[..., grpc.aio.StreamStreamCall[bytes, bytes]]", channel.stream_stream(path))
            return _talk(call(metadata=metadata), shot.messages)
        if shot.method.server_streaming:
            multi = cast("Callable[..., AsyncIterator[bytes]]", channel.unary_stream(path))
            return multi(shot.messages[0], metadata=metadata)
        single = cast("Callable[..., Awaitable[bytes]]", channel.unary_unary(path))
        return _only(single(shot.messages[0], metadata=metadata))


async def _only(call: Awaitable[bytes]) -> AsyncIterator[bytes]:
    yield await call


async def _talk(call: grpc.aio.StreamStreamCall[bytes, bytes], messages: Sequence[bytes]) -> AsyncIterator[bytes]:
    """Say everything and listen; whoever is owed nothing more leaves soon."""
    try:
        with contextlib.suppress(*CALL_OVER, grpc.aio.AioRpcError):  # reading tells how it ended
            for message in messages:
                await call.write(message)
            await call.done_writing()
        while True:
            try:
                async with asyncio.timeout(LISTEN_SECONDS):
                    data = await call.read()
            except TimeoutError:
                return
            if not isinstance(data, bytes):
                await _over(call)
                return
            yield data
    finally:
        call.cancel()


async def _over(call: grpc.aio.StreamStreamCall[bytes, bytes]) -> None:
    if (code := await call.code()) is not grpc.StatusCode.OK:
        raise grpc.aio.AioRpcError(
            code,
            await call.initial_metadata(),
            await call.trailing_metadata(),
            await call.details(),
        )


def _refused(error: grpc.aio.AioRpcError) -> str:
    code = Code(error.code().value[0])
    if code is Code.CANCELLED or error.details() == _OVER:
        return code.name  # it was this side that left, or wrote on after the end; the server counts how it ended
    assert any(name == "grpc-status-details-bin" for name, _ in error.trailing_metadata() or ()), error
    refusal = refusal_of_error(error)
    assert code not in _BROKEN, refusal
    return code.name


def maker_of(target: Target, seed: int) -> Maker:
    """Messages that name what the target has."""
    return Maker(random.Random(seed), target.words)
