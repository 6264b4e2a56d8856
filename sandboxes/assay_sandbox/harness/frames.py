"""Messages over a socket: four bytes of length, one letter that says what it is, the rest."""

from __future__ import annotations

import os
import struct

HEADER = struct.Struct(">IB")
"""Length of the payload, and the letter."""

MAX_PAYLOAD = 17 << 20
"""Bytes; a little more than a value may have."""

REQUEST = b"Q"
"""Supervisor or suite to candidate: an operation, see :func:`request`. Answered by a REPLY, perhaps after CALLBACKs."""
CALLED = b"R"
"""Suite to candidate: the answer to a CALLBACK; a value like a REPLY's."""
REPLY = b"V"
"""From the candidate: a value ``(status, value, changed, printed)``. The first one tells of the program's loading.

Status ``v``: a result. ``x``: an exception as ``(built-in class, message, keys of the candidate's own classes)``.
``f``: a cap was broken; the value says which. ``changed`` is None, or the operands as they are after the operation.
"""
CALLBACK = b"B"
"""Candidate to suite: a call of one of the suite's functions: a value ``(function's key, operands, named)``."""


class ChannelClosed(Exception):
    """The other side is gone, or what it sent is no message."""


def request(operation: str, operands: bytes) -> bytes:
    """The payload of a REQUEST: the operation's name, and the value ``(operands, named operands)``."""
    name = operation.encode()
    return bytes((len(name),)) + name + operands


def requested(payload: bytes) -> tuple[str, bytes]:
    """The parts of :func:`request`."""
    end = payload[0] + 1
    return payload[1:end].decode(), payload[end:]


def framed(letter: bytes, payload: bytes = b"") -> bytes:
    """A message as it is sent."""
    return HEADER.pack(len(payload), letter[0]) + payload


class Channel:
    """Messages over a connected socket's descriptor. Blocking; for one thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = bytearray()

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)

    def send(self, letter: bytes, payload: bytes = b"") -> None:
        """Write a message.

        Raises:
            ChannelClosed: nobody reads.
        """
        data = memoryview(framed(letter, payload))
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError as error:
            raise ChannelClosed(str(error)) from error

    def receive(self) -> tuple[bytes, bytes]:
        """The next message: letter and payload.

        Raises:
            ChannelClosed: there is none.
        """
        size, letter = HEADER.unpack(self._take(HEADER.size))
        if size > MAX_PAYLOAD:
            raise ChannelClosed("a message is too long")
        return bytes((letter,)), self._take(size)

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            try:
                part = os.read(self._descriptor, max(65536, size - len(self._buffer)))
            except OSError as error:
                raise ChannelClosed(str(error)) from error
            if not part:
                raise ChannelClosed("the other side is gone")
            self._buffer += part
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data
