"""The template of the cpu lane's workers: a process that imports once and forks.

Run as ``python -m assay_server.execution.cpu.template FD``; FD is its end of the socket pair to the server. The first
message tells what to import. Then each message of one byte, with the worker's end of a socket pair attached, asks for
a fork; answered by ``forked PID`` with a pidfd attached, and, when the worker has ended, by ``dead PID STATUS``.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from dataclasses import dataclass

from assay_sandbox.descriptors import receive_descriptors
from assay_server.execution.confinement import confine, own_descendants
from assay_server.execution.cpu.worker import bury_all_children, kill_children, serve

MAX_CONTROL_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class TemplateSetup:
    """What a template is told.

    Attributes:
        plugins: files whose rewards workers know, as ``PATH`` or ``PATH:NAME``.
        modules: imported before the first fork; what they have under the name ``warm_up`` is called.
        memory_bytes: what a worker may use beyond the template's own.
    """

    plugins: tuple[str, ...]
    modules: tuple[str, ...]
    memory_bytes: int

    def encode(self) -> bytes:
        return json.dumps([self.plugins, self.modules, self.memory_bytes]).encode()

    @classmethod
    def decode(cls, data: bytes) -> TemplateSetup:
        plugins, modules, memory_bytes = json.loads(data)
        return cls(tuple(plugins), tuple(modules), int(memory_bytes))


ARE_YOU_THERE = b"?"
"""Asks the template for a sign of life."""


def receive_with_fd(connection: socket.socket) -> tuple[bytes, int | None]:
    """One message and the descriptor attached to it, if any."""
    data, fds = receive_descriptors(connection, MAX_CONTROL_BYTES, 1)
    return data, fds[0] if fds else None


def _only_wake(number: int, frame: object) -> None:
    """The signal's byte in the wake-up pipe is what matters."""
    del number, frame


def _nothing() -> None:
    """What most modules need before they are used."""


class Template:
    """Forks workers and buries them."""

    def __init__(self, control: socket.socket, setup: TemplateSetup) -> None:
        from assay_server.execution.cpu.tasks import TaskRunner

        self._control = control
        self._setup = setup
        self._workers: set[int] = set()
        for name in setup.modules:
            getattr(importlib.import_module(name), "warm_up", _nothing)()
        self._runner = TaskRunner(setup.plugins)
        gc.collect()
        gc.freeze()

    def run(self) -> None:
        """Fork and bury until the server goes away."""
        wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(waker)
        signal.signal(signal.SIGCHLD, _only_wake)
        own_descendants()
        with contextlib.suppress(ConnectionError):  # the server may be gone already; the loop sees it
            self._control.send(b"ready")
        while True:
            readable, _, _ = select.select([self._control, wake], [], [])
            if wake in readable:
                with contextlib.suppress(BlockingIOError):
                    os.read(wake, 4096)
                self._bury()
            if self._control in readable:
                try:
                    data, fd = receive_with_fd(self._control)
                except ConnectionError:
                    return
                if not (self._fork(fd) if fd is not None else data == ARE_YOU_THERE and self._say_so()):
                    return

    def _say_so(self) -> bool:
        """Whether the server is still there to be told."""
        try:
            self._control.send(b"here")
        except ConnectionError:
            return False
        return True

    def _fork(self, fd: int) -> bool:
        """Whether the server is still there to be told."""
        pid = os.fork()
        if pid == 0:
            self._become_worker(fd)
        os.close(fd)
        self._workers.add(pid)
        pidfd = os.pidfd_open(pid)
        try:
            socket.send_fds(self._control, [f"forked {pid}".encode()], [pidfd])
        except ConnectionError:
            return False
        finally:
            os.close(pidfd)
        return True

    def _become_worker(self, fd: int) -> None:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._control.close()
            connection = socket.socket(fileno=fd)
            confine(self._setup.memory_bytes)
            serve(connection, self._runner.run)
            status = 0
        finally:
            os._exit(status)

    def _bury(self) -> None:
        """Reap what has ended; kill what ended workers left behind, until nothing of theirs is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                break
            if pid in self._workers:
                self._workers.discard(pid)
                with contextlib.suppress(ConnectionError):  # the server is going; this process follows
                    self._control.send(f"dead {pid} {os.waitstatus_to_exitcode(status)}".encode())
        kill_children(os.getpid(), frozenset(self._workers))


def main() -> None:
    """Be a template until the server goes away."""
    control = socket.socket(fileno=int(sys.argv[1]))
    try:
        Template(control, TemplateSetup.decode(control.recv(MAX_CONTROL_BYTES))).run()
    finally:
        bury_all_children()


if __name__ == "__main__":
    main()
