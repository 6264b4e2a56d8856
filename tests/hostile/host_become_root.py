"""Becomes the machine's administrator.

Stopped by: no capabilities, and ids that are nobody's outside.
Proof: reached.
Needs: root.
"""

from __future__ import annotations

import os

os.setresuid(0, 0, 0)
print("reached", open("/etc/shadow").read()[:1])
