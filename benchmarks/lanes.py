"""What hostile rewards and slow calls cost the others: the cpu lane with 1 % hostile items, and 500 calls that wait.

Undisturbed and disturbed rounds alternate in one process, on one pool, with the same arrivals. The ratio of tails is of
one pair of neighbouring rounds, and the median of the pairs is told, with all of them. Garbage is collected as the
server does it. Rounds: ``python benchmarks/lanes.py [SECONDS_PER_ROUND] [ROUNDS]``.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import random
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from assay.sdk import Lane, Sample, Score, Unscorable, reward
from assay.sdk.spec import Leaf
from assay_server.execution.cpu.pool import CpuPool
from assay_server.execution.cpu.template import TemplateSetup
from assay_server.execution.discovery import discover
from assay_server.execution.lanes import Lanes, LaneSettings
from assay_server.execution.server_ports import ServerPorts
from assay_server.garbage import keep_pauses_short
from assay_server.rewards.catalogue import Catalogue, builtin_catalogue
from assay_server.rewards.nodes import Plan
from assay_server.rewards.tree import CompiledReward, compile_reward
from assay_server.store.opening import open_store

RATE = 200
HOSTILE_EVERY = 100
TIMEOUT = 1.0
WORKERS = 4
CALLS = 500
CALL_SECONDS = 2.0

PLUGIN = """
import os, time
from assay.sdk import Lane, Sample, Score, reward

@reward("bench/does-v1", bounds=(0, 1), lane=Lane.CPU)
def does(sample: Sample) -> Score:
    held = []
    match sample.response:
        case "loop":
            while True: pass
        case "block": 7 ** (7 ** 9)
        case "sleep": time.sleep(1000)
        case "allocate":
            while True: held.append(bytearray(10_000_000))
        case "exit": os._exit(1)
        case "raise": raise ValueError
        case "garbage": return "garbage"
        case "fork":
            if os.fork() == 0:
                time.sleep(1000)
    total = 0
    for number in range(20_000):  # about a millisecond, as a verification takes
        total += number
    return Score(1.0)
"""
KINDS = ("loop", "block", "sleep", "allocate", "exit", "raise", "garbage", "fork")


@reward("bench/waits-v1", bounds=(0, 1), lane=Lane.IO)
async def waits(sample: Sample) -> Score:
    """A judge that takes its time."""
    del sample
    await asyncio.sleep(CALL_SECONDS)
    return Score(1.0)


@dataclass
class Figures:
    """What a kind of round has shown; seconds."""

    ordinary: list[float] = field(default_factory=list[float])
    late: list[float] = field(default_factory=list[float])
    failed: int = 0


def quantile(values: list[float], share: float) -> float:
    """The value below which a share of them lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


async def ordinary(pool: CpuPool, figures: Figures) -> None:
    """An item that should not notice."""
    started = time.perf_counter()
    try:
        await pool.run("bench/does-v1", "r", {}, Sample("r", "fine", prompt="x" * 4000), TIMEOUT)
    except Unscorable:
        figures.failed += 1
    figures.ordinary.append(time.perf_counter() - started)


async def hostile(pool: CpuPool, kind: str, figures: Figures) -> None:
    """An item that misbehaves; how long after its own timeout it was answered, counted from its start."""
    queued = time.perf_counter()
    error: Unscorable | None = None
    try:
        await pool.run("bench/does-v1", "r", {}, Sample("r", kind), TIMEOUT)
    except Unscorable as raised:
        error = raised
    if kind in ("loop", "block", "sleep"):
        assert error is not None
        assert error.reason == "DEADLINE_EXCEEDED", (kind, error.reason)
        figures.late.append(time.perf_counter() - queued - TIMEOUT)


async def rounds_of(pool: CpuPool, seconds: float, disturbed: bool, figures: Figures) -> None:
    """Poisson arrivals at the rate; one in so many is hostile where it is a disturbed round."""
    rng = random.Random(len(figures.ordinary))
    loop = asyncio.get_running_loop()
    due = loop.time()
    tasks: list[asyncio.Task[None]] = []
    kinds = [KINDS[number % len(KINDS)] for number in range(RATE)]
    for number in range(int(seconds * RATE)):
        due += rng.expovariate(RATE)
        await asyncio.sleep(due - loop.time())
        bad = disturbed and number % HOSTILE_EVERY == HOSTILE_EVERY // 2
        work = hostile(pool, kinds[number // HOSTILE_EVERY], figures) if bad else ordinary(pool, figures)
        tasks.append(asyncio.create_task(work))
    await asyncio.gather(*tasks)


async def hostile_items(pool: CpuPool, seconds: float, rounds: int) -> None:
    """The ratio of tails with and without hostile items."""
    calm, disturbed, ratios = Figures(), Figures(), list[float]()
    for _ in range(rounds):
        before = len(calm.ordinary), len(disturbed.ordinary)
        await rounds_of(pool, seconds, False, calm)
        await rounds_of(pool, seconds, True, disturbed)
        tails = [quantile(f.ordinary[start:], 0.99) for f, start in zip((calm, disturbed), before, strict=True)]
        ratios.append(tails[1] / tails[0])
    print(
        f"\n{RATE} items/s of 1 ms, Poisson, {WORKERS} workers, {os.cpu_count()} cores; 1 % hostile: {', '.join(KINDS)}"
    )
    for name, figures in (("undisturbed", calm), ("1 % hostile", disturbed)):
        p50, p99 = (1e3 * quantile(figures.ordinary, share) for share in (0.5, 0.99))
        count = f"{len(figures.ordinary)} ordinary items, {figures.failed} not scored"
        print(f"  {name}: {count}, p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    each = " ".join(f"{ratio:.2f}" for ratio in sorted(ratios))
    print(f"  p99 ratio of pairs: median {statistics.median(ratios):.2f} ({each}; target <= 3)")
    late = f"{1e3 * pool.figures.latest_kill:.1f} ms after the timeout, from its start (target <= 50)"
    queued = f"{1e3 * max(disturbed.late):.1f} ms with its time in the queue"
    print(f"  {len(disturbed.late)} items that never end were answered at most {late}; {queued}")


async def complete(pool: CpuPool) -> None:
    """Wait until all workers and spares are there."""
    while not pool.complete:  # noqa: ASYNC110 - processes set no event
        await asyncio.sleep(0.001)


async def full_strength(pool: CpuPool, kills: int) -> None:
    """How long the pool is short of a worker after one was killed."""
    spans: list[float] = []
    for _ in range(kills):
        await complete(pool)
        with contextlib.suppress(Unscorable):
            await pool.run("bench/does-v1", "r", {}, Sample("r", "exit"), TIMEOUT)
        answered = time.perf_counter()
        while pool.strength < pool.size:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
        spans.append(time.perf_counter() - answered)
    worst = f"{1e3 * max(spans):.2f} ms"
    print(f"\nafter each of {kills} kills: full strength again within {worst} of the answer (target <= 10)")


async def leaks(pool: CpuPool, kills: int) -> None:
    """Descriptors, processes and zombies before and after many kills."""
    await complete(pool)
    gc.collect()
    before = (len(os.listdir("/proc/self/fd")), *processes())
    started = time.perf_counter()
    for _ in range(kills // 20):
        kinds = ["exit", "fork", "allocate", *["exit"] * 17]
        items = [pool.run("bench/does-v1", "r", {}, Sample("r", kind), 0.05) for kind in kinds]
        await asyncio.gather(*items, return_exceptions=True)
    spent = time.perf_counter() - started
    await complete(pool)
    await asyncio.sleep(0.2)
    gc.collect()
    after = (len(os.listdir("/proc/self/fd")), *processes())
    print(f"\n{kills} kills in {spent:.1f} s; (descriptors, processes, zombies) before {before}, after {after}")


def processes() -> tuple[int, int]:
    """Descendants of this process, and how many of them are dead and not buried."""
    waiting, found, dead = [os.getpid()], 0, 0
    while waiting:
        pid = waiting.pop()
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            dead += Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] == "Z"
        except OSError:
            continue
        found += 1
        waiting.extend(map(int, children))
    return found, dead


async def assess(lanes: Lanes, compiled: CompiledReward) -> float:
    """Seconds for one sample."""
    started = time.perf_counter()
    sample = Sample("r", "So the answer is \\boxed{18}", {"answer": "18"})
    plan = Plan()
    leaves = compiled.pending(sample, plan)
    if leaves:
        await lanes.assess(compiled, sample, plan, leaves)
    else:
        compiled.evaluate(sample, plan.known)
    return time.perf_counter() - started


async def paced(lanes: Lanes, compiled: CompiledReward, seconds: float) -> list[float]:
    """Latencies at a steady rate, from when each was due."""
    loop = asyncio.get_running_loop()
    due, spans, tasks = loop.time(), list[float](), list[asyncio.Task[None]]()

    async def one(due: float) -> None:
        await assess(lanes, compiled)
        spans.append(loop.time() - due)

    for _ in range(int(seconds * RATE)):
        due += 1 / RATE
        await asyncio.sleep(due - loop.time())
        tasks.append(asyncio.create_task(one(due)))
    await asyncio.gather(*tasks)
    return spans


async def waiting_calls(plugin: str, seconds: float, rounds: int) -> None:
    """The tail of math and of the cpu lane beside many calls that wait."""
    lanes = Lanes(LaneSettings(cpu_workers=WORKERS, plugins=(plugin,)), ServerPorts(open_store("memory:")))
    lanes.launch()
    lanes.start()
    catalogue = builtin_catalogue().with_definition(waits)
    math = compile_reward(Leaf("math"), catalogue)
    cpu = compile_reward(Leaf("bench/does-v1"), with_plugin(catalogue, plugin))
    slow = compile_reward(Leaf("bench/waits-v1"), catalogue)
    await assess(lanes, cpu)
    print(f"\n{CALLS} io calls of {CALL_SECONDS:g} s each in flight, beside {RATE} items/s")
    for name, compiled in (("math, inline", math), ("cpu lane", cpu)):
        calm: list[float] = []
        beside: list[float] = []
        for _ in range(rounds):
            calm += await paced(lanes, compiled, seconds)
            stop = asyncio.Event()
            callers = [asyncio.create_task(keep_calling(lanes, slow, stop, number)) for number in range(CALLS)]
            await asyncio.sleep(CALL_SECONDS)
            beside += await paced(lanes, compiled, seconds)
            stop.set()
            await asyncio.gather(*callers)
        for share in (0.5, 0.99):
            values = [1e3 * quantile(spans, share) for spans in (calm, beside)]
            ratio = values[1] / values[0]
            print(
                f"  {name}: p{100 * share:.0f} alone {values[0]:.2f} ms, beside {values[1]:.2f} ms, ratio {ratio:.2f}"
            )
    await lanes.stop()


async def keep_calling(lanes: Lanes, slow: CompiledReward, stop: asyncio.Event, number: int) -> None:
    """One caller after the other; spread, so that they do not end in one instant."""
    await asyncio.sleep(CALL_SECONDS * number / CALLS)
    while not stop.is_set():
        await assess(lanes, slow)


def with_plugin(catalogue: Catalogue, plugin: str) -> Catalogue:
    """The catalogue with the rewards of the benchmark's file."""
    return discover(catalogue, [plugin], installed=False).catalogues.rewards


async def main() -> None:
    """All measurements."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    print(__doc__)
    with tempfile.TemporaryDirectory() as directory:
        plugin = Path(directory) / "bench.py"
        plugin.write_text(PLUGIN)
        pool = CpuPool(WORKERS, TemplateSetup((str(plugin),), (), 256 << 20), TIMEOUT)
        pool.launch()
        await pool.start()
        keep_pauses_short()
        await hostile_items(pool, seconds, rounds)
        await full_strength(pool, 50)
        await leaks(pool, 1000)
        print(f"  {dict(pool.figures.kills)}")
        await pool.stop()
        await waiting_calls(str(plugin), seconds, rounds)


if __name__ == "__main__":
    asyncio.run(main())
