"""Writes where programs of the system lie.

Stopped by: the system's folders are mounted read-only.
Proof: reached.
Needs: root.
"""

from __future__ import annotations

import os

place = "/usr/lib/written-by-a-run"
open(place, "w").close()
os.unlink(place)
print("reached")
