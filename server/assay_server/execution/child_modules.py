"""Processes that run one module of this package and are talked to over one connection."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence

_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ")


def start_module(
    module: str,
    *arguments: str,
    variables: Mapping[str, str] | None = None,
    descriptors: Sequence[int] = (),
    kind: socket.SocketKind = socket.SOCK_STREAM,
) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start a module with an environment of its own and no descriptor but its connection; and our end of that.

    Args:
        module: run as ``python -I -m MODULE FD ARGUMENTS``; FD is its end of the connection.
        variables: what it gets of the environment beyond where programs are, language and time zone.
        descriptors: what else it inherits, under the same numbers.
        kind: of the Unix socket pair.
    """
    inherited = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
    with theirs:
        process = subprocess.Popen(  # noqa: S603 - this interpreter, this package
            [sys.executable, "-I", "-m", module, str(theirs.fileno()), *arguments],
            env={**inherited, **(variables or {})},
            cwd="/",
            pass_fds=[theirs.fileno(), *descriptors],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
    return process, ours
