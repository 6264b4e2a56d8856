"""What the server and a run's supervisor say to each other over the run's socket.

Launches go in as marshalled plain values: the supervisor trusts the server. Outcomes come back as a JSON head of known
shape and bytes: nothing that comes out of a sandbox is unmarshalled.
"""

from __future__ import annotations

import json
import marshal
import struct
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import TypeAlias, cast

from assay_sandbox.protocol import Exec, Launch, Limits, Outcome, PythonCall, Reason

LENGTH = struct.Struct("<Q")
MAX_CHANNELS = 8
KILL = b"k"
ASK_CPU = b"c"
_CPU = struct.Struct("<d")

WireProgram: TypeAlias = "tuple[str, str, bytes] | tuple[str, tuple[str, ...], dict[str, str]]"


class BadOutcome(Exception):
    """What came out of a sandbox is no outcome."""


@dataclass(frozen=True, slots=True)
class Order:
    """A launch as a supervisor gets it; its channels come as descriptors beside it."""

    program: PythonCall | Exec
    limits: Limits
    stdin: bytes
    files: Mapping[str, bytes]
    collect: tuple[str, ...]
    stdio_on_channel: bool


def encode_launch(launch: Launch) -> bytes:
    """Without its channels."""
    return marshal.dumps(
        (
            _program(launch.program),
            astuple(launch.limits),
            bytes(launch.stdin),
            dict(launch.files),
            launch.collect,
            launch.stdio_on_channel,
        )
    )


def _program(program: PythonCall | Exec) -> WireProgram:
    if isinstance(program, PythonCall):
        return "call", program.entry, bytes(program.payload)
    return "exec", program.argv, dict(program.env)


def decode_launch(data: bytes) -> Order:
    """What :func:`encode_launch` made. Only ever fed by the server."""
    (kind, what, more), limits, stdin, files, collect, stdio = marshal.loads(data)  # noqa: S302 - comes from the server
    program = PythonCall(what, more) if kind == "call" else Exec(what, more)
    return Order(program, Limits(*limits), stdin, files, collect, stdio)


def encode_outcome(outcome: Outcome) -> bytes:
    """Framed by its length."""
    names = list(outcome.files)
    bodies = [outcome.stdout, outcome.stderr, *(outcome.files[name] for name in names)]
    head = json.dumps(
        [
            outcome.reason.value,
            outcome.exit_status,
            outcome.signal,
            outcome.stdout_truncated,
            outcome.stderr_truncated,
            outcome.cpu_ms,
            outcome.wall_ms,
            outcome.peak_bytes,
            outcome.start_ms,
            names,
            [len(body) for body in bodies],
        ]
    ).encode()
    size = LENGTH.size + len(head) + sum(len(body) for body in bodies)
    return b"".join([LENGTH.pack(size), LENGTH.pack(len(head)), head, *bodies])


def encode_cpu(milliseconds: float) -> bytes:
    """An answer to ASK_CPU, framed; shorter than any outcome."""
    return LENGTH.pack(_CPU.size) + _CPU.pack(milliseconds)


def decode_cpu(data: bytes) -> float | None:
    """What :func:`encode_cpu` made, without the length; None: it is an outcome."""
    return _CPU.unpack(data)[0] if len(data) == _CPU.size else None


def decode_outcome(data: bytes) -> Outcome:
    """What :func:`encode_outcome` made, without the length. Raises BadOutcome."""
    try:
        (length,) = LENGTH.unpack_from(data)
        end = LENGTH.size + length
        reason, status, signal, cut_out, cut_err, cpu, wall, peak, start, names, sizes = json.loads(
            data[LENGTH.size : end]
        )
        bodies: list[bytes] = []
        for size in cast("list[int]", sizes):
            bodies.append(data[end : end + int(size)])
            end += int(size)
        return Outcome(
            Reason(reason),
            int(status),
            int(signal),
            bodies[0],
            bodies[1],
            bool(cut_out),
            bool(cut_err),
            float(cpu),
            float(wall),
            int(peak),
            float(start),
            {str(name): body for name, body in zip(cast("list[str]", names), bodies[2:], strict=True)},
        )
    except (ValueError, TypeError, KeyError, IndexError, struct.error, RecursionError) as error:
        raise BadOutcome(str(error)) from error
