"""A program that acts through functions which are elsewhere: a call goes out over the channel, its answer comes back.

Nothing here is trusted: the program shares this process and may call whatever it likes with whatever it likes, as data;
what a call does, and whether it is made at all, is decided where it arrives.
"""

from __future__ import annotations

import io
import json
import random
import socket
import sys
import threading
import types
from collections.abc import Callable, Mapping

from assay_sandbox.harness.console import SAID, Interpreter
from assay_sandbox.harness.frames import Channel, ChannelClosed

CALLED = b"K"
"""From the program: ``[name, positional arguments, named arguments]`` in JSON. Answered by ANSWERED."""
ANSWERED = b"A"
"""To it: ``{"value": ...}`` or ``{"error": ...}`` in JSON."""


class AppError(Exception):
    """A call could not be made; nothing was changed by it."""


AppError.__module__ = "__main__"  # as a traceback names it


class _Line:
    """The way to the functions: one call at a time, whichever thread makes it."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._lock = threading.Lock()

    def function(self, name: str) -> Callable[..., object]:
        """A function that is called elsewhere."""

        def call(*positional: object, **named: object) -> object:
            try:
                asked = json.dumps([name, positional, named], allow_nan=False)
            except (TypeError, ValueError, RecursionError):
                raise TypeError(f"{name}: arguments are texts, finite numbers, booleans, lists and dicts") from None
            with self._lock:
                self._channel.send(CALLED, asked.encode())
                _, payload = self._channel.receive()
            answer = json.loads(payload)
            if "error" in answer:
                raise AppError(answer["error"])
            return answer["value"]

        call.__name__ = call.__qualname__ = name
        return call


def _names(line: _Line, functions: Mapping[str, Mapping[str, str]]) -> dict[str, object]:
    """What the program finds: ``apps.mail.send``, ``mail_send``, and the exception."""
    apps = types.SimpleNamespace()
    found: dict[str, object] = {"apps": apps, "AppError": AppError}
    for app, members in functions.items():
        group = apps
        if app:
            group = types.SimpleNamespace()
            setattr(apps, app, group)
        for member, name in members.items():
            found[name] = function = line.function(name)
            setattr(group, member, function)
    return found


def serve(payload: bytes, channels: list[socket.socket]) -> None:
    """The entry: run the program, tell what it printed and how it ended."""
    settings = json.loads(payload)
    random.seed(settings["seed"])
    sys.stdin = io.StringIO()
    sys.path.insert(0, "")
    channel = Channel(channels[0].fileno())
    interpreter = Interpreter(settings["keptCharacters"], (__file__,))
    vars(sys.modules["__main__"]).update(_names(_Line(channel), settings["functions"]))
    try:
        channel.send(SAID, json.dumps(interpreter.run(settings["code"])).encode())
    except ChannelClosed:
        return
