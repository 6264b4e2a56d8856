"""Where the fake trainer runs, at what scale, and what its processes say to each other."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from queue import Queue
from typing import TypeAlias

from assay import (
    Client,
    DeliveryMode,
    FilterChoice,
    Leaf,
    Route,
    RunConfig,
)

from .sampling import Draft

RUN_ID = "training"
CONSUMER = "driver"
VICTIM = "rank-1"
"""The rank that is killed."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done. ``stall_seconds``: how long the consumer does not read."""

    estimator: str
    ranks: int
    kept_groups: int
    stall_seconds: float

    def run_config(self) -> RunConfig:
        """What the service computes."""
        return RunConfig(
            run_id=RUN_ID,
            reward=Route({"math": Leaf("numeric_tolerance"), "game": Leaf("episode_return")}),
            estimator=self.estimator,
            filters=(FilterChoice("select/mixed_outcome"),),
            delivery=DeliveryMode.CONSUMER,
            deliver_to=CONSUMER,
        )


class Part(Enum):
    """Which turns: all, only the first ones (more follow after the checkpoint), or the rest."""

    WHOLE = 1
    HEAD = 2
    REST = 3


@dataclass(frozen=True, slots=True)
class Order:
    """To a rank: sample these members of a group."""

    group: int
    members: tuple[int, ...]
    part: Part = Part.WHOLE


@dataclass(frozen=True, slots=True)
class NewWeights:
    """To a rank: from now on the policy is this one, also in the middle of an episode."""

    version: int


@dataclass(frozen=True, slots=True)
class Restored:
    """To a rank: the run is in a new generation; forget what is under way."""

    generation: int


@dataclass(frozen=True, slots=True)
class Settle:
    """To a rank: finish what is under way and report when all of it is accepted."""


@dataclass(frozen=True, slots=True)
class Stop:
    """To a rank: end."""


Message: TypeAlias = "Order | NewWeights | Restored | Settle | Stop"
Inbox: TypeAlias = "Queue[Message]"


@dataclass(frozen=True, slots=True)
class Ask:
    """From the driver to whoever can do it: ``kill_server``, ``stop_reading``, ``kill_rank`` or ``start_rank``."""

    what: str
    number: float = 0.0


Reply: TypeAlias = "Inbox | int"


@dataclass(frozen=True, slots=True)
class Place:
    """Address of the server and folder of everything that is written."""

    address: str
    directory: Path

    def client(self) -> Client:
        """A client; the server wrote the token there."""
        return Client(self.address, (self.directory / "token").read_text().strip(), timeout=120.0)

    def journal(self, rank: str) -> Path:
        """What a rank says it has sent."""
        return self.directory / f"{rank}.jsonl"

    @property
    def deliveries(self) -> Path:
        """What the driver has received."""
        return self.directory / "deliveries.pickle"


def journal_line(draft: Draft) -> str:
    """A line of a rank's journal."""
    return json.dumps([draft.generation, draft.group, draft.member, draft.version, draft.head_generation]) + "\n"


ACCEPTED_LINE = json.dumps("accepted") + "\n"
"""All lines before this one are accepted."""


def read_journal(path: Path) -> tuple[list[Draft], int]:
    """What was sent, in order, and how many of the first are known to be accepted."""
    drafts: list[Draft] = []
    accepted = 0
    for line in path.read_text().splitlines(keepends=True):
        if line == ACCEPTED_LINE:
            accepted = len(drafts)
        else:
            drafts.append(Draft(*json.loads(line)))
    return drafts, accepted
