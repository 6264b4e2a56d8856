"""Reads another process's memory through /proc.

Stopped by: the process is not in the run's pid namespace.
Proof: secret.
"""

from __future__ import annotations

import json

known = json.loads(input())
with open(f"/proc/{known['victim']}/mem", "rb", 0) as memory:
    memory.seek(known["address"])
    print(memory.read(64))
