"""Rewards with one fault each, for the checker. Loaded as a plugin by the tests."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Sequence

from assay.sdk import (
    Evidence,
    FinishedGroup,
    Lane,
    Sample,
    Score,
    Unscorable,
    estimator,
    group_reward,
    reward,
    selector,
)


@reward("checked/good-v1", bounds=(0, 1), reference_keys=("answer",))
def good(sample: Sample, *, weight: float) -> Score:
    """Nothing is wrong with it."""
    if "answer" not in sample.reference:
        raise Unscorable("REFERENCE_MISSING", "no answer")
    return Score(0.5 if len(sample.response) > weight else 0.0)


@reward("checked/random-v1", bounds=(0, 1))
def rolls(sample: Sample) -> Score:
    """Rolls dice."""
    del sample
    return Score(random.random())


@reward("checked/set_order-v1", bounds=(0, 1))
def set_order(sample: Sample) -> Score:
    """Depends on the order of a set, which differs between processes."""
    del sample
    return Score(0.5, evidence=Evidence(reason=" ".join({"ab", "cd", "ef", "gh", "ij", "kl", "mn"})))


@reward("checked/out-v1", bounds=(0, 1))
def out(sample: Sample) -> Score:
    """Leaves its bounds on long texts."""
    return Score(len(sample.response) / 1000)


@reward("checked/unsendable-v1", bounds=(0, 1), lane=Lane.CPU)
def unsendable(sample: Sample) -> Score:
    """Cuts a character in two."""
    return Score(0.5, evidence=Evidence(extracted=sample.response[:1] + "\ud83d"))


@reward("checked/raises-v1", bounds=(0, 1))
def raises(sample: Sample) -> Score:
    """Trusts its inputs."""
    return Score(float(sample.response[0] == sample.reference["answer"]))


@reward("checked/makes_up-v1", bounds=(0, 1), reference_keys=("answer",))
def makes_up(sample: Sample) -> Score:
    """Gives 0 where it cannot know."""
    return Score(float(sample.reference.get("answer") == "18"))


@reward("checked/slow-v1", bounds=(0, 1))
def slow(sample: Sample) -> Score:
    """Linear, but it looks at each character several times."""
    return Score(float(sum(character == "x" for _ in range(5) for character in sample.response) > 0))


@reward("checked/hangs-v1", bounds=(0, 1), lane=Lane.CPU)
def hangs(sample: Sample) -> Score:
    """Tries every way to read a row of brackets."""
    return Score(float(bool(re.search(r"(\(+)+\]", sample.response[:20_000]))))


@reward("checked/exits-v1", bounds=(0, 1), lane=Lane.CPU)
def exits(sample: Sample) -> Score:
    """Ends its process."""
    if not sample.response:
        os._exit(0)
    return Score(0.5)


@group_reward("checked/ranks-v1", bounds=(0, 1))
def ranks(group: FinishedGroup, *, scale: float = 1.0) -> Sequence[float]:
    """Nothing is wrong with it."""
    return [scale * position / max(1, len(group.members)) for position, _ in enumerate(group.members)]


@estimator("checked/short-v1")
def short(group: FinishedGroup) -> Sequence[float]:
    """Forgets a member."""
    return [0.0 for _ in group.members[1:]]


@group_reward("checked/divides-v1", bounds=(0, 1))
def divides(group: FinishedGroup) -> Sequence[float]:
    """Divides by nothing."""
    mean = sum(member.reward for member in group.members) / len(group.members)
    return [mean for _ in group.members]


@selector("checked/loops-v1")
def loops(group: FinishedGroup) -> str:
    """Never ends."""
    del group
    while True:
        pass


@selector("checked/keeps-v1")
def keeps(group: FinishedGroup) -> str:
    """Nothing is wrong with it."""
    return "" if group.members else "empty"
