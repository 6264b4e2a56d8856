"""The first process of a run's pid namespace: ours. It starts the program, drains it, watches it, and ends it.

It executes nothing of the run. When it has killed and reaped every other process of the namespace it says how the run
ended; then it ends itself, and the kernel takes the run's mounts and files away.
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import select
import signal
import socket
import stat
import time

from assay_sandbox.descriptors import receive_descriptors
from assay_sandbox.namespaces.candidate import START, RunSpace, become_program, receive_exactly
from assay_sandbox.namespaces.places import Place
from assay_sandbox.namespaces.root import WORK
from assay_sandbox.namespaces.wire import (
    ASK_CPU,
    KILL,
    LENGTH,
    Order,
    decode_launch,
    encode_cpu,
    encode_outcome,
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
    """One run, from before it is known what runs to the end of all its processes."""

    def __init__(self, control: socket.socket, space: RunSpace, place: Place) -> None:
        self._control = control
        self._place = place
        place.prepare()
        self._streams = [Stream(*os.pipe2(os.O_CLOEXEC)) for _ in range(2)]
        self._child_ended, waker = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._waker = waker
        self._go, go = socket.socketpair()
        for stream in self._streams:
            os.fchown(stream.write_end, place.owner, place.owner)
        self._child = os.fork()
        if self._child == 0:
            self._control.close()
            self._go.close()
            become_program(go, (self._streams[0].write_end, self._streams[1].write_end), space, place.joins)
        signal.set_wakeup_fd(self._waker)
        go.close()
        for stream in self._streams:
            os.close(stream.write_end)
        self._meter = place.meter(self._child)
        self._status: int | None = None
        self._reason: Reason | None = None

    def run(self) -> None:
        """Wait for a launch, run it, report. Returns when there is nothing left of it, or no launch came."""
        received = time.monotonic()
        try:
            head, channels = receive_descriptors(self._control, LENGTH.size, MAX_CHANNELS)
            if len(head) < LENGTH.size:
                return
            received = time.monotonic()
            launch = receive_exactly(self._control, LENGTH.unpack(head)[0])
        except ConnectionError:
            return
        order = decode_launch(launch)
        failures = self._start(order, launch, channels)
        started = time.monotonic()
        self._watch(order.limits, started)
        wall_ms = (time.monotonic() - started) * 1e3
        self._end_all()
        outcome = self._outcome(order, failures, wall_ms, (started - received) * 1e3)
        with contextlib.suppress(ConnectionError):
            self._control.sendall(encode_outcome(outcome))

    def _start(self, order: Order, launch: bytes, channels: list[int]) -> int:
        """Give the program what it needs and let it go; the reading end of the pipe for failures to execute."""
        limits = order.limits
        self._place.resize(limits.file_bytes)
        for path, data in order.files.items():
            self._write_file(path, data)
        failures, failing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        stdin = _input(order.stdin)
        self._meter.prepare()
        space = 0 if self._meter.bounds_memory else _mapped_bytes() + limits.memory_bytes
        with contextlib.suppress(ConnectionError):  # it was ended already, which its status says
            socket.send_fds(self._go, [START.pack(len(launch), space)], [stdin, failing, *channels])
            self._go.sendall(launch)
        for fd in (stdin, failing, *channels):
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
                os.chown(folder, self._place.owner, self._place.owner)
        fd = os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o755)
        with open(fd, "wb") as file:
            file.write(data)
            os.fchown(fd, self._place.owner, self._place.owner)

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
                elif not by_fd[fd].drain_once(limits.output_bytes):
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
            stream.drain_rest(order.limits.output_bytes)
        failure = b""
        with contextlib.suppress(BlockingIOError):
            failure = os.read(failures, _CHUNK)
        cpu_ms = self._meter.cpu_ms()
        code = os.waitstatus_to_exitcode(self._status or 0)
        reason = Reason.NOT_STARTED if failure else self._final_reason(code, cpu_ms, order.limits)
        stdout, stderr = self._streams
        return Outcome(
            reason,
            code if code >= 0 and reason in (Reason.OK, Reason.EXITED) else -1,
            -code if code < 0 and reason is Reason.SIGNALED else 0,
            bytes(stdout.kept),
            bytes(stderr.kept) + failure,
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


class Stream:
    """A pipe that the program writes to: the first bytes are kept, the rest is read and dropped."""

    def __init__(self, read_end: int, write_end: int) -> None:
        os.set_blocking(read_end, False)
        self.read_end = read_end
        self.write_end = write_end
        self.kept = bytearray()
        self.dropped = 0

    def drain_once(self, keep: int) -> bool:
        """Read what is there; False: nobody can write any more."""
        try:
            data = os.read(self.read_end, _CHUNK)
        except BlockingIOError:
            return True
        room = keep - len(self.kept)
        self.kept += data[: max(0, room)]
        self.dropped += max(0, len(data) - max(0, room))
        return bool(data)

    def drain_rest(self, keep: int) -> None:
        """What is left when all who wrote are gone."""
        while True:
            before = len(self.kept) + self.dropped
            if not self.drain_once(keep) or len(self.kept) + self.dropped == before:
                return


def _input(data: bytes) -> int:
    """A descriptor that reads so many bytes, as from a file."""
    if not data:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    fd = os.memfd_create("stdin", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with open(os.dup(fd), "wb") as file:
        file.write(data)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _mapped_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
