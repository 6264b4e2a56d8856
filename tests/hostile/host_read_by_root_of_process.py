"""Walks into the machine's root through the root links of processes.

Stopped by: only the run's own processes are in its /proc, and their root is the run's.
Proof: secret.
"""

from __future__ import annotations

import contextlib
import json
import os

canary = json.loads(input())["canary"]
for entry in os.listdir("/proc"):
    with contextlib.suppress(OSError):
        print(open(f"/proc/{entry}/root{canary}").read())
        break
