"""The ``tools`` environment: steps a second without the interpreter, what searches cost, and the latency of Python.

    python benchmarks/tools.py

Prints its method.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Callable

from assay_sandbox.protocol import SandboxUnavailable
from assay_server.cli.env_bench import reset_seconds, steps_per_second
from assay_server.cli.env_episode import EpisodeNames, episode_source
from assay_server.environments.tools.calculator import calculated
from assay_server.environments.tools.corpus import Document, KnowledgeBase
from assay_server.environments.tools.outside import FIRST, PythonAnswer, PythonRequest, chained
from assay_server.environments.tools.world import generated_corpus
from assay_server.execution.interpreters import Interpreters
from assay_server.execution.sandboxes import Sandboxes, SandboxSettings

SECONDS = 2.0
CALLS = 300
DOCUMENTS = 100_000
METHOD = f"""\
Steps: random admissible calls (searches, calculator, files), each with admissible actions and digest; one process,
process time. Searches: titles of the generated corpus, none remembered; and of {DOCUMENTS:,} of its documents in one
base. Python: {CALLS} calls of `x += 1; x` in one session's interpreter, wall-clock, through the server's side; "first"
includes starting an interpreter in sandboxes that are up; "again" is a lost one that is told 20 pieces again."""


def rate(work: Callable[[int], object], count: int) -> float:
    """Calls a second of process time."""
    started = time.process_time()
    for number in range(count):
        work(number)
    return count / (time.process_time() - started)


def searches() -> None:
    """Print what searches cost."""
    bases = generated_corpus().bases
    fresh = [KnowledgeBase(name, base.documents) for name, base in bases.items()]
    titles = [(base, one.title) for base in fresh for one in base.documents]
    found = rate(lambda at: titles[at][0].search(titles[at][1], 3), len(titles))
    print(f"{'search, generated corpus':<44}{found:>12,.0f}/s")
    every = [one for base in fresh for one in base.documents]
    copied = [every[at % len(every)] for at in range(DOCUMENTS)]
    many = [Document(str(at), f"{one.title} {at}", one.text) for at, one in enumerate(copied)]
    started = time.process_time()
    large = KnowledgeBase("large", many)
    print(f"{f'index of {DOCUMENTS:,} documents':<44}{time.process_time() - started:>12.2f} s")
    name = f"search, {DOCUMENTS:,} documents"
    print(f"{name:<44}{rate(lambda at: large.search(many[at * 7].title, 3), 2000):>12,.0f}/s")
    print(f"{'calculator':<44}{rate(lambda at: calculated(f'({at} + 2.5) * 3 ^ 2 / 7'), 20_000):>12,.0f}/s")


async def python() -> None:
    """Print the latency of Python calls."""
    sandboxes = Sandboxes(SandboxSettings(), lambda _: None)
    interpreters = Interpreters(sandboxes)
    try:
        await sandboxes.backend()
    except SandboxUnavailable as error:
        print(f"Python: not measured ({error})")
        return
    chain, told, spans = FIRST, list[str](), list[float]()
    for number in range(CALLS):
        code = "x += 1; x" if number else "x = 0; x"
        if number == 20:
            interpreters.forget("bench", "session")
        started = time.perf_counter()
        request = PythonRequest((code,), tuple(told), chain)
        answer = PythonAnswer.decode(await interpreters.answer("bench", "session", request.encode()))
        spans.append(1000 * (time.perf_counter() - started))
        assert answer.ran[0].output == f"{number}\n", answer
        chain, told = chained(chain, code, answer.ran[0]), [*told, code]
    kept = sorted(spans[1:20] + spans[21:])
    print(f"{'python, first call':<44}{spans[0]:>12.2f} ms")
    print(f"{'python, kept interpreter, median':<44}{statistics.median(kept):>12.2f} ms")
    print(f"{'python, kept interpreter, p95':<44}{kept[int(0.95 * len(kept))]:>12.2f} ms")
    print(f"{'python, again':<44}{spans[20]:>12.2f} ms")
    await interpreters.close()
    await sandboxes.stop()


def main() -> None:
    """Measure everything."""
    print(METHOD)
    source = episode_source(EpisodeNames("tools", options=json.dumps({"maxSteps": 1000, "maxCalls": 1000})))
    print(f"{'steps':<44}{max(steps_per_second(source, seed, SECONDS) for seed in range(3)):>12,.0f}/s")
    print(f"{'reset, another question each':<44}{1000 * reset_seconds(source, 10_000):>12.2f} ms")
    searches()
    asyncio.run(python())


if __name__ == "__main__":
    main()
