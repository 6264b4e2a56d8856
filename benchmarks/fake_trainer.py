"""The contract's real test: a trainer of many processes, and everything that goes wrong in one.

`assay serve` with an SQLite store; ranks that sample and send rollouts, and a driver that consumes all results, each a
process of its own. Three versions of the weights; groups whose members come from several ranks; one group in four is
played turn by turn and sent as it grows; a barrier per version that wants so many groups with mixed outcomes, for
which the driver orders more until there are enough. Along the way

* the server is killed (SIGKILL) when it has accepted rollouts that it has not answered, and started again,
* a rank is killed; the driver restores the checkpoint of the first step and the run begins a new generation: all ranks
  open again, the killed one as a new process, and the same ids come with other content; episodes that were under way
  at the checkpoint go on from there, otherwise than before,
* the consumer stops for seconds (SIGSTOP) while results pile up.

Then every result must have been delivered exactly once, and scores, step groups and advantages must equal what the
same rewards and estimators say when they are called in this process. Exit code 1 where a check fails.
Not covered: several servers; delivery to senders and to all (tests/end_to_end).
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from multiprocessing.managers import SyncManager
from pathlib import Path
from queue import Empty, Queue

from fake_trainer_parts.checks import Check, check_everything
from fake_trainer_parts.driver import Record, run_driver
from fake_trainer_parts.place import VICTIM, Ask, Inbox, Place, Reply, Scale
from fake_trainer_parts.rank import run_rank
from fake_trainer_parts.server import Server

_PATIENCE_SECONDS = 300.0


class Trial:
    """One training, from the start of the server to the last check."""

    def __init__(self, scale: Scale, directory: Path) -> None:
        self._scale = scale
        self._server = Server(directory)
        self._place = Place(self._server.address, directory)
        self._context = get_context("forkserver")
        self._context.set_forkserver_preload(["fake_trainer_parts.driver", "fake_trainer_parts.rank"])
        self._ranks: dict[str, ForkServerProcess] = {}
        self._times: list[tuple[str, float]] = []
        self._started = time.monotonic()

    def run(self) -> tuple[Record, list[Check], list[tuple[str, float]]]:
        """Train; what the driver saw, the checks, and what happened when."""
        names = [f"rank-{number}" for number in range(self._scale.ranks)]
        with self._context.Manager() as manager:
            reports: Queue[str] = manager.Queue()
            inboxes = {name: self._start_rank(name, 1, manager, reports) for name in names}
            asks: Queue[Ask] = manager.Queue()
            replies: Queue[Reply] = manager.Queue()
            driver = self._context.Process(
                target=run_driver, args=(self._place, self._scale, inboxes, reports, asks, replies), name="driver"
            )
            driver.start()
            try:
                self._serve(driver, asks, replies, manager, reports)
            finally:
                for process in (driver, *self._ranks.values()):
                    process.join(5.0)
                    process.kill()
        self._note("everything answered")
        code = self._server.stop()
        record, checks = check_everything(self._place, self._scale.estimator, names)
        checks += [
            Check("the server was killed between Accepted and answer", f"{record.unanswered} rollouts",
                  [] if record.unanswered else ["it was idle"]),
            Check("driver, ranks and server end well", "", self._ends(driver, code)),
        ]  # fmt: skip
        self._note("checks")
        return record, checks, self._times

    def _ends(self, driver: ForkServerProcess, server: int) -> list[str]:
        codes = {"server": server, "driver": driver.exitcode}
        codes |= {name: process.exitcode for name, process in self._ranks.items()}
        return [f"{name}: exit code {code}" for name, code in codes.items() if code]

    def _note(self, what: str) -> None:
        self._times.append((what, time.monotonic() - self._started))

    def _start_rank(self, name: str, generation: int, manager: SyncManager, reports: Queue[str]) -> Inbox:
        inbox: Inbox = manager.Queue()
        arguments = (self._place, self._scale, name, generation, inbox, reports)
        process = self._context.Process(target=run_rank, args=arguments, name=name)
        process.start()
        self._ranks[name] = process
        return inbox

    # ------------------------------------------------------------ what the driver asks for

    def _serve(
        self,
        driver: ForkServerProcess,
        asks: Queue[Ask],
        replies: Queue[Reply],
        manager: SyncManager,
        reports: Queue[str],
    ) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while driver.is_alive():
            if time.monotonic() > deadline:
                raise TimeoutError("the driver did not end")
            if lost := [name for name, rank in self._ranks.items() if rank.exitcode and name != VICTIM]:
                raise RuntimeError(f"{', '.join(lost)} ended")
            try:
                ask = asks.get(timeout=0.2)
            except Empty:
                continue
            if ask.what == "start_rank":
                replies.put(self._start_rank(VICTIM, int(ask.number), manager, reports))
            else:
                replies.put(self._trouble(ask, driver))
            self._note(ask.what)

    def _trouble(self, ask: Ask, driver: ForkServerProcess) -> int:
        if ask.what == "kill_server":
            unanswered = self._server.kill_at_work()
            self._server.start()
            return unanswered
        if ask.what == "kill_rank":
            self._ranks[VICTIM].kill()
            self._ranks[VICTIM].join()
            return 0
        assert driver.pid is not None
        os.kill(driver.pid, signal.SIGSTOP)
        time.sleep(ask.number)
        os.kill(driver.pid, signal.SIGCONT)
        return 0


def report(
    scale: Scale,
    record: Record,
    checks: Sequence[Check],
    times: Sequence[tuple[str, float]],
    say: Callable[[str], None],
) -> bool:
    """Print what was done and found; whether everything holds."""
    say(f"\n{scale.estimator}, {scale.ranks} ranks, {scale.kept_groups} kept groups per step")
    say(f"  {record.groups} groups in the end, {record.topped_up} of all ordered by dynamic sampling; "
        f"{record.forgotten} rollouts forgotten by the restore")  # fmt: skip
    say("  " + ", ".join(f"{what} at {seconds:.1f} s" for what, seconds in times))
    for check in checks:
        say(f"  {'FAILED' if check.contrary else 'ok':>6}  {check.name}: {check.found}")
        for example in check.contrary[:3]:
            say(f"          {example[:400]}")
    return not any(check.contrary for check in checks)


def main() -> None:
    """Run, print, and say by the exit code whether everything holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, default=8)
    parser.add_argument("--kept-groups", type=int, default=64)
    parser.add_argument("--stall-seconds", type=float, default=20.0)
    parser.add_argument("--estimators", nargs="+", default=["advantage/gigpo", "advantage/grpo"])
    arguments = parser.parse_args()
    print(__doc__)
    holds = True
    for estimator in arguments.estimators:
        scale = Scale(estimator, arguments.ranks, arguments.kept_groups, arguments.stall_seconds)
        with tempfile.TemporaryDirectory() as directory:
            record, checks, times = Trial(scale, Path(directory)).run()
            holds &= report(scale, record, checks, times, print)
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
