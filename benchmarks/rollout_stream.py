"""How many rollouts a second one server and one client process do, and how soon the first answer comes.

Method: `assay serve` with an SQLite store in a process of its own, one client in this process, over TCP on loopback.
Rollouts of 4 KB (one step, numeric reward, an answer at the end of calculator-annotated reasoning) in groups of 8,
GRPO. Counted from the first send until every score and every group result has come back; rollouts are made before
the clock starts. "flushed" sends each rollout in a message of its own. Latency is from send to score with nothing
else under way. Figures are medians over the rounds.
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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from assay import Client, GroupResult, Rollout, RolloutStream, RunConfig, SampleResult

GROUP_SIZE = 8
_REASONING = "Each of the 3 boxes holds 14 pens, so that is 3 * 14 = <<3*14=42>>42 pens in all. "


@contextmanager
def running_server(directory: Path, *options: str) -> Iterator[str]:
    """`assay serve` in a process of its own, with its store and its token in ``directory``; yields its address."""
    os.environ["ASSAY_TOKEN_FILE"] = str(directory / "token")  # read by the server and by the client
    command = [str(Path(sys.executable).parent / "assay"), "serve", "--listen", "127.0.0.1:0"]
    command += ["--http-listen", "", "--store", f"sqlite:{directory}/assay.db", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    lines = iter(process.stderr.readline, "")
    log = (json.loads(line) for line in lines)
    try:
        yield next(entry["grpc"] for entry in log if entry["event"] == "serving")
    finally:
        process.terminate()
        process.stderr.read()
        process.wait(30)


def make_rollouts(count: int, round_name: str, size: int = 4096) -> list[Rollout]:
    """Single-step rollouts of about ``size`` bytes, three of four right."""
    text = (_REASONING * (size // len(_REASONING) + 1))[: size - 180]
    return [
        Rollout(
            rollout_id=f"{round_name}-{number:07d}",
            group_id=f"{round_name}-{number // GROUP_SIZE:06d}",
            group_size=GROUP_SIZE,
            prompt_id=f"prompt-{number // GROUP_SIZE}",
            task_type="math",
            reference={"answer": "42"},
            response=f"{text}\nA: {42 if number % 4 else 41}",
        )
        for number in range(count)
    ]


def stream_all(stream: RolloutStream, rollouts: list[Rollout], *, each_flushed: bool) -> float:
    """Seconds until everything is answered."""
    def send() -> None:
        for rollout in rollouts:
            stream.send(rollout)
            if each_flushed:
                stream.flush()

    started = time.perf_counter()
    sender = Thread(target=send)
    sender.start()
    scores, groups = 0, 0
    for event in stream:
        if isinstance(event, SampleResult):
            scores += 1
        elif isinstance(event, GroupResult):
            groups += 1
        if scores == len(rollouts) and groups == len(rollouts) // GROUP_SIZE:
            break
    seconds = time.perf_counter() - started
    sender.join()
    return seconds


def first_answers(stream: RolloutStream, rollouts: list[Rollout]) -> list[float]:
    """Seconds from the sending of a lone rollout to its score."""
    found: list[float] = []
    for rollout in rollouts:
        started = time.perf_counter()
        stream.send(rollout)
        while not isinstance(stream.receive(timeout=30), SampleResult):
            pass
        found.append(time.perf_counter() - started)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rollouts", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(__doc__)
    with tempfile.TemporaryDirectory() as directory, running_server(Path(directory)) as address:
        client = Client(address)
        config = RunConfig(run_id="throughput", reward="math", estimator="advantage/grpo")
        with client.stream(run=config, consumer="bench") as stream:
            stream_all(stream, make_rollouts(4_000, "warm"), each_flushed=False)
            for name, flushed, count in (
                ("coalesced", False, arguments.rollouts),
                ("flushed", True, arguments.rollouts // 4),
            ):
                rates: list[float] = []
                for number in range(arguments.rounds):
                    rollouts = make_rollouts(count, f"{name}{number}")
                    rates.append(count / stream_all(stream, rollouts, each_flushed=flushed))
                print(f"{name:>10}: {statistics.median(rates):9.0f} rollouts/s   (rounds: {_listed(rates)})")
            latencies = sorted(first_answers(stream, make_rollouts(200, "lone")))
            p50, p99 = latencies[len(latencies) // 2], latencies[int(len(latencies) * 0.99)]
            print(f"{'latency':>10}: p50 {p50 * 1e3:.2f} ms, p99 {p99 * 1e3:.2f} ms over {len(latencies)} lone rollouts")
        client.close()


def _listed(values: list[float]) -> str:
    return ", ".join(f"{value:.0f}" for value in values)


if __name__ == "__main__":
    main()
