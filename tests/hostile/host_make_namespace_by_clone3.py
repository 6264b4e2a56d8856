"""Makes a child in a user namespace with the call whose flags a filter cannot read.

Stopped by: the filter says that the call is not there.
Proof: reached.
"""

from __future__ import annotations

import ctypes
import os
import struct

libc = ctypes.CDLL(None, use_errno=True)
arguments = ctypes.create_string_buffer(struct.pack("8Q", 0x10000000, 0, 0, 0, 17, 0, 0, 0))
child = libc.syscall(435, arguments, 64)
if child == 0:
    os._exit(0)
if child > 0:
    os.waitpid(child, 0)
    print("reached")
