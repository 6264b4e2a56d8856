"""The plan as written in plan.toml, which was committed before the first run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import tomllib
from pydantic import TypeAdapter

from .policy import Learning

PLAN = Path(__file__).with_name("plan.toml")
Table: TypeAlias = dict[str, object]
Scalar: TypeAlias = bool | int | float | str
Params: TypeAlias = Mapping[str, Scalar]


@dataclass(frozen=True, slots=True)
class Method:
    """What turns rewards into advantages: an estimator with its parameters, and the anchor recipe."""

    name: str
    estimator: str
    params: Params
    recipe: str = "STATE_DIGEST"
    history: int = 0
    similarity: float = 0.0


@dataclass(frozen=True, slots=True)
class Episodes:
    """Methods compared on one environment.

    Attributes:
        boards: different starts; iterations go round them.
    """

    name: str
    title: str
    environment: str
    options: Params
    iterations: int
    groups: int
    members: int
    boards: int
    methods: tuple[Method, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """What is different in a run of a toy: a filter of the run, or a reward made of its rewards."""

    filter: str = ""
    reward: str = ""
    params: Params = field(default_factory=dict[str, Scalar])


ToyKind = Literal["sampling", "tools"]


@dataclass(frozen=True, slots=True)
class Toy:
    """Ways of choosing groups, or of shaping rewards, compared on a toy task."""

    name: str
    title: str
    kind: ToyKind
    iterations: int
    groups: int
    members: int
    learning_rate: float
    methods: Mapping[str, Way]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is fixed before the first run.

    Attributes:
        last: share of the iterations, from the end, over which the main metric is taken.
    """

    seeds: tuple[int, ...]
    last: float
    learning: Learning
    episodes: tuple[Episodes, ...]
    toys: tuple[Toy, ...]
    comparisons: tuple[tuple[str, str, str], ...]


def read_plan(path: Path = PLAN) -> Plan:
    """The plan of a file."""
    return plan_of(tomllib.loads(path.read_text(encoding="utf-8")))


def plan_of(table: Mapping[str, object]) -> Plan:
    """The plan of a parsed file.

    Raises:
        ValidationError: a field is missing, unknown or of another type.
    """
    sections = TypeAdapter(dict[str, Table])
    methods = {
        name: TypeAdapter(Method).validate_python({"name": name, **given})
        for name, given in sections.validate_python(table["methods"]).items()
    }
    names = TypeAdapter(list[str])
    episodes = [
        TypeAdapter(Episodes).validate_python({
            "name": name, **given, "methods": [methods[one] for one in names.validate_python(given["methods"])],
        })
        for name, given in sections.validate_python(table["episodes"]).items()
    ]  # fmt: skip
    toys = [
        TypeAdapter(Toy).validate_python({"name": name, **given})
        for name, given in sections.validate_python(table["toys"]).items()
    ]
    rest = {name: table[name] for name in ("seeds", "last", "learning", "comparisons")}
    return TypeAdapter(Plan).validate_python({**rest, "episodes": episodes, "toys": toys})
