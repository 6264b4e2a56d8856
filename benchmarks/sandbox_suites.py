"""Programs judged per second: `calls` suites, which have one side, and assert suites in warm sandboxes of their own.

Method: a closed loop with as many clients as a server has slots (2 per core), through the judge; every verdict is
checked. The two kinds are measured in turns, against drift of the machine. CPU time of a job is that of the server's
process and of everything in its sandboxes together, of a backend that made no other runs but some to warm up: cores
divided by it is what a machine without other work can reach, and it hardly depends on how busy this one is.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import statistics
import sys
import time

from assay.sdk import Json
from assay_sandbox.judging import Job, Judge, judging
from assay_sandbox.namespaces.backend import NamespacesBackend, NamespacesSettings
from assay_sandbox.suites.reading import Suite, read_suite

SOURCE = "def add(a, b):\n    return a + b\n"
CASES: tuple[tuple[Json, Json, Json], ...] = ((1, 2, 3), (2.5, -2, 0.5), ([1], [2, 3], [1, 2, 3]))
CALLS = read_suite(
    {"kind": "calls", "entryPoint": "add", "cases": [{"args": [a, b], "expected": c} for a, b, c in CASES]}
)
ASSERTS = read_suite(
    {
        "kind": "assert",
        "prelude": "import math\n",
        "code": "def check(candidate):\n" + "".join(f"    assert candidate({a}, {b}) == {c}\n" for a, b, c in CASES),
        "entryPoint": "add",
    }
)
WARM_UP = 20


def main() -> None:
    """Print the figures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    options.add_argument("--turns", type=int, default=3)
    chosen = options.parse_args()
    cores = os.cpu_count() or 1
    print(f"{cores} cores, load average {os.getloadavg()[0]:.1f}, {sys.version.split()[0]}")
    ratios: list[float] = []
    for _ in range(chosen.turns):
        one = asyncio.run(_rate("calls", CALLS, chosen.seconds, cores))
        two = asyncio.run(_rate("asserts, separate", ASSERTS, chosen.seconds, cores))
        ratios.append(two / one)
    print(f"separate suite sides make {statistics.median(ratios):.2f} of the runs of one side")


async def _rate(name: str, suite: Suite, seconds: float, cores: int) -> float:
    before = _cpu_seconds()
    backend = NamespacesBackend(NamespacesSettings(workers=max(2, cores)))
    async with judging(backend, slots=2 * cores) as judge:
        for _ in range(WARM_UP):
            await _once(judge, suite)
        started = _cpu_seconds()
        done, took = await _closed_loop(judge, suite, seconds, 2 * cores)
        mine = _cpu_seconds()[0] - started[0]
    everything = sum(_cpu_seconds()) - sum(before)
    jobs = done + WARM_UP
    print(
        f"  {name}: {done / took:.0f} a second; CPU of a job {everything / jobs * 1e3:.1f} ms"
        f" (with the start of the sandboxes), {mine / done * 1e3:.1f} ms of it the server's"
    )
    return done / took


async def _closed_loop(judge: Judge, suite: Suite, seconds: float, clients: int) -> tuple[int, float]:
    done = 0
    began = time.perf_counter()

    async def client() -> None:
        nonlocal done
        while time.perf_counter() - began < seconds:
            await _once(judge, suite)
            done += 1

    await asyncio.gather(*(client() for _ in range(clients)))
    return done, time.perf_counter() - began


async def _once(judge: Judge, suite: Suite) -> None:
    verdict = await judge.judge(Job("python", SOURCE, suite))
    if not verdict.passed:
        raise SystemExit(f"a run went wrong: {verdict}")


def _cpu_seconds() -> tuple[float, float]:
    """Of this process, and of its children that have ended."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime, children.ru_utime + children.ru_stime


if __name__ == "__main__":
    main()
