"""Calls that fail: when they are over nothing of them is left, or a client that errs fills the server's memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterable, Callable
from typing import cast

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

from assay.v1 import reward_service_pb2 as wire
from assay_server.api.methods import path_of, services
from tests.circles import circles

from .rollouts import rollout
from .server import Service

pytestmark = pytest.mark.asyncio(loop_scope="module")

METHODS = {path_of(method): method for service in services() for method in service.methods}


def requests(method: MethodDescriptor) -> list[bytes]:
    """Bytes that are no message, an empty one, and one with a name in every text, of things that are not there."""
    named = GetMessageClass(method.input_type)()
    for field in method.input_type.fields:
        if field.type == field.TYPE_STRING and not field.is_repeated:
            setattr(named, field.name, "no-such-thing")
    return [b"\xff" * 64, b"", named.SerializeToString()]


@pytest.mark.parametrize("path", METHODS)
async def test_nothing_of_a_failed_call_is_left(server: Service, path: str) -> None:
    method, channel = METHODS[path], server.channel
    calls = cast("Callable[..., AsyncIterable[bytes]]", channel.stream_stream(path))  # of any kind, as the wire has it

    async def attempt(data: bytes) -> None:
        with contextlib.suppress(grpc.aio.AioRpcError):
            async for _ in calls(iter([data]), metadata=server.metadata):
                pass

    await attempt(b"")
    with circles("assay") as left:
        for data in requests(method):
            await attempt(data)
        await asyncio.sleep(0.05)
    assert not left


async def test_nothing_of_a_large_request_is_left(server: Service) -> None:
    request = wire.ScoreRequest(rollouts=[rollout(f"r{number}", "x" * 1000) for number in range(20)])
    request.reward.leaf.id = "no such reward"
    with circles("assay") as left:
        refusal = await server.refused("RewardService/Score", request)
        await asyncio.sleep(0.05)
    assert refusal.reason
    assert not left


async def test_nothing_of_a_stream_that_broke_is_left(server: Service) -> None:
    await server.create_run("run")

    async def attempt(consumer: str) -> None:
        stream = server.stream("run", consumer)
        await stream.start()
        await stream.send(*(rollout(f"{consumer}-{number}", "x" * 10_000 + "\nA: 18") for number in range(50)))
        await stream.disconnect()
        await asyncio.sleep(0.2)

    await attempt("first")
    with circles("assay") as left:
        for number in range(3):
            await attempt(f"consumer-{number}")
    assert not left
