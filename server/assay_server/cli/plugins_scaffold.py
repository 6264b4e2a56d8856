"""What ``assay plugin new`` writes: a package with a reward, its test, and the entry point that installs it."""

from __future__ import annotations

import re
from pathlib import Path

from assay_server.cli.refusals import Usage

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

_PYPROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}"
version = "0.1.0"
description = "A reward for Assay."
requires-python = ">=3.10"
dependencies = ["assay-client"]

[project.optional-dependencies]
test = ["pytest"]

[project.entry-points."assay.plugins"]
{name} = "{package}"

[tool.setuptools]
packages = ["{package}"]
"""

_REWARD = '''\
"""Rewards of {name}."""

from assay.sdk import Evidence, Sample, Score, Unscorable, reward


@reward("{name}/ends_with-v1", bounds=(0, 1), binary=True, reference_keys=("answer",))
def ends_with(sample: Sample, *, ignore_case: bool = True) -> Score:
    """1 where the response ends with the answer."""
    if not isinstance(answer := sample.reference.get("answer"), str):
        raise Unscorable("REFERENCE_MISSING", "expected the answer as a text", field="reference_json")
    end = sample.response[-len(answer) - 100 :].rstrip(" .\\n")
    right = end.lower().endswith(answer.lower()) if ignore_case else end.endswith(answer)
    return Score(float(right), evidence=Evidence(extracted=end[-len(answer) :], reason="the end of the response"))
'''

_TEST = '''\
"""Tests of the rewards of {name}: a declared reward is called through ``.function``."""

import pytest

from assay.sdk import Sample, Unscorable
from {package} import ends_with


def test_the_end_of_the_response_is_compared() -> None:
    assert ends_with.function(Sample("r1", "so it is 18.", {{"answer": "18"}})).value == 1.0
    assert ends_with.function(Sample("r2", "so it is 17.", {{"answer": "18"}})).value == 0.0


def test_without_an_answer_there_is_no_score() -> None:
    with pytest.raises(Unscorable):
        ends_with.function(Sample("r3", "so it is 18."))
'''

_README = """\
# {name}

A reward for Assay.

    pip install -e ".[test]"
    pytest
    assay plugin check {package}
    assay score --reward {name}/ends_with < rollouts.jsonl
"""


def write_scaffold(name: str, directory: Path) -> list[Path]:
    """The files of a new package, written; their paths.

    Raises:
        Usage: the name is no distribution name, or there is something in its place.
    """
    if not _NAME.fullmatch(name):
        raise Usage(f"{name!r} is no name for a package: lower case letters, digits and single hyphens, e.g. acme-math")
    root = directory / name
    if root.exists():
        raise Usage(f"{root} exists already")
    package = name.replace("-", "_")
    files = {
        "pyproject.toml": _PYPROJECT,
        f"{package}/__init__.py": _REWARD,
        "tests/test_rewards.py": _TEST,
        "README.md": _README,
    }
    written: list[Path] = []
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.format(name=name, package=package), encoding="utf-8")
        written.append(file)
    return written
