"""Waits, which costs no CPU time.

Stopped by: the wall limit.
Proof: reached.
"""

from __future__ import annotations

import time

time.sleep(1.5)
print("reached")
