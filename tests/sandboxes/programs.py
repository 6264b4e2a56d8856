"""Launches of small Python programs, for tests of backends."""

from __future__ import annotations

import socket

from assay_sandbox.protocol import Launch, Limits, PythonCall

SCRIPT = "assay_sandbox.harness.script:run"


def script(source: str, *, stdin: bytes = b"", channels: tuple[socket.socket, ...] = (), **limits: int) -> Launch:
    """A Python program; limits by name."""
    return Launch(PythonCall(SCRIPT, source.encode()), Limits(**limits), stdin=stdin, channels=channels)
