"""Stops the kernel in the middle of a copy with userfaultfd.

Stopped by: the call is not on the filter's list.
Proof: reached.
Needs: root.
"""

from __future__ import annotations

import ctypes
import platform

number = {"x86_64": 323, "aarch64": 282}[platform.machine()]
if ctypes.CDLL(None, use_errno=True).syscall(number, 0x80000) >= 0:
    print("reached")
