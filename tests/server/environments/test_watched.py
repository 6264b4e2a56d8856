"""Passive checks: what they let through unchanged, and what they stop."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from random import Random

import pytest

from assay.sdk import Json
from assay_server.environments import Carrying, Dumping, Environment, KeyDoor, ResetResult, StepResult
from assay_server.environments.catalogue import builtin_environments
from assay_server.environments.household import Household
from assay_server.environments.watched import BrokenPromise, watched
from assay_server.sessions.environments import environment_maker
from assay_server.sessions.values import EnvironmentSources, SessionSpec


@pytest.mark.parametrize("kind", [KeyDoor, Household])
def test_what_keeps_its_promises_is_answered_as_without_checks(kind: type[KeyDoor | Household]) -> None:
    plain: Environment = kind()
    checked, rng = watched(kind()), Random(1)
    assert isinstance(checked, Carrying) == isinstance(plain, Carrying)
    assert isinstance(checked, Dumping) == isinstance(plain, Dumping)
    assert checked.reset(5, {}) == plain.reset(5, {})
    for _ in range(20):
        action = rng.choice([*plain.admissible_actions(), "fly away"])
        assert checked.step(action) == plain.step(action)
        assert checked.anchor() == plain.anchor()
    if isinstance(checked, Dumping) and isinstance(plain, Dumping):
        checked.restore(dumped := checked.dump())
        assert dumped == plain.dump()
        assert checked.state_digest() == plain.state_digest()
    checked.close()


class Broken:
    """An environment with one fault."""

    def __init__(self, fault: str) -> None:
        self.fault = fault
        self.count = self.asked = 0

    def reset(self, seed: int, options: Mapping[str, Json]) -> ResetResult:
        digest = {"digest": "1234", "reset": "0" * 64}.get(self.fault, self.state_digest())
        return ResetResult(f"{seed} {len(options)}", digest)

    def step(self, action: str) -> StepResult:
        valid = action == "up" and self.fault != "listed"
        self.count += valid or self.fault == "moved"
        reward = float("nan") if self.fault == "reward" else 0.0
        score = 1.0 if self.fault == "score" else 0.0
        return StepResult("", reward, valid, valid, False, score, False, False, "won" if self.fault == "reason" else "")

    def anchor(self) -> str:
        self.asked += 1
        return str(self.asked if self.fault == "asking" else self.count)

    def state_digest(self) -> str:
        return hashlib.sha256(str(self.count).encode()).hexdigest()

    def admissible_actions(self) -> tuple[str, ...]:
        return ("up",)

    def close(self) -> None:
        return


def walk(environment: Environment) -> list[bool]:
    environment.reset(0, {})
    return [environment.step(action).executed for action in ("up", "down", "up")]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("digest", "64 lower-case hex digits"),
        ("reset", "is not state_digest"),
        ("asking", "let them only read"),
        ("listed", "listed as admissible"),
        ("moved", "yet it changed the state"),
        ("reward", "not finite"),
        ("score", "task_score"),
        ("reason", "stop_reason"),
    ],
)
def test_a_broken_promise_is_stopped_and_explained(fault: str, said: str) -> None:
    environment = watched(Broken(fault))
    with pytest.raises(BrokenPromise, match=said):
        walk(environment)


def test_nothing_is_stopped_where_nothing_is_broken() -> None:
    assert walk(watched(Broken(""))) == [True, False, True]


def test_sessions_are_checked_where_the_operator_says_so() -> None:
    definition = builtin_environments().resolve("household")
    spec = SessionSpec(definition.id, definition.digest, 0, {})
    assert type(environment_maker(EnvironmentSources())(spec)) is Household
    checked = environment_maker(EnvironmentSources(checked=True))(spec)
    assert type(checked) is not Household
    assert walk(checked)
