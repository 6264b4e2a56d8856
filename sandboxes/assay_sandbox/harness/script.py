"""Runs the source of a Python program as a program: what ``python FILE`` does, in a fork."""

from __future__ import annotations

import linecache
import socket
import sys
import types

_NAME = "<program>"


def run(payload: bytes, channels: list[socket.socket]) -> None:
    """Execute UTF-8 source as ``__main__``; tracebacks show its lines."""
    del channels
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    sys.argv = [_NAME]
    sys.path.insert(0, "")
    text = payload.decode()
    linecache.cache[_NAME] = (len(text), None, text.splitlines(keepends=True), _NAME)
    exec(compile(text, _NAME, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - what a sandbox is for
