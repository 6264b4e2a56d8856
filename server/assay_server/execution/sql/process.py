"""One SQL worker for somebody who waits for it: the environments' processes have one each."""

from __future__ import annotations

import select
import socket
import subprocess
import time
import weakref

from assay_server.execution.child_modules import start_module
from assay_server.execution.sql.frames import BadFrame, Frames, framed
from assay_server.execution.sql.orders import WORKER_MODULE, Answer, Failed, Order, answer_of, order_message

_GRACE_SECONDS = 0.015
_START_SECONDS = 60.0
_READ_BYTES = 1 << 18


class SqlProcess:
    """Answers one order at a time; its process starts with the first, and again after one that had to be killed."""

    def __init__(self, memory_bytes: int = 1 << 30) -> None:
        self._memory_bytes = memory_bytes
        self._number = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._frames = Frames()
        self._pending: list[dict[str, object]] = []
        self._end = weakref.finalize(self, _nothing)

    def ask(self, order: Order) -> Answer:
        """The answer; a query whose process had to be killed has failed."""
        connection = self._started()
        self._number += 1
        connection.sendall(framed(order_message(self._number, order)))
        left, preparing = order.seconds, False
        while True:
            began = time.monotonic()
            try:
                message = self._message((order.preparing_seconds if preparing else left) + _GRACE_SECONDS)
            except (ConnectionError, BadFrame):
                self.close()
                return Failed("reference" if preparing else "query", "crash", "the process that ran it ended")
            if message is None:
                self.close()
                seconds = order.preparing_seconds if preparing else order.seconds
                return Failed("reference" if preparing else "query", "timeout", f"not done within {seconds:g} s")
            if "preparing" not in message:
                return answer_of(message)
            left -= 0.0 if preparing else time.monotonic() - began
            preparing = bool(message["preparing"])

    def _message(self, seconds: float) -> dict[str, object] | None:
        """The next message; None where none comes in time."""
        assert self._connection is not None
        end = time.monotonic() + seconds
        while not self._pending:
            if not select.select([self._connection], [], [], max(0.0, end - time.monotonic()))[0]:
                return None
            data = self._connection.recv(_READ_BYTES)
            if not data:
                raise ConnectionResetError
            self._pending += self._frames.take(data)
        return self._pending.pop(0)

    def _started(self) -> socket.socket:
        if self._connection is not None:
            return self._connection
        process, ours = start_module(WORKER_MODULE, str(self._memory_bytes))
        self._process, self._connection = process, ours
        self._frames, self._pending = Frames(), []
        self._end = weakref.finalize(self, _ended, process, ours)
        if self._message(_START_SECONDS) is None:
            self.close()
            raise TimeoutError("the process that runs queries does not start")
        return ours

    def close(self) -> None:
        """End the process, if there is one."""
        self._end()
        self._connection = None


def _ended(process: subprocess.Popen[bytes], connection: socket.socket) -> None:
    connection.close()
    process.kill()
    process.wait()


def _nothing() -> None:
    return
