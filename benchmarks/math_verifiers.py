"""Math answers per second and accuracy, side by side with Math-Verify from the package index.

    python benchmarks/math_verifiers.py [--seconds 8] [--no-peer]

Each verifier runs in one process on one core, over the same seeded pairs, half of them wrong; verdicts are checked
against how the pair was made. The peer is installed into build/math-verify, apart from this project's environment.
Caches are on, as in service; every response is distinct.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PEER_HOME = ROOT / "build" / "math-verify"
SHORT_FORMS = ("fraction", "root", "surd", "power", "pi and e", "polynomial", "interval", "set", "tuple", "equation",
               "logarithm", "complex", "matrix", "inequality", "percent", "mixed")  # fmt: skip
PER_FORM = 12


class Pair(NamedTuple):
    """A response, its reference, and whether it is right."""

    response: str
    reference: str
    same: bool


class Run(NamedTuple):
    """One verifier over one workload; times in microseconds."""

    answers_per_second: float
    p50: float
    p99: float
    longest: float
    accuracy: float
    deferred: float


Verifier = Callable[[Pair], "tuple[bool, bool]"]
"""Verdict, and whether the symbolic layer was reached."""


def gsm8k(generator: random.Random) -> list[Pair]:
    """Step-by-step prose with a final number."""
    pairs: list[Pair] = []
    for number in range(1500):
        answer = generator.randint(2, 5000)
        steps = " ".join(f"Then {a} and {a + 3} make {2 * a + 3}." for a in generator.sample(range(900), 24))
        given = answer if number % 2 else answer + generator.randint(1, 9)
        ending = generator.choice(["#### {}", "The answer is {}.", "A: {}", "So she has ${} left.", "\\boxed{{{}}}"])
        pairs.append(Pair(f"{steps}\n{ending.format(f'{given:,}')}", str(answer), number % 2 == 1))
    return pairs


def forms() -> dict[str, list[Pair]]:
    """The metamorphic suite of the tests, a few cases per class."""
    sys.path.insert(0, str(ROOT))
    suite = importlib.import_module("tests.server.rewards.metamorphic.forms")
    table: dict[str, list[Pair]] = {}
    for name, maker in suite.FORMS.items():
        generator = random.Random(f"{name} benchmark")
        pairs: list[Pair] = []
        for _ in range(PER_FORM):
            case = maker(generator)
            equal = [Pair(f"\\boxed{{{text}}}", case.base, True) for text in case.equal]
            different = [Pair(f"\\boxed{{{text}}}", case.base, False) for text in case.different]
            pairs += [*equal, *different]
        table[name] = pairs
    return table


def short_latex(table: dict[str, list[Pair]], generator: random.Random) -> list[Pair]:
    """Boxed LaTeX answers of competition forms, half of them wrong."""
    right = [pair for name in SHORT_FORMS for pair in table[name] if pair.same]
    wrong = [pair for name in SHORT_FORMS for pair in table[name] if not pair.same]
    count = min(len(right), len(wrong))
    return [*generator.sample(right, count), *generator.sample(wrong, count)]


def long_reasoning(table: dict[str, list[Pair]], generator: random.Random) -> list[Pair]:
    """16,000 characters of reasoning with 24 boxes before the last one."""
    pairs: list[Pair] = []
    for last in generator.sample(short_latex(table, generator), 60):
        parts: list[str] = []
        for box in range(24):
            parts.append(f"Consider $x^2 + {box}x = \\frac{{{box}}}{{7}}$, thus $\\sqrt{{{box + 2}}} > 1$. " * 8)
            parts.append(f"This case gives \\boxed{{{generator.randint(1, 99)}}}, which fails.\n")
        text = "".join(parts)
        text = text * (16_000 // len(text) + 1)
        pairs.append(Pair(f"{text[-15_900:]}\nSo finally {last.response}", last.reference, last.same))
    return pairs


def measured(pairs: list[Pair], verifier: Verifier, seconds: float) -> Run:
    """Time every pair once, at most ``seconds`` in all."""
    times: list[float] = []
    right = deferred = 0
    ends = time.perf_counter() + seconds
    for pair in pairs:
        started = time.perf_counter()
        verdict, reached = verifier(pair)
        times.append((time.perf_counter() - started) * 1e6)
        right += verdict is pair.same
        deferred += reached
        if time.perf_counter() > ends:
            break
    ordered = sorted(times)
    total = len(ordered)
    return Run(
        total / sum(ordered) * 1e6,
        ordered[total // 2],
        ordered[min(total - 1, total * 99 // 100)],
        ordered[-1],
        right / total,
        deferred / total,
    )


def own_verifier() -> Verifier:
    """Both stages in this process; the service runs the second in a killable worker."""
    from assay.sdk import Sample, Unscorable
    from assay_server.execution.symbolic import SympySymbolic
    from assay_server.rewards.verify_math import math_quick, math_score

    symbolic = SympySymbolic()

    def verify(pair: Pair) -> tuple[bool, bool]:
        sample = Sample("r", pair.response, {"answer": pair.reference})
        score = math_quick(sample)
        if score is not None:
            return score.value == 1.0, False
        try:
            return math_score(sample, symbolic).value == 1.0, True
        except Unscorable:
            return False, True

    return verify


def peer_verifier() -> Verifier:
    """Math-Verify with its documented two calls."""
    peer = importlib.import_module("math_verify")
    importlib.import_module("logging").disable(50)

    def verify(pair: Pair) -> tuple[bool, bool]:
        gold = peer.parse(f"${pair.reference}$")
        return bool(peer.verify(gold, peer.parse(pair.response))), True

    return verify


def workloads() -> dict[str, list[Pair]]:
    """All pairs by name; the classes of the suite start with ``class:``."""
    generator = random.Random(5)
    table = forms()
    loads = {"gsm8k finals": gsm8k(generator), "short latex": short_latex(table, generator)}
    loads["16k reasoning"] = long_reasoning(table, generator)
    return {**loads, **{f"class:{name}": pairs for name, pairs in table.items()}}


def run_all(verifier: Verifier, seconds: float) -> dict[str, Run]:
    """Every workload after a short warm-up."""
    loads = workloads()
    for pair in loads["short latex"][:3]:
        verifier(pair)
    return {name: measured(pairs, verifier, seconds) for name, pairs in loads.items()}


def peer_python() -> str:
    """The interpreter of an environment with Math-Verify, built on first use."""
    python = PEER_HOME / "bin" / "python"
    if not python.exists():
        venv.create(PEER_HOME, with_pip=True)
        command = [str(python), "-m", "pip", "install", "-q", "math-verify"]
        subprocess.run(command, check=True)
    return str(python)


def peer_runs(seconds: float) -> dict[str, Run]:
    """The same workloads in the peer's environment."""
    command = [peer_python(), __file__, "--peer-worker", "--seconds", str(seconds)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=pinned_environment())
    return {name: Run(*values) for name, values in json.loads(done.stdout.splitlines()[-1]).items()}


def pinned_environment() -> dict[str, str]:
    """This process's, with one thread per library."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def report(own: dict[str, Run], peer: dict[str, Run]) -> Iterable[str]:
    """The tables."""
    yield (
        f"{'workload':16} {'verifier':12} {'answers/s':>10} {'p50 us':>9} {'p99 us':>10} {'max us':>10}"
        f" {'right':>7} {'symbolic':>9}"
    )
    for name, run in own.items():
        if name.startswith("class:"):
            continue
        for label, row in (("assay", run), ("math-verify", peer.get(name))):
            if row is not None:
                yield (
                    f"{name:16} {label:12} {row.answers_per_second:10,.0f} {row.p50:9,.0f} {row.p99:10,.0f}"
                    f" {row.longest:10,.0f} {row.accuracy:7.1%} {row.deferred:9.1%}"
                )
        if name in peer:
            yield f"{'':16} ratio {run.answers_per_second / peer[name].answers_per_second:.1f}x"
    yield f"\n{'class':24} {'assay':>8} {'math-verify':>12}"
    for name, run in own.items():
        if name.startswith("class:"):
            other = f"{peer[name].accuracy:12.1%}" if name in peer else ""
            yield f"{name[6:]:24} {run.accuracy:8.1%} {other}"


def main() -> None:
    """Run both and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=8.0, help="per workload and verifier")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--peer-worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    if options.peer_worker:
        print(json.dumps(run_all(peer_verifier(), options.seconds)))
        return
    own = run_all(own_verifier(), options.seconds)
    peer = {} if options.no_peer else peer_runs(options.seconds)
    for line in report(own, peer):
        print(line)


if __name__ == "__main__":
    main()
