"""Reads the environment of every process it can see.

Stopped by: a pid namespace and a /proc of its own, in which other users' processes are hidden.
Proof: secret.
"""

from __future__ import annotations

import contextlib
import os

for entry in os.listdir("/proc"):
    with contextlib.suppress(OSError):
        print(open(f"/proc/{entry}/environ").read())
