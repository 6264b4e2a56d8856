"""Leaves a file in the machine's folder for temporary files.

Stopped by: the run's /tmp is its own, and goes with it.
Proof: written.
"""

from __future__ import annotations

import json
import pathlib

pathlib.Path("/tmp", json.loads(input())["mark"]).write_text("left")
