"""Listens for whoever may come.

Stopped by: no socket() on the filter's list, and nobody who could come.
Proof: reached.
"""

from __future__ import annotations

import socket

server = socket.create_server(("127.0.0.1", 0))
print("reached", server.getsockname())
