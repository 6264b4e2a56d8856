"""Takes the processor away from another process.

Stopped by: the process is not in the run's pid namespace.
Proof: reached.
"""

from __future__ import annotations

import json
import os

os.setpriority(os.PRIO_PROCESS, json.loads(input())["victim"], 19)
print("reached")
