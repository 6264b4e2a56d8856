"""Connects to an abstract Unix socket, which has no file that could be hidden.

Stopped by: abstract names belong to the network namespace; no socket() on the filter's list.
Proof: contacted.
"""

from __future__ import annotations

import json
import socket

connection = socket.socket(socket.AF_UNIX)
connection.connect("\0" + json.loads(input())["abstract"])
connection.sendall(b"hello")
