"""What the server and a run's supervisor say to each other over the run's socket.

Launches go in as marshalled plain values: the supervisor trusts the server. Outcomes come back as a head of fixed
layout and bytes: nothing that comes out of a sandbox is unmarshalled.
"""

from __future__ import annotations

import marshal
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from assay_sandbox.protocol import Exec, Launch, Limits, Outcome, PythonCall, Reason

LENGTH = struct.Struct("<Q")
KILL = b"k"
ASK_CPU = b"c"
_CPU = struct.Struct("<d")
# reason, exit status, signal, cut stdout, cut stderr, CPU ms, wall ms, start ms, peak, lengths of stdout and stderr,
# number of files
_HEAD = struct.Struct("<Biiccdddqqqi")
_FILE = struct.Struct("<iq")
_REASONS = tuple(Reason)


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
    program, limits = launch.program, launch.limits
    if isinstance(program, PythonCall):
        body: tuple[object, ...] = ("call", program.entry, bytes(program.payload))
    else:
        body = ("exec", program.argv, dict(program.env))
    bounds = (
        limits.cpu_ms,
        limits.wall_ms,
        limits.memory_bytes,
        limits.pids,
        limits.file_bytes,
        limits.output_bytes,
    )
    files = dict(launch.files)
    return marshal.dumps((body, bounds, bytes(launch.stdin), files, launch.collect, launch.stdio_on_channel))


def decode_launch(data: bytes) -> Order:
    """What :func:`encode_launch` made. Only ever fed by the server."""
    (kind, what, more), bounds, stdin, files, collect, stdio = marshal.loads(data)  # noqa: S302 - comes from the server
    program = PythonCall(what, more) if kind == "call" else Exec(what, more)
    return Order(program, Limits(*bounds), stdin, files, collect, stdio)


def encode_cpu(milliseconds: float) -> bytes:
    """An answer to ASK_CPU, framed; shorter than any outcome."""
    return LENGTH.pack(_CPU.size) + _CPU.pack(milliseconds)


def decode_cpu(data: bytes) -> float | None:
    """What :func:`encode_cpu` made, without the length; None: it is an outcome."""
    return _CPU.unpack(data)[0] if len(data) == _CPU.size else None


def encode_outcome(outcome: Outcome) -> bytes:
    """Framed by its length."""
    head = _HEAD.pack(
        _REASONS.index(outcome.reason),
        outcome.exit_status,
        outcome.signal,
        b"y" if outcome.stdout_truncated else b"n",
        b"y" if outcome.stderr_truncated else b"n",
        outcome.cpu_ms,
        outcome.wall_ms,
        outcome.start_ms,
        outcome.peak_bytes,
        len(outcome.stdout),
        len(outcome.stderr),
        len(outcome.files),
    )
    parts = [head, outcome.stdout, outcome.stderr]
    for name, data in outcome.files.items():
        path = name.encode("utf-8", "surrogatepass")
        parts += [_FILE.pack(len(path), len(data)), path, data]
    return b"".join([LENGTH.pack(sum(map(len, parts))), *parts])


def decode_outcome(data: bytes) -> Outcome:
    """What :func:`encode_outcome` made, without the length. Raises BadOutcome."""
    rest = _Bytes(data)
    try:
        head: tuple[int, int, int, bytes, bytes, float, float, float, int, int, int, int]
        head = _HEAD.unpack(rest.take(_HEAD.size))
        reason, status, signal, cut_out, cut_err, cpu, wall, start, peak, of_stdout, of_stderr, files = head
        stdout, stderr = rest.take(of_stdout), rest.take(of_stderr)
        collected: dict[str, bytes] = {}
        for _ in range(files):
            of_path, of_data = _FILE.unpack(rest.take(_FILE.size))
            path = rest.take(of_path).decode("utf-8", "surrogatepass")
            collected[path] = rest.take(of_data)
        return Outcome(
            _REASONS[reason],
            status,
            signal,
            stdout,
            stderr,
            cut_out == b"y",
            cut_err == b"y",
            cpu,
            wall,
            peak,
            start,
            collected,
        )
    except (ValueError, IndexError, struct.error) as error:
        raise BadOutcome(str(error)) from error


class _Bytes:
    """Bytes that are taken from the front."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        """So many. Raises ValueError where there are fewer."""
        end = self._at + size
        if size < 0 or end > len(self._data):
            raise ValueError(f"{size} bytes at {self._at} of {len(self._data)}")
        taken = self._data[self._at : end]
        self._at = end
        return taken
