"""Methods that are computed from plain values, each with everything that is declared about it: a row of the page."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from assay.sdk.parameters import Parameter, parameters_of
from assay.sdk.samples import Json
from assay_server.estimators.definition import bind
from assay_server.estimators.errors import InputError

Reach: TypeAlias = Literal["sample", "group", "batch", "run"]
"""What a value depends on. ``run``: on state that goes in and comes out; nothing is kept here."""

Outputs: TypeAlias = "dict[str, Json]"


@dataclass(frozen=True, slots=True)
class DeclaredMethod:
    """A pure function of JSON inputs and typed parameters.

    Attributes:
        id: ``family/name-vN``.
        inputs: what it reads, in words.
        verify: what of the definition has not been confirmed with the paper; empty where all has.
    """

    id: str
    reach: Reach
    inputs: str
    formula: str
    edges: str
    source: str
    verify: str
    summary: str
    parameters: tuple[Parameter, ...]
    function: Callable[..., Outputs]

    def __call__(self, params: Mapping[str, Json], inputs: Mapping[str, Json]) -> Outputs:
        """Outputs for parameters as they were given; what is left out takes its default.

        Raises:
            ParameterError: a parameter is unknown, missing, of the wrong type or out of bounds.
            InputError: an input is missing, of the wrong type or out of bounds, or the result would not be finite.
        """
        bound = bind(self.parameters, params)
        try:
            with np.errstate(over="raise", invalid="raise", divide="raise"):
                return self.function(inputs, **bound)
        except (FloatingPointError, OverflowError) as error:
            raise InputError("numbers", f"too large for {self.id}: the result would not be finite") from error


def method(
    id: str, *, reach: Reach, inputs: str, formula: str, edges: str = "", source: str, verify: str = ""
) -> Callable[[Callable[..., Outputs]], DeclaredMethod]:
    """Declare ``(inputs, *, typed parameters) -> outputs``."""

    def declare(function: Callable[..., Outputs]) -> DeclaredMethod:
        return DeclaredMethod(
            id=id,
            reach=reach,
            inputs=inputs,
            formula=formula,
            edges=edges,
            source=source,
            verify=verify,
            summary=(inspect.getdoc(function) or "").partition("\n")[0],
            parameters=parameters_of(function),
            function=function,
        )

    return declare


def table(*methods: DeclaredMethod) -> dict[str, DeclaredMethod]:
    """Methods by their versioned id."""
    return {row.id: row for row in methods}
