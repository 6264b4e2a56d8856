"""How soon the console paints a large run, and what three open consoles cost those who train.

Method: `assay serve` with an SQLite store in which a run of 100,000 rollouts of 4 KB (groups of 8) lies. Headless
Chromium (Debian's package) opens the page of the run, in a new profile each time: the first time the side process has
read nothing yet. Noted are the first contentful paint (the frame), the moment the curves are drawn (from what was read
by then), and the moment all is read. Target: a first paint within 1 s. Then four streams of another run each send
rollouts at a steady rate and note the time from send to score, in phases of three kinds that take turns: nobody looks;
a process of its own sends what three open consoles ask (overview, the large run, a group); three pages are open in the
browser, which takes its time from the same machine, though at the lowest priority. The medians of the phases' p99 are
compared; target: at most 1.1 times. With `--fleet` the store is that of a fleet: a Redis of the benchmark's own
(`appendfsync always`) and a folder.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Generator
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlencode

from playwright.sync_api import Browser, sync_playwright
from rollout_stream import GROUP_SIZE, make_rollouts, running_server, stream_all
from stalled_consumer import Ordinary, phases_p99

from assay import Client, RunConfig
from assay.connection import read_token
from assay_server.store.redis.private_server import PrivateRedis

_STREAMS = 4
_LARGE = RunConfig(run_id="large", reward="math", estimator="advantage/grpo")
_LIVE = RunConfig(run_id="live", reward="math", estimator="advantage/grpo")
_PART = 10_000


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def store_options(folder: Path, *, fleet: bool) -> Generator[list[str]]:
    """What `assay serve` is told of its store, beyond the file that it has anyway."""
    if not fleet:
        yield []
        return
    with PrivateRedis(folder) as redis:
        yield ["--store", redis.url, "--records", str(folder / "records")]


def fill(client: Client, count: int) -> None:
    """The large run: each part is one of the trainer's steps."""
    with client.stream(_LARGE, "filler") as stream:
        for part in range(0, count, _PART):
            stream_all(stream, make_rollouts(min(_PART, count - part), f"part{part:07d}"), each_flushed=False)


class Console:
    """Pages of one server."""

    def __init__(self, browser: Browser, port: int, token: str) -> None:
        self.origin = f"http://127.0.0.1:{port}"
        self._browser = browser
        self._script = f"sessionStorage.setItem('assay.token', {json.dumps(token)})"

    @contextlib.contextmanager
    def page(self, name: str, **parameters: str) -> Generator[list[float]]:
        """An open page; milliseconds to its first contentful paint, to its curves, and until all is read."""
        context = self._browser.new_context()
        context.add_init_script(self._script)
        page = context.new_page()
        page.goto(f"{self.origin}/console/#/{name}?{urlencode(parameters)}", wait_until="commit")
        marks: list[float] = []
        if name == "run":
            page.wait_for_selector(".picture svg")
            curves = float(page.evaluate("performance.now()"))
            page.get_by_text("reading on").wait_for(state="detached", timeout=120_000)
            whole = float(page.evaluate("performance.now()"))
            painted = float(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
            marks = [painted, curves, whole]
        else:
            page.wait_for_selector("main h1")
        yield marks
        context.close()


_ASKED = (("/metrics", 2.5), ("/console/api/run?run=large", 5.0))
"""What open consoles ask again and again, and after how many seconds."""


def asking(origin: str) -> None:
    """Ask as three open consoles do, until the input ends; the token is in the file that the environment names."""
    token = read_token()

    def again(path: str, period: float) -> None:
        request = urllib.request.Request(f"{origin}{path}", headers={"authorization": f"Bearer {token}"})
        while True:
            with urllib.request.urlopen(request) as answer:
                answer.read()
            time.sleep(period)

    for path, period in _ASKED:
        threading.Thread(target=again, args=(path, period), daemon=True).start()
    sys.stdin.read()


@contextlib.contextmanager
def asked_by_a_process(origin: str) -> Generator[None]:
    """While :func:`asking` runs in a process of its own."""
    command = [sys.executable, __file__, "--asking", origin]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        yield
        process.kill()


def scoring(client: Client, console: Console, phases: int, seconds: float, rate: float) -> tuple[float, float, float]:
    """The p99 of send to score in seconds: nobody looks, three consoles ask, three are open in a browser."""
    streams = [Ordinary(f"s{n}", client.stream(_LIVE, f"s{n}")) for n in range(_STREAMS)]
    phase, stop = [-1], Event()
    threads = [
        *(Thread(target=one.send, args=(phase, rate, stop)) for one in streams),
        *(Thread(target=one.receive) for one in streams),
    ]
    for thread in threads:
        thread.start()
    for number in range(phases):
        with contextlib.ExitStack() as opened:
            if number % 3 == 1:
                opened.enter_context(asked_by_a_process(console.origin))
            elif number % 3 == 2:
                opened.enter_context(console.page(""))
                opened.enter_context(console.page("run", run="large"))
                opened.enter_context(console.page("group", run="large", group="part0000000-000000"))
            time.sleep(10.0 if number % 3 == 2 else 2.0)  # until what was opened is there, and what was closed is gone
            phase[0] = number
            time.sleep(seconds)
            phase[0] = -1
    stop.set()
    for thread in threads:
        thread.join()
    for one in streams:
        one.stream.close()
    alone, asked, browsed = (phases_p99(streams, range(kind, phases, 3)) for kind in range(3))
    return alone, asked, browsed


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rollouts", type=int, default=100_000)
    parser.add_argument("--phases", type=int, default=15)
    parser.add_argument("--phase-seconds", type=float, default=3.0)
    parser.add_argument("--rate", type=float, default=40.0, help="rollouts per second of each stream")
    parser.add_argument("--fleet", action="store_true", help="a store in Redis instead of SQLite")
    parser.add_argument("--asking", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.asking:
        asking(arguments.asking)
        return 0
    print(__doc__)
    chromium, nice = shutil.which("chromium"), shutil.which("nice")
    if chromium is None or nice is None:
        print("not measured: there is no chromium here")
        return 0
    port = free_port()
    with (
        tempfile.TemporaryDirectory(prefix="assay-") as directory,
        store_options(Path(directory), fleet=arguments.fleet) as options,
        running_server(Path(directory), "--http-listen", f"127.0.0.1:{port}", *options) as server,
        Client(server.address) as client,
        sync_playwright() as playwright,
    ):
        fill(client, arguments.rollouts)
        print(f"{arguments.rollouts:,} rollouts in groups of {GROUP_SIZE} are there", flush=True)
        token = (Path(directory) / "token").read_text(encoding="ascii").strip()
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name in ("nothing read yet", "read before", "read before"):
            with Console(browser, port, token).page("run", run="large") as (painted, curves, whole):
                print(
                    f"{name}: first paint {painted:.0f} ms, curves {curves:.0f} ms, all read {whole:.0f} ms", flush=True
                )
        browser.close()
        wrapper = Path(directory) / "browser"
        wrapper.write_text(f'#!/bin/sh\nexec {nice} -n 19 {chromium} "$@"\n')
        wrapper.chmod(0o755)
        browser = playwright.chromium.launch(executable_path=wrapper, args=["--no-sandbox"])
        console = Console(browser, port, token)
        alone, asked, browsed = scoring(client, console, arguments.phases, arguments.phase_seconds, arguments.rate)
        print(f"p99 of scoring: {alone * 1e3:.1f} ms while nobody looks; {asked * 1e3:.1f} ms while 3 consoles ask: "
              f"{asked / alone:.2f} times; {browsed * 1e3:.1f} ms beside three pages in a browser of this machine: "
              f"{browsed / alone:.2f} times")  # fmt: skip
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
