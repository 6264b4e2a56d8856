"""Overwrites a file of the machine.

Stopped by: the file is not there, and what is there is read-only.
Proof: written.
"""

from __future__ import annotations

import json

with open(json.loads(input())["canary"], "w") as file:
    file.write("overwritten")
