"""Descriptors that come over a socket."""

from __future__ import annotations

import array
import socket


def receive_descriptors(connection: socket.socket, size: int, most: int) -> tuple[bytes, list[int]]:
    """At most so many bytes, and the descriptors beside them; programs that are started later do not inherit these.

    ``socket.recv_fds`` of CPython up to 3.14 ignores its flags, and without one whoever is started without closing what
    is open could write into a run's conversation. Raises OSError; no bytes: the other side is gone.
    """
    found = array.array("i")
    data, ancillary, _, _ = connection.recvmsg(size, socket.CMSG_LEN(most * found.itemsize), socket.MSG_CMSG_CLOEXEC)
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(content[: len(content) - len(content) % found.itemsize])
    return data, list(found)
