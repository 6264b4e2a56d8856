"""Reads another process's memory with process_vm_readv.

Stopped by: the call is not on the filter's list, and the process not in the run's pid namespace.
Proof: secret.
"""

from __future__ import annotations

import ctypes
import json
import struct

known = json.loads(input())
libc = ctypes.CDLL(None, use_errno=True)
buffer = ctypes.create_string_buffer(64)
here = ctypes.create_string_buffer(struct.pack("QQ", ctypes.addressof(buffer), 64))
there = ctypes.create_string_buffer(struct.pack("QQ", known["address"], 64))
libc.process_vm_readv(known["victim"], here, ctypes.c_ulong(1), there, ctypes.c_ulong(1), ctypes.c_ulong(0))
print(buffer.raw)
