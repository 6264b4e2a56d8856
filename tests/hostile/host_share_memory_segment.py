"""Leaves a System V memory segment behind.

Stopped by: an ipc namespace for each run, and the call is not on the filter's list.
Proof: reached.
"""

from __future__ import annotations

import ctypes

libc = ctypes.CDLL(None, use_errno=True)
segment = libc.shmget(0, 4096, 0o1600)
if segment >= 0:
    libc.shmctl(segment, 0, None)
    print("reached")
