"""Reads the server's environment.

Stopped by: the environment is the sandbox's own, made anew.
Proof: secret.
"""

from __future__ import annotations

import os

print(os.environ.get("CANARY", ""))
