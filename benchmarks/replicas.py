"""What it costs to be several: CPU per rollout of two replicas on Redis and of one on SQLite; how a wait is shared.

Method: `assay serve` in processes of their own, two clients (threads of this process) over TCP on loopback; with Redis
each client has a replica of its own and the replicas share a Redis (`appendfsync always`, a Unix socket) and a folder.
Rollouts of 4 KB in groups of 8, GRPO, all answers and group results awaited. "whole groups": a group's members come
through one client. "split groups": half of them through the other. CPU is that of all threads of the servers and of
Redis, per rollout; the workers of the cpu lane have nothing to do here. All ways to serve take turns in each round;
ratios are of figures of one round, everything is the median over the rounds.
"a verifier that waits": a reward that sleeps 20 ms on the io lane, at most 8 at a time in a replica.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread

from rollout_stream import GROUP_SIZE, cpu_seconds, make_rollouts

from assay import Client, GroupResult, Rollout, RolloutStream, RunConfig, SampleResult
from assay_server.store.redis.private_server import PrivateRedis

_WAITING = '''
import asyncio
from assay.sdk import Lane, Score, reward

_slots = asyncio.Semaphore(8)


@reward("bench/waiting-v1", lane=Lane.IO, bounds=(0.0, 1.0))
async def waiting(sample):
    """Waits as a verifier elsewhere would."""
    async with _slots:
        await asyncio.sleep(0.02)
    return Score(1.0)
'''


@contextmanager
def replica(folder: Path, store: Sequence[str], *options: str) -> Generator[tuple[str, int]]:
    """`assay serve`: its address and its process."""
    os.environ["ASSAY_TOKEN_FILE"] = str(folder / "token")
    command = [str(Path(sys.executable).parent / "assay"), "serve", "--listen", "127.0.0.1:0", "--http-listen", ""]
    process = subprocess.Popen([*command, *store, *options], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    log = (json.loads(line) for line in iter(process.stderr.readline, ""))
    reader = Thread(target=lambda: [None for _ in log])
    try:
        address = next(entry["grpc"] for entry in log if entry["event"] == "serving")
        reader.start()
        yield address, process.pid
    finally:
        process.terminate()
        process.wait(30)
        reader.join()


def rank(stream: RolloutStream, rollouts: list[Rollout], groups: int) -> None:
    """Send, and read everything that is owed."""
    sender = Thread(target=stream.send_many, args=(rollouts,))
    sender.start()
    scores = 0
    for event in stream:
        scores += isinstance(event, SampleResult)
        groups -= isinstance(event, GroupResult)
        if scores == len(rollouts) and not groups:
            break
    sender.join()


def one_round(streams: Sequence[RolloutStream], rollouts: list[Rollout], *, split: bool) -> float:
    """Seconds until everything is answered."""
    shares: list[list[Rollout]] = [[], []]
    for number, rollout in enumerate(rollouts):
        shares[number % 2 if split else number // GROUP_SIZE % 2].append(rollout)
    groups = len(rollouts) // GROUP_SIZE // (1 if split else 2)
    started = time.perf_counter()
    threads = [Thread(target=rank, args=(s, share, groups)) for s, share in zip(streams, shares, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started


class Deployment:
    """One way to serve: processes whose CPU counts, and a stream of each of two clients.

    Args:
        kind: ``sqlite``, ``redis one`` or ``redis two``.
    """

    def __init__(self, kind: str, stack: ExitStack) -> None:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="assay-")))
        self._pids: list[int] = []
        if kind == "sqlite":
            stores = [["--store", f"sqlite:{folder}/assay.db"]]
        else:
            redis = stack.enter_context(PrivateRedis(folder))
            self._pids.append(redis.pid)
            stores = [["--store", redis.url, "--records", f"{folder}/records"]] * (1 if kind == "redis one" else 2)
        replicas = [stack.enter_context(replica(folder, store)) for store in stores]
        self._pids += [pid for _, pid in replicas]
        token = (folder / "token").read_text(encoding="utf-8").strip()
        clients = [stack.enter_context(Client(replicas[n % len(replicas)][0], token=token)) for n in range(2)]
        config = RunConfig(run_id="bench", reward="math", estimator="advantage/grpo")
        clients[0].create_run(config)
        self._streams = [
            stack.enter_context(client.stream(run=config, consumer=f"rank-{n}")) for n, client in enumerate(clients)
        ]
        one_round(self._streams, make_rollouts(4096, "warm"), split=False)

    def measure(self, name: str, rollouts: int, *, split: bool) -> tuple[float, float]:
        """Microseconds of CPU per rollout, and rollouts per second."""
        made = make_rollouts(rollouts, name)
        before = sum(map(cpu_seconds, self._pids))
        seconds = one_round(self._streams, made, split=split)
        return (sum(map(cpu_seconds, self._pids)) - before) / rollouts * 1e6, rollouts / seconds


def waiting_rate(count: int, rollouts: int) -> float:
    """Rollouts per second of so many replicas where each verification waits."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="assay-")))
        (folder / "waiting.py").write_text(_WAITING, encoding="utf-8")
        redis = stack.enter_context(PrivateRedis(folder))
        store = ["--store", redis.url, "--records", f"{folder}/records"]
        replicas = [
            stack.enter_context(replica(folder, store, "--plugin", str(folder / "waiting.py"))) for _ in range(count)
        ]
        clients = [stack.enter_context(Client(replicas[n % count][0])) for n in range(2)]
        config = RunConfig(run_id="bench", reward="bench/waiting", estimator="advantage/grpo")
        clients[0].create_run(config)
        streams = [
            stack.enter_context(client.stream(run=config, consumer=f"rank-{n}")) for n, client in enumerate(clients)
        ]
        one_round(streams, make_rollouts(256, "warm"), split=False)
        return rollouts / one_round(streams, make_rollouts(rollouts, "timed"), split=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rollouts", type=int, default=16_384)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(__doc__)
    with ExitStack() as stack:
        deployments = {kind: Deployment(kind, stack) for kind in ("sqlite", "redis one", "redis two")}
        for name, split in (("whole groups", False), ("split groups", True)):
            rounds = [
                {
                    kind: one.measure(f"{name}{number}", arguments.rollouts, split=split)
                    for kind, one in deployments.items()
                }
                for number in range(arguments.rounds)
            ]
            for kind in deployments:
                cost, rate = (statistics.median(each[kind][n] for each in rounds) for n in (0, 1))
                ratio = statistics.median(each[kind][0] / each["sqlite"][0] for each in rounds)
                print(f"{name}, {kind:>9}: {cost:5.0f} us CPU a rollout ({ratio:4.2f}x), {rate:6.0f} rollouts/s")
    pairs = [(waiting_rate(1, 2048), waiting_rate(2, 2048)) for _ in range(arguments.rounds)]
    one, two = (statistics.median(rates) for rates in zip(*pairs, strict=True))
    ratio = statistics.median(two / one for one, two in pairs)
    print(f"a verifier that waits: one replica {one:.0f} rollouts/s, two {two:.0f} ({ratio:.2f}x)")


if __name__ == "__main__":
    main()
