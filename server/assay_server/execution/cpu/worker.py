"""A worker of the cpu lane: takes items, says when each starts, answers, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from collections import deque
from collections.abc import Callable

from assay.sdk import Unscorable
from assay_server.execution.cpu.channel import (
    HEADER,
    MEMORY_LIMIT,
    Discard,
    GroupTask,
    Outcome,
    Report,
    Task,
    decode_order,
    encode_report,
)

_LINKS_WITH_ONE_THREAD = 3

RunTask = Callable[[Task | GroupTask], Outcome]


def serve(connection: socket.socket, run: RunTask) -> None:
    """Work until the server closes the connection or an item left something running."""
    orders = _Orders(connection)
    while (task := orders.next()) is not None:
        report = Report(started=task.number, cpu_seconds=time.thread_time())
        connection.sendall(encode_report(report))
        while task is not None:
            outcome = run(task)
            retiring = isinstance(outcome, Unscorable) and outcome.reason == MEMORY_LIMIT
            retiring |= _left_something()
            following = None if retiring else orders.waiting()
            started = None if following is None else following.number
            report = Report(task.number, outcome, started, time.thread_time(), retiring)
            connection.sendall(encode_report(report))
            if retiring:
                return
            task = following


class _Orders:
    """What the server has sent and is not started, discards applied."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = bytearray()
        self._tasks: deque[Task | GroupTask] = deque()
        self._ended = False

    def next(self) -> Task | GroupTask | None:
        """The next item; waits for one. None: the server is done with this worker."""
        while (task := self.waiting()) is None:
            if self._ended:
                return None
            select.select([self._connection], [], [])
        return task

    def waiting(self) -> Task | GroupTask | None:
        """The next item, if one is here."""
        self._receive()
        return self._tasks.popleft() if self._tasks else None

    def _receive(self) -> None:
        while not self._ended and select.select([self._connection], [], [], 0)[0]:
            data = self._connection.recv(1 << 18)
            if not data:
                self._ended = True
            self._buffer += data
            self._take_frames()

    def _take_frames(self) -> None:
        while len(self._buffer) >= HEADER.size:
            (length,) = HEADER.unpack_from(self._buffer)
            end = HEADER.size + length
            if len(self._buffer) < end:
                return
            order = decode_order(bytes(self._buffer[HEADER.size : end]))
            del self._buffer[:end]
            if isinstance(order, Discard):
                self._tasks = deque(task for task in self._tasks if task.number not in order.numbers)
            else:
                self._tasks.append(order)


def _left_something() -> bool:
    """Whether the last item left a thread or a process; processes are killed here, timers are disarmed."""
    for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
        signal.setitimer(timer, 0)
    left = os.stat("/proc/self/task").st_nlink > _LINKS_WITH_ONE_THREAD
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return left
        left = True
        if pid == 0:
            kill_children(os.getpid(), ())


def kill_children(parent: int, spared: tuple[int, ...] | frozenset[int]) -> None:
    """Kill the direct children of a process, except those spared; their children are adopted and come next."""
    for entry in os.listdir(f"/proc/{parent}/task"):
        with contextlib.suppress(OSError), open(f"/proc/{parent}/task/{entry}/children", encoding="ascii") as file:
            for pid in map(int, file.read().split()):
                if pid not in spared:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)


def bury_all_children() -> None:
    """Kill and reap until this process has no children, those it adopts meanwhile included."""
    while True:
        kill_children(os.getpid(), ())
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return
