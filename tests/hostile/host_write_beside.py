"""Leaves a file in a folder of the machine.

Stopped by: the folder is not there.
Proof: written.
"""

from __future__ import annotations

import json
import pathlib

known = json.loads(input())
pathlib.Path(known["folder"], "left").write_text("left")
