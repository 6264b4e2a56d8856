"""Leaves its root by making another.

Stopped by: no capability, and the call is not on the filter's list.
Proof: reached.
Needs: root.
"""

from __future__ import annotations

import os

os.mkdir("elsewhere")
os.chroot("elsewhere")
print("reached")
