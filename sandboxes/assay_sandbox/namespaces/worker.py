"""A worker as the server holds it: the outer sandbox's process, its template, and supervisors that wait for a run."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from assay_sandbox.namespaces.cgroups import Cgroups, Slot
from assay_sandbox.namespaces.setup import ForkOrder, Setup
from assay_sandbox.namespaces.wire import (
    ANOTHER,
    ASK_CPU,
    HEAD,
    KILL,
    LENGTH,
    WAITS,
    BadOutcome,
    decode_cpu,
    decode_kept,
    decode_outcome,
    encode_order,
    encode_task,
    kept_in_memory,
)
from assay_sandbox.protocol import Launch, Limits, Outcome, SandboxUnavailable, WorkerLost

_CHUNK = 1 << 18
_GRACE_SECONDS = 10.0
_READY_SECONDS = 60.0
_MAX_OUTCOME = 1 << 30
_ENVIRONMENT = {"LANG": "C.UTF-8", "LD_BIND_NOW": "1"}
"""Of a worker's process, not of runs: what the linker looks up late each fork would look up anew."""


class Run:
    """A supervisor's connection: waits for a launch, then is that launch's run.

    Attributes:
        waits: its supervisor can make another run, now that this one is over.
    """

    def __init__(
        self,
        connection: socket.socket,
        slot: Slot | None,
        on_end: Callable[[Run, socket.socket], None],
        *,
        passes_descriptors: bool = True,
    ) -> None:
        """``on_end`` is called once and is given the connection."""
        connection.setblocking(False)
        self.slot = slot
        self.waits = False
        self._connection: socket.socket | None = connection
        self._on_end = on_end
        self._passes_descriptors = passes_descriptors
        self._output = -1
        self._outcome: asyncio.Task[Outcome] | None = None
        self._asked: deque[asyncio.Future[float]] = deque()

    async def start(self, launch: Launch) -> None:
        """Hand over the launch; its channels are the run's from here on. Raises WorkerLost."""
        connection = self._connection
        assert connection is not None, "start() of a run that is over"
        if self.slot is not None:
            self.slot.bound(launch.limits.memory_bytes, launch.limits.pids)
        try:
            await self._send(connection, launch)
        except OSError as error:
            self.close()
            raise WorkerLost("the worker ended before the run began") from error
        except BaseException:
            self.close()
            raise
        self._outcome = asyncio.create_task(self._receive(connection, launch.limits), name="sandbox run")

    async def _send(self, connection: socket.socket, launch: Launch) -> None:
        task = encode_task(launch)
        order = encode_order(launch, passes_descriptors=self._passes_descriptors)
        descriptors = [channel.fileno() for channel in launch.channels]
        if not self._passes_descriptors:
            socket.send_fds(connection, [HEAD.pack(len(order), len(task))], descriptors)
            await asyncio.get_running_loop().sock_sendall(connection, order + task)
            return
        self._output = os.memfd_create("output", os.MFD_CLOEXEC)
        unread = [kept_in_memory("task", task)]
        if launch.stdin:
            unread.append(kept_in_memory("stdin", launch.stdin))
        try:
            first, *rest = unread
            socket.send_fds(connection, [HEAD.pack(len(order), 0)], [first, self._output, *rest, *descriptors])
        finally:
            for fd in unread:
                os.close(fd)
        await asyncio.get_running_loop().sock_sendall(connection, order)

    async def outcome(self) -> Outcome:
        """How it ended. Raises WorkerLost."""
        assert self._outcome is not None, "outcome() of a run that was not started"
        return await asyncio.shield(self._outcome)

    @property
    def over(self) -> bool:
        """Whether its supervisor has said how it ended: then none of its processes is left."""
        return self._outcome is not None and self._outcome.done() and not self._outcome.exception()

    def kill(self) -> None:
        """End it; the outcome says so."""
        self._say(KILL)

    async def cpu_ms(self) -> float:
        """What it has used until now, or in all. Raises WorkerLost."""
        assert self._outcome is not None, "cpu_ms() of a run that was not started"
        answer: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._asked.append(answer)
        self._say(ASK_CPU)
        await asyncio.wait([answer, self._outcome], return_when=asyncio.FIRST_COMPLETED)
        return answer.result() if answer.done() else (await self.outcome()).cpu_ms

    async def end(self) -> None:
        """Let go of it, killed if it still runs."""
        if self._outcome is not None:
            if not self._outcome.done():
                self.kill()
                await asyncio.wait([self._outcome])
            with contextlib.suppress(WorkerLost):
                self._outcome.result()
        self.close()

    def close(self) -> None:
        """A run that was not started ends by this; otherwise it is over."""
        connection, self._connection = self._connection, None
        if self._output >= 0:
            os.close(self._output)
            self._output = -1
        if connection is not None:
            self._on_end(self, connection)

    def _say(self, letter: bytes) -> None:
        """Nothing to a run that is over: its supervisor may have another one."""
        if self._connection is not None and self._outcome is not None and not self._outcome.done():
            with contextlib.suppress(OSError):
                self._connection.send(letter)

    async def _receive(self, connection: socket.socket, limits: Limits) -> Outcome:
        frames = _Frames(connection)
        kept = (0, 0)
        try:
            async with asyncio.timeout(limits.wall_ms / 1e3 + _GRACE_SECONDS):
                while True:
                    data = await frames.next()
                    if data == WAITS[LENGTH.size :]:
                        self.waits = True
                    elif (lengths := decode_kept(data)) is not None:
                        kept = lengths
                    elif (cpu_ms := decode_cpu(data)) is None:
                        return self._with_output(decode_outcome(data), kept, limits.output_bytes)
                    elif self._asked and not (answer := self._asked.popleft()).done():
                        answer.set_result(cpu_ms)
        except (OSError, EOFError, BadOutcome) as error:
            raise WorkerLost("the worker ended during the run") from error

    def _with_output(self, outcome: Outcome, kept: tuple[int, int], most: int) -> Outcome:
        if kept == (0, 0):
            return outcome
        if not all(0 <= length <= most for length in kept):
            raise BadOutcome(f"{kept} bytes of output")
        stdout, stderr = (os.pread(self._output, length, number * most) for number, length in enumerate(kept))
        return replace(outcome, stdout=stdout, stderr=stderr + outcome.stderr)


class _Frames:
    """What comes over a connection, read in large pieces."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = bytearray()

    async def next(self) -> bytes:
        """The next frame without its length. Raises EOFError, BadOutcome, OSError."""
        loop, buffer = asyncio.get_running_loop(), self._buffer
        while True:
            if len(buffer) >= LENGTH.size:
                (size,) = LENGTH.unpack_from(buffer)
                if size > _MAX_OUTCOME:
                    raise BadOutcome(f"{size} bytes")
                if len(buffer) >= LENGTH.size + size:
                    data = bytes(buffer[LENGTH.size : LENGTH.size + size])
                    del buffer[: LENGTH.size + size]
                    return data
            if not (got := await loop.sock_recv(self._connection, _CHUNK)):
                raise EOFError
            buffer += got


class Worker:
    """One outer sandbox. Ends by :meth:`stop`, or by itself when the server's process is gone.

    Attributes:
        runs: under way.
        retired: takes no more runs; ends with the last of them.
    """

    def __init__(self, setup: Setup, cgroups: Cgroups | None, spares: int, on_lost: Callable[[Worker], None]) -> None:
        self._setup = setup
        self._cgroups = cgroups
        self._wanted = spares
        self._on_lost = on_lost
        self._spares: deque[Run] = deque()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._ready: asyncio.Future[None] | None = None
        self._next_id = 1
        self._come_back = False
        self.runs: set[Run] = set()
        self.retired = False

    @property
    def pid(self) -> int:
        """Of the outer sandbox's process; killing it is losing the worker."""
        assert self._process is not None
        return self._process.pid

    @property
    def runs_so_far(self) -> int:
        """How many user ids it has given out."""
        return self._next_id - 1

    @property
    def exhausted(self) -> bool:
        """Whether there is no user id left for another run."""
        return self._next_id >= self._setup.ids_count > 1

    async def start(self) -> None:
        """Have it ready for runs. Raises SandboxUnavailable, with what the machine refused."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self._control = ours
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603, ASYNC220 - this interpreter, this package; starting is quick
                [sys.executable, "-I", "-X", "utf8", "-m", "assay_sandbox.namespaces.outer", str(theirs.fileno())],
                env=_ENVIRONMENT,
                cwd="/",
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        loop = asyncio.get_running_loop()
        ours.send(self._setup.encode())
        try:
            async with asyncio.timeout(_READY_SECONDS):
                answer = (await loop.sock_recv(ours, 4096)).decode(errors="replace")
        except (TimeoutError, OSError) as error:
            await self.stop()
            raise SandboxUnavailable("the sandbox's process ended while it was set up") from error
        except BaseException:
            await self.stop()
            raise
        if answer != "ready":
            await self.stop()
            raise SandboxUnavailable(f"this machine refuses a sandbox: {answer.removeprefix('failed ') or 'it ended'}")
        loop.add_reader(ours, self._end)
        self._replenish()

    def take(self) -> Run:
        """A supervisor that waits for a launch. Raises WorkerLost."""
        if not self._spares:
            self._fork()
        run = self._spares.popleft()
        self.runs.add(run)
        if not self.exhausted:
            self._replenish()
        return run

    def retire(self) -> None:
        """Take no more runs, and end when those under way have ended."""
        self.retired = True
        if not self.runs:
            self._end()

    async def stop(self) -> None:
        """End it with all its runs; returns when its processes are gone."""
        self._end()
        for run in tuple(self.runs):
            await run.end()
        process, self._process = self._process, None
        if process is not None:
            await asyncio.to_thread(_wait_for_end, process)

    def _end(self) -> None:
        """The template ends when its connection does, and everything in the sandbox with it."""
        control, self._control = self._control, None
        if control is None:
            return
        asyncio.get_running_loop().remove_reader(control)
        control.close()
        while self._spares:
            self._spares.popleft().close()
        self._on_lost(self)

    def _another(self, run: Run, connection: socket.socket) -> bool:
        """Have the supervisor of a run that is over make ready for another one; False: it is not needed."""
        self._come_back = run.waits
        if not run.waits or self._control is None or self.retired or self.exhausted:
            return False
        if len(self._spares) >= self._wanted:
            return False
        try:
            connection.send(ANOTHER.pack(b"a", self._take_id()))
        except OSError:
            return False
        self._spares.append(Run(connection, run.slot, self._ended))
        return True

    def _take_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def _replenish(self) -> None:
        """Not to the full where supervisors make one run after the other: those under way will wait again."""
        wanted = 1 if self._come_back else self._wanted
        with contextlib.suppress(WorkerLost):
            while len(self._spares) < wanted:
                self._fork()

    def _fork(self) -> None:
        if self._control is None:
            raise WorkerLost("the worker has ended")
        slot = self._cgroups.take() if self._cgroups else None
        files = slot.counters if slot else {}
        ours, theirs = socket.socketpair()
        order = ForkOrder(self._take_id(), tuple(files)).encode()
        run = Run(ours, slot, self._ended)
        try:
            with theirs:
                socket.send_fds(self._control, [order], [theirs.fileno(), *files.values()])
        except OSError as error:
            run.close()
            raise WorkerLost("the worker does not answer") from error
        self._spares.append(run)

    def _ended(self, run: Run, connection: socket.socket) -> None:
        self.runs.discard(run)
        if self._another(run, connection):
            return
        connection.close()
        if run.slot is not None and self._cgroups is not None:
            self._cgroups.give_back(run.slot, empty=run.over)
        if self.retired and not self.runs:
            self._end()


def _wait_for_end(process: subprocess.Popen[bytes]) -> None:
    """The kernel has ended and buried everything in the sandbox when the template's parent ends."""
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
