"""Takes more memory than it may have.

Stopped by: the run's memory cgroup; elsewhere a limit on each process, and watching all of them.
Proof: reached.
"""

from __future__ import annotations

block = bytearray(200 << 20)
for place in range(0, len(block), 4096):
    block[place] = 1
print("reached")
