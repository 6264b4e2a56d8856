"""ALFWorld's text games: a clean-room engine, and scenes of its own."""

from __future__ import annotations

import inspect
from functools import partial

from assay_server.environments.definition import EnvironmentDefinition
from assay_server.environments.household.environment import Household, NoSolution
from assay_server.environments.household.options import SCHEMA, Games


def household_definition(games: Games | None = None) -> EnvironmentDefinition:
    """The definition, with a folder of games that options may name."""
    return EnvironmentDefinition(
        id="assay/household-v1",
        make=Household if games is None else partial(Household, games),
        summary="ALFWorld's text games: its own game files, or generated scenes of all six task types.",
        options=SCHEMA,
        aliases=("household",),
        doc=inspect.getdoc(Household) or "",
    )


HOUSEHOLD = household_definition()

__all__ = ["HOUSEHOLD", "Games", "Household", "NoSolution", "household_definition"]
