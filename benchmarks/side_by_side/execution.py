"""Programs judged by tests: as a plain subprocess, behind a common HTTP executor, and in this project's sandboxes."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from assay.sdk import Json
from assay_sandbox.judging import Job, Judge, judging
from assay_sandbox.namespaces.backend import NamespacesBackend, NamespacesSettings
from assay_sandbox.protocol import Limits
from assay_sandbox.suites.reading import Suite, read_suite

from .attacks import ATTACKS, HONEST, LIMIT, TESTS, WRONG, Place
from .comparison import Comparison, Picture

METHOD = """\
A program with one function and a suite of three assertions. *Subprocess*: both are written into one file, which a
fresh `python -I` runs with a limit of {limit:g} s; exit code 0 is a pass, as such runners commonly have it. *HTTP
executor*: the same behind `POST /run_code` of a FastAPI server in a process of its own, with a worker thread a
request. *Assay*: the suite and the program in sandboxes of their own (namespaces), warm.

*Speed*: latency of one client, then runs a second with 4 clients, a fixed number of runs, each verdict checked.
*Attacks*: programs that are wrong and want to be believed, or that do to the machine what a program under test has
no business doing and answer rightly only where it worked; each is told "passed" or not by all three. A runner
*holds* where the verdict is "failed" or an error. The executors here are minimal: what is listed is what comes with
the common pattern, not what a particular product does; one that puts containers around it closes most of the second
kind and none of the first."""

RUNS, CLIENTS, GRACE = 60, 4, 3.0
Passes = Callable[[str], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Speed:
    """Milliseconds of one client in order, and runs a second of several."""

    latencies: Sequence[float]
    rate: float


def run_file(program: str) -> bool:
    """The common runner: program and tests in one file; whether it ends with 0 in time."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "program.py"
        place.write_text(f"{program}\n{TESTS}check(f)\n", encoding="utf-8")
        try:
            done = subprocess.run([sys.executable, "-I", place], capture_output=True, timeout=LIMIT, check=False)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0


SERVER = """
import uvicorn, sys
from fastapi import FastAPI
from pydantic import BaseModel
from benchmarks.side_by_side.execution import run_file

class Request(BaseModel):
    code: str

app = FastAPI()

@app.post("/run_code")
def run_code(request: Request) -> dict[str, str]:
    return {"status": "Success" if run_file(request.code) else "Failed"}

uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
"""


@contextmanager
def http_executor() -> Generator[str]:
    """The address of a server of the common kind."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(port)])
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None:
                    raise
                time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def ask(address: str, program: str) -> bool:
    """What the HTTP executor says."""
    connection = http.client.HTTPConnection(address, timeout=60)
    body = json.dumps({"code": program})
    connection.request("POST", "/run_code", body, {"Content-Type": "application/json"})
    said = json.loads(connection.getresponse().read())
    connection.close()
    return said["status"] == "Success"


def suite() -> Suite:
    """The same assertions for the sandbox."""
    return read_suite({"kind": "assert", "prelude": "", "code": TESTS, "entryPoint": "f"})


async def speed(passes: Passes) -> Speed:
    """Fixed numbers of runs of an honest program."""

    async def once() -> float:
        began = time.perf_counter()
        if not await passes(HONEST):
            raise SystemExit("an honest program was not believed")
        return 1e3 * (time.perf_counter() - began)

    for _ in range(3):
        await once()
    if await passes(WRONG):
        raise SystemExit("a wrong program was believed")
    latencies = sorted([await once() for _ in range(RUNS)])

    async def client() -> None:
        for _ in range(RUNS // CLIENTS):
            await once()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return Speed(latencies, RUNS // CLIENTS * CLIENTS / (time.perf_counter() - began))


async def attacked(passes: Passes, place: Place) -> dict[str, str]:
    """By attack what came of it: ``held`` or ``believed``, and how long the runner was held beyond its limit."""
    found: dict[str, str] = {}
    for attack in ATTACKS:
        began = time.perf_counter()
        believed = await passes(attack.program(place))
        taken = time.perf_counter() - began
        if attack.leaves is not None:
            found[attack.name] = "done" if attack.leaves(place) else "held"
        elif attack.holds_up:
            found[attack.name] = f"held up {taken:.0f} s" if taken > LIMIT + GRACE else "held"
        else:
            found[attack.name] = "believed" if believed else "held"
    return found


async def all_ways() -> tuple[dict[str, Speed], dict[str, dict[str, str]]]:
    """Speeds and attacks of the three."""
    speeds: dict[str, Speed] = {}
    attacks: dict[str, dict[str, str]] = {}
    with Place.made() as place, http_executor() as address, ThreadPoolExecutor(8) as threads:
        loop = asyncio.get_running_loop()
        backend = NamespacesBackend(NamespacesSettings(workers=max(2, os.cpu_count() or 1)))
        async with judging(backend, slots=CLIENTS) as judge:
            ways: Mapping[str, Passes] = {
                "subprocess": lambda program: loop.run_in_executor(threads, run_file, program),
                "HTTP executor": lambda program: loop.run_in_executor(threads, ask, address, program),
                "Assay": lambda program: judged(judge, program),
            }
            for name, passes in ways.items():
                speeds[name] = await speed(passes)
                place.clean()
                attacks[name] = await attacked(passes, place)
    return speeds, attacks


async def judged(judge: Judge, program: str) -> bool:
    """What this project says."""
    return (await judge.judge(Job("python", program, suite(), limits=Limits(wall_ms=int(1e3 * LIMIT))))).passed


def attack_rows(attacks: Mapping[str, Mapping[str, str]]) -> list[list[str]]:
    """A line an attack."""
    rows = [["attack", *attacks]]
    rows += [[attack.name, *(attacks[way][attack.name] for way in attacks)] for attack in ATTACKS]
    worked = [sum(said != "held" for said in attacks[way].values()) for way in attacks]
    return [*rows, [f"**worked, of {len(ATTACKS)}**", *(f"**{count}**" for count in worked)]]


def measure() -> Comparison:
    """All three."""
    speeds, attacks = asyncio.run(all_ways())
    rows = [["runner", "p50 ms", "p90 ms", "longest ms", f"runs/s, {CLIENTS} clients"]]
    for name, one in speeds.items():
        marks = (statistics.median(one.latencies), one.latencies[len(one.latencies) * 9 // 10], one.latencies[-1])
        rows.append([name, *(f"{mark:.1f}" for mark in marks), f"{one.rate:.1f}"])
    raw: dict[str, Json] = {
        "latenciesMs": {name: [round(value, 2) for value in one.latencies] for name, one in speeds.items()},
        "runsPerSecond": {name: one.rate for name, one in speeds.items()},
        "attacks": {name: dict(found) for name, found in attacks.items()},
    }
    shown = {name: {"rate": one.rate} for name, one in speeds.items()}
    return Comparison(
        "execution", "Programs judged by tests", METHOD.format(limit=LIMIT),
        {"Speed": rows, "Attacks: `held` is what one wants": attack_rows(attacks)},
        Picture(f"Programs judged a second, {CLIENTS} clients", shown, "runs/s", logarithmic=False), raw,
    )  # fmt: skip
