"""Connects to a Unix socket of the machine.

Stopped by: a network namespace without any interface, and no socket() on the filter's list.
Proof: contacted.
"""

from __future__ import annotations

import json
import socket

connection = socket.socket(socket.AF_UNIX)
connection.connect(json.loads(input())["unix"])
connection.sendall(b"hello")
