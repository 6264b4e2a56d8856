"""The first process of a container: passes bytes between the server and the supervisor of the one run.

Its standard input and output are the server's. Each channel of the run ends here as a socket, whose bytes go on as
frames. The supervisor is that of the namespaces backend; the namespaces and the file system are the container's.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import queue
import random
import select
import signal
import socket
import threading
import traceback
from typing import NoReturn

from assay_sandbox.containers.frames import CONTROL, HEAD, LARGEST, frames
from assay_sandbox.namespaces import kernel, seccomp
from assay_sandbox.namespaces.candidate import RunSpace, limit_for_all, open_standard_streams
from assay_sandbox.namespaces.places import ContainerPlace
from assay_sandbox.namespaces.setup import ENVIRONMENT, Identity
from assay_sandbox.namespaces.supervisor import Supervisor, only_wake

# Limits on processes count those of a user over all containers, so a run should have an id of its own; a daemon that
# maps user ids may have no more than these.
_USER_IDS = range(20_000, 65_000)
_INPUT, _OUTPUT, _ERRORS = 0, 1, 2
_PRELOAD = ("assay_sandbox.harness.script", "assay_sandbox.harness.candidate")


def main() -> None:
    """Serve one run, or none when the server goes away. The first frames: the number of channels, and the launch."""
    kernel.hide_from_debuggers()
    limit_for_all()
    path = os.environ.get("PATH", os.defpath)
    os.environ.clear()
    os.environ |= {"PATH": path, **ENVIRONMENT}
    for module in _PRELOAD:
        importlib.import_module(module)
    gc.freeze()
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        _supervise(theirs)
    theirs.close()
    _write(frames(CONTROL, b"ready"))
    with contextlib.suppress(ConnectionError):  # the server is gone: so is the container, and the run with it
        _, count = _read_frame()
        _, head = _read_frame()
        ends = [socket.socketpair() for _ in range(count[0])]
        socket.send_fds(ours, [head], [inner.fileno() for _, inner in ends])
        for _, inner in ends:
            inner.close()
        _relay(ours, [outer for outer, _ in ends])


def _supervise(control: socket.socket) -> NoReturn:
    status = 1
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, _INPUT)
        os.dup2(_ERRORS, _OUTPUT)
        open_standard_streams()
        program = None
        if seccomp.supported():
            program, _kept = kernel.bpf_program(seccomp.assemble(os.uname().machine))
        user_id = random.SystemRandom().choice(_USER_IDS)
        space = RunSpace(Identity.CONTAINER, user_id, program)
        os.setgroups([])
        kernel.no_new_privileges()
        kernel.adopt_orphans()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, only_wake)
        Supervisor(control, space, ContainerPlace()).run()
        status = 0
    except BaseException:  # noqa: BLE001 - a fork must never return into the code that forked it
        traceback.print_exc()
    finally:
        os._exit(status)


def _relay(supervisor: socket.socket, channels: list[socket.socket]) -> None:
    """Until the supervisor has said its last word."""
    sources = {supervisor: CONTROL, **{channel: number for number, channel in enumerate(channels)}}
    targets = {number: _Target(source) for source, number in sources.items()}
    while supervisor in sources:
        readable, _, _ = select.select([_INPUT, *sources], [], [])
        if _INPUT in readable:
            number, data = _read_frame()
            targets[number].put(data)
        for source in [source for source in sources if source in readable]:
            data = b""
            with contextlib.suppress(ConnectionError):
                data = source.recv(LARGEST)
            _write(frames(sources[source], data))
            if not data:
                del sources[source]


class _Target:
    """Writes to a socket in a thread of its own: who does not read must not keep the others waiting."""

    def __init__(self, target: socket.socket) -> None:
        self._target = target
        self._waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._deliver, daemon=True).start()

    def put(self, data: bytes) -> None:
        """Have it written; nothing is the end."""
        self._waiting.put(data)

    def _deliver(self) -> None:
        with contextlib.suppress(OSError):  # the run has closed it
            while data := self._waiting.get():
                self._target.sendall(data)
            self._target.shutdown(socket.SHUT_WR)


def _read_frame() -> tuple[int, bytes]:
    channel, size = HEAD.unpack(_exactly(HEAD.size))
    return channel, _exactly(size)


def _exactly(size: int) -> bytes:
    data = b""
    while len(data) < size:
        got = os.read(_INPUT, size - len(data))
        if not got:
            raise ConnectionError("the server is gone")
        data += got
    return data


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(_OUTPUT, view) :]


if __name__ == "__main__":
    main()
