"""Rollouts to rewards over HTTP with JSON, as reward servers are commonly called, beside the stream."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from assay import Client, GroupResult, Rollout, RunConfig, SampleResult
from assay.json_mapping import message_to_json
from assay.sdk import Json

from .comparison import Comparison, Picture

METHOD = """\
One `assay serve` with an SQLite store, one client process, loopback; rollouts of 4 KB with a numeric answer in
groups of 8. *HTTP, one a request*: `POST /v1/RewardService/Score` with one rollout, on a connection that stays
open, from 1 and from 8 threads; *64 a request*: the same with batches; *stream*: `Client.stream` with GRPO, where
the rollouts are also stored, grouped and given advantages, which the HTTP calls do not do. Counted from the first
send to the last answer; the bodies of HTTP are made before the clock starts, its answers are parsed. The same
server, in this order."""

GROUP = 8
REASONING = "Each of the 3 boxes holds 14 pens, so that is 3 * 14 = 42 pens in all. "
COUNTS = {"HTTP, one a request, 1 thread": 600, "HTTP, one a request, 8 threads": 1200, "HTTP, 64 a request": 4096}
STREAMED = 12_000


@dataclass(frozen=True, slots=True)
class Served:
    """Where a server is, and its token."""

    grpc: str
    http: str
    token: str


@contextmanager
def serving(directory: Path) -> Generator[Served]:
    """A server with its store and token in a folder."""
    os.environ["ASSAY_TOKEN_FILE"] = str(directory / "token")
    command = [str(Path(sys.executable).parent / "assay"), "serve", "--listen", "127.0.0.1:0"]
    command += ["--http-listen", "127.0.0.1:0", "--store", f"sqlite:{directory}/assay.db"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        lines = iter(process.stderr.readline, "")
        said = next(entry for entry in map(json.loads, lines) if entry["event"] == "serving")
        yield Served(said["grpc"], said["http"], (directory / "token").read_text(encoding="ascii").strip())
    finally:
        process.terminate()
        process.stderr.read()
        process.wait(60)


def rollouts(count: int, name: str) -> list[Rollout]:
    """Three of four are right."""
    text = (REASONING * 60)[:3900]
    return [
        Rollout(
            f"{name}-{number:06d}",
            group_id=f"{name}-{number // GROUP:06d}",
            group_size=GROUP,
            reference={"answer": "42"},
            response=f"{text}\nA: {42 if number % 4 else 41}",
        )
        for number in range(count)
    ]


def over_http(served: Served, sent: Sequence[Rollout], batch: int, threads: int) -> float:
    """Seconds for all answers."""
    bodies = [
        json.dumps({
            "reward": {"leaf": {"id": "math"}},
            "rollouts": [message_to_json(one.to_message()) for one in sent[start : start + batch]],
        }).encode()
        for start in range(0, len(sent), batch)
    ]  # fmt: skip
    shares = [bodies[place::threads] for place in range(threads)]

    def ask(share: Sequence[bytes]) -> int:
        connection = http.client.HTTPConnection(served.http)
        headers = {"Authorization": f"Bearer {served.token}", "Content-Type": "application/json"}
        answered = 0
        for body in share:
            connection.request("POST", "/v1/RewardService/Score", body, headers)
            answered += sum("score" in one for one in json.loads(connection.getresponse().read())["results"])
        connection.close()
        return answered

    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        answered = sum(pool.map(ask, shares))
    seconds = time.perf_counter() - began
    if answered != len(sent):
        raise SystemExit(f"{answered} of {len(sent)} rollouts were scored over HTTP")
    return seconds


def over_stream(served: Served, sent: Sequence[Rollout]) -> float:
    """Seconds for all scores and all groups."""
    run = RunConfig(run_id="side-by-side", reward="math", estimator="advantage/grpo")
    with Client(served.grpc) as client, client.stream(run) as stream:
        began = time.perf_counter()
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(stream.send_many, sent)
            scores = groups = 0
            while scores < len(sent) or groups < len(sent) // GROUP:
                event = stream.receive(timeout=120)
                scores += isinstance(event, SampleResult)
                groups += isinstance(event, GroupResult)
            sending.result()
        return time.perf_counter() - began


def measure() -> Comparison:
    """Every way on one server."""
    ways: dict[str, Callable[[Served], float]] = {
        "HTTP, one a request, 1 thread": lambda at: over_http(at, rollouts(600, "one"), 1, 1),
        "HTTP, one a request, 8 threads": lambda at: over_http(at, rollouts(1200, "eight"), 1, 8),
        "HTTP, 64 a request": lambda at: over_http(at, rollouts(4096, "batch"), 64, 1),
        "stream, with groups and advantages": lambda at: over_stream(at, rollouts(STREAMED, "stream")),
    }
    counts = {**COUNTS, "stream, with groups and advantages": STREAMED}
    with tempfile.TemporaryDirectory() as directory, serving(Path(directory)) as served:
        over_http(served, rollouts(64, "warm"), 8, 1)
        seconds = {name: way(served) for name, way in ways.items()}
    rates = {name: counts[name] / taken for name, taken in seconds.items()}
    slowest = rates["HTTP, one a request, 1 thread"]
    rows = [["way", "rollouts", "rollouts/s", "to one a request"]]
    rows += [[name, f"{counts[name]:,}", f"{rate:,.0f}", f"{rate / slowest:.1f}x"] for name, rate in rates.items()]
    raw: dict[str, Json] = {"seconds": dict(seconds), "rollouts": dict(counts)}
    return Comparison(
        "transport", "HTTP with JSON and the gRPC stream", METHOD, {"Rollouts scored a second": rows},
        Picture("Rollouts scored a second", {name: {"rate": rate} for name, rate in rates.items()}, "rollouts/s"), raw,
    )  # fmt: skip
