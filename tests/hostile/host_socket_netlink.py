"""Opens a socket of the netlink family.

Stopped by: no socket() on the filter's list.
Proof: reached.
"""

from __future__ import annotations

import socket

print("reached", socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
