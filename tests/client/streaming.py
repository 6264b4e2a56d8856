"""What the tests of the streams share."""

from __future__ import annotations

from assay import Client, Retries, Rollout, RolloutStream, SampleResult
from assay.results import Event

from .service import Service

QUICK = Retries(first_delay=0.001, longest_delay=0.002)
PATIENCE = 20.0


def client_of(service: Service) -> Client:
    return Client(service.target, retries=QUICK)


def rollout(number: int) -> Rollout:
    return Rollout(f"r{number}", response="x")


def take(stream: RolloutStream, count: int) -> list[str]:
    return [sample(stream.receive(PATIENCE)).rollout_id for _ in range(count)]


def sample(event: Event | None) -> SampleResult:
    assert isinstance(event, SampleResult)
    return event
