"""The rows of the reference page, made from what the code declares; a test holds the page to them."""

from __future__ import annotations

import json

from assay.sdk.parameters import Parameter
from assay_server.estimators.declared import DeclaredMethod
from assay_server.estimators.definition import EstimatorDefinition


def estimator_row(definition: EstimatorDefinition) -> str:
    """A line of the table of estimators."""
    return _row(
        f"`{definition.id}`",
        definition.formula,
        definition.scope.value,
        _listed(definition.parameters),
        definition.edges,
        _source(definition.source, definition.verify),
    )


def method_row(method: DeclaredMethod) -> str:
    """A line of the table of computed methods."""
    return _row(
        f"`{method.id}`",
        method.formula,
        method.reach,
        method.inputs,
        _listed(method.parameters),
        method.edges,
        _source(method.source, method.verify),
    )


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _source(source: str, verify: str) -> str:
    return f"{source}. To verify: {verify}" if verify else source


def _listed(parameters: tuple[Parameter, ...]) -> str:
    return ", ".join(map(_shown, parameters)) or "none"


def _shown(parameter: Parameter) -> str:
    default = "(must be given)" if parameter.required else json.dumps(parameter.default)
    return f"`{parameter.name}` {default}"
