"""Many episodes of an environment of the service, driven as one: Gymnasium's vector shape, with anchors."""

from __future__ import annotations

import queue
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, TypeVar

import grpc
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

Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)


class _Caller(Protocol):
    def __call__(self, method: Method[Q, A], request: Q) -> A: ...


class VectorEnvironment(VectorShape):
    """Groups of episodes that are waited for.

    Use it as a context manager, or call :meth:`close`; one thread at a time.
    """

    def __init__(
        self, connection: Connection, channel: Callable[[], grpc.Channel], call: _Caller, plan: EpisodesPlan
    ) -> None:
        self._connection = connection
        self._channel = channel
        self._call = call
        super().__init__(plan)
        self._stream: _Interaction | None = None

    # ------------------------------------------------------------ Gymnasium's vector shape

    def reset(self, *, seed: int | None = None) -> tuple[Observations, VectorInfo]:
        """Close what there is and start all episodes.

        Args:
            seed: of the first group; group g starts from ``seed + g``. None = the one given at first.

        Raises:
            NotFound: no such environment. InvalidArgument: wrong options. ResourceExhausted: the service is full.
        """
        self.close()
        request = self._plan.request(uuid.uuid4().hex, self._plan.seed if seed is None else seed)
        return self._begin(self._call(methods.CREATE_SESSIONS, request).sessions)

    def step(self, actions: Sequence[str | None]) -> Stepped:
        """One action for each episode; waits for all of them.

        Args:
            actions: one an episode; ``None`` where an episode is to wait. Those of ended episodes are passed over.

        Raises:
            InvalidArgument: not one an episode. An episode that the service failed on has its error in the info.
        """
        moved: set[int] = set()
        for request in self._requests(actions):
            moved |= {self._live.take(result) for result in self._call(methods.STEP, request).results}
        return self._stepped(range(self.num_envs), moved)

    # ------------------------------------------------------------ first ready, first served

    def send(self, actions: Sequence[str], indices: Sequence[int]) -> None:
        """Hand actions over without waiting; :meth:`recv` has the answers as they come.

        Args:
            indices: the episodes, one for each action.

        Raises:
            InvalidArgument: an episode has an action under way, or there is no such episode.
        """
        messages = self._live.act(indices, actions)
        if messages:
            self._interaction().send(messages)

    def recv(self) -> tuple[npt.NDArray[np.int64], Stepped]:
        """Wait for the next answers: (indices, what :meth:`step` answers, for these episodes alone).

        Raises:
            Misuse: nothing was sent that is not answered.
        """
        while True:
            self._check_awaiting()
            ready = self._ready(self._receive())
            if ready is not None:
                return ready

    def _receive(self) -> Sequence[wire.StepResult]:
        attempts = Attempts(self._connection.retries, self._connection.timeout, repeatable=True)
        while True:
            try:
                results = self._interaction().receive()
            except grpc.RpcError as error:
                failure = failure_of_rpc(error)
            else:
                if results is not None:
                    return results
                failure = Failure(UNAVAILABLE, "the service ended the stream")
            self._end_stream()
            pause = attempts.pause(failure)
            if pause is None:
                raise error_of(failure)
            time.sleep(pause)
            self._interaction().send(self._live.awaiting)  # a repeat of an action that was taken gets its answer again

    def _interaction(self) -> _Interaction:
        if self._stream is None:
            self._stream = _Interaction(self._channel(), self._connection)
        return self._stream

    def _end_stream(self) -> None:
        if self._stream is not None:
            self._stream.end()
            self._stream = None

    # ------------------------------------------------------------ ends

    def close(self) -> None:
        """End the episodes; what was recorded is gone."""
        self._end_stream()
        if self._episodes is not None:
            request = wire.CloseSessionsRequest(session_ids=self._episodes.session_ids)
            self._episodes = None
            self._call(methods.CLOSE_SESSIONS, request)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class _Interaction:
    """One Interact stream."""

    def __init__(self, channel: grpc.Channel, connection: Connection) -> None:
        self._requests: queue.SimpleQueue[wire.InteractRequest | None] = queue.SimpleQueue()
        call = channel.stream_stream(
            methods.INTERACT_PATH,
            request_serializer=wire.InteractRequest.SerializeToString,
            response_deserializer=wire.InteractResponse.FromString,
        )
        self._responses = call(self._sending(), metadata=connection.metadata())

    def _sending(self) -> Iterator[wire.InteractRequest]:
        while (request := self._requests.get()) is not None:
            yield request

    def send(self, actions: Sequence[wire.StepAction]) -> None:
        for start in range(0, len(actions), MAX_ACTIONS):
            self._requests.put(wire.InteractRequest(actions=actions[start : start + MAX_ACTIONS]))

    def receive(self) -> Sequence[wire.StepResult] | None:
        response = next(self._responses, None)
        return None if response is None else response.results

    def end(self) -> None:
        self._requests.put(None)
        self._responses.cancel()
