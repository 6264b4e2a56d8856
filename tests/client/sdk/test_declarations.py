"""Declaring plugins: what is read from a function, and how a mistake is shown."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import pytest

from assay.sdk import (
    FinishedGroup,
    GroupMember,
    Json,
    Lane,
    PluginDefinition,
    PluginKind,
    Ports,
    Sample,
    Score,
    batch_reward,
    environment,
    estimator,
    group_reward,
    reward,
    selector,
)
from assay.sdk.parameters import bind_parameters

HERE = str(Path(__file__))


@group_reward("acme/rank-v1", bounds=(0, 1), required_signals=("entropy",), source="A Paper")
def rank(group: FinishedGroup, *, mode: Literal["up", "down"] = "up", scale: float = 1.0) -> Sequence[float]:
    """By position.

    And more.
    """
    places = range(len(group.members))
    return [scale * place / len(places) for place in (places if mode == "up" else reversed(places))]


@batch_reward("acme/spread-v1", bounds=(-1, 1))
def spread(groups: Sequence[FinishedGroup]) -> Sequence[Sequence[float]]:
    return [[0.0 for _ in group.members] for group in groups]


@estimator("acme/centred-v1")
def centred(group: FinishedGroup) -> Sequence[float]:
    rewards = [member.reward for member in group.members]
    return [value - sum(rewards) / len(rewards) for value in rewards]


@selector("acme/large-v1")
def large(group: FinishedGroup, *, least: int) -> str:
    return "" if len(group.members) >= least else "too_small"


@environment("acme/counter-v1")
class Counter:
    """Counts."""

    def __init__(self, *, limit: int = 3) -> None:
        self.limit = limit

    def reset(self, seed: int, options: dict[str, Json]) -> str:
        return f"{seed} {options}"

    def step(self, action: str) -> str:
        return action

    def close(self) -> None: ...

    def anchor(self) -> str:
        return ""

    def state_digest(self) -> str:
        return ""

    def admissible_actions(self) -> list[str]:
        return []


def test_everything_that_is_declared_is_in_the_definition() -> None:
    assert (rank.id, rank.kind, rank.minimum, rank.maximum) == ("acme/rank-v1", PluginKind.GROUP_REWARD, 0, 1)
    assert rank.required_signals == ("entropy",)
    assert rank.doc.startswith("By position.")
    assert [(one.name, one.required, one.default) for one in rank.parameters] == [
        ("mode", False, "up"),
        ("scale", False, 1.0),
    ]
    assert rank.parameters[0].schema == {"enum": ["up", "down"]}


def test_the_kinds_are_told_apart() -> None:
    kinds = [one.kind for one in (spread, centred, large, Counter)]
    assert kinds == [PluginKind.BATCH_REWARD, PluginKind.ESTIMATOR, PluginKind.SELECTOR, PluginKind.ENVIRONMENT]


def test_a_declared_function_can_be_called() -> None:
    group = FinishedGroup("g", (GroupMember("a", 1.0), GroupMember("b", 0.0)))
    assert rank.function(group, **bind_parameters(rank.parameters, {"scale": 2})) == [0.0, 1.0]
    assert centred.function(group) == [0.5, -0.5]
    assert large.function(group, least=3) == "too_small"


def test_options_of_an_environment_are_those_of_its_constructor() -> None:
    assert [one.name for one in Counter.parameters] == ["limit"]
    assert large.parameters[0].required


def test_another_body_and_other_declarations_are_another_digest() -> None:
    def same(group: FinishedGroup) -> Sequence[float]:
        return [0.0 for _ in group.members]

    def other(group: FinishedGroup) -> Sequence[float]:
        return [1.0 for _ in group.members]

    declared = group_reward("a/b-v1", bounds=(0, 1))
    assert declared(same).digest == declared(same).digest
    digests = {
        declared(same).digest,
        declared(other).digest,
        group_reward("a/b-v1", bounds=(0, 2))(same).digest,
        group_reward("a/b-v2", bounds=(0, 1))(same).digest,
        estimator("a/b-v1")(same).digest,
    }
    assert len(digests) == 5


def declare_group(function: Callable[..., Sequence[float]]) -> PluginDefinition:
    return group_reward("a/b-v1", bounds=(0, 1))(function)


def two_by_position(group: FinishedGroup, scale: float) -> Sequence[float]:
    return [scale for _ in group.members]


def hidden(group: FinishedGroup, **parameters: float) -> Sequence[float]:
    return [len(parameters) for _ in group.members]


def odd_type(group: FinishedGroup, *, when: complex = 0) -> Sequence[float]:
    return [when.real for _ in group.members]


def odd_default(group: FinishedGroup, *, scale: float = "much") -> Sequence[float]:  # pyright: ignore[reportArgumentType] - that is the point
    return [scale for _ in group.members]


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (two_by_position, r"takes group, scale; parameters of its own come after a '\*'"),
        (hidden, "hides which parameters there are"),
        (odd_type, "complex"),
        (odd_default, "default of parameter 'scale': expected number, got 'much'"),
    ],
)
def test_a_signature_that_cannot_be_used_is_shown(function: Callable[..., Sequence[float]], words: str) -> None:
    with pytest.raises(ValueError, match=words) as raised:
        declare_group(function)
    line = function.__code__.co_firstlineno
    assert f"defined at {HERE}:{line} as {function.__name__}(group" in str(raised.value)


def one(sample: Sample) -> Score:
    return Score(float(bool(sample.response)))


async def waits(sample: Sample) -> Score:
    return one(sample)


def asks(sample: Sample, ports: Ports) -> Score:
    del ports
    return one(sample)


@pytest.mark.parametrize(
    ("declare", "words"),
    [
        (lambda: reward("Acme/x-v1", bounds=(0, 1))(one), "namespace/name-vN"),
        (lambda: reward("acme/x", bounds=(0, 1))(one), "namespace/name-vN"),
        (lambda: reward("acme/x-v1", bounds=(1, 0))(one), r"\(1, 0\)"),
        (lambda: reward("acme/x-v1", bounds=(float("nan"), 1))(one), "nan"),
        (lambda: reward("acme/x-v1", bounds=(0, 1), required_signals=("seqLogprob",))(one), "snake_case"),
        (lambda: reward("acme/x-v1", bounds=(0, 1))(waits), "coroutine function cannot run in the inline lane"),
        (lambda: reward("acme/x-v1", bounds=(0, 1))(asks), "ports are not there in the inline lane"),
        (lambda: reward("acme/x-v1", bounds=(0, 1), lane=Lane.IO)(one), "make it an async def"),
        (lambda: reward("acme/x-v1", bounds=(0, 1), quick=one)(one), "quick comes before"),
    ],
)
def test_a_reward_that_cannot_be_is_shown_with_its_definition(declare: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words) as raised:
        declare()
    assert f"defined at {HERE}:" in str(raised.value)


def test_an_environment_without_its_methods_is_refused() -> None:
    class Half:
        def reset(self) -> None: ...

    with pytest.raises(ValueError, match="no method step, close, anchor"):
        environment("acme/half-v1")(Half)


def test_what_waits_is_no_group_function() -> None:
    async def later(group: FinishedGroup) -> str:
        return str(group)

    with pytest.raises(ValueError, match="a plain function"):
        selector("acme/later-v1")(later)  # pyright: ignore[reportArgumentType] - that is the point


def test_what_was_defined_without_a_file_can_be_declared() -> None:
    code = (
        "from assay.sdk import *; space = {};"
        "exec('def f(sample):\\n  return Score(1.0)', {'Score': Score}, space);"
        "print(reward('a/b-v1', bounds=(0, 1))(space['f']).digest)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert len(done.stdout.strip()) == 64
