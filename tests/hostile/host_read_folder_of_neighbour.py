"""Looks through the working directories of processes for another run's file.

Stopped by: each run has a file system of its own, and sees no process of another.
Proof: secret.
"""

from __future__ import annotations

import contextlib
import os

for entry in os.listdir("/proc"):
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{entry}/cwd"):
            if name.endswith(".neighbour"):
                print(open(f"/proc/{entry}/cwd/{name}").read())
