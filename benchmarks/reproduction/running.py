"""The plan's runs: a server in a process of its own, and as many processes that train as asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import assay

from .curves import Run
from .plan import Plan, read_plan
from .playing import train
from .toys import train_toy


@contextmanager
def serving(directory: Path) -> Generator[str]:
    """A server in a process of its own; its address."""
    os.environ["ASSAY_TOKEN_FILE"] = str(directory / "token")  # read by the server and by the clients
    command = [str(Path(sys.executable).parent / "assay"), "serve", "--listen", "127.0.0.1:0", "--http-listen", ""]
    process = subprocess.Popen([*command, "--store", "memory:"], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        lines = iter(process.stderr.readline, "")
        yield next(entry["grpc"] for entry in map(json.loads, lines) if entry["event"] == "serving")
    finally:
        process.terminate()
        process.stderr.read()
        process.wait(60)


def jobs(plan: Plan) -> list[tuple[str, str, int]]:
    """(experiment, method, seed) of every run; a seed's runs lie together, so that drift of the machine is shared."""
    compared = {one.name: [method.name for method in one.methods] for one in plan.episodes}
    compared |= {toy.name: list(toy.methods) for toy in plan.toys}
    return [(name, method, seed) for name, methods in compared.items() for seed in plan.seeds for method in methods]


def run_one(target: str, name: str, method: str, seed: int) -> Run:
    """One run, with a connection of its own."""
    plan = read_plan()
    with assay.Client(target) as client:
        for experiment in plan.episodes:
            if experiment.name == name:
                chosen = next(one for one in experiment.methods if one.name == method)
                return Run(name, method, seed, train(client, plan, experiment, chosen, seed))
        toy = next(one for one in plan.toys if one.name == name)
        return Run(name, method, seed, train_toy(client, toy, method, seed))


def run_all(plan: Plan, processes: int, only: str) -> list[Run]:
    """Every run of the plan, in its order."""
    wanted = [job for job in jobs(plan) if only in ("", job[0])]
    found: dict[tuple[str, str, int], Run] = {}
    with (
        tempfile.TemporaryDirectory() as directory,
        serving(Path(directory)) as target,
        ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool,
    ):
        waiting = {pool.submit(run_one, target, *job): job for job in wanted}
        for done in as_completed(waiting):
            found[waiting[done]] = run = done.result()
            ends = ", ".join(f"{name} {values[-1]:.2f}" for name, values in run.curve.values.items())
            print(f"[{len(found)}/{len(wanted)}] {run.experiment}, {run.method}, seed {run.seed}: {ends}", flush=True)
    return [found[job] for job in wanted]
