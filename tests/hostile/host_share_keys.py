"""Keeps something in the kernel's key rings, where the next run could find it.

Stopped by: the calls are not on the filter's list, and no run has another's user id.
Proof: reached.
"""

from __future__ import annotations

import ctypes
import platform

number = {"x86_64": 248, "aarch64": 217}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)
if libc.syscall(number, b"user", b"left", b"secret", 6, -1) > 0:
    print("reached")
