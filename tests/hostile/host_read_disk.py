"""Makes a device node of the machine's disk and reads it.

Stopped by: no capability, a user namespace, and file systems without devices.
Proof: reached.
Needs: root.
"""

from __future__ import annotations

import json
import os
import stat

known = json.loads(input())
place = "disk-of-the-machine"
os.mknod(place, stat.S_IFCHR | 0o600, os.makedev(1, 3))
os.close(os.open(place, os.O_RDONLY))
print("reached")
