"""Makes a pair of datagram sockets, which needs no socket(), and sends from it to another by its name.

Stopped by: the filter allows pairs of streams only: those are connected to each other for good.
Proof: contacted.
"""

from __future__ import annotations

import json
import socket

one, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
one.sendto(b"hello", "\0" + json.loads(input())["datagram"])
