"""The template process as the server holds it: asks for forks, hears of deaths."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import socket
import subprocess
import uuid
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from assay_server.execution.child_modules import start_module
from assay_server.execution.cpu.template import ARE_YOU_THERE, TemplateSetup, receive_with_fd
from assay_server.execution.process_state import cpu_seconds_of, is_exiting, state_of

_READ_LIMIT = 8 * 1024 * 1024
_MODULE = "assay_server.execution.cpu.template"
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_MARK = "ASSAY_CPU_LANE"
_STOP_SECONDS = 5.0
_LOW_PRIORITY = 19
_PATIENCE_SECONDS = 30.0
_FULL_SECONDS = 0.05

_T = TypeVar("_T")


class ForkedWorker:
    """A worker's process and the server's end of its connection."""

    def __init__(self, pid: int, pidfd: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.pid = pid
        self.reader = reader
        self._pidfd = pidfd
        self._writer = writer

    def send(self, data: bytes) -> None:
        """Give it orders."""
        self._writer.write(data)

    def cpu_seconds(self) -> float:
        """CPU time of its main thread so far."""
        return cpu_seconds_of(self.pid)

    def blocked(self) -> bool:
        """Whether its main thread waits for something instead of computing."""
        return state_of(self.pid) in ("S", "D", "T")

    @property
    def ending(self) -> bool:
        """Whether its process has ended, buried or not, or is about to.

        A process closes its connections before it is dead; where it has to wait for the processor, long before.
        """
        if self._pidfd < 0:
            return True
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(0)) or is_exiting(self.pid)

    def yield_to_others(self) -> None:
        """Let the processor go to others first, for as long as it lives.

        Every worker is a session of its own. Where the kernel groups processes by session, a nice value counts inside
        the group only, and the group has one too.
        """
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self.pid, _LOW_PRIORITY)
        with contextlib.suppress(OSError), open(f"/proc/{self.pid}/autogroup", "w", encoding="ascii") as file:
            file.write(str(_LOW_PRIORITY))

    def kill(self) -> None:
        """End it and close what the server holds of it; the template buries it."""
        if self._pidfd < 0:
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        os.close(self._pidfd)
        self._pidfd = -1
        self._writer.close()

    async def closed(self) -> None:
        """Wait until the connection is closed."""
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


class TemplateEnded(Exception):
    """The template is not there any more; its standard error says why."""


class TemplateProcess:
    """The process that forks workers.

    Attributes:
        mark: ``NAME=value`` in the environment of this template and of all that descends from it, and nowhere else.
        patience: seconds after which one that does not answer is taken for stopped; of CPU time, where it computes or
            waits for a processor.
    """

    def __init__(self, setup: TemplateSetup, on_dead: Callable[[int, int], None], on_end: Callable[[], None]) -> None:
        self._setup = setup
        self._on_dead = on_dead
        self._on_end = on_end
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._forks: deque[asyncio.Future[tuple[int, int]]] = deque()
        self._asked: deque[asyncio.Future[None]] = deque()
        self._ready: asyncio.Future[None] | None = None
        self.patience = _PATIENCE_SECONDS
        self.mark = f"{_MARK}={uuid.uuid4().hex}"

    @property
    def pid(self) -> int | None:
        """Its process, where there is one."""
        return None if self._process is None else self._process.pid

    def launch(self) -> None:
        """Start it with an environment of its own and no descriptor but its control connection."""
        name, _, value = self.mark.partition("=")
        variables = {**_ONE_THREAD, name: value}
        self._process, control = start_module(_MODULE, variables=variables, kind=socket.SOCK_SEQPACKET)
        control.setblocking(False)
        control.send(self._setup.encode())
        self._control = control

    async def ready(self) -> None:
        """Wait until it has imported everything.

        Raises:
            TemplateEnded: it ended instead.
        """
        loop = asyncio.get_running_loop()
        if self._control is None:
            raise TemplateEnded
        self._ready = loop.create_future()
        loop.add_reader(self._control, self._on_control)
        await self._ready

    async def fork(self) -> ForkedWorker:
        """A new worker.

        Raises:
            TemplateEnded: nothing forks any more.
        """
        control = self._control
        if control is None:
            raise TemplateEnded
        ours, theirs = socket.socketpair()
        answer: asyncio.Future[tuple[int, int]] = asyncio.get_running_loop().create_future()
        self._forks.append(answer)
        with theirs:
            try:
                socket.send_fds(control, [b"f"], [theirs.fileno()])
            except ConnectionError:  # its end is noticed where its answers are read
                ours.close()
                self._forks.pop()
                raise TemplateEnded from None
        try:
            pid, pidfd = await self._patiently(answer)
        except BaseException:
            ours.close()  # the worker sees the end of its connection and ends
            if not answer.cancel() and answer.exception() is None:
                os.close(answer.result()[1])
            raise
        connecting = asyncio.ensure_future(asyncio.open_unix_connection(sock=ours, limit=_READ_LIMIT))
        try:
            reader, writer = await asyncio.shield(connecting)
        except asyncio.CancelledError:
            _, writer = await connecting  # no more than a turn of the loop: both ends are connected already
            writer.close()
            os.close(pidfd)
            raise
        forked = ForkedWorker(pid, pidfd, reader, writer)
        if self._control is not control:  # the template ended meanwhile, and its workers with it
            forked.kill()
            raise TemplateEnded
        return forked

    async def confirm(self) -> None:
        """Wait for a sign of life that it gave after this was called.

        Raises:
            TemplateEnded: there is none.
        """
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        while True:
            if self._control is None:
                raise TemplateEnded
            try:
                self._control.send(ARE_YOU_THERE)
            except ConnectionError:  # its end is noticed where its answers are read
                raise TemplateEnded from None
            except BlockingIOError:  # more questions are on their way to it than the connection holds
                await asyncio.sleep(_FULL_SECONDS)
            else:
                break
        self._asked.append(answer)
        await self._patiently(answer)

    async def _patiently(self, answer: asyncio.Future[_T]) -> _T:
        """Its answer; one that says nothing for long (an item may have stopped it) is killed and has ended."""
        process = self._process
        before = 0.0 if process is None else cpu_seconds_of(process.pid)
        while True:
            done, _ = await asyncio.wait((answer,), timeout=self.patience)
            if done:
                return answer.result()
            if process is None or state_of(process.pid) != "R" or cpu_seconds_of(process.pid) - before > self.patience:
                break
        answer.cancel()
        if process is not None:
            process.kill()
        raise TemplateEnded

    def _on_control(self) -> None:
        assert self._control is not None
        try:
            data, fd = receive_with_fd(self._control)
        except BlockingIOError:
            return
        except ConnectionError:
            data, fd = b"", None
        match data.split():
            case [b"ready"] if self._ready is not None and not self._ready.done():
                self._ready.set_result(None)
            case [b"forked", pid] if fd is not None:
                answer = self._forks.popleft()
                if answer.cancelled():
                    os.close(fd)
                else:
                    answer.set_result((int(pid), fd))
            case [b"here"] if self._asked:
                asked = self._asked.popleft()
                if not asked.done():
                    asked.set_result(None)
            case [b"dead", pid, status]:
                self._on_dead(int(pid), int(status))
            case _:
                self._ended()

    def _ended(self) -> None:
        assert self._control is not None
        assert self._process is not None
        asyncio.get_running_loop().remove_reader(self._control)
        self._control.close()
        self._control = None
        self._process.kill()
        self._process.wait()
        for waiting in (*self._forks, *self._asked, *([self._ready] if self._ready is not None else [])):
            if not waiting.done():
                waiting.set_exception(TemplateEnded())
        self._forks.clear()
        self._asked.clear()
        self._on_end()

    def sweep(self) -> None:
        """Kill what a template that was killed could not: processes that its workers' items left behind.

        They have what no other process has: the mark in the environment that they started with.
        """
        while marked := [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if self._has_mark(pid)]:
            for pid in marked:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _has_mark(self, pid: int) -> bool:
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                return self.mark.encode() in file.read().split(b"\0")
        except OSError:
            return False

    async def stop(self) -> None:
        """End it; its workers end with it."""
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control)
            self._control.close()
            self._control = None
        if self._process is not None:
            try:
                await asyncio.to_thread(self._process.wait, _STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                await asyncio.to_thread(self._process.wait)
