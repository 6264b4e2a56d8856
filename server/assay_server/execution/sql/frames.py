"""Messages between a server and its SQL workers: JSON objects behind their length."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import cast

HEADER = struct.Struct("<I")
MOST_BYTES = 64 << 20


class BadFrame(Exception):
    """What came is no message."""


def framed(message: Mapping[str, object]) -> bytes:
    """A message as bytes."""
    payload = json.dumps(message, separators=(",", ":")).encode()
    return HEADER.pack(len(payload)) + payload


def parsed(payload: bytes | bytearray | memoryview) -> dict[str, object]:
    """The message in a frame.

    Raises:
        BadFrame: it holds no JSON object.
    """
    try:
        message: object = json.loads(bytes(payload))
    except (ValueError, RecursionError) as error:
        raise BadFrame("no JSON") from error
    if not isinstance(message, dict):
        raise BadFrame("no object")
    return cast("dict[str, object]", message)


class Frames:
    """Takes bytes as they come, gives messages."""

    def __init__(self) -> None:
        self._held = bytearray()

    def take(self, data: bytes) -> list[dict[str, object]]:
        """The messages that are complete now.

        Raises:
            BadFrame: what came is none.
        """
        self._held += data
        messages: list[dict[str, object]] = []
        while len(self._held) >= HEADER.size:
            (length,) = HEADER.unpack_from(self._held)
            if length > MOST_BYTES:
                raise BadFrame(f"a message of {length} bytes")
            end = HEADER.size + length
            if len(self._held) < end:
                break
            messages.append(parsed(self._held[HEADER.size : end]))
            del self._held[:end]
        return messages
