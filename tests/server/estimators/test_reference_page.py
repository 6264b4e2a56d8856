"""docs/estimators.md says of every estimator and filter what the table in the code says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assay.sdk.parameters import Parameter
from assay_server.compute import COMPUTATIONS
from assay_server.estimators import ESTIMATORS, EstimatorDefinition

PAGE = Path(__file__).parents[3] / "docs" / "estimators.md"


def row(definition: EstimatorDefinition) -> str:
    """A line of the page's table."""
    parameters = ", ".join(map(shown, definition.parameters)) or "none"
    cells = (f"`{definition.id}`", definition.formula, definition.scope.value, parameters, definition.edges)
    return f"| {' | '.join(cells)} | {definition.source} |"


def shown(parameter: Parameter) -> str:
    return f"`{parameter.name}` {json.dumps(parameter.default)}"


@pytest.mark.parametrize("name", sorted(ESTIMATORS))
def test_every_estimator_has_its_row(name: str) -> None:
    assert row(ESTIMATORS[name]) in PAGE.read_text().splitlines()


def test_every_computation_of_groups_is_named() -> None:
    page = PAGE.read_text()
    named = [name for name in COMPUTATIONS if name.startswith(("advantage/", "metric/", "select/"))]

    assert [name for name in named if f"`{name}`" not in page] == []
