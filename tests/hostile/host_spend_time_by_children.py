"""Computes in children one after the other, each of which takes little time and is reaped by nobody.

Stopped by: CPU time of the run as a whole, from its cgroup.
Proof: reached.
Needs: cgroups.
"""

from __future__ import annotations

import os
import signal
import time

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in range(18):
    if os.fork() == 0:
        while time.process_time() < 0.05:
            pass
        os._exit(0)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            break
print("reached")
