"""Writes so much that whoever keeps it runs out of memory.

Stopped by: output is read while the run goes on; the first megabyte is kept.
Proof: flooded.
"""

from __future__ import annotations

import sys

for _ in range(20):
    sys.stdout.write("x" * (1 << 20))
