"""Stops another process without ending it.

Stopped by: the process is not in the run's pid namespace.
Proof: killed.
"""

from __future__ import annotations

import json
import os
import signal

os.kill(json.loads(input())["victim"], signal.SIGSTOP)
