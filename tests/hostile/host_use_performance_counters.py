"""Watches the processor with performance counters.

Stopped by: the call is not on the filter's list.
Proof: reached.
Needs: root.
"""

from __future__ import annotations

import ctypes
import platform
import struct

number = {"x86_64": 298, "aarch64": 241}[platform.machine()]
attributes = ctypes.create_string_buffer(struct.pack("IIQ", 1, 112, 0) + bytes(96))
if ctypes.CDLL(None, use_errno=True).syscall(number, attributes, 0, -1, -1, 0) >= 0:
    print("reached")
