"""Opens a socket of the inet6 family.

Stopped by: no socket() on the filter's list.
Proof: reached.
"""

from __future__ import annotations

import socket

print("reached", socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
