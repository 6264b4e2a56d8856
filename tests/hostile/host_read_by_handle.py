"""Opens a file by its handle, which no path and no root bounds.

Stopped by: the call needs a capability and is not on the filter's list.
Proof: secret.
Needs: root.
"""

from __future__ import annotations

import ctypes
import json
import os
import struct

canary = json.loads(input())["canary"]
libc = ctypes.CDLL(None, use_errno=True)
handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0) + bytes(128))
mount = ctypes.c_int()
libc.name_to_handle_at(-100, canary.encode(), handle, ctypes.byref(mount), 0)
folder = os.open(os.path.dirname(canary), os.O_RDONLY)
fd = libc.open_by_handle_at(folder, handle, os.O_RDONLY)
print(os.read(fd, 1000))
