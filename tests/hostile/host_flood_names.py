"""Makes so many empty files that no more can be named.

Stopped by: the run's file system has a bounded number of files.
Proof: reached.
"""

from __future__ import annotations

import os

for number in range(6_000):
    os.close(os.open(f"name-{number}", os.O_CREAT | os.O_WRONLY))
for number in range(6_000):
    os.unlink(f"name-{number}")
print("reached")
