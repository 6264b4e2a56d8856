"""Opens a socket of the packet family.

Stopped by: no socket() on the filter's list.
Proof: reached.
Needs: root.
"""

from __future__ import annotations

import socket

print("reached", socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
