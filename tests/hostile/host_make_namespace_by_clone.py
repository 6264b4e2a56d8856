"""Makes a child in a user namespace of its own.

Stopped by: the filter reads clone's flags, and says that clone3 is not there.
Proof: reached.
"""

from __future__ import annotations

import ctypes
import os
import platform

libc = ctypes.CDLL(None, use_errno=True)
number = {"x86_64": 56, "aarch64": 220}[platform.machine()]
child = libc.syscall(number, 0x10000000 | 17, None, None, None, None)
if child == 0:
    os._exit(0)
if child > 0:
    os.waitpid(child, 0)
    print("reached")
