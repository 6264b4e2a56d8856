"""One small conversation with a program of our own, held before a warm interpreter forks.

What the interpreter settles when code first runs (specialised instructions, lookups that it remembers, memory that it
keeps ready) is settled once here, and each fork finds it done on pages that it need not write to.
"""

from __future__ import annotations

import linecache
import socket
import sys
from collections.abc import Sequence

from assay_sandbox.harness.candidate import MODULE, serve
from assay_sandbox.harness.encoding import encode
from assay_sandbox.harness.frames import REPLY, REQUEST, Channel, framed, request
from assay_sandbox.harness.operations import CALL, NAME
from assay_sandbox.harness.plain import Caps, Reference

_SOURCE = b"""
def add(a, b):
    if a == 7:
        print(a)
        raise ValueError(a)
    return a + b
"""
_TIMES = 12
"""Calls and loads; CPython 3.11 looks at a function's eighth call what to make of it."""
_NAMED: dict[str, object] = {}
_VALUES: Sequence[tuple[object, object]] = (
    (1, 2),
    (2.5, -2),
    ("a", "b"),
    ([1, 2.0], [None, True, "c"]),
    (7, 0),
    ({"k": [1]}, 0),
)


def rehearse() -> None:
    """Leaves the process as it was, but for what it has learned."""
    out = sys.stdout
    for _ in range(_TIMES):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            caps = Caps()
            ours.sendall(framed(REQUEST, request(NAME, encode((("add",), _NAMED), caps))))
            for operands in _VALUES:
                said = encode(((Reference("h", 0, "function"), *operands), _NAMED), caps, _itself)
                ours.sendall(framed(REQUEST, request(CALL, said)))
            ours.shutdown(socket.SHUT_WR)
            serve(_SOURCE, [theirs])
            answers = Channel(ours.fileno())
            letters = [answers.receive()[0] for _ in range(len(_VALUES) + 2)]
            assert letters == [REPLY] * len(letters)
    sys.stdout = out
    del sys.modules[MODULE], linecache.cache[f"{MODULE}.py"]


def _itself(value: object) -> Reference:
    assert type(value) is Reference
    return value
