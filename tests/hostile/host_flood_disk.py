"""Writes files until the disk is full.

Stopped by: the run's files lie in a memory file system of bounded size.
Proof: reached.
"""

from __future__ import annotations

import os

for number in range(80):
    with open(f"flood-{number}", "wb") as file:
        file.write(bytes(1 << 20))
for number in range(80):
    os.unlink(f"flood-{number}")
print("reached")
