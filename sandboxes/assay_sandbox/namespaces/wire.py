"""What the server and a run's supervisor say to each other over the run's socket.

Launches go in as marshalled plain values, in two parts: orders for the supervisor, and a task that only the run's own
process reads. Both trust the server. Outcomes come back as a head of fixed layout and bytes: nothing that comes out of
a sandbox is unmarshalled.
"""

from __future__ import annotations

import fcntl
import functools
import marshal
import os
import struct
from collections.abc import Mapping
from typing import NamedTuple

from assay_sandbox.protocol import Launch, Limits, Outcome, PythonCall, Reason

LENGTH = struct.Struct("<Q")
HEAD = struct.Struct("<QQ")
"""Before a launch: bytes of its orders, and of its task.

0: the task is a file, the first of the descriptors beside it, and the second is one for what the program writes.
"""

KILL = b"k"
ASK_CPU = b"c"
ANOTHER = struct.Struct("<cI")
"""To a supervisor that waits: ``a`` and the user id of the next run, whose launch follows."""

_KEPT = struct.Struct("<cqq")

WAITS = LENGTH.pack(1) + b"w"
"""Before an outcome: the supervisor can make another run."""
_CPU = struct.Struct("<d")
# reason, exit status, signal, cut stdout, cut stderr, CPU ms, wall ms, start ms, peak, lengths of stdout and stderr,
# number of files
_HEAD = struct.Struct("<Biiccdddqqqi")
_FILE = struct.Struct("<iq")
_REASONS = tuple(Reason)


class BadOutcome(Exception):
    """What came out of a sandbox is no outcome."""


class Order(NamedTuple):
    """Of a launch, what its supervisor gets; its channels come as descriptors beside it.

    Attributes:
        stdin: None: it is a file before the channels.
    """

    limits: Limits
    stdin: bytes | None
    files: Mapping[str, bytes]
    collect: tuple[str, ...]

    @property
    def tells_something(self) -> bool:
        """Whether there is anything of the run's own in it."""
        return bool(self.stdin or self.files or self.collect)


class Task(NamedTuple):
    """Of a launch, what the run's process gets: plain values, as making others costs each run.

    Attributes:
        kind: ``call`` or ``exec``; ``what`` and ``more`` are the two fields of that program.
    """

    kind: str
    what: str | tuple[str, ...]
    more: bytes | dict[str, str]
    stdio_on_channel: bool
    cpu_ms: int
    pids: int
    file_bytes: int


def encode_order(launch: Launch, *, passes_descriptors: bool) -> bytes:
    """For :func:`decode_order`."""
    limits = launch.limits
    bounds = (
        limits.cpu_ms,
        limits.wall_ms,
        limits.memory_bytes,
        limits.pids,
        limits.file_bytes,
        limits.output_bytes,
    )
    stdin = None if passes_descriptors and launch.stdin else bytes(launch.stdin)
    return marshal.dumps((bounds, stdin, dict(launch.files), launch.collect))


def decode_order(data: bytes) -> Order:
    """What :func:`encode_order` made. Only ever fed by the server."""
    bounds, stdin, files, collect = marshal.loads(data)  # noqa: S302 - comes from the server
    return Order(_limits(bounds), stdin, files, collect)


@functools.lru_cache(1)
def _limits(bounds: tuple[int, ...]) -> Limits:
    return Limits(*bounds)


def encode_task(launch: Launch) -> bytes:
    """For :func:`decode_task`."""
    program, limits = launch.program, launch.limits
    if isinstance(program, PythonCall):
        body: tuple[object, ...] = ("call", program.entry, bytes(program.payload))
    else:
        body = ("exec", program.argv, dict(program.env))
    return marshal.dumps((*body, launch.stdio_on_channel, limits.cpu_ms, limits.pids, limits.file_bytes))


def decode_task(data: bytes) -> Task:
    """What :func:`encode_task` made. Only ever fed by the server."""
    return Task(*marshal.loads(data))  # noqa: S302 - comes from the server


def kept_in_memory(name: str, data: bytes) -> int:
    """A descriptor of a file without a name that holds these bytes and no others ever."""
    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def encode_cpu(milliseconds: float) -> bytes:
    """An answer to ASK_CPU, framed; shorter than any outcome."""
    return LENGTH.pack(_CPU.size) + _CPU.pack(milliseconds)


def decode_cpu(data: bytes) -> float | None:
    """What :func:`encode_cpu` made, without the length; None: it is an outcome."""
    return _CPU.unpack(data)[0] if len(data) == _CPU.size else None


def encode_kept(of_stdout: int, of_stderr: int) -> bytes:
    """How many bytes the file for output has, framed: before an outcome, and longer than WAITS and an answer."""
    return LENGTH.pack(_KEPT.size) + _KEPT.pack(b"o", of_stdout, of_stderr)


def decode_kept(data: bytes) -> tuple[int, int] | None:
    """What :func:`encode_kept` made, without the length; None: it is something else."""
    return _KEPT.unpack(data)[1:] if len(data) == _KEPT.size else None


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
