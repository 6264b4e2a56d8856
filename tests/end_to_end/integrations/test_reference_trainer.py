"""The reference trainer, two iterations long: it learns from the stream, and goes on where it stopped."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from assay.integrations.service import Service

TRAINER = Path(__file__).parents[3] / "client" / "examples" / "reference_trainer.py"


def trained(service: Service, out: Path, *arguments: str) -> list[dict[str, float]]:
    command = [sys.executable, TRAINER, "--target", service.target, "--out", out, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "waited for rewards" in done.stdout
    curve: list[dict[str, float]] = json.loads((out / "curve.json").read_text())
    return curve


@pytest.mark.extras
def test_it_trains_stops_and_goes_on(service: Service, tmp_path: Path):
    out = tmp_path / "run"
    task = ["--task", "number-line", "--estimator", "advantage/leave_one_out"]
    first = trained(service, out, *task, "--iterations", "2", "--every", "1")
    assert [line["iteration"] for line in first] == [0, 1]
    assert all(line["counted"] == 1.0 for line in first)
    assert all(0 <= line["waiting_seconds"] < line["step_seconds"] for line in first)
    more = trained(service, out, "--resume", "--iterations", "3")
    assert more[:2] == first
    assert [line["iteration"] for line in more] == [0, 1, 2]
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert "of the time" in (out / "curves.html").read_text()
