"""Makes a user namespace, in which it has every capability.

Stopped by: the call is not on the filter's list.
Proof: reached.
"""

from __future__ import annotations

import ctypes

if ctypes.CDLL(None, use_errno=True).unshare(0x10000000) == 0:
    print("reached")
