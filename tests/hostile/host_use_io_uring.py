"""Has the kernel do what the filter refuses, by a ring of requests.

Stopped by: the call is not on the filter's list.
Proof: reached.
Needs: io_uring.
"""

from __future__ import annotations

import ctypes

ring = ctypes.create_string_buffer(120)
if ctypes.CDLL(None, use_errno=True).syscall(425, 1, ring) >= 0:
    print("reached")
