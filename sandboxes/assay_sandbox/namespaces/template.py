"""The warm interpreter of a worker: imports once what runs need, and forks a supervisor for each run.

It is the first process of the worker's pid namespace and sees no launch: those go to the supervisors.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import traceback
from collections.abc import Sequence
from typing import NoReturn

from assay_sandbox.descriptors import receive_descriptors
from assay_sandbox.harness.rehearsal import rehearse
from assay_sandbox.namespaces import kernel, seccomp
from assay_sandbox.namespaces.candidate import RunSpace, limit_for_all, open_standard_streams
from assay_sandbox.namespaces.places import NamespacePlace
from assay_sandbox.namespaces.setup import ENVIRONMENT, ForkOrder, Identity, Setup
from assay_sandbox.namespaces.supervisor import Supervisor, only_wake

_MAX_ORDER = 4096
_MAX_DESCRIPTORS = 16


class Template:
    """Forks supervisors and reaps them until the server goes away."""

    def __init__(self, control: socket.socket, setup: Setup, held: Sequence[tuple[str, str]]) -> None:
        self._held = held
        self._control = control
        self._identity = Identity(setup.identity)
        self._first_id = setup.first_id if self._identity is Identity.HOST else 0
        self._has_proc = _mount_proc()
        kernel.drop_bounding_set()
        kernel.no_new_privileges()
        kernel.hide_from_debuggers()
        limit_for_all()
        open_standard_streams()
        os.environ.clear()
        os.environ |= {"PATH": setup.search_path, **ENVIRONMENT}
        for module in setup.preload:
            importlib.import_module(module)
        rehearse()
        self._filter = None
        if seccomp.supported():
            self._filter, self._kept = kernel.bpf_program(seccomp.assemble(os.uname().machine))
        self._pid_space = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC) if self._has_proc else -1
        self._wake, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        gc.collect()
        gc.freeze()

    def run(self) -> None:
        """Until the server closes the connection."""
        signal.set_wakeup_fd(self._waker)
        signal.signal(signal.SIGCHLD, only_wake)
        try:
            self._control.send(b"ready" if self._has_proc else b"failed there is no /proc here that a sandbox may have")
        except ConnectionError:
            return  # the server has given it up meanwhile
        if not self._has_proc:
            return
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                if fd == self._wake:
                    self._reap()
                elif not self._take_order():
                    return

    def _take_order(self) -> bool:
        try:
            data, descriptors = receive_descriptors(self._control, _MAX_ORDER, _MAX_DESCRIPTORS)
        except ConnectionError:
            return False
        if not data:
            return False
        # The next child is the first process of a namespace of its own; this process's stays as it is.
        kernel.unshare(kernel.CLONE_NEWPID)
        if kernel.fork() == 0:
            self._supervise(ForkOrder.decode(data), descriptors)
        kernel.setns(self._pid_space, kernel.CLONE_NEWPID)
        for fd in descriptors:
            os.close(fd)
        return True

    def _supervise(self, order: ForkOrder, descriptors: list[int]) -> NoReturn:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            for fd in (self._wake, self._waker, self._pid_space):
                os.close(fd)
            self._control.close()
            space = RunSpace(self._identity, self._first_id + order.user_id, self._filter)
            counters = dict(zip(order.counters, descriptors[1:], strict=True))
            place = NamespacePlace(counters, self._held)
            Supervisor(socket.socket(fileno=descriptors[0]), space, place, self._first_id).run()
            status = 0
        except BaseException:  # noqa: BLE001 - a fork must never return into the code that forked it
            traceback.print_exc()
        finally:
            # Ending ends every process of the namespace, and with them the run's mounts and files.
            os._exit(status)

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, 4096)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _mount_proc() -> bool:
    try:
        kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    except OSError:
        return False
    return True
