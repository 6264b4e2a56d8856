"""What the tests of fleets share with those of one server."""

# ruff: noqa: TID252  # tests are not installed: there is no absolute name

from __future__ import annotations

from ..authority import OPENSSL, Authority, Pair
from ..rollouts import mixed_group, right, rollout, spec, step
from ..server import Endpoint, Service, http_get, serving, settings
from ..tenants import OWNER, STRANGER, make_keys

__all__ = [
    "OPENSSL",
    "OWNER",
    "STRANGER",
    "Authority",
    "Endpoint",
    "Pair",
    "Service",
    "http_get",
    "make_keys",
    "mixed_group",
    "right",
    "rollout",
    "serving",
    "settings",
    "spec",
    "step",
]
