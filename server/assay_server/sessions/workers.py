"""The worker processes as the engine holds them: orders out, answers in, and what becomes of orders when one is lost.

A worker runs one order at a time and marks it in memory that it shares with the engine, so that whoever hangs or
crashes is known: the order that ran gets the blame, all others are given to another worker. An action that runs long
keeps its worker; everybody else's sessions leave it.
"""

from __future__ import annotations

import asyncio
import contextlib
import mmap
import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from assay_server.execution.child_modules import start_module
from assay_server.execution.process_state import cpu_seconds_of, state_of
from assay_server.sessions.channel import (
    LENGTH,
    MAX_FRAME,
    Answer,
    BadAnswer,
    Drop,
    Open,
    Order,
    decode_answers,
    encode_orders,
)
from assay_server.sessions.mark import MARK_BYTES, Mark
from assay_server.sessions.values import EnvironmentSources, Reason, SessionFault

_log = structlog.get_logger(__name__)

STALL_SECONDS = 0.25
_WATCH_SECONDS = 0.05
_MODULE = "assay_server.sessions.worker"
_READ_LIMIT = 1 << 20
_STOP_SECONDS = 5.0
_RESTART_SECONDS = 0.1
_MAX_RESTART_SECONDS = 5.0


@dataclass(slots=True, eq=False)
class Errand:
    """An order under way.

    Attributes:
        timeout: seconds of its own run.
        done: called once with its answer; ``None`` where its worker was lost and it may be tried elsewhere.
    """

    order: Order
    number: int
    timeout: float
    done: Callable[[Answer | None], None]


@dataclass(slots=True, eq=False)
class Worker:
    """A process.

    Attributes:
        under_way: orders without an answer, by number.
        leaving: it takes no more orders and ends when the one that runs is done.
        seen: the order that ran at the last look, and the processor seconds of the process when it was first seen.
    """

    process: subprocess.Popen[bytes]
    writer: asyncio.StreamWriter
    mark: Mark
    under_way: dict[int, Errand] = field(default_factory=dict[int, Errand])
    leaving: bool = False
    seen: tuple[int, float] = (0, 0.0)
    reader: asyncio.Task[None] | None = None
    outgoing: list[Order] = field(default_factory=list[Order])

    def give(self, order: Order) -> None:
        """Send an order, together with whatever else comes in the same turn of the loop."""
        if not self.outgoing:
            asyncio.get_running_loop().call_soon(self._flush)
        self.outgoing.append(order)

    def _flush(self) -> None:
        if not self.writer.is_closing():
            self.writer.write(encode_orders(self.outgoing))
        self.outgoing.clear()

    def hogs(self, number: int) -> bool:
        """Whether an order computes or sleeps for too long, rather than waiting for a processor."""
        spent = cpu_seconds_of(self.process.pid)
        if self.seen[0] != number:
            self.seen = (number, spent)
            return False
        return spent - self.seen[1] > STALL_SECONDS or state_of(self.process.pid) in ("S", "D")


class WorkerPool:
    """A fixed number of places, each with a worker; a lost one is replaced.

    Attributes:
        lost: workers that ended, by why.
    """

    def __init__(self, size: int, on_change: Callable[[int], None], sources: EnvironmentSources) -> None:
        """``on_change(place)`` is called when the sessions at a place are gone; workers are told ``sources``."""
        self.size = size
        self.lost: Counter[str] = Counter()
        self._on_change = on_change
        self._sources = sources
        self._places: list[Worker | None] = [None] * size
        self._leaving: set[Worker] = set()
        self._starting: dict[int, asyncio.Task[None]] = {}
        self._spare: asyncio.Task[tuple[Worker, asyncio.StreamReader]] | None = None
        self._waiting: list[list[Errand]] = [[] for _ in range(size)]
        self._watcher: asyncio.Task[None] | None = None
        self._burials: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def start(self) -> None:
        """Start all workers."""
        await asyncio.gather(*(self._start(place) for place in range(self.size)))
        self._prepare_spare()
        self._watcher = asyncio.create_task(self._watch(), name="session watch")

    async def stop(self) -> None:
        """End all workers; orders under way are answered as lost."""
        self._stopping = True
        tasks = [task for task in (self._watcher, *self._starting.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        workers = [worker for worker in (*self._places, *self._leaving) if worker is not None]
        if self._spare is not None:
            spares = await asyncio.gather(self._spare, return_exceptions=True)
            workers += [spare[0] for spare in spares if not isinstance(spare, BaseException)]
        for worker in workers:
            self._end(worker)
        readers = [worker.reader for worker in workers if worker.reader is not None]
        await asyncio.gather(*readers, return_exceptions=True)
        for waiting in self._waiting:
            for errand in waiting:
                errand.done(None)
            waiting.clear()
        await asyncio.gather(*self._burials)
        await asyncio.to_thread(_bury, [worker.process for worker in workers])

    @property
    def pids(self) -> list[int]:
        """Processes at their places."""
        return [worker.process.pid for worker in self._places if worker is not None]

    def send(self, place: int, errand: Errand) -> None:
        """Have the worker at a place do this, after what it was given before."""
        worker = self._places[place]
        if worker is None:
            self._waiting[place].append(errand)
            return
        worker.under_way[errand.number] = errand
        worker.give(errand.order)

    def drop(self, place: int, sessions: Sequence[int]) -> None:
        """Have the worker at a place forget sessions."""
        worker = self._places[place]
        if worker is not None and sessions:
            worker.give(Drop(tuple(sessions)))

    # ------------------------------------------------------------ life

    async def _start(self, place: int) -> None:
        delay = 0.0
        while not self._stopping:
            await asyncio.sleep(delay)
            try:
                worker, reader = await self._next()
            except OSError as error:
                _log.error("a session worker does not start", error=str(error))
                delay = min(max(2 * delay, _RESTART_SECONDS), _MAX_RESTART_SECONDS)
                continue
            self._places[place] = worker
            worker.reader = asyncio.create_task(self._listen(place, worker, reader), name="session worker")
            waiting, self._waiting[place] = self._waiting[place], []
            for errand in waiting:
                self.send(place, errand)
            return

    async def _next(self) -> tuple[Worker, asyncio.StreamReader]:
        """The spare, where there is one that lives: it has imported what it needs already."""
        spare, self._spare = self._spare, None
        if spare is None:
            return await _launch(self._sources)
        worker, reader = await spare
        self._prepare_spare()
        if worker.process.poll() is None:
            return worker, reader
        self._end(worker)
        return await _launch(self._sources)

    def _prepare_spare(self) -> None:
        if not self._stopping:
            self._spare = asyncio.create_task(_launch(self._sources), name="spare session worker")

    async def _listen(self, place: int, worker: Worker, reader: asyncio.StreamReader) -> None:
        why = "died"
        try:
            while True:
                (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
                if length > MAX_FRAME:
                    raise BadAnswer(f"a frame of {length} bytes")
                for answer in decode_answers(await reader.readexactly(length)):
                    errand = worker.under_way.pop(answer.order, None)
                    if errand is not None:
                        errand.done(answer)
                if worker.leaving and not worker.under_way:
                    why = "left"
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except BadAnswer as error:
            why = "damaged"
            _log.warning("what a session worker says is damaged", error=str(error))
        finally:
            self._on_end(place, worker, why)

    def _on_end(self, place: int, worker: Worker, why: str) -> None:
        running = worker.mark.number
        self._end(worker)
        self._leaving.discard(worker)
        self.lost[why] += 1
        at_place = self._places[place] is worker
        if at_place:
            self._places[place] = None
            self._on_change(place)
        suspect = worker.under_way.pop(running, None)
        if suspect is not None and not self._stopping:
            text = "the environment ended its worker while it took this action"
            suspect.done(Answer(running, fault=SessionFault(Reason.ENVIRONMENT_CRASHED, text)))
        elif suspect is not None:
            suspect.done(None)
        others = list(worker.under_way.values())
        worker.under_way.clear()
        for errand in others:
            errand.done(None)
        if at_place and not self._stopping:
            self._replace(place)
        if not self._stopping:
            self._bury_later(worker.process)

    def _bury_later(self, process: subprocess.Popen[bytes]) -> None:
        task = asyncio.create_task(asyncio.to_thread(_bury, [process]), name="session worker burial")
        self._burials.add(task)
        task.add_done_callback(self._burials.discard)

    def _replace(self, place: int) -> None:
        self._starting[place] = asyncio.create_task(self._start(place), name="session worker start")

    def _end(self, worker: Worker) -> None:
        with contextlib.suppress(ProcessLookupError):
            worker.process.kill()
        worker.writer.close()
        if worker.reader is not None and worker.reader is not asyncio.current_task():
            worker.reader.cancel()

    # ------------------------------------------------------------ clocks

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            now = time.monotonic()
            for place, worker in enumerate(self._places):
                if worker is not None and worker.under_way:
                    self._look(place, worker, now)
            for worker in list(self._leaving):
                self._judge(worker, now)

    def _look(self, place: int, worker: Worker, now: float) -> None:
        """Have everybody leave a worker whose action runs long; making a session may take long."""
        running, started = worker.mark.look()
        errand = worker.under_way.get(running)
        if errand is None:
            return
        stalled = now - started > STALL_SECONDS and not isinstance(errand.order, Open)
        if stalled and worker.hogs(running):
            self._set_apart(place, worker, running)
        self._judge(worker, now)

    def _set_apart(self, place: int, worker: Worker, running: int) -> None:
        worker.leaving = True
        self._leaving.add(worker)
        self._places[place] = None
        self._on_change(place)
        others = [errand for number, errand in worker.under_way.items() if number != running]
        worker.under_way = {running: worker.under_way[running]}
        self._replace(place)
        for errand in others:
            errand.done(None)

    def _judge(self, worker: Worker, now: float) -> None:
        """End a worker whose order has had its time."""
        running, started = worker.mark.look()
        errand = worker.under_way.get(running)
        if errand is None:
            if worker.leaving and not running:  # what it ran was answered, and its answer is on its way
                worker.writer.write_eof()
            return
        if now - started > errand.timeout:
            worker.under_way.pop(running)
            text = f"not done within {errand.timeout:g} s"
            errand.done(Answer(errand.number, fault=SessionFault(Reason.STEP_TIMEOUT, text)))
            self.lost["timeout"] += 1
            worker.process.kill()


def _bury(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.wait(_STOP_SECONDS)


async def _launch(sources: EnvironmentSources) -> tuple[Worker, asyncio.StreamReader]:
    shared = os.memfd_create("assay-session-mark", os.MFD_CLOEXEC)
    try:
        os.ftruncate(shared, mmap.PAGESIZE)
        mark = Mark(mmap.mmap(shared, MARK_BYTES))
        process, connection = start_module(_MODULE, str(shared), sources.encode(), descriptors=[shared])
    finally:
        os.close(shared)
    reader, writer = await asyncio.open_unix_connection(sock=connection, limit=_READ_LIMIT)
    return Worker(process, writer, mark), reader
