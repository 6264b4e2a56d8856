"""Enters another process's namespaces.

Stopped by: the call is not on the filter's list, and no such process is to be seen.
Proof: reached.
Needs: root.
"""

from __future__ import annotations

import ctypes
import json
import os

fd = os.open(f"/proc/{json.loads(input())['victim']}/ns/net", os.O_RDONLY)
if ctypes.CDLL(None, use_errno=True).setns(fd, 0) == 0:
    print("reached")
