"""The gRPC door stands what closes it; the same on a whole server, with other frames: the fuzz tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TIMES = 100


def test_a_door_that_is_closed_again_and_again_answers_who_comes_then_and_harms_nothing() -> None:
    program = Path(__file__).with_name("closed_doors.py")
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", program, str(TIMES)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(TIMES)
