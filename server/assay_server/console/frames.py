"""Questions and answers as bytes between the server and its side process: a length, then JSON."""

from __future__ import annotations

import struct
from typing import Final

HEADER: Final = struct.Struct(">I")
MOST_BYTES: Final = 256 << 20
MODULE: Final = "assay_server.console.side_main"


def framed(data: bytes) -> bytes:
    """The bytes of one message. Raises ValueError where it is too large."""
    if len(data) > MOST_BYTES:
        raise ValueError("the message is too large")
    return HEADER.pack(len(data)) + data
