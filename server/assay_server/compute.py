"""Any pure method by its id: ``{"id", "params", "inputs"}`` in, ``{"id", "outputs"}`` or ``{"id", "error"}`` out."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Protocol

from assay.sdk.samples import Json, Unscorable
from assay_server.estimators import computations as estimator_computations
from assay_server.estimators.case_values import Computation, mapping, text
from assay_server.estimators.errors import DataLoss, InputError, ParameterError, UnknownMethod
from assay_server.rewards import computations as reward_computations
from assay_server.rewards.fields import InvalidField
from assay_server.sampling import computations as sampling_computations
from assay_server.shaping import SAMPLE_METHODS, SHAPING_METHODS


class _Code(IntEnum):
    INVALID_ARGUMENT = 3
    NOT_FOUND = 5
    DATA_LOSS = 15


COMPUTATIONS: Mapping[str, Computation] = {
    **estimator_computations.COMPUTATIONS,
    **sampling_computations.COMPUTATIONS,
    **SHAPING_METHODS,
    **SAMPLE_METHODS,
    **{f"{name}-v1": function for name, function in reward_computations.COMPUTATIONS.items()},
}
"""Every computation by its versioned id."""


class Plugged(Protocol):
    """What plugins compute, by id."""

    @property
    def ids(self) -> list[str]:
        """What can be named."""
        ...

    def find(self, id: str) -> Computation | None:
        """What a plugin computes, by its id with or without its version; None where no plugin has it."""
        ...


class UnknownComputation(UnknownMethod):
    """No computation has this id."""

    kind = "computation"


def compute(case: Mapping[str, Json], plugins: Plugged | None = None) -> dict[str, Json]:
    """Compute one case; what cannot be computed is answered with an error, never raised.

    Args:
        case: ``id`` with or without its version, ``params`` (defaults where left out), ``inputs``. Other keys are
            ignored.
        plugins: what can be named beside the built-in computations.

    Returns:
        The id as given with ``outputs``, or with ``error``: ``code`` 3 (bad input), 5 (no such id) or 15 (a replay that
        differs), ``message`` and ``details`` as in google.rpc.Status.
    """
    named = case.get("id")
    try:
        return {"id": named, "outputs": _computed(case, plugins)}
    except UnknownMethod as error:
        return {"id": named, "error": _unknown(error)}
    except (InputError, InvalidField) as error:
        return {"id": named, "error": _refused(error.field, error.message)}
    except DataLoss as error:
        message = f"inputs.{error.field}: {error.message}"
        return {"id": named, "error": _error(_Code.DATA_LOSS, message, "DATA_LOSS", {})}
    except Unscorable as error:
        return {"id": named, "error": _unscorable(error)}


def _computed(case: Mapping[str, Json], plugins: Plugged | None) -> dict[str, Json]:
    function = find_computation(text(case.get("id"), "id"), plugins)
    params, inputs = (mapping(case.get(part, {}), part) for part in ("params", "inputs"))
    try:
        return function(params, inputs)
    except ParameterError as error:
        raise InvalidField(f"params.{error.field}", error.message) from error
    except InputError as error:
        raise InvalidField(f"inputs.{error.field}", error.message) from error


def find_computation(id: str, plugins: Plugged | None = None) -> Computation:
    """A computation by id; without a version the newest.

    Raises:
        UnknownComputation: no such id; carries the nearest ones.
    """
    if id in COMPUTATIONS:
        return COMPUTATIONS[id]
    versions = [known for known in COMPUTATIONS if known.rpartition("-v")[0] == id]
    if not versions:
        plugged = None if plugins is None else plugins.find(id)
        if plugged is None:
            raise UnknownComputation(id, [*COMPUTATIONS, *(plugins.ids if plugins else ())])
        return plugged
    return COMPUTATIONS[max(versions, key=lambda known: int(known.rpartition("-v")[2]))]


def _refused(field: str, message: str) -> dict[str, Json]:
    violation: Json = {"field": field, "description": message}
    bad_request: Json = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}
    return _error(_Code.INVALID_ARGUMENT, f"{field}: {message}", "INVALID_INPUT", {}, bad_request)


def _unknown(error: UnknownMethod) -> dict[str, Json]:
    return _error(_Code.NOT_FOUND, str(error), "UNKNOWN_COMPUTATION", {"nearest": ", ".join(error.nearest)})


def _unscorable(error: Unscorable) -> dict[str, Json]:
    from assay_server.pipeline.failures import of_unscorable

    failure = of_unscorable(error)
    return _error(failure.code, failure.message, failure.reason, {"retryable": str(error.retryable).lower()})


def _error(code: int, message: str, reason: str, metadata: dict[str, Json], *more: Json) -> dict[str, Json]:
    info: Json = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": "assay",
        "metadata": {"retryable": "false", **metadata},
    }
    return {"code": int(code), "message": message, "details": [info, *more]}
