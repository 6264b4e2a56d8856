"""Programs judged per second: `calls` suites, which have one side, and assert suites in warm sandboxes of their own.

Method: a closed loop with as many clients as a server has slots (2 per core), through the judge; every verdict is
checked. The two kinds are measured in turns, against drift of the machine. CPU time of a job is that of the server's
process and of everything in its sandboxes together, less that of a backend that was started, warmed up and stopped:
cores divided by it is what a machine without other work can reach, and it hardly depends on how busy this one is.

The floor is what a fork of a warm interpreter costs that has imported what the sandboxes' have: fork, `_exit`, wait,
CPU time of both sides, the median of batches. Nothing that forks for each job can be cheaper. It is printed for a
plain fork and for `os.fork`, which runs hooks in the child.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from assay.sdk import Json
from assay_sandbox.harness.rehearsal import rehearse
from assay_sandbox.judging import Job, Judge, judging
from assay_sandbox.namespaces import kernel
from assay_sandbox.namespaces.backend import PRELOADED, NamespacesBackend, NamespacesSettings
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
FORKS = 40
FORK_BATCHES = 5


def main() -> None:
    """Print the figures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    options.add_argument("--turns", type=int, default=3)
    options.add_argument("--floor", action="store_true", help="only what a fork costs, in this process")
    chosen = options.parse_args()
    if chosen.floor:
        _print_floor()
        return
    cores = os.cpu_count() or 1
    print(f"{cores} cores, load average {os.getloadavg()[0]:.1f}, {sys.version.split()[0]}")
    subprocess.run([sys.executable, __file__, "--floor"], check=True)
    ratios: list[float] = []
    for _ in range(chosen.turns):
        one = asyncio.run(_rate("calls", CALLS, chosen.seconds, cores))
        two = asyncio.run(_rate("asserts, separate", ASSERTS, chosen.seconds, cores))
        ratios.append(two / one)
    print(f"separate suite sides make {statistics.median(ratios):.2f} of the runs of one side")


async def _rate(name: str, suite: Suite, seconds: float, cores: int) -> float:
    begun = _cpu_seconds()
    async with judging(_backend(cores), slots=2 * cores) as judge:
        for _ in range(WARM_UP):
            await _once(judge, suite)
    before = _cpu_seconds()
    async with judging(_backend(cores), slots=2 * cores) as judge:
        for _ in range(WARM_UP):
            await _once(judge, suite)
        started = _cpu_seconds()
        done, took = await _closed_loop(judge, suite, seconds, 2 * cores)
        mine = _cpu_seconds()[0] - started[0]
    jobs = sum(_cpu_seconds()) - sum(before) - (sum(before) - sum(begun))
    print(
        f"  {name}: {done / took:.0f} a second; CPU of a job {jobs / done * 1e3:.1f} ms,"
        f" {mine / done * 1e3:.1f} ms of it the server's"
    )
    return done / took


def _backend(cores: int) -> NamespacesBackend:
    return NamespacesBackend(NamespacesSettings(workers=max(2, cores)))


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


def _print_floor() -> None:
    for module in PRELOADED["plain"]:
        importlib.import_module(module)
    rehearse()
    gc.collect()
    gc.freeze()
    for name, fork in (("a fork", kernel.fork), ("os.fork", os.fork)):
        batches = [_fork_ms(fork) for _ in range(FORK_BATCHES)]
        print(
            f"  floor: {name} of a warm interpreter, its end and the wait for it: {statistics.median(batches):.2f} ms"
        )


def _fork_ms(fork: Callable[[], int]) -> float:
    before = sum(_cpu_seconds())
    for _ in range(FORKS):
        child = fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
    return (sum(_cpu_seconds()) - before) / FORKS * 1e3


def _cpu_seconds() -> tuple[float, float]:
    """Of this process, and of its children that have ended."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime, children.ru_utime + children.ru_stime


if __name__ == "__main__":
    main()
