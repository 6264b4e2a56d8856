"""Starts so many processes that nobody else can start one.

Stopped by: a bound on processes, by rlimit for a user id of the run's own and by cgroup.
Proof: reached.
"""

from __future__ import annotations

import os
import signal

children: list[int] = []
while len(children) < 300:
    child = os.fork()
    if child == 0:
        signal.pause()
    children.append(child)
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
print("reached")
