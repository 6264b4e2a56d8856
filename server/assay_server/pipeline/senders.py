"""The sending side of a stream: what it may still send, and to whom its results go."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import NamedTuple

from assay.v1 import reward_service_pb2 as wire
from assay.v1 import rollout_pb2
from assay_server.pipeline.delivery import Outlet
from assay_server.pipeline.failures import Failure
from assay_server.pipeline.results import failed_result
from assay_server.tracing.present import Caller

_MAX_REQUESTS = 1024


@dataclass(slots=True)
class Sender:
    """One attached stream.

    Attributes:
        consumers: who gets the results of what it sends; None = every consumer the run knows.
        max_in_flight: rollouts it may have queued or scoring.
        in_flight: rollouts it has queued or scoring.
        received: rollouts that came in by it, those that were refused among them.
        requests: other requests of it that are queued.
        ending: it will send nothing more.
        caller: the span on whose behalf it sends, where that is traced.
        accepted_ids: rollouts that were taken over since that was last said; ``appended`` likewise.
    """

    outlet: Outlet
    consumers: tuple[str, ...] | None
    max_in_flight: int
    in_flight: int = 0
    received: int = 0
    requests: int = 0
    ending: bool = False
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    caller: Caller | None = None
    _fewer: asyncio.Event = field(default_factory=asyncio.Event)
    accepted_ids: list[str] = field(default_factory=list[str])
    appended: wire.Accepted = field(default_factory=wire.Accepted)

    def answered(self, rollouts: int) -> None:
        """So many of its rollouts hold a slot no more."""
        self.in_flight -= rollouts
        self.outlet.credit(rollouts)
        self._note_idle()

    def handled(self) -> None:
        """One of its other requests was handled."""
        self.requests -= 1
        if self.requests < _MAX_REQUESTS:
            self._fewer.set()
        self._note_idle()

    async def room(self) -> None:
        """Wait while too many of its requests are queued: they cost no credit, but the stream is read no further."""
        while self.requests >= _MAX_REQUESTS:
            self._fewer.clear()
            await self._fewer.wait()

    def _note_idle(self) -> None:
        if not self.in_flight and not self.requests:
            self.idle.set()

    async def settle(self) -> None:
        """Wait until nothing that it sent is queued or scoring."""
        while self.in_flight or self.requests:
            self.idle.clear()
            await self.idle.wait()

    def refuse(self, rollout_id: str, group_id: str, failure: Failure) -> None:
        """Answer an item that was not taken over; such an answer is not held."""
        result = failed_result(rollout_id, group_id, failure)
        self.outlet.notify(wire.StreamRolloutsResponse(sample_results=wire.SampleResults(results=[result])))

    def flush_accepted(self) -> None:
        """Say what was taken over since the last time."""
        if self.accepted_ids or self.appended.appends:
            self.appended.rollout_ids.extend(self.accepted_ids)
            self.outlet.notify(wire.StreamRolloutsResponse(accepted=self.appended))
            self.accepted_ids, self.appended = [], wire.Accepted()


class RolloutWork(NamedTuple):
    """A rollout that came in, with the time at which it did."""

    sender: Sender
    rollout: rollout_pb2.Rollout
    received: float


class ControlWork(NamedTuple):
    """A request other than rollouts, to be handled in its place among them."""

    sender: Sender
    request: wire.StreamRolloutsRequest
    received: float

    @property
    def is_append(self) -> bool:
        """Whether it grows a rollout."""
        return self.request.WhichOneof("request") == "append_steps"
