"""Passive checks: an environment that is held to its promises while it is used. For debugging; each step costs more."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cache
from typing import cast

from assay.sdk import Json
from assay_server.environments.protocol import (
    Asking,
    Carrying,
    Dumping,
    Environment,
    EnvironmentFault,
    Informing,
    ResetResult,
    StepResult,
)

_DIGEST = re.compile(r"[0-9a-f]{64}")


class BrokenPromise(EnvironmentFault):
    """An environment did what environments promise not to do; the message says what and what to do."""


def digest_fault(digest: str) -> str:
    """What is wrong with a state digest; empty where nothing is."""
    return "" if _DIGEST.fullmatch(digest) else f"state_digest() is {digest[:80]!r}; expected 64 lower-case hex digits"


def result_fault(result: StepResult) -> str:
    """What is wrong with a step's result; empty where nothing is."""
    if not math.isfinite(result.reward):
        return f"the reward {result.reward} is not finite"
    if not 0 <= result.task_score <= 1 or (result.task_score == 1) != result.won:
        return f"task_score {result.task_score} with won={result.won}; it is in [0, 1], and 1 exactly where it is won"
    if bool(result.stop_reason) != (result.terminated or result.truncated):
        return f"stop_reason {result.stop_reason!r} with terminated={result.terminated}, truncated={result.truncated}"
    return ""


class Watched:
    """An environment with checks around it; make one with :func:`watched`."""

    def __init__(self, environment: Environment) -> None:
        self._inner = environment

    def reset(self, seed: int, options: Mapping[str, Json]) -> ResetResult:
        """Start, and check what it starts from.

        Raises:
            BrokenPromise: the digest is none, or not that of the state.
        """
        reset = self._inner.reset(seed, options)
        _refuse(digest_fault(reset.state_digest))
        if reset.state_digest != self._inner.state_digest():
            raise BrokenPromise("the digest that reset() returns is not state_digest()")
        self._read()
        return reset

    def step(self, action: str) -> StepResult:
        """Take an action, and check what followed.

        Raises:
            BrokenPromise: a listed action is not taken, one that is not taken changes the state, the result is
                unsound, or asking for the state changes it.
        """
        before, listed = self._inner.state_digest(), self._inner.admissible_actions()
        result = self._inner.step(action)
        if action in listed and not (result.action_valid and result.executed):
            raise BrokenPromise(f"{action[:100]!r} was listed as admissible and then not taken as valid")
        if not result.executed and self._inner.state_digest() != before:
            raise BrokenPromise(f"{action[:100]!r} was answered as not executed, yet it changed the state")
        _refuse(result_fault(result))
        self._read()
        return result

    def anchor(self) -> str:
        """As the environment says."""
        return self._inner.anchor()

    def state_digest(self) -> str:
        """As the environment says."""
        return self._inner.state_digest()

    def admissible_actions(self) -> tuple[str, ...]:
        """As the environment says."""
        return self._inner.admissible_actions()

    def close(self) -> None:
        """Close the environment."""
        self._inner.close()

    def _read(self) -> None:
        first, second = (
            (self._inner.anchor(), self._inner.admissible_actions(), self._inner.state_digest()) for _ in range(2)
        )
        if first != second:
            raise BrokenPromise("asking for anchor, admissible actions or digest changes them: let them only read")
        _refuse(digest_fault(first[2]))


class _WatchedCarrying(Watched):
    """One that says what is carried."""

    def inventory(self) -> str:
        """As the environment says."""
        return cast("Carrying", self._inner).inventory()


class _WatchedDumping(Watched):
    """One that can be put aside."""

    def dump(self) -> bytes:
        """Put aside, twice.

        Raises:
            BrokenPromise: the second dump is another one.
        """
        inner = cast("Dumping", self._inner)
        dumped = inner.dump()
        if inner.dump() != dumped:
            raise BrokenPromise("two dumps of one state differ: write it in a fixed order")
        return dumped

    def restore(self, dumped: bytes) -> None:
        """Continue, and put aside again.

        Raises:
            BrokenPromise: what is put aside then is something else.
        """
        inner = cast("Dumping", self._inner)
        inner.restore(dumped)
        if inner.dump() != dumped:
            raise BrokenPromise("what was restored is put aside as something else")


class _WatchedAsking(Watched):
    """One that asks the outside."""

    def request_for(self, action: str) -> str:
        """What is asked, twice.

        Raises:
            BrokenPromise: the second request is another one, or asking changed the state.
        """
        inner = cast("Asking", self._inner)
        before, asked = inner.state_digest(), inner.request_for(action)
        if inner.request_for(action) != asked or inner.state_digest() != before:
            raise BrokenPromise("request_for() changes what is asked next, or the state: let it only read")
        return asked

    def receive(self, answer: str) -> None:
        """Pass it on."""
        cast("Asking", self._inner).receive(answer)


class _WatchedInforming(Watched):
    """One with more to say."""

    def info(self) -> Mapping[str, Json]:
        """As the environment says."""
        return cast("Informing", self._inner).info()


def watched(environment: Environment) -> Environment:
    """The environment with checks around it; it offers what the environment offers."""
    offers = (
        (isinstance(environment, Carrying), _WatchedCarrying),
        (isinstance(environment, Dumping), _WatchedDumping),
        (isinstance(environment, Asking), _WatchedAsking),
        (isinstance(environment, Informing), _WatchedInforming),
    )
    return _watched_kind(tuple(kind for offered, kind in offers if offered))(environment)


@cache
def _watched_kind(offered: tuple[type[Watched], ...]) -> type[Watched]:
    """A class that offers all of these."""
    return type("WatchedEnvironment", offered or (Watched,), {})


def _refuse(fault: str) -> None:
    if fault:
        raise BrokenPromise(fault)
