"""What 500 judge calls of 2 s each in flight cost the math of the same server, as a trainer sees it.

Method: `assay serve` with an SQLite store and a judge: a small chat server in a process of its own that answers after
2 s. Four streams of a math run each send rollouts of 4 KB at a steady rate and note the time from send to score. A
trainer in another process keeps 500 rollouts of a judged run in flight in every other phase, sent evenly (250 a
second) or, with `--burst`, all at once and again when all are answered; no verdict comes from a cache. The judge and
that trainer stand for other machines and run only where everything else on this one has nothing to do. The medians of
the phases' p99 are compared; target: at most 1.1 times.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterable
from pathlib import Path
from threading import Event, Thread
from typing import IO

from judges import CALL_SECONDS, CALLS, be_another_machine
from rollout_stream import running_server
from stalled_consumer import RUN, Ordinary, phases_p99

from assay import Client, Leaf, Rollout, RolloutStream, RunConfig, SampleResult

_STREAMS = 4
_JUDGED = RunConfig(run_id="judged", reward=Leaf("judge/rubric", {"endpoint": "judge", "rubric": "It is sound."}))


class OtherTrainer:
    """Keeps judged rollouts in flight while it is told to."""

    def __init__(self, stream: RolloutStream) -> None:
        self._stream = stream
        self._working = Event()
        self._landed = Event()
        self._landed.set()
        self._flying = 0
        self._sent = 0
        self.verdicts = 0
        Thread(target=self._receive, daemon=True).start()

    def work(self, *, burst: bool) -> None:
        """Send for ever, whenever it may."""
        due = 0.0
        while True:
            self._working.wait()
            if burst:
                self._landed.wait()
                self._send(CALLS)
            else:
                self._send(1)
                due = max(due, time.perf_counter()) + CALL_SECONDS / CALLS
                time.sleep(max(0.0, due - time.perf_counter()))

    def obey(self, lines: Iterable[str]) -> None:
        """Work from one line to the next; done when all is answered after the last."""
        for line in lines:
            (self._working.set if line == "go\n" else self._working.clear)()
        self._working.clear()
        self._landed.wait()

    def _send(self, count: int) -> None:
        for _ in range(count):
            self._sent += 1
            self._flying += 1
            self._landed.clear()
            text = f"Attempt {self._sent}: the sum is 18. " * 20
            self._stream.send(Rollout(f"j{self._sent}", response=text, prompt="9 + 9?"))

    def _receive(self) -> None:
        for event in self._stream:
            if isinstance(event, SampleResult):
                self.verdicts += event.scored
                self._flying -= 1
                if not self._flying:
                    self._landed.set()


def judged(address: str, *, burst: bool) -> None:
    """The other trainer's process; says how many verdicts it got."""
    be_another_machine()
    with Client(address) as client, client.stream(_JUDGED, "judged", max_in_flight=2 * CALLS) as stream:
        trainer = OtherTrainer(stream)
        Thread(target=trainer.work, kwargs={"burst": burst}, daemon=True).start()
        trainer.obey(sys.stdin)
        print(trainer.verdicts, flush=True)
        os._exit(0)  # what waits for work has no end


@contextlib.contextmanager
def other_machine(*arguments: str) -> Generator[tuple[IO[str], IO[str]]]:
    """A process that stands for one: its input and its output."""
    command = [sys.executable, *arguments]
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
