"""Renames the machine.

Stopped by: a uts namespace, no capability, and the call is not on the filter's list.
Proof: reached.
Needs: root.
"""

from __future__ import annotations

import socket

socket.sethostname(socket.gethostname())
print("reached")
