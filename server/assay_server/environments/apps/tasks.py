"""What a task is, and the scripts that show how it is done and how it is missed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from assay.sdk import Json
from assay_server.environments.apps.expecting import Expectation
from assay_server.environments.apps.respondent import User
from assay_server.environments.apps.scenery import Stage


@dataclass(frozen=True, slots=True)
class Doing:
    """One call of a script."""

    name: str
    arguments: Mapping[str, Json]

    def action(self) -> str:
        """As an action."""
        return json.dumps({"name": self.name, "arguments": dict(self.arguments)})


def do(name: str, /, **arguments: Json) -> Doing:
    """A call; an argument that is a word of Python ends with an underscore."""
    return Doing(name, {given.rstrip("_"): value for given, value in arguments.items()})


@dataclass(frozen=True, slots=True)
class Task:
    """One task in its world.

    Attributes:
        instruction: what the user wants.
        expected: what has to change; nothing else may.
        solution: calls that do it and keep all policies, without ``finish``.
        wrong_object: the same done to what only looks like it.
        answer: what ``finish`` has to say; None = nothing.
        wrong_answer: of the wrong object.
        partial_answer: of half of the work, where it is the answer that tells.
    """

    instruction: str
    expected: tuple[Expectation, ...]
    solution: tuple[Doing, ...]
    wrong_object: tuple[Doing, ...]
    user: User = field(default_factory=User)
    answer: str | None = None
    wrong_answer: str = ""
    partial_answer: str = ""


Family: TypeAlias = Callable[[Stage], Task]
"""Draws a task, and puts into the world what it needs."""


def replaced(script: Sequence[Doing], other: Mapping[str, str]) -> tuple[Doing, ...]:
    """The script with some texts, wherever they stand as a whole argument, in the place of others."""
    return tuple(
        Doing(one.name, {name: other.get(value, value) if isinstance(value, str) else value
                         for name, value in one.arguments.items()})
        for one in script
    )  # fmt: skip
