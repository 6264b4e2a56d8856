"""Makes a hard link to a file of the machine, and a symbolic one beside it.

Stopped by: neither file nor folder is there.
Proof: written.
"""

from __future__ import annotations

import json
import os

known = json.loads(input())
os.symlink(known["canary"], f"{known['folder']}/symbolic")
os.link(known["canary"], f"{known['folder']}/hard")
