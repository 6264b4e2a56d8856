"""Leaves a process behind that keeps standard output open, so that a reader waits for its end.

Stopped by: the run ends with its program: all its processes do, and output is read until then.
Proof: survivor.
"""

from __future__ import annotations

import ctypes
import json
import os
import time

mark = json.loads(input())["mark"]
if os.fork() == 0:
    os.setsid()
    os.close(0)
    ctypes.CDLL(None).prctl(15, mark.encode(), 0, 0, 0)
    time.sleep(120)
time.sleep(0.1)
