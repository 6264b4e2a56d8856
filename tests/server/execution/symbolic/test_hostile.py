"""A hundred answers made to hang or to fill the memory: the inline stage is linear, the guard refuses or it ends."""

# ruff: noqa: E501 - an answer a line reads best

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from time import process_time

import pytest

from assay.sdk import Sample
from assay_server.rewards.verify_math import math_quick

TOWERS = [
    *(f"{base}^{{{base}^{{{base}^{{{base}}}}}}}" for base in (3, 7, 9, 10, 99)),
    *("^".join(["9"] * height) for height in (3, 5, 9, 30)),
    *(f"({base}^{{{exponent}}})^{{{exponent}}}" for base, exponent in ((2, 10**6), (7, 10**9), (10, 10**12))),
    "x^{x^{x^{x^x}}}", "2^{-2^{2^{2^{9}}}}", "1.0000001^{10^{15}}", "e^{e^{e^{e^e}}}", "i^{i^{i^{10^9}}}", "10^{10^{100}}",
]  # fmt: skip
FACTORIALS = [
    *(f"{n}!" for n in (10**5, 10**7, 10**9, 10**18)), "((9!)!)!", "(((3!)!)!)!", "9!!!!", "100!^{100!}", "1/(10^6)!",
    *(f"\\binom{{{n}}}{{{k}}}" for n, k in ((10**6, 5 * 10**5), (10**9, 10**8), (10**18, 10**9), (10**30, 7))),
    "\\gcd(10^9!, 7)", "\\sin(1000000!)", "\\sqrt{1000000!}",
]  # fmt: skip
SUMS = [
    "\\sum_{k=1}^{10^9} k^k", "\\sum_{k=1}^{10^{12}} \\frac{1}{k!}", "\\prod_{k=1}^{10^9} k", "\\sum_{k=1}^{\\infty} k^k",
    "\\sum_{k=1}^{100000} \\sin(k^k)", "\\prod_{k=1}^{100000} \\cos(k)", "\\sum_{n=1}^{10^9} \\sqrt{n}",
    "\\sum_{k=1}^{9^{9^9}} k",
]  # fmt: skip
BRACKETS = [
    "(" * 300 + "1" + ")" * 300, "{" * 300 + "1" + "}" * 300, "[" * 300 + "1" + "]" * 300, "\\sqrt{" * 300 + "2" + "}" * 300,
    "\\frac{1}{" * 300 + "2" + "}" * 300, "(" * 5000, ")" * 5000, "\\{" * 3000, "|" * 2001, "-" * 3000 + "1",
    "\\left(" * 300 + "x" + "\\right)" * 300, "x^{" * 300 + "2" + "}" * 300,
]  # fmt: skip
LONG = [
    "\\{" + ",".join(map(str, range(3000))) + "\\}", "\\{" + ",".join(f"\\sqrt{{{n}}}" for n in range(400)) + "\\}",
    "9" * 10**6, "0." + "3" * 10**6, "9" * 5 * 10**5 + "/" + "7" * 5 * 10**5, "$" * 10**5, "\\" * 10**5, "{}" * 5 * 10**4,
    "+".join(["x"] * 2000), "(x+1)" * 200, "(x+y+z+w)^{64}", "(x+y+z)^{1000000}", "(a+b)(c+d)(e+f)(g+h)(k+l)(m+n)(p+q)(r+s)(t+u)",
    "1," * 10**4, "1e999999999", "1e-999999999", "0x" + "f" * 10**5, "\\pi" * 3000, "x_" * 3000, "a" * 10**6,
    "\\begin{pmatrix}" + " \\\\ ".join(" & ".join("xyzw"[(i * j) % 4] + f"^{i}" for j in range(20)) for i in range(20)) + "\\end{pmatrix}",
    "\\begin{vmatrix}" + " \\\\ ".join(" & ".join("xyzw"[(i + j) % 4] for j in range(20)) for i in range(20)) + "\\end{vmatrix}",
    "1 \\pm 2" * 500, "\\cup".join(f"({n},{n}.5)" for n in range(300)), " or ".join(f"x={n}" for n in range(300)),
    "<".join(["x"] * 500), "x=" * 500 + "1", "\\sin " * 1000 + "x", "\\text{" * 1000 + "}" * 1000, "1 2/3 " * 500,
    "7 or " * 5000, "=" * 10**5, "3:" * 10**4, "٣" * 10**4, "½" * 10**4, "x²" * 10**3, "\u0305" * 10**4, "0.(3)" * 1000,
    "\\int_0^1 x^{x^{x}} dx", "\\int_0^{10^9} \\sin(x^x) dx", "\\lim_{x\\to\\infty} x^{x^x}", "\\ln " * 500 + "2", "\\pm" * 500 + "1",
    "1.5.5.5" * 1000, "12:30" * 1000, "2024-01-01" * 500, "<answer>" * 10**4, "\\boxed{" * 10**4, "\\\\" * 10**4, "a_{" * 500,
    "March " * 5000, "1,000" * 5000, "[" + "[1,2]," * 500 + "[1,2]]", "\\infty" * 500, "%" * 10**5, "!" * 10**4, "5" + "!" * 500,
]  # fmt: skip
HOSTILE = [*TOWERS, *FACTORIALS, *SUMS, *BRACKETS, *LONG]


def test_there_are_a_hundred() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) >= 100


def seconds(work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(2):
        started = process_time()
        work()
        best = min(best, process_time() - started)
    return best


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_the_inline_stage_ends_soon(number: int) -> None:
    """A second is a thousand times what the largest of them takes: this fails for anything that is not bounded."""
    text = HOSTILE[number]
    for sample in (Sample("r", f"\\boxed{{{text}}}", {"answer": "\\sqrt{3}"}), Sample("r", text, {"answer": "18"})):
        assert seconds(lambda sample=sample: math_quick(sample)) < 1.0, text[:60]


def test_the_server_never_imports_the_algebra_system() -> None:
    code = (
        "import sys, assay_server.rewards as r; from assay_server.rewards import verify_math;"
        "r.builtin_catalogue(); sys.exit('sympy' in sys.modules or 'mpmath' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
