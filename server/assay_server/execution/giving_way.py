"""Processes that come after the server on the same cores."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import struct

_LOWER_PRIORITY = 10
_LONGEST_SLICE_NS = 100_000_000
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
_ATTRIBUTES = struct.Struct("=IIQiIQQQII")


def give_way() -> None:
    """Run this process, from now on, only where the processes that did not call this leave time.

    A process that wakes up takes the core from this one at once, and this one takes it from nobody when it wakes up
    (``SCHED_BATCH``). The priority alone decides who gets how much of a busy core, not who has it now. So this asks
    for long slices, which from Linux 6.12 on are given to those who can wait for them; an older kernel, or another
    machine than is known here, leaves it at the priority.
    """
    os.nice(_LOWER_PRIORITY)
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    number = _SCHED_SETATTR.get(platform.machine())
    if number is None:
        return
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    attributes = _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_BATCH, 0, nice, 0, _LONGEST_SLICE_NS, 0, 0, 0, 0)
    with contextlib.suppress(AttributeError):  # no Linux's C library
        ctypes.CDLL(None).syscall(number, 0, attributes, 0)
