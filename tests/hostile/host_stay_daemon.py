"""Leaves a process behind that has left its session and its parents.

Stopped by: the run's pid namespace ends with its first process, and everything in it.
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
    if os.fork() == 0:
        for fd in (0, 1, 2):
            os.close(fd)
        ctypes.CDLL(None).prctl(15, mark.encode(), 0, 0, 0)
        time.sleep(120)
    os._exit(0)
os.wait()
time.sleep(0.1)
