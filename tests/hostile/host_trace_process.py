"""Attaches to another process as its debugger.

Stopped by: the call is not on the filter's list, and the process not in the run's pid namespace.
Proof: reached.
"""

from __future__ import annotations

import ctypes
import json
import os

victim = json.loads(input())["victim"]
libc = ctypes.CDLL(None, use_errno=True)
if libc.ptrace(16, victim, 0, 0) == 0:
    os.waitpid(victim, 0x40000000)
    libc.ptrace(17, victim, 0, 0)
    print("reached")
