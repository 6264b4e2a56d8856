"""Reads the kernel's settings, which as root could be written.

Stopped by: the run's /proc shows processes only.
Proof: reached.
Not in: docker, which shows them read-only.
"""

from __future__ import annotations

print("reached", open("/proc/sys/kernel/core_pattern").read())
