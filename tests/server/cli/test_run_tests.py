"""``assay run-tests`` as its user sees it."""

from __future__ import annotations

import json
import subprocess
from typing import cast

import pytest

from assay.sdk import Json
from assay_sandbox.namespaces.backend import NamespacesBackend
from assay_sandbox.protocol import Grade

from .command import ASSAY, assay, metadata_of, reason_of

SUITE: dict[str, Json] = {
    "kind": "assert", "prelude": "", "code": "def check(candidate):\n    assert candidate(5) == 6\n", "entryPoint": "f",
}  # fmt: skip
CASES: list[Json] = [{"args": [1], "expected": 2}, {"args": [5], "expected": 6}]
RIGHT = "def f(n):\n    return n + 1\n"
WRONG = "def f(n):\n    return 2\n"


@pytest.fixture(scope="module", autouse=True)
def _isolated() -> None:
    level = NamespacesBackend().probe()
    if level.grade < Grade.FLOOR:
        pytest.skip(f"this machine gives no sandbox: {level}")


def job(id: str, source: str = RIGHT, suite: Json = SUITE, **more: Json) -> dict[str, Json]:
    limits: Json = {"cpuMs": 20_000, "wallMs": 60_000}
    return {"id": id, "language": "python", "source": source, "suite": suite, "limits": limits, **more}


def lines(*jobs: dict[str, Json]) -> bytes:
    return "".join(json.dumps(value) + "\n" for value in jobs).encode()


def test_jobs_are_answered_in_input_order_whatever_is_wrong_with_some():
    calls: Json = {"kind": "calls", "entryPoint": "f", "cases": CASES}
    stdio: Json = {"kind": "stdio", "cases": [{"input": "1 2", "output": "3\n"}], "checker": "tokens"}
    files: Json = {"test_it.py": "from solution import f\n\ndef test_f():\n    assert f(5) == 6\n"}
    given = [
        job("a"), job("b", WRONG), job("c", RIGHT, calls), job("d", WRONG, calls),
        job("e", "print(sum(map(int, input().split())))", stdio), job("f", RIGHT, {"kind": "pytest", "files": files}),
        job("g", "while True: pass", limits={"cpuMs": 100, "wallMs": 60_000}), job("a", "import sys\nsys.exit(0)"),
        job("h", language="cobol"), job("i", suite={"kind": "calls"}), job("j", more=1),
    ]  # fmt: skip
    done = assay("run-tests", "--backend", "namespaces", stdin=lines(*given[:8]) + b"{\n" + lines(*given[8:]))
    assert done.code == 3
    told = done.lines
    assert [line.get("id", "") for line in done.lines] == [*"abcdefga", "", *"hij"]
    assert [line.get("passed") for line in done.lines] == [
        True, False, True, False, True, True, False, False, None, None, None, None,
    ]  # fmt: skip
    right = told[0]
    assert (right["passFraction"], right["verdictIsolation"]) == (1.0, "SEPARATE")
    (test,) = cast("list[dict[str, Json]]", right["tests"])
    assert (test["name"], test["outcome"], set(test)) == ("test 1", "PASSED", {"name", "outcome", "cpuMs", "wallMs"})
    assert told[3]["passFraction"] == 0.5
    (slow,) = cast("list[dict[str, Json]]", told[6]["tests"])
    assert slow["outcome"] == "TIMEOUT"
    assert [reason_of(told[place]) for place in (8, 9, 10, 11)] == [
        "NOT_JSON", "UNKNOWN_LANGUAGE", "BAD_SUITE", "INVALID_ARGUMENT",
    ]  # fmt: skip
    assert metadata_of(told[8])["line"] == "9"


def test_an_answer_comes_as_soon_as_it_is_known():
    with subprocess.Popen([ASSAY, "run-tests"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for name in "ab":
            process.stdin.write(lines(job(name)))
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == name
        process.stdin.close()
        assert process.wait() == 0


def test_a_backend_is_for_the_embedded_server():
    assert assay("run-tests", "--backend", "namespaces", "--server", "localhost:1", stdin=b"").code == 2
    assert assay("run-tests", "--backend", "none", stdin=b"").code == 2
