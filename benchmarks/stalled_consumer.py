"""What four ordinary streams feel of a fifth consumer that stops reading, and what it costs the server.

Method: `assay serve` with an SQLite store. Four streams of one run each send rollouts of 4 KB at a steady rate and note
the time from send to score. A feeder sends as many, delivered to a fifth consumer in a process of its own. That process
reads in every other phase and is stopped (SIGSTOP) in those between, so that both conditions share the same minute. The
medians of the phases' p99 are compared; target: at most 1.2 times. The server's memory is sampled at the end of each
phase. At the end the fifth goes on and must get everything it is owed. Besides: a stream with 4 slots and groups of 8.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

from rollout_stream import GROUP_SIZE, make_rollouts, running_server

from assay import Client, DeliveryMode, GroupResult, Rollout, RolloutStream, RunConfig, SampleResult

RUN = RunConfig(run_id="shared", reward="math", estimator="advantage/grpo")
_STREAMS = 4


@dataclass(slots=True)
class Ordinary:
    """One stream that sends at a steady rate.

    Attributes:
        waits: seconds from send to score, by the phase the rollout was sent in.
    """

    name: str
    stream: RolloutStream
    sent: dict[str, tuple[int, float]] = field(default_factory=dict[str, tuple[int, float]])
    waits: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])
    received: int = 0

    def send(self, phase: list[int], rate: float, stop: Event) -> None:
        """Send until told to stop."""
        number = 0
        group: list[Rollout] = []
        due = time.perf_counter()
        while not stop.is_set() or number % GROUP_SIZE:
            if not number % GROUP_SIZE:
                group = make_rollouts(GROUP_SIZE, f"{self.name}/{number // GROUP_SIZE}")
            rollout = group[number % GROUP_SIZE]
            self.sent[rollout.rollout_id] = (phase[0], time.perf_counter())
            self.stream.send(rollout)
            number += 1
            due += 1 / rate
            time.sleep(max(0.0, due - time.perf_counter()))
        self.stream.finish()

    def receive(self) -> None:
        """Take everything."""
        for event in self.stream:
            if isinstance(event, SampleResult):
                phase, started = self.sent[event.rollout_id]
                self.waits.append((phase, time.perf_counter() - started))
                self.received += 1


def fifth(address: str) -> None:
    """The fifth consumer: reads until told how many rollouts there were, then until it has them all."""
    scores, groups = 0, 0
    with Client(address).stream("shared", "fifth") as stream:
        print("open", flush=True)
        total = [0]
        Thread(target=lambda: total.__setitem__(0, int(sys.stdin.readline())), daemon=True).start()
        while not total[0] or scores < total[0] or groups < total[0] // GROUP_SIZE:
            event = stream.receive(timeout=60.0)
            scores += isinstance(event, SampleResult)
            groups += isinstance(event, GroupResult)
    print(f"{scores} scores and {groups} groups", flush=True)


def phases_p99(streams: Sequence[Ordinary], phases: Sequence[int]) -> float:
    """The median over phases of each one's 99th percentile: a machine that others use has bad phases."""
    found: list[float] = []
    for phase in phases:
        waits = sorted(wait for one in streams for number, wait in one.waits if number == phase)
        found.append(waits[int(len(waits) * 0.99)])
    return statistics.median(found)


def small_grant(client: Client) -> None:
    """Groups larger than the grant complete."""
    rollouts = make_rollouts(10 * GROUP_SIZE, "grant")
    groups = 0
    with client.stream(RUN, "grant", max_in_flight=4) as stream:
        stream.send_many(rollouts)
        stream.finish()
        groups = sum(isinstance(event, GroupResult) for event in stream)
        print(f"max_in_flight {stream.max_in_flight}, groups of {GROUP_SIZE}: {groups} of 10 groups completed")
    assert groups == 10


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phase-seconds", type=float, default=2.5)
    parser.add_argument("--phases", type=int, default=16)
    parser.add_argument("--rate", type=float, default=40.0, help="rollouts per second of each stream")
    parser.add_argument("--fifth", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.fifth:
        fifth(arguments.fifth)
        return
    print(__doc__)
    with tempfile.TemporaryDirectory() as directory, running_server(Path(directory)) as server:
        client = Client(server.address)
        small_grant(client)
        command = [sys.executable, __file__, "--fifth", server.address]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdout.readline()
            ordinary = [Ordinary(f"s{n}", client.stream(RUN, f"s{n}")) for n in range(_STREAMS)]
            feeder = Ordinary("feed", client.stream(RUN, "feeder", delivery=DeliveryMode.CONSUMER, deliver_to="fifth"))
            phase, stop = [0], Event()
            threads = [
                *(Thread(target=one.send, args=(phase, arguments.rate, stop)) for one in ordinary),
                Thread(target=feeder.send, args=(phase, arguments.rate * _STREAMS, stop)),
                *(Thread(target=one.receive) for one in (*ordinary, feeder)),
            ]
            for thread in threads:
                thread.start()
            memory: list[int] = []
            for phase[0] in range(arguments.phases):
                os.kill(process.pid, signal.SIGSTOP if phase[0] % 2 else signal.SIGCONT)
                time.sleep(arguments.phase_seconds)
                memory.append(server.resident_bytes)
            stop.set()
            for thread in threads:
                thread.join()
            os.kill(process.pid, signal.SIGCONT)
            process.stdin.write(f"{len(feeder.sent)}\n")
            process.stdin.close()
            print(f"the fifth was owed {len(feeder.sent)} scores and got: {process.stdout.read().strip()}")
        reading, stopped = (phases_p99(ordinary, range(kind, arguments.phases, 2)) for kind in (0, 1))
        print(f"p99 of the others: {reading * 1e3:.1f} ms while it reads, {stopped * 1e3:.1f} ms while it does not: "
              f"{stopped / reading:.2f} times   ({sum(one.received for one in ordinary)} rollouts)")  # fmt: skip
        print("server memory in MiB after each phase: " + ", ".join(f"{size / 2**20:.0f}" for size in memory))
        for one in (*ordinary, feeder):
            one.stream.close()
        client.close()


if __name__ == "__main__":
    main()
