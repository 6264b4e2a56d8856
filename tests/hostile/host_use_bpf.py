"""Loads a program into the kernel.

Stopped by: no capability, and the call is not on the filter's list.
Proof: reached.
Needs: root.
"""

from __future__ import annotations

import ctypes
import platform
import struct

number = {"x86_64": 321, "aarch64": 280}[platform.machine()]
attributes = ctypes.create_string_buffer(struct.pack("IIIII", 2, 4, 8, 1, 0) + bytes(108))
if ctypes.CDLL(None, use_errno=True).syscall(number, 0, attributes, 128) >= 0:
    print("reached")
