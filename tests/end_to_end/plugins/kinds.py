"""A plugin of every kind. What the end of a group's id says, functions over that group do, where they can."""

from __future__ import annotations

import ctypes
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from assay.sdk import (
    EpisodeOver,
    FinishedGroup,
    Json,
    Lane,
    ResetResult,
    StepResult,
    batch_reward,
    environment,
    estimator,
    group_reward,
    selector,
)


def raises() -> object:
    raise RuntimeError("a secret of the author's")


def loops() -> object:
    while True:
        pass


def allocates() -> object:
    held: list[bytearray] = []
    while True:
        held.append(bytearray(64 << 20))


BAD: Mapping[str, Callable[[], object]] = {
    "raises": raises,
    "exits": lambda: os._exit(3),
    "loops": loops,
    "allocates": allocates,
    "crashes": lambda: ctypes.string_at(0),
    "not-finite": lambda: [float("nan")] * 4,
    "too-few": lambda: [0.0],
    "too-many": lambda: iter(int, 1),
    "words": lambda: "some words",
    "none": lambda: None,
}


def misbehave(group_id: str) -> object:
    """Do what the end of the id says; what is returned is what the plugin says, 0 = nothing is wrong."""
    end = group_id.rpartition("/")[2]
    return [1e9] * 4 if end == "outside" else BAD[end]() if end in BAD else 0


@group_reward("kinds/majority-v1", bounds=(0, 1), deterministic=True)
def majority(group: FinishedGroup, *, exponent: float = 1.0) -> Sequence[float]:
    """The share of the members that gave the same answer."""
    said = misbehave(group.group_id)
    if said != 0:
        return cast("Sequence[float]", said)
    keys = [member.answer_key for member in group.members]
    return [(keys.count(key) / len(keys)) ** exponent for key in keys]


@group_reward("kinds/rank-v1", bounds=(-1, 1), required_signals=("mean_logprob",))
def rank(group: FinishedGroup) -> Sequence[float]:
    """The reward, less by how likely the response was among the members."""
    ordered = sorted(float(cast("float", member.signals["mean_logprob"])) for member in group.members)
    return [
        member.reward * (1.0 - 0.5 * ordered.index(float(cast("float", member.signals["mean_logprob"]))) / len(ordered))
        for member in group.members
    ]


@group_reward("kinds/words-v1", bounds=(0, 100), lane=Lane.INLINE)
def words(group: FinishedGroup) -> Sequence[float]:
    """How many words the response has, from its text."""
    return [float(len(member.sample.response.split())) if member.sample else -1.0 for member in group.members]


def _known(group: FinishedGroup) -> Sequence[float] | None:
    return [0.25] * len(group.members) if group.group_id.endswith("quick") else None


@group_reward("kinds/quickly-v1", bounds=(0, 1), quick=_known)
def quickly(group: FinishedGroup) -> Sequence[float]:
    """What only a worker can tell, where the quick stage cannot."""
    return [0.75] * len(group.members)


@batch_reward("kinds/among_groups-v1", bounds=(0, 1))
def among_groups(groups: Sequence[FinishedGroup]) -> Sequence[Sequence[float]]:
    """The share of the batch's members that earned less."""
    for group in groups:
        misbehave(group.group_id)
    everyone = [member.reward for group in groups for member in group.members]
    return [[sum(r < member.reward for r in everyone) / len(everyone) for member in group.members] for group in groups]


@estimator("kinds/centred-v1", required_signals=("weight",))
def centred(group: FinishedGroup, *, scale: float = 1.0) -> Sequence[float]:
    """The deviation from the weighted mean."""
    said = misbehave(group.group_id)
    if said != 0:
        return cast("Sequence[float]", said)
    weights = [float(cast("float", member.signals["weight"])) for member in group.members]
    mean = sum(w * member.reward for w, member in zip(weights, group.members, strict=True)) / sum(weights)
    return [scale * (member.reward - mean) for member in group.members]


@selector("kinds/not_all_alike-v1")
def not_all_alike(group: FinishedGroup, *, least: int = 2) -> str:
    """Drop groups with fewer different answers."""
    said = misbehave(group.group_id)
    if said != 0:
        return cast("str", said)
    found = len({member.answer_key for member in group.members})
    return "" if found >= least else f"{found} answers"


@environment("kinds/corridor-v1")
class Corridor:
    """A corridor with a door at its end."""

    def __init__(self, *, length: int = 3) -> None:
        self._length = length
        self._place = -1

    def reset(self, seed: int, options: Mapping[str, Json]) -> ResetResult:
        """Start at the other end; every seed is the same."""
        del seed, options
        self._place = 0
        return ResetResult(self.anchor(), self.state_digest())

    def step(self, action: str) -> StepResult:
        """Go, or stay."""
        if self._place in (-1, self._length):
            raise EpisodeOver("there is no live episode")
        valid = action == "go"
        self._place += valid
        won = self._place == self._length
        return StepResult(self.anchor(), float(won), valid, valid, won, float(won), won, False, "won" if won else "")

    def anchor(self) -> str:
        """Where one stands."""
        return f"place {self._place} of {self._length}"

    def state_digest(self) -> str:
        """The same."""
        return hashlib.sha256(self.anchor().encode()).hexdigest()

    def admissible_actions(self) -> tuple[str, ...]:
        """Go."""
        return ("go",)

    def close(self) -> None:
        """Leave."""
        self._place = -1
