"""A process that runs queries, and can be killed at any point of one.

Run as ``python -m assay_server.execution.sql.worker FD MEMORY_BYTES``; FD is its end of a socket pair. It says
``ready``, then takes orders and answers them in turn. Where work begins that is no doing of the query that it was
given, such as running a reference for the first time, it says so, and when that ends.
"""

from __future__ import annotations

import math
import resource
import select
import socket
import sqlite3
import sys
import time
from collections import deque
from typing import cast

from assay_server.execution.confinement import confine
from assay_server.execution.sql.frames import Frames, framed
from assay_server.execution.sql.grading import Grader, ReferenceBroken
from assay_server.execution.sql.orders import (
    Answer,
    Failed,
    Graded,
    Order,
    Queried,
    QueryOrder,
    answer_message,
    order_of,
)
from assay_server.execution.sql.sqlite import DatabaseUnusable, QueryFailed, cap_heap

_HEAP_SHARE = 2
_RECEIVED_BYTES = 1 << 18


class Worker:
    """Answers orders on a connection, one after the other."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._frames = Frames()
        self._waiting: deque[tuple[int, Order]] = deque()
        self._ended = False
        self._number = 0
        self._grader = Grader(self._preparing)

    def run(self) -> None:
        """Work until the connection ends."""
        self._connection.sendall(framed({"ready": True}))
        while (following := self._next()) is not None:
            self._number, order = following
            answer = self._answer(order)
            self._connection.sendall(framed(answer_message(self._number, answer)))

    def _preparing(self, begins: bool) -> None:
        self._connection.sendall(framed({"number": self._number, "preparing": begins}))

    def _next(self) -> tuple[int, Order] | None:
        self._receive(0.0)
        while not self._waiting:
            if self._ended:
                return None
            self._receive(None)
        return self._waiting.popleft()

    def _receive(self, seconds: float | None) -> None:
        while not self._ended and select.select([self._connection], [], [], seconds)[0]:
            data = self._connection.recv(_RECEIVED_BYTES)
            self._ended = not data
            for message in self._frames.take(data):
                number = cast("int", message["number"])
                if "order" in message:
                    self._waiting.append((number, order_of(message)))
                else:
                    self._waiting = deque(item for item in self._waiting if item[0] != number)
            seconds = 0.0

    def _answer(self, order: Order) -> Answer:
        try:
            if isinstance(order, QueryOrder):
                started = time.perf_counter()
                table = self._grader.query(
                    order.target, order.sql, order.caps, order.seconds, order.operations or math.inf
                )
                return Queried(table, time.perf_counter() - started)
            grade = self._grader.grade(order.target, order.sql, order.reference, order.how)
            parts = self._grader.parts(order.target, order.sql, order.reference, order.how) if order.parts else {}
            return Graded(grade, parts)
        except QueryFailed as error:
            return Failed("query", error.kind, error.message)
        except ReferenceBroken as error:
            return Failed("reference", "", str(error))
        except DatabaseUnusable as error:
            return Failed("database", "", str(error))
        except sqlite3.Error as error:
            return Failed("database", "", f"SQLite fails on it: {error}")
        except MemoryError:
            return Failed("query", "memory", "it needs more memory than a query may have")


def main() -> None:
    """Be a worker until the server goes away."""
    connection, memory_bytes = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])
    confine(memory_bytes)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    cap_heap(memory_bytes // _HEAP_SHARE)
    Worker(connection).run()


if __name__ == "__main__":
    main()
