"""Reads a file of the machine by its path.

Stopped by: the run's root holds the system's programs and libraries and nothing else.
Proof: secret.
"""

from __future__ import annotations

import json

print(open(json.loads(input())["canary"]).read())
