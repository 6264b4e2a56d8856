"""A process that gives way has a lower priority than who started it, and goes on working."""

from __future__ import annotations

import os
import subprocess
import sys

_CHILD = """
import os
from assay_server.execution.giving_way import give_way
give_way()
print(os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0) == os.SCHED_BATCH)
"""


def test_it_comes_after_its_parent():
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    told = subprocess.run([sys.executable, "-c", _CHILD], check=True, capture_output=True, text=True, timeout=60)
    priority, patient = told.stdout.split()
    assert int(priority) == min(19, ours + 10)
    assert patient == "True"
