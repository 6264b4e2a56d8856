"""Processes that are forked from a warm one find everything imported."""

from __future__ import annotations

import json
import subprocess
import sys

PAIRS = [
    (r"\tan 2x", r"\frac{2\tan x}{1-\tan^2 x}"),
    (r"\int_0^2 x^2 dx", r"\frac{8}{3}"),
    (r"\log_2 x^3", r"3\log_2 x"),
]
_COMPARES = """
import json, sys
from assay_server.execution import symbolic
if sys.argv[1] == "warm":
    symbolic.warm_up()
before = set(sys.modules)
verdicts = [symbolic.SympySymbolic().compare(*pair).equal for pair in json.loads(sys.argv[2])]
print(json.dumps([verdicts, sorted(set(sys.modules) - before)]))
"""


def compared(state: str) -> tuple[list[bool], list[str]]:
    """The verdicts in a new process, and the modules that it needed besides."""
    command = [sys.executable, "-c", _COMPARES, state, json.dumps(PAIRS)]
    verdicts, modules = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return verdicts, modules


def test_after_the_warm_up_comparisons_import_nothing():
    assert compared("warm") == ([True] * len(PAIRS), [])


def test_without_it_they_do():
    verdicts, modules = compared("cold")
    assert verdicts == [True] * len(PAIRS)
    assert modules
