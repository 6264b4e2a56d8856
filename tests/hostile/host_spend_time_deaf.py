"""Computes on and on, deaf to the signals that tell of limits.

Stopped by: CPU time is read from outside; what follows is SIGKILL.
Proof: reached.
"""

from __future__ import annotations

import signal
import time

for number in (signal.SIGXCPU, signal.SIGALRM, signal.SIGTERM, signal.SIGVTALRM, signal.SIGPROF):
    signal.signal(number, signal.SIG_IGN)
while time.process_time() < 0.9:
    pass
print("reached")
