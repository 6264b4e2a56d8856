"""Opens what its parent has open.

Stopped by: the parent is a process of another user, and hidden.
Proof: secret.
"""

from __future__ import annotations

import contextlib
import json
import os

paths = [f"/proc/{os.getppid()}/fd", f"/proc/{json.loads(input())['victim']}/fd"]
for path in paths:
    with contextlib.suppress(OSError):
        for entry in os.listdir(path):
            with contextlib.suppress(OSError):
                if os.readlink(f"{path}/{entry}").endswith(".canary"):
                    print(open(f"{path}/{entry}").read())
