"""The process that becomes the run's program: gives up everything, then calls or executes what it was told to."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import importlib
import io
import marshal
import os
import resource
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import NoReturn, cast

from assay_sandbox.namespaces import kernel
from assay_sandbox.namespaces.root import WORK
from assay_sandbox.namespaces.setup import Identity
from assay_sandbox.namespaces.wire import LENGTH, MAX_CHANNELS
from assay_sandbox.protocol import Exec, Limits, PythonCall

_STACK_BYTES = 64 << 20
_OPEN_FILES = 512
_ABOVE_STANDARD = 64
_CANNOT_EXECUTE = 127


@dataclass(frozen=True, slots=True)
class Start:
    """What the process is told when it may start.

    Attributes:
        descriptors: how many channels come with it, after its standard input and the pipe for failures to execute.
        address_space: bytes beyond what is mapped at the start, or 0 where a cgroup bounds memory.
    """

    program: PythonCall | Exec
    limits: Limits
    stdio_on_channel: bool
    address_space: int

    def encode(self) -> bytes:
        """For :meth:`decode`."""
        program = self.program
        if isinstance(program, PythonCall):
            body: tuple[object, ...] = ("call", program.entry, program.payload)
        else:
            body = ("exec", program.argv, dict(program.env))
        return marshal.dumps((body, astuple(self.limits), self.stdio_on_channel, self.address_space))

    @classmethod
    def decode(cls, data: bytes) -> Start:
        """What the supervisor encoded."""
        (kind, what, more), limits, stdio, space = marshal.loads(data)  # noqa: S302 - comes from the supervisor
        program = PythonCall(what, more) if kind == "call" else Exec(what, more)
        return cls(program, Limits(*limits), stdio, space)


@dataclass(frozen=True, slots=True)
class RunSpace:
    """Who a run is.

    Attributes:
        user_id: of the run alone, except where the server has one id only.
        filter: of its system calls; None where none is known for this machine.
    """

    identity: Identity
    user_id: int
    filter: kernel.BpfProgram | None


def become_program(go: socket.socket, output: tuple[int, int], space: RunSpace, joins: tuple[int, ...]) -> NoReturn:
    """Wait for the start, then run. ``joins`` are the descriptors of cgroups to enter."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setsid()
        for fd in joins:
            os.write(fd, b"0")
        _lose_privileges(space)
        os.chdir(WORK)
        start, descriptors = _receive(go)
        _place(descriptors, output, stdio_on_channel=start.stdio_on_channel)
        _limit(start)
        if space.filter is not None:
            kernel.install_filter(space.filter)
        _run(start, len(descriptors) - 2)
    except BaseException:  # noqa: BLE001 - a fork must never return into the code that forked it
        traceback.print_exc()
    finally:
        os._exit(_CANNOT_EXECUTE)


def _lose_privileges(space: RunSpace) -> None:
    if space.identity is Identity.SINGLE:
        # A user namespace for this run alone: without it, the limit on processes would be shared by all runs.
        kernel.show_to_debuggers()
        group = os.getgid()
        kernel.unshare(kernel.CLONE_NEWUSER)
        for path, text in (("setgroups", "deny"), ("uid_map", f"{space.user_id} 0 1"), ("gid_map", f"{group} 0 1")):
            with open(f"/proc/self/{path}", "w", encoding="ascii") as file:
                file.write(text)
        kernel.drop_bounding_set()
        os.setresuid(space.user_id, space.user_id, space.user_id)
    else:
        os.setgroups([])
        os.setresgid(space.user_id, space.user_id, space.user_id)
        os.setresuid(space.user_id, space.user_id, space.user_id)
    kernel.drop_capabilities()
    kernel.no_new_privileges()


def _receive(go: socket.socket) -> tuple[Start, list[int]]:
    head, descriptors, _, _ = socket.recv_fds(go, LENGTH.size, MAX_CHANNELS + 2)
    if len(head) < LENGTH.size:
        os._exit(_CANNOT_EXECUTE)  # no launch came: the worker ends
    body = receive_exactly(go, LENGTH.unpack(head)[0])
    return Start.decode(body), descriptors


def receive_exactly(connection: socket.socket, size: int) -> bytes:
    """So many bytes. Raises ConnectionError where they do not come."""
    data = bytearray(size)
    view, have = memoryview(data), 0
    while have < size:
        got = connection.recv_into(view[have:])
        if not got:
            raise ConnectionError("the connection ended in the middle of a message")
        have += got
    return bytes(data)


def _place(descriptors: list[int], output: tuple[int, int], *, stdio_on_channel: bool) -> None:
    """Standard input and output, channels from 3 on, the failure pipe after them; nothing else stays open."""
    stdin, failures, *channels = descriptors
    stdout, stderr = output
    if stdio_on_channel:
        stdin = stdout = channels[0]
    wanted = [stdin, stdout, stderr, *channels, failures]
    lifted = [fcntl.fcntl(fd, fcntl.F_DUPFD, _ABOVE_STANDARD) for fd in wanted]
    for number, fd in enumerate(lifted):
        os.dup2(fd, number)
    os.closerange(len(lifted), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    os.set_inheritable(len(lifted) - 1, False)


def _limit(start: Start) -> None:
    limits = start.limits
    bounds = [
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_NPROC, limits.pids),
        (resource.RLIMIT_SIGPENDING, 256),
        # The supervisor reads CPU time finely; this ends what outlives it.
        (resource.RLIMIT_CPU, limits.cpu_ms // 1000 + 2),
        (resource.RLIMIT_STACK, _STACK_BYTES),
    ]
    if start.address_space:
        bounds.append((resource.RLIMIT_AS, start.address_space))
    for kind, wanted in bounds:
        _, most = resource.getrlimit(kind)
        value = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(kind, (value, value))


def _run(start: Start, channels: int) -> None:
    failures = 3 + channels
    if isinstance(start.program, Exec):
        _execute(start.program, failures)
    os.close(failures)
    _open_standard_streams()
    connections = [_connection(fd) for fd in range(3, 3 + channels)]
    _call(start.program, connections)


def _connection(fd: int) -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fd)


def _execute(program: Exec, failures: int) -> NoReturn:
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        os.execvpe(program.argv[0], program.argv, {**os.environ, **program.env})  # noqa: S606 - what it is for
    except OSError as error:
        os.write(failures, f"{program.argv[0]}: {error.strerror}".encode())
    finally:
        os._exit(_CANNOT_EXECUTE)


def _open_standard_streams() -> None:
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), "utf-8")
    sys.stdout = sys.__stdout__ = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False)), "utf-8")
    sys.stderr = sys.__stderr__ = io.TextIOWrapper(
        io.BufferedWriter(io.FileIO(2, "w", closefd=False)), "utf-8", "backslashreplace", line_buffering=True
    )


def _call(program: PythonCall, channels: list[socket.socket]) -> NoReturn:
    """As a Python program ends: threads are waited for, exit functions run, what was written is flushed."""
    status = 1
    try:
        status = _status_of(program, channels)
        for module, last_words in ((threading, "_shutdown"), (atexit, "_run_exitfuncs")):
            with contextlib.suppress(BaseException):
                cast("Callable[[], None]", getattr(module, last_words))()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(BaseException):
                stream.flush()
    finally:
        os._exit(status)


def _status_of(program: PythonCall, channels: list[socket.socket]) -> int:
    module, _, name = program.entry.partition(":")
    try:
        getattr(importlib.import_module(module), name)(program.payload, channels)
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            return (error.code or 0) & 0xFF
        sys.stderr.write(f"{error.code}\n")
        return 1
    except BaseException as error:  # noqa: BLE001 - whatever ends a program
        frames = error.__traceback__
        while frames and str(frames.tb_frame.f_globals.get("__name__")).startswith("assay_sandbox."):
            frames = frames.tb_next  # a program's traceback begins with the program
        traceback.print_exception(type(error), error, frames)
        return 1
    return 0
