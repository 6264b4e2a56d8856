"""Where the service is, as a value that trainers may copy, pickle and send to their workers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from assay.client import Client
from assay.episodes import SessionPolicy
from assay.results import SampleResult
from assay.rollouts import Rollout
from assay.sdk.samples import Json
from assay.sdk.spec import RewardSpec

TARGET_VARIABLE = "ASSAY_TARGET"
"""Names the service where a trainer's configuration does not."""


def _default_target() -> str:
    return os.environ.get(TARGET_VARIABLE, "localhost:50051")


@dataclass(frozen=True, slots=True)
class Service:
    """An address and a key; each process that uses them has one connection of its own.

    Attributes:
        target: as :class:`assay.Client` takes it; by default what ``ASSAY_TARGET`` names, else this machine.
        token: bearer key; None = the token file's, where the service is on this machine.
        timeout: seconds a call may take, queueing and retries included.
    """

    target: str = field(default_factory=_default_target)
    token: str | None = field(default=None, repr=False)
    timeout: float = 300.0

    def client(self) -> Client:
        """This process's client."""
        return _client(self)


@lru_cache(maxsize=16)
def _client(service: Service) -> Client:
    return Client(service.target, service.token, timeout=service.timeout)


@dataclass(frozen=True, slots=True)
class Scorer:
    """A reward of a service, to be asked about rollouts.

    Attributes:
        reward: a reward's id or a tree of rewards.
        params: of the reward, where it is an id.
        execution_timeout: seconds for one rollout, from the start of the work.
    """

    service: Service = field(default_factory=Service)
    reward: str | RewardSpec = "math"
    params: Mapping[str, Json] | None = None
    execution_timeout: float | None = None

    def score(self, rollouts: Sequence[Rollout]) -> list[SampleResult]:
        """Results in the order of the rollouts; see :meth:`assay.Client.score`."""
        if not rollouts:
            return []
        return self.service.client().score(rollouts, self.reward, self.params, execution_timeout=self.execution_timeout)


@dataclass(frozen=True, slots=True)
class EpisodePlan:
    """Which episodes are played.

    Attributes:
        environment: its id, e.g. ``household``.
        options: of the environment.
        policy: what the service adds to the environment's own rules.
    """

    environment: str
    options: Mapping[str, Json] | None = None
    policy: SessionPolicy = field(default_factory=SessionPolicy)
    service: Service = field(default_factory=Service)
