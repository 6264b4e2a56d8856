"""Leaves a process behind that ignores every signal it can.

Stopped by: SIGKILL, sent to all processes of the namespace by its first one.
Proof: survivor.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import time

mark = json.loads(input())["mark"]
if os.fork() == 0:
    os.setsid()
    for number in range(1, 65):
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN)
    for fd in (0, 1, 2):
        os.close(fd)
    ctypes.CDLL(None).prctl(15, mark.encode(), 0, 0, 0)
    time.sleep(120)
time.sleep(0.1)
