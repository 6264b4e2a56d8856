"""Is a text a Python program? Asked where a compiler that is made to explode hurts nobody."""

from __future__ import annotations

import socket
import sys


def check(payload: bytes, _: list[socket.socket]) -> None:
    """The entry: status 0 where ``payload`` compiles, else 1 and the reason on stderr."""
    try:
        compile(payload.decode("utf-8", "surrogatepass"), "main.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        raise SystemExit(1) from error
