"""What answers cost that were made to hang a math verifier: their own time, and that of the ordinary ones beside them.

    python benchmarks/hostile_math.py [--rate 200] [--seconds 10]

The corpus is the one of the tests: power towers, giant factorials, sums and integrals, deep brackets, long inputs.
Each text goes through the inline stage, whose longest CPU time is told, and then through the cpu lane, one in a
hundred among ordinary answers that reach the symbolic layer. Undisturbed and disturbed rounds alternate on one pool
with the same arrivals; the ratio of tails is of one pair of neighbouring rounds; the median of the pairs is told,
with all of them.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import random
import statistics
import sys
import time
from collections import Counter
from pathlib import Path
from typing import cast

from assay.sdk import Sample, Unscorable
from assay_server.execution.cpu.pool import CpuPool
from assay_server.execution.cpu.template import TemplateSetup
from assay_server.garbage import keep_pauses_short
from assay_server.rewards.verify_math import math_quick

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

REWARD = "verify/math-v1"
PARAMETERS: dict[str, object] = {"last_characters": None, "boxes": "last", "strictness": "default"}
TIMEOUT = 1.0
HOSTILE_EVERY = 100
ORDINARY = (("\\tan x", "\\frac{\\sin x}{\\cos x}"),)


class Round:
    """Latencies of ordinary answers, and what the hostile ones were told."""

    def __init__(self, pool: CpuPool) -> None:
        self._pool = pool
        self.spans: list[float] = []
        self.said: Counter[str] = Counter()

    async def ordinary(self, due: float, pair: tuple[str, str]) -> None:
        """One answer, timed from when it was due."""
        await self._judge(*pair)
        self.spans.append(asyncio.get_running_loop().time() - due)

    async def hostile(self, text: str) -> None:
        """One that may never end."""
        self.said[await self._judge(text, "\\sqrt{3}")] += 1

    async def _judge(self, text: str, reference: str) -> str:
        sample = Sample("r", f"\\boxed{{{text}}}", {"answer": reference})
        try:
            return (await self._pool.run(REWARD, "math", PARAMETERS, sample, TIMEOUT)).score.verdict.name.lower()
        except Unscorable as error:
            return error.reason


async def run_round(pool: CpuPool, rate: int, count: int, texts: list[str]) -> Round:
    """So many ordinary answers, and hostile ones among them as long as there are any."""
    found, rng = Round(pool), random.Random(0)
    loop = asyncio.get_running_loop()
    due, tasks = loop.time(), list[asyncio.Task[None]]()
    for number in range(count):
        due += rng.expovariate(rate)
        await asyncio.sleep(due - loop.time())
        tasks.append(asyncio.create_task(found.ordinary(due, ORDINARY[number % len(ORDINARY)])))
        if texts and number % HOSTILE_EVERY == HOSTILE_EVERY // 2:
            tasks.append(asyncio.create_task(found.hostile(texts.pop())))
    await asyncio.gather(*tasks)
    return found


def inline_seconds(text: str) -> float:
    """CPU time of the inline stage."""
    started = time.process_time()
    math_quick(Sample("r", f"\\boxed{{{text}}}", {"answer": "\\sqrt{3}"}))
    return time.process_time() - started


def tail(spans: list[float]) -> float:
    """The 99th percentile."""
    return sorted(spans)[int(len(spans) * 0.99)]


async def measure(texts: list[str], rate: int, seconds: float) -> None:
    """All rounds."""
    pool = CpuPool(4, TemplateSetup((), ("assay_server.execution.symbolic",), 512 << 20), TIMEOUT)
    pool.launch()
    await pool.start()
    count = int(rate * seconds)
    await run_round(pool, rate, rate, [])
    keep_pauses_short()
    ratios, said = list[float](), Counter[str]()
    calm, disturbed = list[float](), list[float]()
    while texts:
        alone = await run_round(pool, rate, count, [])
        beside = await run_round(pool, rate, count, texts)
        ratios.append(tail(beside.spans) / tail(alone.spans))
        calm += alone.spans
        disturbed += beside.spans
        said += beside.said
    late = 1e3 * pool.figures.latest_kill
    await pool.stop()
    print(f"  they were told: {', '.join(f'{count} {name}' for name, count in said.most_common())}")
    print(f"  those whose time was over were answered at most {late:.1f} ms after it (target <= 50)")
    print(
        f"  ordinary answers at {rate}/s, p99: alone {1e3 * tail(calm):.2f} ms, beside {1e3 * tail(disturbed):.2f} ms"
    )
    each = " ".join(f"{ratio:.2f}" for ratio in sorted(ratios))
    print(f"  ratio of pairs: median {statistics.median(ratios):.2f} ({each}; target <= 3)")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    print(__doc__)
    corpus = importlib.import_module("tests.server.execution.symbolic.test_hostile")
    texts = cast("list[str]", list(corpus.HOSTILE))
    inline = max(map(inline_seconds, texts))
    print(f"{len(texts)} hostile answers, {TIMEOUT:g} s each; the longest inline stage: {1e3 * inline:.1f} ms")
    asyncio.run(measure(texts, arguments.rate, arguments.seconds))


if __name__ == "__main__":
    main()
