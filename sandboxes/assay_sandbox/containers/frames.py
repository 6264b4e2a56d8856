"""What goes through a container's standard input and output: frames of a channel number, a length, and bytes."""

from __future__ import annotations

import struct

HEAD = struct.Struct("<BI")
CONTROL = 255
"""The channel of the launch, of orders, and of what the supervisor says; others are the run's own, from 0."""
LARGEST = 1 << 16


def frames(channel: int, data: bytes) -> bytes:
    """Bytes of a channel as frames; none at all is the channel's end."""
    if not data:
        return HEAD.pack(channel, 0)
    parts = [data[at : at + LARGEST] for at in range(0, len(data), LARGEST)]
    return b"".join(HEAD.pack(channel, len(part)) + part for part in parts)
