"""Leaves System V semaphores behind.

Stopped by: an ipc namespace for each run, and the call is not on the filter's list.
Proof: reached.
"""

from __future__ import annotations

import ctypes

libc = ctypes.CDLL(None, use_errno=True)
semaphores = libc.semget(0, 1, 0o1600)
if semaphores >= 0:
    libc.semctl(semaphores, 0, 0)
    print("reached")
