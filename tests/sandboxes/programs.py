"""Small Python programs and their launches, for tests of sandboxes."""

from __future__ import annotations

import socket

from assay_sandbox.protocol import Launch, Limits, PythonCall

SCRIPT = "assay_sandbox.harness.script:run"
FIND_CHANNEL = """import os, stat
def is_socket(n):
    try:
        return stat.S_ISSOCK(os.fstat(n).st_mode)
    except OSError:
        return False
n = next(filter(is_socket, range(3, 64)))
"""
"""Has ``n`` be the channel that a program was given and should not find."""


def script(source: str, *, stdin: bytes = b"", channels: tuple[socket.socket, ...] = (), **limits: int) -> Launch:
    """A Python program; limits by name."""
    return Launch(PythonCall(SCRIPT, source.encode()), Limits(**limits), stdin=stdin, channels=channels)
