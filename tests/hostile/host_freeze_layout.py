"""Has addresses no more be random, for itself and what it executes.

Stopped by: the filter allows asking only.
Proof: reached.
"""

from __future__ import annotations

import ctypes

libc = ctypes.CDLL(None, use_errno=True)
before = libc.personality(0x0040000)
if before >= 0:
    libc.personality(before)
    print("reached")
