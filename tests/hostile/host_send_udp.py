"""Sends a datagram.

Stopped by: a network namespace without any interface, and no socket() on the filter's list.
Proof: contacted.
"""

from __future__ import annotations

import json
import socket

socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"hello", ("127.0.0.1", json.loads(input())["udp"]))
