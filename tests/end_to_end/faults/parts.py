"""What the tests of fleets share with those of one server."""

# ruff: noqa: TID252  # tests are not installed: there is no absolute name

from __future__ import annotations

from ..rollouts import mixed_group, right, rollout, spec, step
from ..server import Endpoint, Service, http_get, serving, settings

__all__ = ["Endpoint", "Service", "http_get", "mixed_group", "right", "rollout", "serving", "settings", "spec", "step"]
