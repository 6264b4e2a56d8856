"""The contract's real test at a small scale: many processes, killed servers and ranks, a consumer that stops."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TRAINER = Path(__file__).parents[3] / "benchmarks" / "fake_trainer.py"


def test_a_trainer_gets_everything_once_and_as_computed_in_process() -> None:
    scale = ["--ranks", "3", "--kept-groups", "8", "--stall-seconds", "2", "--estimators", "advantage/gigpo"]
    done = subprocess.run([sys.executable, TRAINER, *scale], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("\n      ok  ") == 9, done.stdout
