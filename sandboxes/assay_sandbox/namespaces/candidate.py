"""The process that becomes the run's program: gives up everything, then calls or executes what it was told to."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import importlib
import io
import os
import random
import resource
import signal
import socket
import struct
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn, cast

from assay_sandbox.descriptors import receive_descriptors
from assay_sandbox.namespaces import kernel
from assay_sandbox.namespaces.root import WORK
from assay_sandbox.namespaces.setup import Identity
from assay_sandbox.namespaces.wire import Task, decode_task
from assay_sandbox.protocol import MAX_CHANNELS

START = struct.Struct("<Q")
"""The bytes of address space that it may have (0 where a cgroup bounds memory); the task is a file beside it."""

_STACK_BYTES = 64 << 20
# Also bounds what the buffers of so many sockets hold in the kernel, which no cgroup of version 1 counts.
_OPEN_FILES = 128
_PENDING_SIGNALS = 256
_ABOVE_STANDARD = 64
_CANNOT_EXECUTE = 127
_CHUNK = 1 << 16
_CHILD_ENDED, _BY_DEFAULT = int(signal.SIGCHLD), int(signal.SIG_DFL)


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
        os.setpgid(0, 0)  # no session: where the kernel groups by it, each has as large a share as the server
        for fd in joins:
            os.write(fd, b"0")
        _lose_privileges(space)
        os.chdir(WORK)
        task, address_space, descriptors = _receive(go)
        _place(descriptors, output, stdio_on_channel=task.stdio_on_channel)
        _limit(task, address_space)
        _set_signal(_CHILD_ENDED, _BY_DEFAULT)
        if space.filter is not None:
            kernel.install_filter(space.filter)
        _run(task, len(descriptors) - 2)
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
        os.setresgid(space.user_id, space.user_id, space.user_id)
        os.setresuid(space.user_id, space.user_id, space.user_id)
    kernel.drop_capabilities()


def _receive(go: socket.socket) -> tuple[Task, int, list[int]]:
    head, descriptors = receive_descriptors(go, START.size, MAX_CHANNELS + 3)
    if len(head) < START.size:
        os._exit(_CANNOT_EXECUTE)  # no launch came: the worker ends
    task, *descriptors = descriptors
    data = b""
    while part := os.read(task, _CHUNK):
        data += part
    os.close(task)
    return decode_task(data), START.unpack(head)[0], descriptors


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


def limit_for_all() -> None:
    """The bounds that are the same for every run; in the template, from which they are inherited."""
    for kind, wanted in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_SIGPENDING, _PENDING_SIGNALS),
        (resource.RLIMIT_STACK, _STACK_BYTES),
    ):
        _bound(kind, wanted)


def _limit(task: Task, address_space: int) -> None:
    _bound(resource.RLIMIT_FSIZE, task.file_bytes)
    _bound(resource.RLIMIT_NPROC, task.pids)
    # The supervisor reads CPU time finely; this ends what outlives it.
    _bound(resource.RLIMIT_CPU, task.cpu_ms // 1000 + 2)
    if address_space:
        _bound(resource.RLIMIT_AS, address_space)


def _bound(kind: int, wanted: int) -> None:
    _, most = resource.getrlimit(kind)
    value = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    resource.setrlimit(kind, (value, value))


def _run(task: Task, channels: int) -> None:
    failures = 3 + channels
    if task.kind == "exec":
        _execute(cast("tuple[str, ...]", task.what), cast("Mapping[str, str]", task.more), failures)
    os.close(failures)
    _seed()
    _call(cast("str", task.what), cast("bytes", task.more), [_connection(fd) for fd in range(3, 3 + channels)])


def _connection(fd: int) -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fd)


def _execute(argv: tuple[str, ...], env: Mapping[str, str], failures: int) -> NoReturn:
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        os.execvpe(argv[0], argv, {**os.environ, **env})  # noqa: S606 - what it is for
    except OSError as error:
        os.write(failures, f"{argv[0]}: {error.strerror}".encode())
    finally:
        os._exit(_CANNOT_EXECUTE)


def open_standard_streams() -> None:
    """Text on descriptors 0 to 2, whatever those are by the time it is read and written; in the template."""
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), "utf-8")
    sys.stdout = sys.__stdout__ = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False)), "utf-8")
    sys.stderr = sys.__stderr__ = io.TextIOWrapper(
        io.BufferedWriter(io.FileIO(2, "w", closefd=False)), "utf-8", "backslashreplace", line_buffering=True
    )


_set_signal = cast("Callable[[int, int], object]", importlib.import_module("_signal").signal)
"""``signal.signal`` without the enumerations that it makes of numbers, which cost more than the call."""

_seed = super(random.Random, random.seed.__self__).seed
"""Gives the generators of ``random`` another state: they were copied by a fork that does not."""


def _call(entry: str, payload: bytes, channels: list[socket.socket]) -> NoReturn:
    """As a Python program ends: threads are waited for, exit functions run, what was written is flushed."""
    status = 1
    try:
        status = _status_of(entry, payload, channels)
        for module, last_words in ((threading, "_shutdown"), (atexit, "_run_exitfuncs")):
            with contextlib.suppress(BaseException):
                cast("Callable[[], None]", getattr(module, last_words))()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(BaseException):
                stream.flush()
    finally:
        os._exit(status)


def _status_of(entry: str, payload: bytes, channels: list[socket.socket]) -> int:
    module, _, name = entry.partition(":")
    try:
        getattr(importlib.import_module(module), name)(payload, channels)
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
