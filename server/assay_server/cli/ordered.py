"""Several slices of the input at work at once, their answers written in input order as soon as they are known."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, BinaryIO

from assay_server.cli.answers import Answer, Tally
from assay_server.cli.json_text import write_line
from assay_server.cli.line_source import Line, LineSource

if TYPE_CHECKING:
    from typing_extensions import Self

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
    with _Reader(source, work, workers) as reader:
        for lines, answers in reader.answered():
            out.write(b"".join(write_line(answer.value) for answer in answers))
            out.flush()
            tally.counts.update(answer.kind for answer in answers)
            wrote(lines)
    return tally


_Pending = tuple[list[Line], "Future[list[Answer]]"]


class _Reader:
    """Owns the thread that reads and the threads that work; leaving the context ends and joins them."""

    def __init__(self, source: LineSource, work: Work, workers: int) -> None:
        self._source = source
        self._work = work
        self._workers = workers
        self._pending: queue.SimpleQueue[_Pending | OSError | None] = queue.SimpleQueue()
        self._slots = threading.Semaphore(workers * _SLICES_AHEAD)
        self._left = False
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="assay-work")
        self._thread = threading.Thread(target=self._read, name="assay-read")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left = True
        self._slots.release()
        self._source.stop()
        self._thread.join()
        self._pool.shutdown(cancel_futures=True)
        self._source.close()

    def answered(self) -> Iterator[tuple[list[Line], list[Answer]]]:
        """Slices with their answers, in input order."""
        while (item := self._pending.get()) is not None:
            if isinstance(item, OSError):
                raise item
            yield item[0], item[1].result()
            self._slots.release()

    def _read(self) -> None:
        try:
            for batch in self._source.batches(max_lines=_BATCH_LINES, max_bytes=_BATCH_BYTES):
                size = -(-len(batch) // self._workers)
                for start in range(0, len(batch), size):
                    self._slots.acquire()
                    if self._left:
                        return
                    lines = batch[start : start + size]
                    self._pending.put((lines, self._pool.submit(self._work, lines)))
            self._pending.put(None)
        except OSError as error:
            self._pending.put(error)
