"""Isolated Python runs: latency of one client, runs per second on all cores, and the same with bubblewrap + python.

Method: a program that prints a number, checked. Latency: one client after a warm-up, the wall time from the call to
its outcome. Throughput: closed loop with as many clients as a server has slots (2 per core). Bubblewrap: a cold
interpreter that sees the same packages (`python -I` of this environment) in `bwrap --unshare-all` with a read-only
system and a file system in memory for its files, started by subprocess, in as many threads. The two are measured in
turns, against drift of the machine. The load average is printed: while a machine does other work figures mean little.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from assay_sandbox.namespaces.backend import NamespacesBackend, NamespacesSettings
from assay_sandbox.protocol import Launch, Outcome, PythonCall

PROGRAM = "print(sum(range(100)))"
SAID = b"4950\n"
SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/sbin")


def main() -> None:
    """Print the figures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=5.0, help="of each throughput measurement")
    options.add_argument("--runs", type=int, default=400, help="of the latency measurement")
    options.add_argument("--pairs", type=int, default=2, help="turns of sandbox and bubblewrap")
    chosen = options.parse_args()
    cores = os.cpu_count() or 1
    print(f"{cores} cores, load average {os.getloadavg()[0]:.1f}, {sys.version.split()[0]}")
    asyncio.run(_measure(chosen.runs, chosen.seconds, chosen.pairs, 2 * cores))


async def _measure(runs: int, seconds: float, pairs: int, clients: int) -> None:
    backend = NamespacesBackend(NamespacesSettings(workers=max(2, os.cpu_count() or 1)))
    level = backend.probe()
    began = time.perf_counter()
    await backend.start()
    print(f"namespaces: {level.grade.name.lower()} isolation, ready in {(time.perf_counter() - began) * 1e3:.0f} ms")

    async def once() -> None:
        _check(await backend.run(Launch(PythonCall("assay_sandbox.harness.script:run", PROGRAM.encode()))))

    await _closed_loop(once, 0.5, 1)
    _print_latency(await _latencies(once, runs))
    bubblewrap = shutil.which("bwrap")
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(pairs):
        ours.append(await _closed_loop(once, seconds, clients))
        print(f"  {clients} clients: {ours[-1]:.0f} runs/s")
        if bubblewrap:
            theirs.append(await asyncio.to_thread(_bubblewrap_rate, bubblewrap, seconds, clients))
            print(f"  bubblewrap + cold interpreter: {theirs[-1]:.0f} runs/s")
    await backend.stop()
    if theirs:
        print(f"ratio: {statistics.median(ours) / statistics.median(theirs):.1f}")
    else:
        print("bubblewrap is not installed: nothing to compare with")


def _check(outcome: Outcome) -> None:
    if not outcome.ok or outcome.stdout != SAID:
        raise SystemExit(f"a run went wrong: {outcome}")


async def _latencies(once: Callable[[], Awaitable[None]], runs: int) -> list[float]:
    taken: list[float] = []
    for _ in range(runs):
        began = time.perf_counter()
        await once()
        taken.append((time.perf_counter() - began) * 1e3)
    return sorted(taken)


def _print_latency(taken: list[float]) -> None:
    p50, p99 = taken[len(taken) // 2], taken[int(len(taken) * 0.99)]
    print(f"  one client, {len(taken)} runs: p50 {p50:.2f} ms, p99 {p99:.2f} ms, max {taken[-1]:.2f} ms")


async def _closed_loop(once: Callable[[], Awaitable[None]], seconds: float, clients: int) -> float:
    done = 0
    began = time.perf_counter()

    async def client() -> None:
        nonlocal done
        while time.perf_counter() - began < seconds:
            await once()
            done += 1

    await asyncio.gather(*(client() for _ in range(clients)))
    return done / (time.perf_counter() - began)


def _bubblewrap_rate(bubblewrap: str, seconds: float, clients: int) -> float:
    shown = [
        word
        for path in (*SYSTEM, sys.base_prefix, sys.prefix)
        if os.path.exists(path)
        for word in ("--ro-bind", path, path)
    ]
    private = ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--chdir", "/tmp"]
    command = [bubblewrap, "--unshare-all", "--die-with-parent", *shown, *private, sys.executable, "-I", "-c", PROGRAM]
    end = time.perf_counter() + seconds

    def client(_: int) -> int:
        done = 0
        while time.perf_counter() < end:
            said = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
            if said.stdout != SAID:
                raise SystemExit(f"bubblewrap does not work here: {said.stderr.decode()}")
            done += 1
        return done

    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as threads:
        done = sum(threads.map(client, range(clients)))
    return done / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
