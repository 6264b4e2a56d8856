"""What a run did, as a value that is kept as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Curve:
    """One run.

    Attributes:
        values: by measure a number for each iteration.
        seconds: how long its iterations took.
        waited: how much of that was spent waiting for rewards after the last rollout had been sent.
    """

    values: Mapping[str, Sequence[float]]
    seconds: float
    waited: float


@dataclass(frozen=True, slots=True)
class Run:
    """Which run it was."""

    experiment: str
    method: str
    seed: int
    curve: Curve


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under which runs were made.

    Attributes:
        load_before, load_after: load averages over a minute; more than the processes' own means other work.
        plan: the commit that last changed the plan, and when it was made.
    """

    began: str
    seconds: float
    processes: int
    cores: int
    load_before: float
    load_after: float
    python: str
    numpy: str
    plan: str


@dataclass(frozen=True, slots=True)
class Raw:
    """Everything that is kept: raw.json."""

    conditions: Conditions
    runs: Sequence[Run]
