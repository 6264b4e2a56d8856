"""Math answers: speed, accuracy, and what a hostile answer does, beside Math-Verify."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from assay.sdk import Json, Sample, Unscorable
from assay_server.execution.cpu.pool import CpuPool
from assay_server.execution.cpu.template import TemplateSetup
from assay_server.rewards.verify_math import math_quick
from benchmarks import math_verifiers
from benchmarks.math_verifiers import Run

from .comparison import Comparison, Picture
from .peers import NotMeasurable, peer_python, version_of

METHOD = """\
*Speed and accuracy*: both verifiers in one process on one core over the same seeded pairs, half of them wrong; a
verdict counts as right where it is how the pair was made. `short latex` and the classes of answers come from this
project's own metamorphic tests, which it passes by construction: they show where the two differ, and the tests'
conventions decide what counts as right. *Hostile answers* (power towers, giant factorials and sums, deep brackets:
every eighth of the tests' hundred): each alone, with a limit of {limit:g} s of wall time after which the process is
killed. This project judges them as a server does, in a killable worker with a limit of 1 s; Math-Verify with its
own limits (`parsing_timeout` and `timeout_seconds`, 5 s each by default)."""

SECONDS = 4.0
LIMIT = 20.0
REFERENCE = "\\sqrt{3}"
EVERY = 8
PEER_CODE = """
import json, sys, time, logging
from math_verify import parse, verify
logging.disable(50)
parse("$1$")
print("ready", flush=True)
for line in sys.stdin:
    began = time.perf_counter()
    try:
        said = "right" if verify(parse("$\\\\sqrt{3}$"), parse(json.loads(line))) else "wrong"
    except BaseException as error:
        said = type(error).__name__
    print(json.dumps([said, time.perf_counter() - began]), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Answered:
    """What was said of a hostile answer, and after how long."""

    said: str
    seconds: float


def hostile_texts() -> list[str]:
    """Some of the tests' hostile answers."""
    corpus = importlib.import_module("tests.server.execution.symbolic.test_hostile")
    return [f"\\boxed{{{text}}}" for text in cast("Sequence[str]", corpus.HOSTILE)[::EVERY]]


def peer_hostile(python: Path, texts: Sequence[str]) -> list[Answered]:
    """Each in the peer's process; a new one after each that had to be killed."""
    found: list[Answered] = []
    rest = list(texts)
    while rest:
        process = subprocess.Popen(
            [python, "-c", PEER_CODE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        while rest:
            began = time.perf_counter()
            answer = asked(process, rest.pop(0))
            found.append(answer or Answered("killed", time.perf_counter() - began))
            if answer is None:
                break
        process.kill()
        process.wait()
    return found


def asked(process: subprocess.Popen[str], text: str) -> Answered | None:
    """What the peer says within the limit; None where it has to be killed, or died."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(text) + "\n")
    process.stdin.flush()
    os.set_blocking(process.stdout.fileno(), False)
    end = time.perf_counter() + LIMIT
    while time.perf_counter() < end and process.poll() is None:
        if line := process.stdout.readline():
            said, seconds = json.loads(line)
            return Answered(said, seconds)
        time.sleep(0.01)
    return None


async def own_hostile(texts: Sequence[str]) -> list[Answered]:
    """Each in a pool of killable workers, one at a time."""
    pool = CpuPool(2, TemplateSetup((), ("assay_server.execution.symbolic",), 512 << 20), 1.0)
    pool.launch()
    await pool.start()
    found: list[Answered] = []
    for text in ["\\boxed{2}", *texts]:
        began = time.perf_counter()
        sample = Sample("r", text, {"answer": REFERENCE})
        try:
            score = math_quick(sample)
            if score is None:
                parameters: dict[str, object] = {"last_characters": None, "boxes": "last", "strictness": "default"}
                score = (await pool.run("verify/math-v1", "math", parameters, sample, 1.0)).score
            said = "right" if score.value == 1.0 else "wrong"
        except Unscorable as error:
            said = error.reason
        found.append(Answered(said, time.perf_counter() - began))
    await pool.stop()
    return found[1:]


def speeds(name: str, own: Mapping[str, Run], peer: Mapping[str, Run]) -> list[list[str]]:
    """Rows of the first table."""
    rows = [["workload", "verifier", "answers/s", "p50 µs", "p99 µs", "longest ms", "right"]]
    for load, run in own.items():
        if not load.startswith("class:"):
            for who, one in (("Assay", run), (name, peer.get(load))):
                if one is not None:
                    rows.append([
                        load, who, f"{one.answers_per_second:,.0f}", f"{one.p50:,.0f}", f"{one.p99:,.0f}",
                        f"{one.longest / 1e3:,.1f}", f"{one.accuracy:.1%}",
                    ])  # fmt: skip
    return rows


def classes(own: Mapping[str, Run], peer: Mapping[str, Run], name: str) -> list[list[str]]:
    """Rows of the second table."""
    rows = [["class of answers", "Assay", name]]
    for load, run in own.items():
        if load.startswith("class:"):
            rows.append([load[6:], f"{run.accuracy:.0%}", f"{peer[load].accuracy:.0%}" if load in peer else ""])
    return rows


def hostile_rows(by_verifier: Mapping[str, Sequence[Answered]]) -> list[list[str]]:
    """Rows of the third table."""
    rows = [["verifier", "answers", "longest s", "over 1.5 s", "had to be killed from outside", "called right"]]
    for name, answers in by_verifier.items():
        rows.append([
            name, str(len(answers)), f"{max(one.seconds for one in answers):.2f}",
            str(sum(one.seconds > 1.5 for one in answers)), str(sum(one.said == "killed" for one in answers)),
            str(sum(one.said == "right" for one in answers)),
        ])  # fmt: skip
    return rows


def measure() -> Comparison:
    """Everything; without the peer where it cannot be installed."""
    missing: list[str] = []
    own = math_verifiers.run_all(math_verifiers.own_verifier(), SECONDS)
    texts = hostile_texts()
    hostile = {"Assay": asyncio.run(own_hostile(texts))}
    peer: dict[str, Run] = {}
    name = "Math-Verify"
    try:
        python = peer_python("math-verify", "math-verify[antlr4_13_2]")
    except NotMeasurable as error:
        missing.append(str(error))
    else:
        name = f"Math-Verify {version_of(python, 'math-verify')}"
        command = [python, math_verifiers.__file__, "--peer-worker", "--seconds", str(SECONDS)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        peer = {load: Run(*values) for load, values in json.loads(done.stdout.splitlines()[-1]).items()}
        hostile[name] = peer_hostile(python, texts)
    shown = {load: {"Assay": run.answers_per_second} for load, run in own.items() if not load.startswith("class:")}
    for load, values in shown.items():
        if load in peer:
            values[name] = peer[load].answers_per_second
    raw: dict[str, Json] = {
        "python": sys.version.split()[0],
        "assay": {load: dict(run._asdict()) for load, run in own.items()},
        "peer": {load: dict(run._asdict()) for load, run in peer.items()},
        "hostile": {who: [[one.said, round(one.seconds, 3)] for one in answers] for who, answers in hostile.items()},
    }
    tables = {
        "Speed and accuracy, one core": speeds(name, own, peer),
        "Accuracy by class of answers": classes(own, peer, name),
        "Hostile answers": hostile_rows(hostile),
    }
    picture = Picture("Math answers a second", shown, "answers/s")
    return Comparison("math", "Math answers and Math-Verify", METHOD.format(limit=LIMIT), tables, picture, raw, missing)
