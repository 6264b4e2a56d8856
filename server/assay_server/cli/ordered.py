"""Several slices of the input at work at once, their answers written in input order as soon as they are known."""

from __future__ import annotations

import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, BinaryIO, Generic, TypeVar

from assay_server.cli.answers import Answer, Tally
from assay_server.cli.json_text import write_line
from assay_server.cli.line_source import Line, LineSource

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")

Work = Callable[[list[Line]], list[Answer]]
"""Answers for lines, one each, in their order."""

_BATCH_LINES = 256
_BATCH_BYTES = 8 * 1024 * 1024
_SLICES_AHEAD = 2


def answer_in_order(
    source: LineSource, work: Work, out: BinaryIO, *, workers: int, wrote: Callable[[list[Line]], None]
) -> Tally:
    """Read, work, write; returns when the input has ended and everything is answered.

    A batch is cut into as many slices as there are workers, so a few lines are answered one by one and many lines
    together. ``wrote`` is called after the answers of some lines were flushed.
    """
    tally = Tally()
    with _Slices(source, work, workers) as slices:
        for lines, future in slices.handed_on():
            answers = future.result()
            out.write(b"".join(write_line(answer.value) for answer in answers))
            out.flush()
            tally.counts.update(answer.kind for answer in answers)
            wrote(lines)
    return tally


class ReadAhead(ABC, Generic[T]):
    """Reads lines ahead of who writes their answers; leaving the context ends and joins its threads.

    Args:
        ahead: how much may be handed on and not be done with.
        workers: threads of ``pool``.
        max_lines, max_bytes: of a batch.

    Attributes:
        pool: for what is to be done with the lines.
    """

    def __init__(self, source: LineSource, *, ahead: int, workers: int, max_lines: int, max_bytes: int) -> None:
        self.pool = ThreadPoolExecutor(workers, thread_name_prefix="assay-work")
        self._source = source
        self._max_lines = max_lines
        self._max_bytes = max_bytes
        self._pending: queue.SimpleQueue[tuple[T] | OSError | None] = queue.SimpleQueue()
        self._room = threading.Semaphore(ahead)
        self._left = False
        self._thread = threading.Thread(target=self._read, name="assay-read")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left = True
        self._room.release()
        self._source.stop()
        self._thread.join()
        self.pool.shutdown(cancel_futures=True)
        self._source.close()

    @abstractmethod
    def take(self, batch: list[Line]) -> bool:
        """Hand on what is to be answered for these lines; False where nobody waits for that any more."""

    def has_room(self) -> bool:
        """Wait until something more may be handed on; False where nobody waits for it any more."""
        self._room.acquire()
        return not self._left

    def hand_on(self, item: T) -> None:
        """Give this to who writes, after what was given before; :meth:`has_room` comes first."""
        self._pending.put((item,))

    def handed_on(self) -> Iterator[T]:
        """What was handed on, in input order; it is done with when the next is asked for."""
        while (item := self._pending.get()) is not None:
            if isinstance(item, OSError):
                raise item
            yield item[0]
            self._room.release()

    def _read(self) -> None:
        try:
            for batch in self._source.batches(max_lines=self._max_lines, max_bytes=self._max_bytes):
                if not self.take(batch):
                    return
            self._pending.put(None)
        except OSError as error:
            self._pending.put(error)


class _Slices(ReadAhead[tuple[list[Line], "Future[list[Answer]]"]]):
    """Slices of batches, each at work as a whole."""

    def __init__(self, source: LineSource, work: Work, workers: int) -> None:
        ahead = workers * _SLICES_AHEAD
        super().__init__(source, ahead=ahead, workers=workers, max_lines=_BATCH_LINES, max_bytes=_BATCH_BYTES)
        self._work = work
        self._workers = workers

    def take(self, batch: list[Line]) -> bool:
        size = -(-len(batch) // self._workers)
        for start in range(0, len(batch), size):
            if not self.has_room():
                return False
            lines = batch[start : start + size]
            self.hand_on((lines, self.pool.submit(self._work, lines)))
        return True
