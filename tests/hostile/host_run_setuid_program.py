"""Gains rights by executing a program that has them.

Stopped by: no_new_privs, and file systems mounted without set-user-id.
Proof: reached.
"""

from __future__ import annotations

import os
import subprocess

uid = os.getuid()
for program in ("/usr/bin/passwd", "/usr/bin/su", "/usr/bin/mount", "/bin/ping"):
    if os.path.exists(program) and os.stat(program).st_mode & 0o4000:
        flags = os.statvfs(program).f_flag
        status = open("/proc/self/status").read()
        if not flags & os.ST_NOSUID and "NoNewPrivs:\t0" in status:
            print("reached", program, uid, subprocess.DEVNULL)
            break
