"""Runs the source of a Python program as a program: what ``python FILE`` does, in a fork."""

from __future__ import annotations

import json
import linecache
import socket
import sys
import types

_NAME = "<program>"


def run(payload: bytes, channels: list[socket.socket]) -> None:
    """Execute UTF-8 source as ``__main__``; tracebacks show its lines."""
    del channels
    _execute(payload.decode(), [])


def run_with_arguments(payload: bytes, channels: list[socket.socket]) -> None:
    """The same for ``{"source": ..., "arguments": [...]}`` in JSON."""
    del channels
    program = json.loads(payload)
    _execute(program["source"], program["arguments"])


def _execute(text: str, arguments: list[str]) -> None:
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    sys.argv = [_NAME, *arguments]
    sys.path.insert(0, "")
    linecache.cache[_NAME] = (len(text), None, text.splitlines(keepends=True), _NAME)
    exec(compile(text, _NAME, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - what a sandbox is for
