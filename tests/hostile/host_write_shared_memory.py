"""Leaves a file in shared memory.

Stopped by: /dev/shm is the run's own, and goes with it.
Proof: written.
"""

from __future__ import annotations

import json
import pathlib

pathlib.Path("/dev/shm", json.loads(input())["mark"]).write_text("left")
