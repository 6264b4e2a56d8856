"""A program that came among the run's own files and stays: it is given the channel and answers until that closes."""

from __future__ import annotations

import importlib
import json
import socket
import sys

from assay_sandbox.harness.frames import Channel


def serve(payload: bytes, channels: list[socket.socket]) -> None:
    """The entry: call ``serve(told, channel)`` of the module that the payload names."""
    order = json.loads(payload)
    sys.path.insert(0, "")
    for name in order["imports"]:
        importlib.import_module(name)
    importlib.import_module(order["module"]).serve(order["told"], Channel(channels[0].fileno()))
