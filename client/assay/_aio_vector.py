"""The asyncio twin of :mod:`assay.vector`."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, TypeVar

import grpc
import grpc.aio
import numpy as np
import numpy.typing as npt
from google.protobuf.message import Message

from assay import _methods as methods
from assay._methods import Method
from assay._repeats import Attempts
from assay._transport import failure_of_rpc
from assay._vector_shape import MAX_ACTIONS, UNAVAILABLE, Observations, Stepped, VectorShape
from assay.connection import Connection
from assay.episodes import EpisodesPlan, VectorInfo
from assay.errors import Failure, error_of
from assay.v1 import environment_service_pb2 as wire

if TYPE_CHECKING:
    from typing_extensions import Self

    Call = grpc.aio.StreamStreamCall[wire.InteractRequest, wire.InteractResponse]

Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)


class _Caller(Protocol):
    async def __call__(self, method: Method[Q, A], request: Q) -> A: ...


class VectorEnvironment(VectorShape):
    """Groups of episodes that are awaited; the methods of :class:`assay.VectorEnvironment`.

    Use it with ``async with``, or await :meth:`close`.
    """

    def __init__(
        self, connection: Connection, channel: Callable[[], grpc.aio.Channel], call: _Caller, plan: EpisodesPlan
    ) -> None:
        super().__init__(plan)
        self._connection = connection
        self._channel = channel
        self._call = call
        self._stream: Call | None = None

    async def reset(self, *, seed: int | None = None) -> tuple[Observations, VectorInfo]:
        """Close what there is and start all episodes; see :meth:`assay.VectorEnvironment.reset`."""
        await self.close()
        request = self._plan.request(uuid.uuid4().hex, self._plan.seed if seed is None else seed)
        return self._begin((await self._call(methods.CREATE_SESSIONS, request)).sessions)

    async def step(self, actions: Sequence[str | None]) -> Stepped:
        """One action for each episode; see :meth:`assay.VectorEnvironment.step`."""
        responses = await asyncio.gather(*(self._call(methods.STEP, request) for request in self._requests(actions)))
        moved = {self._live.take(result) for response in responses for result in response.results}
        return self._stepped(range(self.num_envs), moved)

    async def send(self, actions: Sequence[str], indices: Sequence[int]) -> None:
        """Hand actions over without waiting for what follows; see :meth:`assay.VectorEnvironment.send`."""
        messages = self._live.act(indices, actions)
        if messages:
            try:
                await self._hand_over(messages)
            except grpc.RpcError:
                self._end_stream()  # what was sent is sent again where its answer is waited for

    async def recv(self) -> tuple[npt.NDArray[np.int64], Stepped]:
        """Wait for the next answers; see :meth:`assay.VectorEnvironment.recv`."""
        while True:
            self._check_awaiting()
            ready = self._ready(await self._receive())
            if ready is not None:
                return ready

    async def close(self) -> None:
        """End the episodes; what was recorded is gone."""
        self._end_stream()
        if self._episodes is not None:
            request = wire.CloseSessionsRequest(session_ids=self._episodes.session_ids)
            self._episodes = None
            await self._call(methods.CLOSE_SESSIONS, request)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _receive(self) -> Sequence[wire.StepResult]:
        attempts = Attempts(self._connection.retries, self._connection.timeout, repeatable=True)
        while True:
            try:
                if self._stream is None:
                    await self._hand_over(self._live.awaiting)
                response = await self._interaction().read()
                if isinstance(response, wire.InteractResponse):
                    return response.results
                failure = Failure(UNAVAILABLE, "the service ended the stream")
            except grpc.RpcError as error:
                failure = failure_of_rpc(error)
            self._end_stream()
            pause = attempts.pause(failure)
            if pause is None:
                raise error_of(failure)
            await asyncio.sleep(pause)

    async def _hand_over(self, messages: Sequence[wire.StepAction]) -> None:
        stream = self._interaction()
        for start in range(0, len(messages), MAX_ACTIONS):
            await stream.write(wire.InteractRequest(actions=messages[start : start + MAX_ACTIONS]))

    def _interaction(self) -> Call:
        if self._stream is None:
            open_stream: grpc.aio.StreamStreamMultiCallable[wire.InteractRequest, wire.InteractResponse] = (
                self._channel().stream_stream(
                    methods.INTERACT_PATH,
                    request_serializer=wire.InteractRequest.SerializeToString,
                    response_deserializer=wire.InteractResponse.FromString,
                )
            )
            self._stream = open_stream(metadata=self._connection.metadata())
        return self._stream

    def _end_stream(self) -> None:
        if self._stream is not None:
            self._stream.cancel()
            self._stream = None
