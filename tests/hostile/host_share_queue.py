"""Leaves a message queue behind.

Stopped by: an ipc namespace for each run, and the call is not on the filter's list.
Proof: reached.
"""

from __future__ import annotations

import ctypes

libc = ctypes.CDLL(None, use_errno=True)
queue = libc.msgget(0, 0o1600)
if queue >= 0:
    libc.msgctl(queue, 0, None)
    print("reached")
