"""Debugs a child of its own, from which a filter could be stepped around.

Stopped by: the call is not on the filter's list.
Proof: reached.
"""

from __future__ import annotations

import ctypes

if ctypes.CDLL(None, use_errno=True).ptrace(0, 0, 0, 0) == 0:
    print("reached")
