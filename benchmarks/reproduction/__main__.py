"""Run the plan and write its report.

    make reproduction          # or: .venv/bin/python -m benchmarks.reproduction [--out FOLDER] [--processes 2]

One `assay serve` in a process of its own; runs in as many processes as asked. Writes raw.json (every number),
report.md, curves.html and a picture for each experiment. The work is fixed by plan.toml; about ten minutes on two free
cores.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from .curves import Conditions, Raw
from .plan import PLAN, read_plan
from .report import write_report
from .running import run_all


def planned_at() -> str:
    """The commit that last changed the plan; empty where there is no history."""
    command = ["git", "-C", str(PLAN.parent), "log", "-1", "--format=commit %h of %cs", "--", PLAN.name]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        return ""


def conditions(began: str, seconds: float, processes: int, load: Sequence[float]) -> Conditions:
    """Under which the runs were made."""
    return Conditions(
        began=began,
        seconds=round(seconds, 1),
        processes=processes,
        cores=os.cpu_count() or 1,
        load_before=round(load[0], 1),
        load_after=round(os.getloadavg()[0], 1),
        python=platform.python_version(),
        numpy=np.__version__,
        plan=planned_at(),
    )


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/reproduction"))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", default="", help="one experiment, by its name; its report is then of that alone")
    parser.add_argument("--report", type=Path, help="raw.json of an earlier run: write its report again, run nothing")
    chosen = parser.parse_args()
    plan = read_plan()
    if chosen.report is not None:
        write_report(plan, TypeAdapter(Raw).validate_json(chosen.report.read_bytes()), chosen.out)
        return
    os.environ["OMP_NUM_THREADS"] = "1"
    began, started, load = time.strftime("%Y-%m-%d %H:%M"), time.perf_counter(), os.getloadavg()
    runs = run_all(plan, chosen.processes, chosen.only)
    told = conditions(began, time.perf_counter() - started, chosen.processes, load)
    write_report(plan, Raw(told, runs), chosen.out)
    print(f"{told.seconds:.0f} s; the report is in {chosen.out}")


if __name__ == "__main__":
    main()
