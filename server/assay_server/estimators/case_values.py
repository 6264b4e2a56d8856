"""Reading the JSON inputs of a computation: each value is checked where it is read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeAlias

from assay.sdk.parameters import parameters_of
from assay.sdk.samples import Json
from assay_server.estimators.definition import bind
from assay_server.estimators.errors import InputError

Computation: TypeAlias = Callable[[Mapping[str, Json], Mapping[str, Json]], dict[str, Json]]
"""``(params, inputs) -> outputs``; raises a MethodError where it refuses."""


def computation(function: Callable[..., dict[str, Json]]) -> Computation:
    """``(inputs, *, typed parameters) -> outputs`` as a computation."""
    parameters = parameters_of(function)

    def compute(params: Mapping[str, Json], inputs: Mapping[str, Json]) -> dict[str, Json]:
        return function(inputs, **bind(parameters, params))

    return compute


def number(value: Json, field: str) -> float:
    """A finite number.

    Raises:
        InputError: anything else; true and false are no numbers.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            converted = float(value)
        except OverflowError:
            converted = math.inf
        if math.isfinite(converted):
            return converted
    raise InputError(field, f"expected a finite number, got {_shown(value)}")


def integer(value: Json, field: str) -> int:
    """An integer.

    Raises:
        InputError: anything else.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise InputError(field, f"expected an integer, got {_shown(value)}")


def boolean(value: Json, field: str) -> bool:
    """True or false.

    Raises:
        InputError: anything else.
    """
    if isinstance(value, bool):
        return value
    raise InputError(field, f"expected true or false, got {_shown(value)}")


def text(value: Json, field: str) -> str:
    """A text.

    Raises:
        InputError: anything else.
    """
    if isinstance(value, str):
        return value
    raise InputError(field, f"expected a text, got {_shown(value)}")


def listed(owner: Mapping[str, Json], name: str, path: str = "") -> list[Json]:
    """A list that must be there.

    Raises:
        InputError: it is missing or no list.
    """
    value = given(owner, name, path)
    if isinstance(value, list):
        return value
    raise InputError(path + name, f"expected a list, got {_shown(value)}")


def mapping(value: Json, field: str) -> dict[str, Json]:
    """An object.

    Raises:
        InputError: anything else.
    """
    if isinstance(value, dict):
        return value
    raise InputError(field, f"expected an object, got {_shown(value)}")


def given(owner: Mapping[str, Json], name: str, path: str = "") -> Json:
    """A value that must be there.

    Raises:
        InputError: it is missing.
    """
    if name not in owner:
        raise InputError(path + name, "must be given")
    return owner[name]


def reward_groups(inputs: Mapping[str, Json]) -> dict[str, list[float]]:
    """``groups``: an object of reward lists by group id.

    Raises:
        InputError: something else came.
    """
    groups = mapping(given(inputs, "groups"), "groups")
    return {
        name: [
            number(reward, f"groups.{name}[{place}]") for place, reward in enumerate(listed(groups, name, "groups."))
        ]
        for name in groups
    }


def _shown(value: Json) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        return repr(value)
    return {int: "an integer", str: "a text", list: "a list", dict: "an object"}.get(type(value), "no JSON value")
