"""What 500 judge calls of 2 s each in flight cost the math of the same server, as a trainer sees it.

Method: `assay serve` with an SQLite store and a judge: a small chat server in a process of its own that answers after
2 s. Four streams of a math run each send rollouts of 4 KB at a steady rate and note the time from send to score. A
trainer in another process keeps 500 rollouts of a judged run in flight in every other phase, sent evenly (250 a
second) or, with `--burst`, all at once and again when all are answered; no verdict comes from a cache. The judge and
that trainer stand for other machines and give way to everything else on this one. The medians of the phases' p99 are
compared; target: at most 1.1 times.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from threading import Event, Thread
from typing import IO

from judges import CALL_SECONDS, CALLS
from rollout_stream import running_server
from stalled_consumer import RUN, Ordinary, phases_p99

from assay import Client, Leaf, Rollout, RolloutStream, RunConfig, SampleResult

_STREAMS = 4
_JUDGED = RunConfig(run_id="judged", reward=Leaf("judge/rubric", {"endpoint": "judge", "rubric": "It is sound."}))


def judged(address: str, *, burst: bool) -> None:
    """The other trainer: works from one line of its input to the next; says how many verdicts it got."""
    working, landed = Event(), Event()
    landed.set()
    flying, verdicts = [0], [0]

    def receive(stream: RolloutStream) -> None:
        for event in stream:
            if isinstance(event, SampleResult):
                verdicts[0] += event.scored
                flying[0] -= 1
                if not flying[0]:
                    landed.set()

    def send(stream: RolloutStream) -> None:
        number, due = 0, 0.0
        while True:
            working.wait()
            if burst:
                landed.wait()
            for _ in range(CALLS if burst else 1):
                number += 1
                flying[0] += 1
                landed.clear()
                stream.send(Rollout(f"j{number}", response=f"Attempt {number}: the sum is 18. " * 20, prompt="9 + 9?"))
            due = max(due, time.perf_counter()) + CALL_SECONDS / CALLS
            if not burst:
                time.sleep(max(0.0, due - time.perf_counter()))

    with Client(address) as client, client.stream(_JUDGED, "judged", max_in_flight=2 * CALLS) as stream:
        Thread(target=receive, args=(stream,), daemon=True).start()
        Thread(target=send, args=(stream,), daemon=True).start()
        for line in sys.stdin:
            (working.set if line == "go\n" else working.clear)()
        working.clear()
        landed.wait()
        print(verdicts[0], flush=True)
        os._exit(0)  # its sender waits for work


@contextlib.contextmanager
def other_machine(*arguments: str) -> Generator[tuple[IO[str], IO[str]]]:
    """A process that gives way: its input and its output."""
    command = ["nice", "-n", "19", sys.executable, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdin, process.stdout
        finally:
            process.kill()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phase-seconds", type=float, default=4.0)
    parser.add_argument("--phases", type=int, default=14)
    parser.add_argument("--rate", type=float, default=40.0, help="rollouts per second of each stream")
    parser.add_argument("--burst", action="store_true")
    parser.add_argument("--judged", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.judged:
        judged(arguments.judged, burst=arguments.burst)
        return
    print(__doc__)
    with (
        tempfile.TemporaryDirectory() as directory,
        other_machine(str(Path(__file__).with_name("judges.py")), "--serve") as (_, port),
    ):
        catalogue = Path(directory) / "judges.toml"
        catalogue.write_text(
            f'[judges.judge]\nbase_url = "http://127.0.0.1:{int(port.readline())}/v1"\nmodel = "judge"\n'
            f"max_concurrent = {2 * CALLS}\ncache_entries = 0\n"
        )
        os.environ["ASSAY_JUDGES"] = str(catalogue)
        with (
            running_server(Path(directory)) as server,
            Client(server.address) as client,
            other_machine(__file__, "--judged", server.address, *(["--burst"] * arguments.burst)) as (tell, told),
        ):
            streams = [Ordinary(f"s{n}", client.stream(RUN, f"s{n}")) for n in range(_STREAMS)]
            phase, stop = [-1], Event()
            threads = [
                *(Thread(target=one.send, args=(phase, arguments.rate, stop)) for one in streams),
                *(Thread(target=one.receive) for one in streams),
            ]
            for thread in threads:
                thread.start()
            for number in range(arguments.phases):
                tell.write("go\n" if number % 2 else "rest\n")
                tell.flush()
                time.sleep(2 * CALL_SECONDS)  # until so many are in flight, or none
                phase[0] = number
                time.sleep(arguments.phase_seconds)
                phase[0] = -1
            stop.set()
            for thread in threads:
                thread.join()
            tell.close()
            verdicts = int(told.readline())
        alone, beside = (phases_p99(streams, range(kind, arguments.phases, 2)) for kind in (0, 1))
        print(
            f"p99 of math: {alone * 1e3:.1f} ms alone, {beside * 1e3:.1f} ms beside {CALLS} judge calls in flight: "
            f"{beside / alone:.2f} times   ({sum(one.received for one in streams)} answers, {verdicts} verdicts)"
        )


if __name__ == "__main__":
    main()
