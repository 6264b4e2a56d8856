"""The sending side of a stream: what it may still send, and to whom its results go."""

from __future__ import annotations

from dataclasses import dataclass, field

from assay.v1 import reward_service_pb2 as wire
from assay.v1 import rollout_pb2
from assay_server.pipeline.delivery import Outlet
from assay_server.pipeline.failures import Failure
from assay_server.pipeline.results import failed_result


@dataclass(slots=True)
class Sender:
    """One attached stream.

    Attributes:
        consumers: who gets the results of what it sends; None = every consumer the run knows.
        max_in_flight: rollouts it may have queued or scoring.
    """

    outlet: Outlet
    consumers: tuple[str, ...] | None
    max_in_flight: int
    in_flight: int = 0
    accepted: wire.Accepted = field(default_factory=wire.Accepted)

    def answered(self, rollouts: int) -> None:
        """So many of its rollouts hold a slot no more."""
        self.in_flight -= rollouts
        self.outlet.credit(rollouts)

    def refuse(self, rollout_id: str, group_id: str, failure: Failure) -> None:
        """Answer an item that was not taken over; such an answer is not held."""
        result = failed_result(rollout_id, group_id, failure)
        self.outlet.notify(wire.StreamRolloutsResponse(sample_results=wire.SampleResults(results=[result])))

    def flush_accepted(self) -> None:
        """Say what was taken over since the last time."""
        if self.accepted.rollout_ids or self.accepted.appends:
            self.outlet.notify(wire.StreamRolloutsResponse(accepted=self.accepted))
            self.accepted = wire.Accepted()


@dataclass(frozen=True, slots=True)
class RolloutWork:
    """A rollout that came in, with the time at which it did."""

    sender: Sender
    rollout: rollout_pb2.Rollout
    received: float


@dataclass(frozen=True, slots=True)
class ControlWork:
    """A request other than rollouts, to be handled in its place among them."""

    sender: Sender
    request: wire.StreamRolloutsRequest
    received: float

    @property
    def is_append(self) -> bool:
        """Whether it grows a rollout."""
        return self.request.WhichOneof("request") == "append_steps"
