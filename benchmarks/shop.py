"""The shop on one core: building a catalogue, cold and repeated searches, steps that are no searches, resets, memory.

Method: a generated catalogue of the given size is built in a process of its own. A cold search is the instruction of a
goal never searched before, looked up in the index itself, past the memory of answered searches; the same searches again
through that memory are the repeated ones. Steps are random admissible actions that are no searches, each with its
admissible actions and its state digest as a session needs them, on goals of 1,000 seeds; searches and resets are not
timed there. Memory is the growth of the process's resident set over what it was before the catalogue was built.

    python benchmarks/shop.py [--products 1000,100000,1000000] [--seconds 3] [--observation text]
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from random import Random

from assay.sdk import Json
from assay_server.environments.shop import Shop
from assay_server.environments.shop.catalogue import SEARCH_RESULTS
from assay_server.environments.shop.generating import generated_catalogue

_SEARCHES = 400
_SEEDS = 1_000
_EPISODE_STEPS = 30


def main() -> None:
    """Print a row for each size."""
    arguments = argparse.ArgumentParser(description="The shop, timed.")
    arguments.add_argument("--products", default="1000,100000,1000000")
    arguments.add_argument("--seconds", type=float, default=3.0)
    arguments.add_argument("--observation", default="text", choices=("text", "text_rich"))
    chosen = arguments.parse_args()
    print(__doc__)
    print(
        f"{'products':>10} {'build s':>8} {'memory MB':>10} {'cold search ms p50 p99':>24} {'repeated us p50':>16} "
        f"{'steps/s':>9} {'reset ms p50':>13}"
    )
    for size in map(int, chosen.products.split(",")):
        # A fresh process, so that one catalogue's memory is not another's.
        process = multiprocessing.get_context("spawn").Process(
            target=_row, args=(size, chosen.seconds, chosen.observation)
        )
        process.start()
        process.join()


def _row(size: int, seconds: float, observation: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    catalogue = generated_catalogue(size, 0)
    built = time.perf_counter() - started
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    options: dict[str, Json] = {"catalogue": {"products": size, "seed": 0}, "observation": observation}
    shop = Shop()
    queries: list[str] = []
    for seed in range(_SEARCHES):
        shop.reset(10_000 + seed, options)
        queries.append(shop.goal.instruction.lower())

    def searched(query: str) -> None:
        catalogue.index.search(query, SEARCH_RESULTS)

    def reset(seed: str) -> None:
        shop.reset(int(seed), options)

    cold = _timed(searched, queries)
    for query in queries:
        catalogue.search(query)
    repeated = _timed(catalogue.search, queries)
    resets = _timed(reset, [str(seed) for seed in range(_SEEDS)])
    print(
        f"{size:>10,} {built:>8.2f} {memory:>10.0f} {1e3 * cold[0]:>14.2f} {1e3 * cold[1]:>9.2f} "
        f"{1e6 * repeated[0]:>16.2f} {_steps_per_second(shop, options, seconds):>9,.0f} {1e3 * resets[0]:>13.3f}"
    )


def _timed(call: Callable[[str], object], arguments: Sequence[str]) -> tuple[float, float]:
    """Median and 99th percentile of seconds a call."""
    spans: list[float] = []
    for argument in arguments:
        started = time.perf_counter()
        call(argument)
        spans.append(time.perf_counter() - started)
    return statistics.median(spans), statistics.quantiles(spans, n=100)[98]


def _steps_per_second(shop: Shop, options: dict[str, Json], seconds: float) -> float:
    rng, spent, steps, number = Random(0), 0.0, 0, 0
    while spent < seconds:
        shop.reset(number % _SEEDS, options)
        number += 1
        for _ in range(_EPISODE_STEPS):
            search = shop.anchor() == "start"
            started = time.process_time()
            admissible = shop.admissible_actions()
            if not admissible:
                break
            shop.step(admissible[int(rng.random() * len(admissible))])
            shop.state_digest()
            if not search:
                spent += time.process_time() - started
                steps += 1
    return steps / spent


if __name__ == "__main__":
    main()
