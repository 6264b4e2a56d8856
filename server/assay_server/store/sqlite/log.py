"""Moving the write-ahead log into the database while commits go on."""

from __future__ import annotations

import logging
import sqlite3
import threading

from .schema import PAGE_BYTES

_PASSES = 3

_logger = logging.getLogger(__name__)


class LogMover:
    """A thread that moves the log about once a second while there is something to move.

    A passive move does not hold up commits. But what is committed meanwhile stays in the log, and a log that is never
    empty is never begun anew: so when it has become long, the writer moves the small rest between two transactions.

    Args:
        connection: of the thread's own.
        interval_seconds: between two moves.
        long_log_pages: from when on a log is long.

    Attributes:
        moves: how often the log was moved; each takes two fsyncs.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        interval_seconds: float = 1.0,
        long_log_pages: int = (256 << 20) // PAGE_BYTES,
    ) -> None:
        self._interval_seconds = interval_seconds
        self._long_log_pages = long_log_pages
        self.moves = 0
        self._connection = connection
        self._written = threading.Event()
        self._rest_is_due = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="store-log-mover")
        self._thread.start()

    def after_commit(self, writing: sqlite3.Connection) -> None:
        """To be called by the writer between transactions."""
        self._written.set()
        if self._rest_is_due.is_set():
            self._rest_is_due.clear()
            self._move(writing)

    def stop(self) -> None:
        """Blocks until the thread has ended."""
        self._ending.set()
        self._thread.join()
        self._connection.close()

    def _work(self) -> None:
        while not self._ending.wait(self._interval_seconds):
            if self._written.is_set():
                self._written.clear()
                if self._move(self._connection) > self._long_log_pages:
                    for _ in range(_PASSES):  # each leaves what was committed meanwhile: less and less
                        self._move(self._connection)
                    self._rest_is_due.set()

    def _move(self, connection: sqlite3.Connection) -> int:
        """The length of the log in pages."""
        try:
            _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as error:  # nothing is lost, the log is whole; writers meet the same trouble and report it
            _logger.warning("the store's log could not be moved: %s", error)
            self._written.set()
            return 0
        self.moves += 1
        return pages
