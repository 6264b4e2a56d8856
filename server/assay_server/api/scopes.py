"""What a caller's key has to be for, method by method: one table for all doors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from assay_server.api.principals import Principal
from assay_server.keys import Scope
from assay_server.pipeline.failures import Code, Failure

_SCORE: Final = frozenset({Scope.SCORE})
_ADMIN: Final = frozenset({Scope.ADMIN})

_OF_SERVICE: Final[Mapping[str, frozenset[Scope]]] = {
    "assay.v1.RunService": _SCORE,
    "assay.v1.RewardService": _SCORE,
    "assay.v1.AdvantageService": _SCORE,
    "assay.v1.SandboxService": _SCORE,
    "assay.v1.EnvironmentService": frozenset({Scope.ENVIRONMENTS}),
    "assay.v1.PluginService": _ADMIN,
}
_OF_METHOD: Final[Mapping[str, frozenset[Scope]]] = {
    "/assay.v1.PluginService/ListPlugins": frozenset({Scope.SCORE, Scope.ENVIRONMENTS, Scope.ADMIN}),
}

METRICS: Final = frozenset({Scope.METRICS, Scope.ADMIN})
"""Of ``/metrics`` and ``/sandboxz``, which count what all tenants do."""

ANY: Final = frozenset(Scope)
"""Of what only describes the contract: reflection, ``/openapi.json``."""


def scopes_of(method: str) -> frozenset[Scope]:
    """One of these is needed for a method (``/assay.v1.Service/Method``); what is in no table needs ``admin``."""
    named = _OF_METHOD.get(method)
    return named if named is not None else _OF_SERVICE.get(method.rpartition("/")[0][1:], _ADMIN)


def require(principal: Principal, needed: frozenset[Scope]) -> None:
    """Raise PERMISSION_DENIED where the principal has none of these scopes."""
    if principal.scopes.isdisjoint(needed):
        names = " or ".join(sorted(scope.value for scope in needed))
        message = f"the key is not for this; a key with the scope {names} is needed"
        raise Failure(Code.PERMISSION_DENIED, "SCOPE_MISSING", message)
