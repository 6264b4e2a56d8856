"""Looks at the machine's devices and cgroups.

Stopped by: /sys is not there.
Proof: reached.
Not in: docker, which shows them read-only.
"""

from __future__ import annotations

import os

print("reached", os.listdir("/sys")[:1], os.listdir("/sys/fs/cgroup")[:1])
