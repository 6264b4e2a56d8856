"""Uncovers what is mounted over.

Stopped by: no capability, and the call is not on the filter's list.
Proof: reached.
Needs: root.
"""

from __future__ import annotations

import ctypes

libc = ctypes.CDLL(None, use_errno=True)
libc.unshare(0x20000)
libc.mount(b"none", b"/", None, 0x44000, None)
if libc.umount2(b"/proc", 2) == 0:
    print("reached")
