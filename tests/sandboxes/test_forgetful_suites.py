"""Suites that judge many candidates in one process, and those that must not."""

from __future__ import annotations

import itertools

import pytest

from assay_sandbox.harness.forgetful import keeps_nothing
from assay_sandbox.judging import Job, Judge, judging
from assay_sandbox.protocol import Limits
from assay_sandbox.suites.reading import read_suite
from tests.sandboxes.plain_backend import PlainBackend

LIMITS = Limits(cpu_ms=20_000, wall_ms=60_000)


@pytest.mark.parametrize(
    ("prelude", "code"),
    [
        ("", "assert f(1) == 2"),
        ("import math", "def check(candidate):\n    assert math.isclose(candidate(1), 2.0)"),
        ("from typing import List\nimport collections as c", "assert f([1]) == [2] and c.Counter('a') == f('a')"),
        ("", "METADATA = {'author': 'x'}\ndef check(c):\n    for n in range(3):\n        assert c(n) == sorted([n])"),
        ("", "try:\n    f(1)\n    assert False\nexcept ValueError as error:\n    assert str(error)"),
        ("", "assert f(lambda n: n + 1) == [x for x in range(2) if x]"),
    ],
)
def test_what_keeps_nothing(prelude: str, code: str):
    assert keeps_nothing(prelude, code)


@pytest.mark.parametrize(
    ("prelude", "code"),
    [
        ("seen = []", "assert f(seen) == 1"),
        ("import random", "random.seed(1)\nassert f(1)"),
        ("from random import seed", "seed(1)\nassert f(1)"),
        ("import math", "math.pi = 3\nassert f(1)"),
        ("import math", "m = math\nm.pi = 3\nassert f(1)"),
        ("import math", "assert f(math)"),
        ("import math", "for math.pi in [3]: pass\nassert f(1)"),
        ("import copy", "copy.dispatch_table[int] = f\nassert f(1)"),
        ("from copy import dispatch_table as t", "assert f(t)"),
        ("from collections import abc", "assert f(abc)"),
        ("from collections import _sys", "assert f(_sys)"),
        ("import math.x", "assert f(1)"),
        ("from . import math", "assert f(1)"),
        ("", "setattr(f, 'x', 1)\nassert f(1)"),
        ("", "s = setattr\ns(f, 'x', 1)\nassert f(1)"),
        ("", "globals()['x'] = 1\nassert f(1)"),
        ("", "assert __builtins__"),
        ("", "assert f.__globals__"),
        ("", "class A:\n    x = []\nassert f(A)"),
        ("", "with open('x', 'w') as file:\n    assert f(file)"),
        ("", "def g():\n    global x\n    x = 1\nassert f(1)"),
        ("", "import os\nassert f(os)"),
        ("", "assert eval('f(1)')"),
        ("", "@f\ndef g(): pass\nassert g()"),
    ],
)
def test_what_may_keep_something(prelude: str, code: str):
    assert not keeps_nothing(prelude, code)


async def judged(judge: Judge, source: str, code: str, prelude: str = "") -> bool:
    suite = read_suite({"kind": "assert", "prelude": prelude, "code": code, "entryPoint": "f"})
    return (await judge.judge(Job("python", source, suite, limits=LIMITS))).passed


async def test_every_candidate_meets_the_suite_as_it_was():
    shared = (
        "DATA = [3, 1, 2]\ndef check(candidate):\n    assert candidate(DATA) == 6\n    assert candidate(DATA) == 6\n"
    )
    assert keeps_nothing("", shared)
    programs = {
        "def f(n):\n    n.clear()\n    return 6": True,
        "def f(n): return sum(n)": True,
        "def f(n):\n    n.append(0)\n    n[0] = 3\n    return sum(n)": True,
        "def f(n):\n    n.append(1)\n    return sum(n)": False,
        "raise KeyError": False,
        "import os\ndef f(n): os._exit(0)": False,
        "def f(n): return [n] * 10 ** 7": False,
        "class E(Exception): pass\ndef f(n): raise E(n)": False,
    }
    async with judging(PlainBackend(), slots=1) as judge:
        for source in itertools.chain(programs, reversed(programs)):
            assert await judged(judge, source, shared) is programs[source], source


async def test_a_suite_that_keeps_something_begins_anew_for_each_candidate():
    counted = "calls.append(1)\ndef check(candidate):\n    assert candidate(len(calls)) == 1\n"
    async with judging(PlainBackend(), slots=1) as judge:
        said = [await judged(judge, "def f(n): return n", counted, "calls = []") for _ in range(3)]
    assert said == [True, True, True]
