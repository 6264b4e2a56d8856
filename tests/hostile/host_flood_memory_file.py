"""Takes memory as an anonymous file, which no limit on mappings counts.

Stopped by: the call is not on the filter's list; what is mapped is counted.
Proof: reached.
"""

from __future__ import annotations

import os

fd = os.memfd_create("flood")
for _ in range(200):
    os.write(fd, bytes(1 << 20))
print("reached")
