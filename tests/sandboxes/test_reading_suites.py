"""Suites as they are sent: what is wrong with one is said before anything runs."""

from __future__ import annotations

import json

import pytest

from assay_sandbox.suites.checkers import Comparison, Program
from assay_sandbox.suites.reading import (
    AssertSuite,
    CallsSuite,
    Json,
    PytestSuite,
    StdioSuite,
    read_suite,
    read_suite_text,
)
from assay_sandbox.suites.verdict import Isolation, Unjudged

WRONG: tuple[tuple[dict[str, Json], str], ...] = (
    ({}, "suite.kind"),
    ({"kind": "magic"}, "suite.kind"),
    ({"kind": "assert"}, "suite.code"),
    ({"kind": "assert", "code": 1}, "suite.code"),
    ({"kind": "assert", "code": "", "isolation": "NONE"}, "suite.isolation"),
    ({"kind": "assert", "code": "", "expected": 1}, "suite.expected"),
    ({"kind": "calls", "cases": []}, "suite.entryPoint"),
    ({"kind": "calls", "entryPoint": "f", "cases": []}, "suite.cases"),
    ({"kind": "calls", "entryPoint": "f", "cases": [1]}, "suite.cases[0]"),
    ({"kind": "calls", "entryPoint": "f", "cases": [{"args": [], "expected": 1}, {}]}, "suite.cases[1].expected"),
    ({"kind": "calls", "entryPoint": "f", "cases": [{"args": 1, "expected": 1}]}, "suite.cases[0]"),
    ({"kind": "calls", "entryPoint": "f", "cases": [{"expected": 1}], "tolerance": -1}, "suite.tolerance"),
    ({"kind": "stdio", "cases": [{"input": "x"}]}, "suite.cases[0].output"),
    ({"kind": "stdio", "cases": [{"output": "x"}], "checker": "magic"}, "suite.checker"),
    ({"kind": "stdio", "cases": [{"output": "x"}], "checker": 3}, "suite.checker"),
    ({"kind": "pytest", "files": {}}, "suite.files"),
    ({"kind": "pytest", "files": {"../x.py": ""}}, "suite.files"),
    ({"kind": "pytest", "files": {"/x.py": ""}}, "suite.files"),
    ({"kind": "pytest", "files": {"solution.py": ""}}, "suite.files"),
    ({"kind": "pytest", "files": {"x.py": 1}}, "suite.files"),
    ({"kind": "interactive", "cases": [{}]}, "suite.judge"),
)


@pytest.mark.parametrize(("suite", "field"), WRONG)
def test_what_is_wrong_is_named(suite: dict[str, Json], field: str):
    with pytest.raises(Unjudged) as raised:
        read_suite(suite)
    assert (raised.value.reason, raised.value.field) == ("BAD_SUITE", field)


@pytest.mark.parametrize("text", ["", "[", "[]", "1", "[" * 100_000, "9" * 5000])
def test_text_that_is_no_object_is_refused_in_our_own_words(text: str):
    with pytest.raises(Unjudged) as raised:
        read_suite_text(text)
    assert "line 1 column" not in str(raised.value)
    assert "set_int_max_str_digits" not in str(raised.value)


def test_suites_have_defaults():
    code = AssertSuite("", "assert f() == 1", "", Isolation.SEPARATE)
    assert read_suite({"kind": "assert", "code": "assert f() == 1"}) == code
    stdio = read_suite_text(json.dumps({"kind": "stdio", "cases": [{"input": "1", "output": "2"}]}))
    assert isinstance(stdio, StdioSuite)
    assert stdio.checker == Comparison("tokens")
    near = read_suite({"kind": "stdio", "cases": [{"output": "2"}], "checker": {"name": "float", "tolerance": 0.5}})
    assert isinstance(near, StdioSuite)
    assert near.checker == Comparison("float", 0.5)
    judged = read_suite({"kind": "stdio", "cases": [{"output": "2"}], "checker": {"source": "x"}})
    assert isinstance(judged, StdioSuite)
    assert judged.checker == Program("python", "x")
    calls = read_suite({"kind": "calls", "entryPoint": "f", "cases": [{"expected": None}]})
    assert isinstance(calls, CallsSuite)
    assert (list(calls.cases[0].args), dict(calls.cases[0].kwargs)) == ([], {})
    files = read_suite({"kind": "pytest", "files": {"test_a.py": "pass"}})
    assert isinstance(files, PytestSuite)
    assert files.files == {"test_a.py": b"pass"}
