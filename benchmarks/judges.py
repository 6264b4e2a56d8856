"""What 500 concurrent judge calls of 2 s each cost everyone else: math on the loop, and math in the cpu lane.

A small chat server in another process, which stands for another machine and so runs only where this one has nothing
to do, answers every question after 2 s. Rounds alone and rounds beside 500 calls in flight alternate in one process, on
one set of lanes, with the same arrivals (200 items/s, evenly spaced, latency from when each was due); a ratio is of one
pair of neighbouring rounds, and the median of the pairs is told, with all of them; the longest turn of the loop, in CPU
time, is told too, and what of the loop's CPU a call takes. `steady`: calls begin and end all the time. `burst`: 500
begin in one turn of the loop, and again when they are answered. Garbage is collected as the server does it. Judges are
asked from a process of their own, as the server does; `--on-the-loop` asks them from the loop, for comparison.

Usage: python benchmarks/judges.py [SECONDS_PER_ROUND] [PAIRS] [--on-the-loop]
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

from assay.sdk import Sample
from assay.sdk.spec import Leaf
from assay_server.execution.judging import AskingProcess, CatalogueJudge, Endpoint, EndpointSettings
from assay_server.execution.lanes import Lanes, LaneSettings
from assay_server.execution.server_ports import ServerPorts
from assay_server.garbage import keep_pauses_short
from assay_server.rewards.catalogue import builtin_catalogue
from assay_server.rewards.nodes import Plan
from assay_server.rewards.tree import CompiledReward, compile_reward
from assay_server.store.opening import open_store

RATE = 200
CALLS = 500
CALL_SECONDS = 2.0
INLINE = ("So the answer is \\boxed{18}", "18")
IN_WORKER = ("So the answer is \\boxed{\\tan x}", "\\frac{\\sin x}{\\cos x}")

VERDICT = json.dumps({"rationale": "Every step follows from the one before it.", "score": 7})
ANSWER = {
    "model": "judge",
    "choices": [{"message": {"role": "assistant", "content": VERDICT}}],
    "usage": {"prompt_tokens": 300, "completion_tokens": 20},
}


def be_another_machine() -> None:
    """This process takes from the others only what they leave."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


async def serve_chat() -> None:
    """The chat server: prints its port, answers every question after its time."""
    body = json.dumps(ANSWER).encode()
    reply = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
                await reader.readexactly(int(length.split(b":")[1]))
                await asyncio.sleep(CALL_SECONDS)
                writer.write(reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=2 * CALLS)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class Stalls:
    """CPU time that the loop spends between two looks a millisecond apart: what one turn of it took, at most.

    What other processes take of the machine does not count, so it is as steady as latencies are not.
    """

    def __init__(self) -> None:
        self.worst = 0.0
        self._last = time.thread_time()
        self._look()

    def _look(self) -> None:
        now = time.thread_time()
        self.worst = max(self.worst, now - self._last)
        self._last = now
        self._handle = asyncio.get_running_loop().call_later(0.001, self._look)

    def stop(self) -> float:
        """The most, in seconds."""
        self._handle.cancel()
        return self.worst


class Bench:
    """Lanes, and rewards to run in them."""

    def __init__(self, lanes: Lanes) -> None:
        catalogue = builtin_catalogue()
        self.lanes = lanes
        self.math = compile_reward(Leaf("math"), catalogue)
        judged = Leaf("judge/rubric", {"endpoint": "judge", "rubric": "It is sound."}, execution_timeout=60.0)
        self.judged = compile_reward(judged, catalogue)
        self.asked = 0

    async def assess(self, compiled: CompiledReward, sample: Sample) -> None:
        """One sample through the lanes."""
        plan = Plan()
        leaves = compiled.pending(sample, plan)
        if leaves:
            await self.lanes.assess(compiled, sample, plan, leaves)
        else:
            compiled.evaluate(sample, plan.known)

    async def ask(self) -> None:
        """A judge call that no cache answers."""
        self.asked += 1
        sample = Sample("r", f"Attempt {self.asked}: the sum is 18." * 20, {"answer": "18"}, prompt="What is 9 + 9?")
        await self.assess(self.judged, sample)

    async def paced(self, text: tuple[str, str], seconds: float) -> list[float]:
        """Latencies of math at a steady rate, from when each was due."""
        loop = asyncio.get_running_loop()
        due, spans, tasks = loop.time(), list[float](), list[asyncio.Task[None]]()
        sample = Sample("r", text[0], {"answer": text[1]})

        async def one(due: float) -> None:
            await self.assess(self.math, sample)
            spans.append(loop.time() - due)

        for _ in range(int(seconds * RATE)):
            due += 1 / RATE
            await asyncio.sleep(due - loop.time())
            tasks.append(asyncio.create_task(one(due)))
        await asyncio.gather(*tasks)
        return spans

    async def steadily(self, stop: asyncio.Event) -> None:
        """Callers that begin one after the other and call again and again."""

        async def caller(number: int) -> None:
            await asyncio.sleep(CALL_SECONDS * number / CALLS)
            while not stop.is_set():
                await self.ask()

        await asyncio.gather(*(caller(number) for number in range(CALLS)))

    async def in_bursts(self, stop: asyncio.Event) -> None:
        """All callers at once, again and again."""
        while not stop.is_set():
            await asyncio.gather(*(self.ask() for _ in range(CALLS)))


Callers = Callable[[asyncio.Event], Awaitable[None]]


async def pairs(bench: Bench, text: tuple[str, str], calls: Callers, seconds: float, count: int) -> None:
    """Alternate rounds alone and beside the calls, and print what they show."""
    alone: list[list[float]] = []
    beside: list[list[float]] = []
    stalls: tuple[list[float], list[float]] = ([], [])
    costs: list[float] = []
    for _ in range(count):
        watch, began = Stalls(), time.thread_time()
        alone.append(await bench.paced(text, seconds))
        stalls[0].append(watch.stop())
        math = time.thread_time() - began
        stop = asyncio.Event()
        watch = Stalls()
        calling = asyncio.ensure_future(calls(stop))
        await asyncio.sleep(CALL_SECONDS / 2 if calls == bench.in_bursts else CALL_SECONDS)
        asked, began = bench.asked, time.thread_time()
        beside.append(await bench.paced(text, seconds))
        costs.append((time.thread_time() - began - math) / max(1, bench.asked - asked))
        stop.set()
        await calling
        stalls[1].append(watch.stop())
    for share in (0.5, 0.99, 0.999):
        ratios = sorted(quantile(b, share) / quantile(a, share) for a, b in zip(alone, beside, strict=True))
        pooled = [1e3 * quantile([span for spans in rounds for span in spans], share) for rounds in (alone, beside)]
        each = " ".join(f"{ratio:.2f}" for ratio in ratios)
        print(
            f"    p{100 * share:g} alone {pooled[0]:.2f} ms, beside {pooled[1]:.2f} ms; ratio of pairs: median "
            f"{statistics.median(ratios):.2f} ({each})"
        )
    most = [1e3 * max(spans) for spans in stalls]
    print(
        f"    longest turn of the loop: alone {most[0]:.1f} ms, beside {most[1]:.1f} ms of CPU; "
        f"a call takes {1e3 * statistics.median(costs):.2f} ms of it"
    )


def quantile(values: list[float], share: float) -> float:
    """The value below which a share of them lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


async def measure(seconds: float, count: int, *, on_the_loop: bool, port: int) -> None:
    """All measurements."""
    url = f"http://127.0.0.1:{port}/v1"
    settings = EndpointSettings(base_url=url, model="judge", max_concurrent=2 * CALLS, cache_entries=0)
    endpoints = [Endpoint("judge", settings)]
    judge = CatalogueJudge(endpoints, None if on_the_loop else AskingProcess(endpoints))
    preload = ("assay_server.execution.symbolic",)
    lanes = Lanes(LaneSettings(cpu_workers=4, preload=preload), ServerPorts(open_store("memory:"), judge))
    lanes.launch()
    lanes.start()
    bench = Bench(lanes)
    await asyncio.gather(*(bench.ask() for _ in range(CALLS)))
    await bench.paced(IN_WORKER, 1.0)
    keep_pauses_short()
    where = "from the loop itself" if on_the_loop else "from a process of their own"
    print(f"{os.cpu_count()} cores, {CALLS} calls of {CALL_SECONDS:g} s, asked {where}; target: p99 ratio <= 1.1\n")
    for name, text in (("math on the loop", INLINE), ("math in the cpu lane", IN_WORKER)):
        for kind, calls in (("steady", bench.steadily), ("burst", bench.in_bursts)):
            print(f"  {name}, {kind}")
            await pairs(bench, text, calls, seconds, count)
    await lanes.stop()
    await judge.close()


def main() -> None:
    """Start the chat server, measure, end it."""
    if "--serve" in sys.argv:
        be_another_machine()
        asyncio.run(serve_chat())
        return
    numbers = [float(argument) for argument in sys.argv[1:] if not argument.startswith("--")]
    print(__doc__)
    with subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        try:
            seconds, count = (*numbers, *(5.0, 5.0)[len(numbers) :])
            asyncio.run(measure(seconds, int(count), on_the_loop="--on-the-loop" in sys.argv, port=port))
        finally:
            server.kill()


if __name__ == "__main__":
    main()
