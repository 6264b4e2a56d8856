"""Mounts a file system with the calls of newer kernels.

Stopped by: none of them is on the filter's list.
Proof: reached.
Needs: root.
"""

from __future__ import annotations

import ctypes

libc = ctypes.CDLL(None, use_errno=True)
if libc.syscall(430, b"tmpfs", 0) >= 0:
    print("reached")
