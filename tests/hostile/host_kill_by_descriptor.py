"""Kills another process through a descriptor of it.

Stopped by: the process is not in the run's pid namespace.
Proof: killed.
"""

from __future__ import annotations

import json
import os
import signal

signal.pidfd_send_signal(os.pidfd_open(json.loads(input())["victim"]), signal.SIGKILL)
