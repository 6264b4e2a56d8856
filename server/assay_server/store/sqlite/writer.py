"""The one thread that writes: whatever waits is done in one transaction, then everyone is told at once."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from assay_server.store.protocol import RunKey, StoreError, StoreUnavailable

from .transaction import Transaction

T = TypeVar("T")

_MAX_OPERATIONS = 64  # of one transaction: bounds how long the first waits for the last


@dataclass(slots=True)
class Operation(Generic[T]):
    """Work for the writer and who waits for it.

    Attributes:
        apply: does the work; may be called again after its transaction was undone.
        future: of the caller's event loop.
        wanted: rollouts that it will ask for, so that several operations look theirs up together.
        groups: groups likewise.
    """

    apply: Callable[[Transaction], T]
    future: asyncio.Future[T]
    wanted: tuple[RunKey, Sequence[str]] | None = None
    groups: tuple[RunKey, set[str]] | None = None
    outcome: T | None = None
    error: BaseException | None = None

    def resolve(self) -> None:
        """Tell who waits; on the event loop."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.outcome)  # type: ignore[arg-type]  # T where there was no error


@dataclass(slots=True)
class WriterStatistics:
    """What the writer has done."""

    operations: int = 0
    commits: int = 0
    undone: int = 0


class Writer:
    """Owns the writing connection. ``after_commit`` is called on the thread after each transaction."""

    def __init__(self, connection: sqlite3.Connection, after_commit: Callable[[], None]) -> None:
        self.statistics = WriterStatistics()
        self._connection = connection
        self._transaction = Transaction(connection)
        self._after_commit = after_commit
        self._queue: SimpleQueue[Operation[object] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="store-writer")
        self._thread.start()

    def submit(self, operation: Operation[T]) -> None:
        self._queue.put(operation)  # type: ignore[arg-type]  # the queue holds operations of every T

    def stop(self) -> None:
        """Finish what was submitted; blocks until the thread has ended."""
        self._queue.put(None)
        self._thread.join()
        self._connection.close()

    def _work(self) -> None:
        going = True
        while going:
            operations, going = self._drain()
            if operations:
                self._write(operations)
                _tell(operations)
                self._after_commit()

    def _drain(self) -> tuple[list[Operation[object]], bool]:
        operations: list[Operation[object]] = []
        operation = self._queue.get()
        while operation is not None:
            operations.append(operation)
            if len(operations) == _MAX_OPERATIONS:
                return operations, True
            try:
                operation = self._queue.get_nowait()
            except Empty:
                return operations, True
        return operations, False

    def _write(self, operations: Sequence[Operation[object]]) -> None:
        """Do them in one transaction; if that fails, each in its own, so that the guilty one fails alone."""
        failure = self._try(operations)
        if failure is None:
            return
        if len(operations) == 1:
            operations[0].error = failure
            return
        for operation in operations:
            self._write([operation])

    def _try(self, operations: Sequence[Operation[object]]) -> Exception | None:
        try:
            self._transaction.begin()
            self._look_up(operations)
            for operation in operations:
                self._apply(operation)
            self._transaction.commit()
        except Exception as error:  # noqa: BLE001  # handed to those who wait
            self.statistics.undone += 1
            return self._undo(error)
        self.statistics.commits += 1
        self.statistics.operations += len(operations)
        return None

    def _look_up(self, operations: Sequence[Operation[object]]) -> None:
        """What the operations will ask for, together. A run that cannot be found is its operation's to report."""
        find = self._transaction.find_run
        rollouts = [(find(key.tenant, key.run_id), ids) for key, ids in (op.wanted for op in operations if op.wanted)]
        self._transaction.look_up([(run, ids) for run, ids in rollouts if run is not None])
        groups = [(find(key.tenant, key.run_id), ids) for key, ids in (op.groups for op in operations if op.groups)]
        self._transaction.look_up_groups([(run, ids) for run, ids in groups if run is not None])

    def _apply(self, operation: Operation[object]) -> None:
        operation.error = None
        try:
            operation.outcome = operation.apply(self._transaction)
        except StoreError as error:  # raised before anything is changed
            operation.error = error

    def _undo(self, error: Exception) -> Exception:
        try:
            self._transaction.rollback()
        except sqlite3.Error as second:
            return unavailable(second)
        return unavailable(error) if isinstance(error, sqlite3.Error) else error


def unavailable(error: sqlite3.Error) -> StoreUnavailable:
    """What a failure of SQLite is to the store's users; its messages name no file."""
    unavailable = StoreUnavailable(f"the store's file cannot be used: {error}")
    unavailable.__cause__ = error
    return unavailable


def _tell(operations: Sequence[Operation[object]]) -> None:
    loops = {operation.future.get_loop() for operation in operations}
    for loop in loops:
        waiting = [operation for operation in operations if operation.future.get_loop() is loop]
        try:
            loop.call_soon_threadsafe(_resolve, waiting)
        except RuntimeError:  # the loop was closed: nobody waits
            continue


def _resolve(operations: Sequence[Operation[object]]) -> None:
    for operation in operations:
        operation.resolve()
