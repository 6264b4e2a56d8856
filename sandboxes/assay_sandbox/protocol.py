"""The seam between those who want a program run and those who can run it so that nothing comes of it.

A *backend* runs one *launch* in isolation and says how it ended::

    outcome = await backend.run(Launch(PythonCall("assay_sandbox.harness.script:run", source), stdin=b"3 4"))

Two runs that talk to each other (a candidate and its suite) are opened, each with one end of a socket pair: what
they say passes through no third party::

    a, b = socket.socketpair()
    async with backend.open(candidate.with_channels(a)) as one, backend.open(suite.with_channels(b, c)) as other:
        ...

A backend starts as many runs as it is asked to: how many jobs are under way at once is decided before, by
:class:`assay_sandbox.admission.Admission`, around a whole job.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from enum import Enum, IntEnum
from typing import Protocol

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may use, all its processes together.

    Attributes:
        cpu_ms: milliseconds of CPU time; decides whether a program was too slow.
        wall_ms: milliseconds since the program started; the backstop.
        memory_bytes: memory beyond the warm interpreter's, files in its working directory included.
        pids: processes and threads at once.
        file_bytes: bytes of all files that the run has at once.
        output_bytes: bytes kept of stdout, and of stderr; more is read and dropped.
    """

    cpu_ms: int = 10_000
    wall_ms: int = 10_000
    memory_bytes: int = 512 * _MIB
    pids: int = 64
    file_bytes: int = 64 * _MIB
    output_bytes: int = _MIB


@dataclass(frozen=True, slots=True)
class PythonCall:
    """A function of a module under ``assay_sandbox.harness``, called in a fork of a warm interpreter.

    Called as ``function(payload, channels)`` with the launch's channels as ``list[socket.socket]``. Its return is exit
    status 0; SystemExit and other exceptions end the process as they end a Python program.

    Attributes:
        entry: ``package.module:function``.
        payload: what it is called with, at most 64 MiB.
    """

    entry: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Exec:
    """A program that is executed: a compiled one, a compiler, another interpreter.

    The launch's channels are its descriptors 3, 4, ...

    Attributes:
        argv: the program, looked up on the sandbox's PATH or relative to its working directory, and its arguments.
        env: added to the sandbox's few variables (PATH, HOME, TMPDIR, LANG).
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Launch:
    """One run.

    Attributes:
        program: what runs.
        limits: what it may use.
        stdin: its standard input.
        files: put into its working directory before it starts; relative paths, executable by the run.
        collect: files of the working directory to hand back when it ended with status 0, those that exist; relative
            paths. Their sizes are bounded by ``limits.file_bytes``.
        channels: ends of socket pairs for the run. The backend takes them over and closes them here.
        stdio_on_channel: standard input and output are the first channel (the interactive judge): nothing of it is
            captured, and stdin is not used.
    """

    program: PythonCall | Exec
    limits: Limits = Limits()
    stdin: bytes = b""
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    collect: tuple[str, ...] = ()
    channels: tuple[socket.socket, ...] = ()
    stdio_on_channel: bool = False

    def with_channels(self, *channels: socket.socket) -> Launch:
        """The same with other channels."""
        return replace(self, channels=channels)


class Reason(Enum):
    """How a run ended."""

    OK = "ok"  # by itself, exit status 0
    EXITED = "exited"  # by itself, another exit status
    SIGNALED = "signaled"  # by a signal that the backend did not send
    CPU_LIMIT = "cpu limit"
    WALL_LIMIT = "wall limit"
    MEMORY_LIMIT = "memory limit"
    OUTPUT_LIMIT = "output limit"  # it wrote so much more than is kept that it was ended
    NOT_STARTED = "not started"  # the program cannot be executed; stderr says why
    KILLED = "killed"  # Running.kill


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did. All its processes are gone when it is there.

    Attributes:
        exit_status: of the program itself; -1 where it did not exit.
        signal: that ended it; 0 where none did.
        cpu_ms: CPU time of all its processes.
        wall_ms: from the program's start to its end.
        peak_bytes: the most memory it had at once, as far as the backend can tell.
        start_ms: what it took to start it: not the program's doing.
        files: those collected.
    """

    reason: Reason
    exit_status: int
    signal: int
    stdout: bytes = b""
    stderr: bytes = b""
    stdout_truncated: bool = False
    stderr_truncated: bool = False
    cpu_ms: float = 0.0
    wall_ms: float = 0.0
    peak_bytes: int = 0
    start_ms: float = 0.0
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])

    @property
    def ok(self) -> bool:
        """Whether it ended by itself with status 0. Never a verdict: any program can do that."""
        return self.reason is Reason.OK


class Grade(IntEnum):
    """How well a backend isolates here. Untrusted code runs from FLOOR upwards."""

    NONE = 0  # nothing stands between the program and this machine
    PARTIAL = 1  # something of what the floor asks for is missing
    FLOOR = 2  # own pid, mount, network and ipc state, no capabilities, seccomp; limits by rlimits and by watching
    FULL = 3  # and cgroups, and a user id for each run alone


@dataclass(frozen=True, slots=True)
class Mechanism:
    """One thing that isolates, whether it works here, and what that means."""

    name: str
    works: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Level:
    """What a backend reaches on this machine.

    Attributes:
        memory_enforced: whether memory is bounded for all processes of a run together, whatever they map. Where it is
            not, runtimes that reserve much more than they use (the JVM, Go, node) are not available.
    """

    backend: str
    grade: Grade
    mechanisms: tuple[Mechanism, ...]
    memory_enforced: bool = False


class SandboxError(Exception):
    """A run that could not be made: nothing was learned about the program."""


class SandboxUnavailable(SandboxError):
    """This machine does not isolate well enough, or what the backend needs is missing; the message says what to do."""


class WorkerLost(SandboxError):
    """The sandbox ended under the run. The job may be run again from its start; ``run`` has done so already."""


class Running(Protocol):
    """A run that was opened."""

    async def outcome(self) -> Outcome:
        """How it ended; waits for that. May be asked again. Raises WorkerLost."""
        ...

    def kill(self) -> None:
        """End it now; its outcome follows."""
        ...

    async def cpu_ms(self) -> float:
        """CPU time of all its processes until now; that of the outcome once it has ended. Raises WorkerLost."""
        ...


class Backend(Protocol):
    """Runs programs in isolation. Used from one event loop."""

    @property
    def name(self) -> str: ...

    @property
    def hands_over_sockets(self) -> bool:
        """Whether a run can be given further sockets, beside what is said over its channels."""
        ...

    def probe(self) -> Level:
        """What is reached here. Takes milliseconds and starts nothing that stays."""
        ...

    async def start(self) -> None:
        """Have workers ready. Raises SandboxUnavailable where the level is below the floor."""
        ...

    async def stop(self) -> None:
        """End all runs and workers; returns when they are gone."""
        ...

    async def run(self, launch: Launch) -> Outcome:
        """Run to the end. A launch with channels is run once, others again where a worker was lost.

        Raises:
            WorkerLost: several times in a row. SandboxUnavailable: there are no workers.
        """
        ...

    def open(self, launch: Launch) -> AbstractAsyncContextManager[Running]:
        """Start a run and leave it to the caller; it is ended on leaving the context. Raises as :meth:`run`."""
        ...


MAX_CHANNELS = 8


def check_launch(launch: Launch) -> None:
    """What every backend refuses. Raises ValueError for a launch that cannot be meant."""
    for path in (*launch.files, *launch.collect):
        parts = path.split("/")
        if not path or "\0" in path or any(part in ("", ".", "..") for part in parts):
            raise ValueError(f"{path!r}: files of a run have relative paths below its working directory")
    if len(launch.channels) > MAX_CHANNELS:
        raise ValueError(f"{len(launch.channels)} channels, where a run has {MAX_CHANNELS} at most")
    if launch.stdio_on_channel and not launch.channels:
        raise ValueError("standard input and output are to be a channel, and there is none")
    if isinstance(launch.program, Exec) and not launch.program.argv:
        raise ValueError("a program to execute has a name")
