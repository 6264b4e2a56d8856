"""The first process of a run's pid namespace: ours. It starts the program, drains it, watches it, and ends it.

It executes nothing of the run. When it has killed and reaped every other process of the namespace it says how the run
ended; then it ends itself, and the kernel takes the run's mounts and files away.

Most of what a run costs is making this process and its namespaces. So it makes another run, as another user and on a
new file system, where nothing of the last one is left: no process, as it has reaped them all; no file, or the file
system could not be unmounted; no object between processes, as the filter has no call that makes one; and none of its
data here, from where the next program is forked: what it runs, reads and writes is handed through unread, and a run
with files is a supervisor's last.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import socket
import stat
import time
from dataclasses import replace

from assay_sandbox.descriptors import receive_descriptors
from assay_sandbox.namespaces import kernel
from assay_sandbox.namespaces.candidate import START, RunSpace, become_program, receive_exactly
from assay_sandbox.namespaces.places import Place
from assay_sandbox.namespaces.root import WORK
from assay_sandbox.namespaces.streams import Stream
from assay_sandbox.namespaces.wire import (
    ANOTHER,
    ASK_CPU,
    HEAD,
    KILL,
    WAITS,
    Order,
    decode_order,
    encode_cpu,
    encode_kept,
    encode_outcome,
    kept_in_memory,
)
from assay_sandbox.protocol import MAX_CHANNELS, Limits, Outcome, Reason

_CHUNK = 1 << 16
_DROPPED_AT_MOST = 64 << 20
_SOONEST_LOOK_MS = 1.0
_LOOK_MS = 200.0
_MEMORY_LOOK_MS = 20.0


def only_wake(number: int, frame: object) -> None:
    """For SIGCHLD, where a supervisor is made: the signal's byte in the wake-up pipe is what matters."""
    del number, frame


class Supervisor:
    """Runs in namespaces of their own, one after the other."""

    def __init__(self, control: socket.socket, space: RunSpace, place: Place, first_id: int = 0) -> None:
        """``space`` is the first run's; the server counts user ids from ``first_id``."""
        self._control = control
        self._space = space
        self._place = place
        self._first_id = first_id
        self._child_ended, waker = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(waker)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # the programs': nobody sends it to a supervisor
        place.enter()

    def run(self) -> None:
        """Make runs until no other one may follow, or the server asks for none."""
        user_id: int | None = self._space.user_id
        while user_id is not None:
            space = replace(self._space, user_id=user_id)
            run = _Run(self._control, space, self._place, self._child_ended)
            user_id = self._next_user() if run.made() else None

    def _next_user(self) -> int | None:
        """What the server said to the last run when that had ended already is passed over."""
        letter = KILL
        while letter in (KILL, ASK_CPU):
            letter = self._control.recv(1)
        rest = self._control.recv(ANOTHER.size - 1, socket.MSG_WAITALL) if letter else b""
        return self._first_id + ANOTHER.unpack(letter + rest)[1] if len(rest) == ANOTHER.size - 1 else None


class _Run:
    """One run, from before it is known what runs to the end of all its processes."""

    def __init__(self, control: socket.socket, space: RunSpace, place: Place, child_ended: int) -> None:
        self._control = control
        self._place = place
        self._child_ended = child_ended
        self._owner = place.furnish(space)
        self._nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        self._streams = [Stream(*os.pipe2(os.O_CLOEXEC)) for _ in range(2)]
        self._go, go = socket.socketpair()
        for stream in self._streams:
            os.fchown(stream.write_end, self._owner, self._owner)
        self._child = kernel.fork()
        if self._child == 0:
            self._control.close()
            self._go.close()
            become_program(go, (self._streams[0].write_end, self._streams[1].write_end), space, place.joins)
        go.close()
        for stream in self._streams:
            os.close(stream.write_end)
        self._meter = place.meter(self._child)
        self._status: int | None = None
        self._reason: Reason | None = None

    def made(self) -> bool:
        """Wait for a launch, run it, report; nothing is left of it then. Whether another one may follow it."""
        received = time.monotonic()
        try:
            head, descriptors = receive_descriptors(self._control, HEAD.size, MAX_CHANNELS + 3)
            if len(head) < HEAD.size:
                return False
            received = time.monotonic()
            of_order, of_task = HEAD.unpack(head)
            order = decode_order(receive_exactly(self._control, of_order))
            if of_task:
                task = kept_in_memory("task", receive_exactly(self._control, of_task))
                descriptors = [task, os.memfd_create("output", os.MFD_CLOEXEC), *descriptors]
        except ConnectionError:
            return False
        task, output, *channels = descriptors
        stdin = channels.pop(0) if order.stdin is None else _input(order.stdin)
        self._keep_output(output, order.limits.output_bytes)
        failures = self._start(order, task, stdin, channels)
        started = time.monotonic()
        self._watch(order.limits, started)
        wall_ms = (time.monotonic() - started) * 1e3
        self._end_all()
        outcome = self._outcome(order, failures, wall_ms, (started - received) * 1e3)
        stdout, stderr = self._streams
        said = encode_kept(stdout.kept, stderr.kept) if stdout.kept or stderr.kept else b""
        if of_task:
            outcome, said = self._with_output(outcome, output, order.limits.output_bytes), b""
        os.close(output)
        told = of_task or order.tells_something or outcome.reason is Reason.NOT_STARTED
        waits = not told and self._place.clear()
        try:
            self._control.sendall((WAITS if waits else b"") + said + encode_outcome(outcome))
        except ConnectionError:
            return False
        return waits

    def _keep_output(self, output: int, most: int) -> None:
        """In a file of the server's: standard error after all the room of standard output."""
        for number, stream in enumerate(self._streams):
            stream.keep(output, number * most, most, self._nowhere)

    def _with_output(self, outcome: Outcome, output: int, most: int) -> Outcome:
        stdout, stderr = (os.pread(output, stream.kept, number * most) for number, stream in enumerate(self._streams))
        return replace(outcome, stdout=stdout, stderr=stderr + outcome.stderr)

    def _start(self, order: Order, task: int, stdin: int, channels: list[int]) -> int:
        """Give the program what it needs and let it go; the reading end of the pipe for failures to execute."""
        limits = order.limits
        self._place.resize(self._owner, limits.file_bytes)
        for path, data in order.files.items():
            self._write_file(path, data)
        failures, failing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._meter.prepare()
        space = 0 if self._meter.bounds_memory else _mapped_bytes() + limits.memory_bytes
        with contextlib.suppress(ConnectionError):  # it was ended already, which its status says
            socket.send_fds(self._go, [START.pack(space)], [task, stdin, failing, *channels])
        self._go.close()
        for fd in (task, stdin, failing, *channels):
            os.close(fd)
        return failures

    def _write_file(self, path: str, data: bytes) -> None:
        """Before anything of the run exists: no link can lead elsewhere."""
        folder = WORK
        *above, name = path.split("/")
        for part in above:
            folder = f"{folder}/{part}"
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder)
                os.chown(folder, self._owner, self._owner)
        fd = os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o755)
        with open(fd, "wb") as file:
            file.write(data)
            os.fchown(fd, self._owner, self._owner)

    # ------------------------------------------------------------ watching

    def _watch(self, limits: Limits, started: float) -> None:
        """Until the program has ended, or something that ends it has happened."""
        poll = select.poll()
        for fd in (self._child_ended, self._control.fileno(), *(stream.read_end for stream in self._streams)):
            poll.register(fd, select.POLLIN)
        by_fd = {stream.read_end: stream for stream in self._streams}
        deadline = started + limits.wall_ms / 1e3
        look = time.monotonic() + self._until_look(limits, 0.0)
        self._reap()
        while self._status is None and self._reason is None:
            wait = max(0.0, min(look, deadline) - time.monotonic())
            for fd, _ in poll.poll(math.ceil(wait * 1e3)):
                if fd == self._child_ended:
                    self._reap()
                elif fd == self._control.fileno():
                    self._listen()
                elif not by_fd[fd].drain_once():
                    poll.unregister(fd)
            now = time.monotonic()
            if now >= look and self._status is None:
                look = now + self._until_look(limits, self._look(limits))
            if now >= deadline and self._status is None:
                self._reason = self._reason or Reason.WALL_LIMIT
            if sum(stream.dropped for stream in self._streams) > _DROPPED_AT_MOST:
                self._reason = Reason.OUTPUT_LIMIT

    def _listen(self) -> None:
        """Told to end it, or asked what it has used; nobody listens any more where the connection has ended."""
        asked = self._control.recv(64)
        if not asked or KILL in asked:
            self._reason = Reason.KILLED
            return
        with contextlib.suppress(ConnectionError):
            self._control.sendall(encode_cpu(self._meter.cpu_ms()) * asked.count(ASK_CPU))

    def _look(self, limits: Limits) -> float:
        """CPU milliseconds so far; sets the reason where a limit is broken."""
        used = self._meter.cpu_ms()
        if used >= limits.cpu_ms:
            self._reason = Reason.CPU_LIMIT
        if self._meter.ran_out_of_memory() or self._meter.memory_bytes() > limits.memory_bytes:
            self._reason = Reason.MEMORY_LIMIT
        return used

    def _until_look(self, limits: Limits, used: float) -> float:
        """Seconds in which the CPU limit cannot be broken, were all processors the run's; not too many of them."""
        wait = max(_SOONEST_LOOK_MS, (limits.cpu_ms - used) / (os.cpu_count() or 1))
        return min(wait, _LOOK_MS if self._meter.bounds_memory else _MEMORY_LOOK_MS) / 1e3

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._child_ended, _CHUNK)
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self._child:
                    self._status = ended[1]

    def _end_all(self) -> None:
        """No process of the run is left, and nothing that it wrote is unread."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, 0)
                if pid == self._child:
                    self._status = status

    # ------------------------------------------------------------ reporting

    def _outcome(self, order: Order, failures: int, wall_ms: float, start_ms: float) -> Outcome:
        for stream in self._streams:
            stream.drain_rest()
            os.close(stream.read_end)
        os.close(self._nowhere)
        failure = _read_and_closed(failures)
        cpu_ms = self._meter.cpu_ms()
        code = os.waitstatus_to_exitcode(self._status or 0)
        reason = Reason.NOT_STARTED if failure else self._final_reason(code, cpu_ms, order.limits)
        stdout, stderr = self._streams
        return Outcome(
            reason,
            code if code >= 0 and reason in (Reason.OK, Reason.EXITED) else -1,
            -code if code < 0 and reason is Reason.SIGNALED else 0,
            b"",
            failure,
            stdout.dropped > 0,
            stderr.dropped > 0,
            cpu_ms,
            wall_ms,
            self._meter.peak_bytes(),
            start_ms,
            self._collected(order) if reason is Reason.OK else {},
        )

    def _final_reason(self, code: int, cpu_ms: float, limits: Limits) -> Reason:
        if self._reason is not None:
            return self._reason
        if cpu_ms > limits.cpu_ms or -code == signal.SIGXCPU:
            return Reason.CPU_LIMIT
        if self._meter.ran_out_of_memory():
            return Reason.MEMORY_LIMIT
        if code < 0:
            return Reason.SIGNALED
        return Reason.EXITED if code else Reason.OK

    def _collected(self, order: Order) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        room = order.limits.file_bytes
        for path in order.collect:
            with contextlib.suppress(OSError):
                fd = os.open(f"{WORK}/{path}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                with open(fd, "rb") as file:
                    if stat.S_ISREG(os.fstat(fd).st_mode) and os.fstat(fd).st_size <= room:
                        found[path] = file.read()
                        room -= len(found[path])
        return found


def _read_and_closed(fd: int) -> bytes:
    try:
        return os.read(fd, _CHUNK)
    except BlockingIOError:
        return b""
    finally:
        os.close(fd)


def _input(data: bytes) -> int:
    """A descriptor that reads so many bytes, as from a file."""
    return kept_in_memory("stdin", data) if data else os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)


def _mapped_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
