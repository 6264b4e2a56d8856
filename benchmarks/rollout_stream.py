"""How many rollouts a second one server and one client process do, how soon the first answer comes, and what it costs.

Method: `assay serve` with an SQLite store in a process of its own, one client in this process, over TCP on loopback.
Rollouts of 4 KB (one step, numeric reward, an answer at the end of calculator-annotated reasoning) in groups of 8,
GRPO. Counted from the first send until every score and every group result has come back; rollouts are made before
the clock starts. "flushed": the caller flushes after each rollout. "one by one": a bare gRPC client sends each rollout
in a message of its own and the server has no choice. Latency is from send to score with nothing else under way.
CPU is that of all threads of the server and of this process, per rollout. Figures are medians over the rounds.
The calibration says how long a step of a fixed pure-Python loop takes on this machine, before and after: CPU figures of
two machines, or of one at two times, compare as multiples of it.
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
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Semaphore, Thread
from typing import NamedTuple, Protocol, cast

import grpc
from machine_speed import speed_line

from assay import Client, GroupResult, Rollout, RolloutStream, RunConfig, SampleResult
from assay.v1 import reward_service_pb2 as service

GROUP_SIZE = 8
_REASONING = "Each of the 3 boxes holds 14 pens, so that is 3 * 14 = <<3*14=42>>42 pens in all. "


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server and where it is."""

    address: str
    pid: int

    @property
    def resident_bytes(self) -> int:
        """Memory it occupies now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGESIZE")


def cpu_seconds(pid: int) -> float:
    """CPU that a process has used so far, all threads, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running_server(directory: Path, *options: str) -> Generator[RunningServer]:
    """`assay serve` in a process of its own, with its store and its token in ``directory``."""
    os.environ["ASSAY_TOKEN_FILE"] = str(directory / "token")  # read by the server and by the client
    command = [str(Path(sys.executable).parent / "assay"), "serve", "--listen", "127.0.0.1:0"]
    command += ["--http-listen", "", "--store", f"sqlite:{directory}/assay.db", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    lines = iter(process.stderr.readline, "")
    log = (json.loads(line) for line in lines)
    try:
        yield RunningServer(next(entry["grpc"] for entry in log if entry["event"] == "serving"), process.pid)
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


def stream_all(stream: RolloutStream, rollouts: list[Rollout], *, each_flushed: bool) -> None:
    """Send everything, and wait until everything is answered."""

    def send() -> None:
        for rollout in rollouts:
            stream.send(rollout)
            if each_flushed:
                stream.flush()

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
    sender.join()


class BareMethod(Protocol):
    """StreamRollouts with bytes both ways."""

    def __call__(self, requests: Iterator[bytes], *, metadata: tuple[tuple[str, str], ...]) -> Iterable[bytes]: ...


def one_by_one(address: str, run_id: str, rollouts: list[Rollout]) -> None:
    """The same with a bare gRPC client, each rollout in a message of its own."""
    frames = [
        service.StreamRolloutsRequest(
            rollouts=service.RolloutBatch(rollouts=[rollout.to_message()])
        ).SerializeToString()
        for rollout in rollouts
    ]
    acks: SimpleQueue[int] = SimpleQueue()
    slots, done = Semaphore(0), Event()

    def requests() -> Iterator[bytes]:
        yield service.StreamRolloutsRequest(
            open=service.Open(run_id=run_id, consumer=rollouts[0].rollout_id)
        ).SerializeToString()
        for frame in frames:
            slots.acquire()
            yield frame
            while not acks.empty():
                yield service.StreamRolloutsRequest(ack=service.Ack(sequence=acks.get())).SerializeToString()
        done.wait()

    token = Path(os.environ["ASSAY_TOKEN_FILE"]).read_text(encoding="ascii").strip()
    with grpc.insecure_channel(address) as channel:
        method = cast("BareMethod", channel.stream_stream("/assay.v1.RewardService/StreamRollouts"))
        owed = len(rollouts) + len(rollouts) // GROUP_SIZE
        for data in method(requests(), metadata=(("authorization", f"Bearer {token}"),)):
            answer = service.StreamRolloutsResponse.FromString(data)
            if granted := answer.opened.max_in_flight + answer.credit.rollouts:
                slots.release(granted)
            if answer.sequence:
                acks.put(answer.sequence)
            owed -= len(answer.sample_results.results) + len(answer.group_results.groups)
            if owed <= 0:
                break
        done.set()


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


class Cost(NamedTuple):
    """Rollouts per second of wall time; CPU of both sides per rollout, in microseconds."""

    rate: float
    server: float
    client: float


def measure(pid: int, rollouts: list[Rollout], send: Callable[[list[Rollout]], None]) -> Cost:
    """What one round costs."""
    count = len(rollouts)
    started, server, client = time.perf_counter(), cpu_seconds(pid), time.process_time()
    send(rollouts)
    seconds = time.perf_counter() - started
    return Cost(
        count / seconds, (cpu_seconds(pid) - server) / count * 1e6, (time.process_time() - client) / count * 1e6
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rollouts", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="one way of sending")
    arguments = parser.parse_args()
    print(__doc__)
    print(speed_line())
    with tempfile.TemporaryDirectory() as directory, running_server(Path(directory)) as server:
        client = Client(server.address)
        config = RunConfig(run_id="throughput", reward="math", estimator="advantage/grpo")
        with client.stream(run=config, consumer="bench") as stream:
            stream_all(stream, make_rollouts(4_000, "warm"), each_flushed=False)
            ways: dict[str, tuple[int, Callable[[list[Rollout]], None]]] = {
                "coalesced": (arguments.rollouts, lambda rollouts: stream_all(stream, rollouts, each_flushed=False)),
                "flushed": (arguments.rollouts // 4, lambda rollouts: stream_all(stream, rollouts, each_flushed=True)),
                "one by one": (
                    arguments.rollouts // 4,
                    lambda rollouts: one_by_one(server.address, stream.run_id, rollouts),
                ),
            }
            for name, (count, send) in ways.items():
                if arguments.only in ("", name):
                    measured = [
                        measure(server.pid, make_rollouts(count, f"{name}{n}"), send) for n in range(arguments.rounds)
                    ]
                    print(_line(name, measured))
            latencies = sorted(first_answers(stream, make_rollouts(200, "lone")))
            p50, p99 = latencies[len(latencies) // 2] * 1e3, latencies[int(len(latencies) * 0.99)] * 1e3
            print(f"{'latency':>10}: p50 {p50:.2f} ms, p99 {p99:.2f} ms over {len(latencies)} lone rollouts")
        client.close()
    print(speed_line())


def _line(name: str, measured: list[Cost]) -> str:
    rates = ", ".join(f"{cost.rate:.0f}" for cost in measured)
    return (
        f"{name:>10}: {statistics.median(cost.rate for cost in measured):7.0f} rollouts/s; "
        f"CPU per rollout {statistics.median(cost.server for cost in measured):4.0f} us server, "
        f"{statistics.median(cost.client for cost in measured):4.0f} us client   (rounds: {rates})"
    )


if __name__ == "__main__":
    main()
