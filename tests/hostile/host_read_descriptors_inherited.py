"""Reads every descriptor that it has.

Stopped by: the run is given its standard streams and its channels; everything else is closed.
Proof: secret.
"""

from __future__ import annotations

import contextlib
import os

for fd in range(3, 256):
    with contextlib.suppress(OSError):
        print(os.pread(fd, 1000, 0))
