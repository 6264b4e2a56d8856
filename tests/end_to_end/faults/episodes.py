"""Sessions under a policy that only their states decide, so that what they are told can be held against others."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Self, cast

from assay.v1 import environment_service_pb2 as wire

from .parts import Endpoint

GROUPS, SIZE = 2, 3


class Episodes:
    """Some sessions.

    Attributes:
        told: for each session what it was answered, ids left out.
        errors: answers that were none.
    """

    def __init__(self) -> None:
        self.told: list[list[bytes]] = []
        self.errors: list[str] = []
        self._states: list[wire.SessionState] = []
        self._choosers: list[random.Random] = []

    @classmethod
    async def made(cls, *servers: Endpoint, request_id: str = "") -> Self:
        """Some groups at each of these servers, alike wherever and however often they are made."""
        episodes = cls()
        for number, server in enumerate(servers):
            request = wire.CreateSessionsRequest(
                environment_id="keydoor",
                num_groups=GROUPS,
                group_size=SIZE,
                seed=10 * number,
                options_json='{"maxSteps": 20}',
                request_id=request_id,
            )
            made = await server.call("EnvironmentService/CreateSessions", request, wire.CreateSessionsResponse)
            for state in made.sessions:
                episodes._states.append(state)
                episodes._choosers.append(random.Random(len(episodes.told)))
                episodes.told.append([_plain(state)])
        return episodes

    @property
    def ids(self) -> list[str]:
        return [state.session_id for state in self._states]

    @property
    def going(self) -> list[int]:
        """Places of sessions that are not over."""
        return [place for place, state in enumerate(self._states) if not (state.terminated or state.truncated)]

    def action(self, place: int) -> wire.StepAction:
        """The next action of a session."""
        state = self._states[place]
        action = wire.StepAction(session_id=state.session_id, expected_step=state.step_index)
        action.action.parts.add(text=self._choosers[place].choice(state.admissible_actions))
        return action

    def take(self, result: wire.StepResult) -> None:
        """Note an answer."""
        if result.WhichOneof("outcome") == "error":
            self.errors.append(str(result.error))
            return
        place = self.ids.index(result.session_id)
        self._states[place] = result.state
        self.told[place].append(_plain(result.state))

    async def step(self, server: Endpoint, places: Sequence[int]) -> None:
        """One action of each of these sessions in one call; answers come in the order of the actions."""
        request = wire.StepRequest(actions=[self.action(place) for place in places])
        answer = await server.call("EnvironmentService/Step", request, wire.StepResponse)
        assert [result.session_id for result in answer.results] == [self.ids[place] for place in places]
        for result in answer.results:
            self.take(result)

    async def spray(self, servers: Sequence[Endpoint], chooser: random.Random, rounds: int = 100) -> None:
        """Step all that are not over, each by any of the servers, until they are or so many times."""
        for _ in range(rounds):
            going = self.going
            if not going or self.errors:
                return
            chooser.shuffle(going)
            share = -(-len(going) // len(servers))
            for number, server in enumerate(servers):
                if places := going[number * share : (number + 1) * share]:
                    await self.step(server, places)

    async def close(self, server: Endpoint) -> None:
        """End them, by any server."""
        request = wire.CloseSessionsRequest(session_ids=self.ids)
        await server.call("EnvironmentService/CloseSessions", request, wire.CloseSessionsResponse)

    async def interact(self, server: Endpoint) -> None:
        """All that are not over to their ends, by one stream, each as its answers come."""
        method = cast("Callable[..., _Stream]", server.channel.stream_stream("/assay.v1.EnvironmentService/Interact"))
        stream = method(metadata=server.metadata)
        going = self.going
        await stream.write(wire.InteractRequest(actions=map(self.action, going)).SerializeToString())
        async for data in stream:
            following: list[wire.StepAction] = []
            for result in wire.InteractResponse.FromString(data).results:
                self.take(result)
                place = self.ids.index(result.session_id)
                if place in self.going and not self.errors:
                    following.append(self.action(place))
            if following:
                await stream.write(wire.InteractRequest(actions=following).SerializeToString())
            if not self.going or self.errors:
                await stream.done_writing()


class _Stream(AsyncIterator[bytes]):
    async def write(self, request: bytes) -> None: ...

    async def done_writing(self) -> None: ...


def _plain(state: wire.SessionState) -> bytes:
    """What does not depend on how a session is named."""
    copy = wire.SessionState.FromString(state.SerializeToString())
    copy.ClearField("session_id")
    copy.ClearField("group_id")
    return copy.SerializeToString(deterministic=True)
