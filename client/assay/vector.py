"""Many episodes of an environment of the service, driven as one: Gymnasium's vector shape, with anchors."""

from __future__ import annotations

import queue
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

import grpc
import numpy as np
import numpy.typing as npt
from google.protobuf.message import Message

from assay import _methods as methods
from assay._methods import Method
from assay._repeats import Attempts
from assay._transport import failure_of_rpc
from assay.connection import Connection
from assay.episodes import Episodes, EpisodesPlan, VectorInfo
from assay.errors import Misuse, error_of, invalid
from assay.rollouts import Rollout
from assay.v1 import environment_service_pb2 as wire

if TYPE_CHECKING:
    from typing_extensions import Self

Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)

Observations: TypeAlias = "list[str]"
Stepped: TypeAlias = (
    "tuple[list[str], npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.bool_], VectorInfo]"
)
"""(observations, rewards, terminations, truncations, info) as Gymnasium's vector environments answer."""

_MAX_ACTIONS = 4096


class _Caller(Protocol):
    def __call__(self, method: Method[Q, A], request: Q) -> A: ...


class VectorEnvironment:
    """Groups of episodes; the members of a group start from the identical state.

    Episode ``group * group_size + member`` is at that place of every list and array. There is no automatic reset: an
    episode that is over stays over, is passed over by :meth:`step`, and keeps its last observation, so that groups
    stay whole. Use it as a context manager, or call :meth:`close`; one thread at a time.
    """

    def __init__(
        self, connection: Connection, channel: Callable[[], grpc.Channel], call: _Caller, plan: EpisodesPlan
    ) -> None:
        self._connection = connection
        self._channel = channel
        self._call = call
        self._plan = plan
        self._episodes: Episodes | None = None
        self._stream: _Interaction | None = None

    # ------------------------------------------------------------ shape

    @property
    def num_envs(self) -> int:
        """Episodes."""
        return self._plan.num_groups * self._plan.group_size

    @property
    def group_size(self) -> int:
        """Episodes that start alike."""
        return self._plan.group_size

    @property
    def active(self) -> npt.NDArray[np.bool_]:
        """Which episodes take actions."""
        return np.array([self._live[place].active for place in range(self.num_envs)], np.bool_)

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
        response = self._call(methods.CREATE_SESSIONS, request)
        self._episodes = Episodes(self._plan, list(response.sessions))
        return self._episodes.observations(), self._episodes.info(range(self.num_envs))

    def step(self, actions: Sequence[str | None]) -> Stepped:
        """One action for each episode; waits for all of them.

        Args:
            actions: one an episode; ``None`` where an episode is to wait. Those of ended episodes are passed over.

        Raises:
            InvalidArgument: not one an episode. An episode that the service failed on has its error in the info.
        """
        episodes = self._live
        if len(actions) != self.num_envs:
            raise invalid("actions", f"expected {self.num_envs}, one an episode (None = wait), got {len(actions)}")
        messages = episodes.act(range(self.num_envs), actions)
        moved: set[int] = set()
        for start in range(0, len(messages), _MAX_ACTIONS):
            request = wire.StepRequest(actions=messages[start : start + _MAX_ACTIONS])
            moved |= {episodes.take(result) for result in self._call(methods.STEP, request).results}
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
        episodes = self._live
        while True:
            if not episodes.awaiting:
                raise Misuse("there is nothing to wait for: send() actions first")
            places = [place for place in map(episodes.take, self._receive()) if place >= 0]
            if places:
                return np.array(places, np.int64), self._stepped(places, set(places))

    def _receive(self) -> Sequence[wire.StepResult]:
        attempts = Attempts(self._connection.retries, self._connection.timeout, repeatable=True)
        while True:
            try:
                return self._interaction().receive()
            except grpc.RpcError as error:
                failure = failure_of_rpc(error)
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

    # ------------------------------------------------------------ what was recorded

    def history(self, index: int, last: int) -> list[tuple[str, str]]:
        """The last steps of an episode, oldest first, as (what was seen, what was done); for prompts."""
        return self._live.history(index, last)

    def rollouts(self, task_type: str = "") -> list[Rollout]:
        """All episodes as they stand, as rollouts with steps, rewards and anchors: ready for a rollout stream.

        Args:
            task_type: for reward routing; empty = the environment's id.
        """
        return self._live.rollouts(task_type)

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

    @property
    def _live(self) -> Episodes:
        if self._episodes is None:
            raise Misuse("there are no episodes: call reset() first")
        return self._episodes

    def _stepped(self, places: Sequence[int], moved: set[int]) -> Stepped:
        episodes = self._live
        seen = episodes.observations()
        rewards = episodes.collect(lambda state: state.reward, places)
        rewards[[place not in moved for place in places]] = 0.0
        return (
            [seen[place] for place in places],
            rewards,
            episodes.flags(lambda state: state.terminated, places),
            episodes.flags(lambda state: state.truncated, places),
            episodes.info(places),
        )


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
        for start in range(0, len(actions), _MAX_ACTIONS):
            self._requests.put(wire.InteractRequest(actions=actions[start : start + _MAX_ACTIONS]))

    def receive(self) -> Sequence[wire.StepResult]:
        return next(self._responses).results

    def end(self) -> None:
        self._requests.put(None)
        self._responses.cancel()
