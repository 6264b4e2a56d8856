"""Forks and ends, again and again, so that whoever kills by number is late.

Stopped by: SIGKILL to the whole namespace at once, when the CPU limit is reached.
Proof: survivor.
"""

from __future__ import annotations

import ctypes
import json
import os
import time

mark = json.loads(input())["mark"]
ctypes.CDLL(None).prctl(15, mark.encode(), 0, 0, 0)
if os.fork() == 0:
    os.setsid()
    for fd in (0, 1, 2):
        os.close(fd)
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if os.fork():
            os._exit(0)
        time.sleep(0.001)
