"""Connects to a TCP port of the machine.

Stopped by: a network namespace without any interface, and no socket() on the filter's list.
Proof: contacted.
"""

from __future__ import annotations

import json
import socket

connection = socket.socket(socket.AF_INET)
connection.connect(("127.0.0.1", json.loads(input())["tcp"]))
connection.sendall(b"hello")
