"""What these tests share with those of one server."""

# ruff: noqa: TID252  # tests are not installed: there is no absolute name

from __future__ import annotations

from ..driver import CALL_OVER
from ..leaks import leak_in_json
from ..rollouts import mixed_group, right, spec, wrong
from ..server import Endpoint
from ..server_process import ServerUnderTest
from ..statuses import refusal_of, refusal_of_error

__all__ = [
    "CALL_OVER",
    "Endpoint",
    "ServerUnderTest",
    "leak_in_json",
    "mixed_group",
    "refusal_of",
    "refusal_of_error",
    "right",
    "spec",
    "wrong",
]
