"""Writes one huge file, by saying how long it is.

Stopped by: a limit on the size of files.
Proof: reached.
"""

from __future__ import annotations

import os

with open("huge", "wb") as file:
    file.truncate(1 << 36)
os.unlink("huge")
print("reached")
