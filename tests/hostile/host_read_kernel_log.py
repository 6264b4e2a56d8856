"""Reads the kernel's log.

Stopped by: the device is not there, the call not on the list.
Proof: reached.
Needs: root.
"""

from __future__ import annotations

import os

os.close(os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK))
print("reached")
