"""A backend that isolates nothing: plain subprocesses, for tests of what is above the seam."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from assay_sandbox.protocol import Exec, Grade, Launch, Level, Limits, Outcome, PythonCall, Reason, Running

ROOT = Path(__file__).parents[2]
_START = """
import importlib, socket, sys
module, _, function = sys.argv[1].partition(":")
channels = [socket.socket(fileno=int(number)) for number in sys.argv[3:]]
getattr(importlib.import_module(module), function)(open(sys.argv[2], "rb").read(), channels)
"""
_TICK = os.sysconf("SC_CLK_TCK")
_POLL_SECONDS = 0.01
_MOST_RUNS = 256


class PlainRun:
    """A subprocess."""

    def __init__(
        self, process: subprocess.Popen[bytes], launch: Launch, folder: Path, threads: ThreadPoolExecutor
    ) -> None:
        self._threads = threads
        self._process = process
        self._launch = launch
        self._folder = folder
        self._began = time.monotonic()
        self._ended_for: Reason | None = None
        self._outcome = asyncio.create_task(self._run())

    async def outcome(self) -> Outcome:
        return await asyncio.shield(self._outcome)

    def kill(self) -> None:
        self._end(Reason.KILLED)

    async def cpu_ms(self) -> float:
        return self._outcome.result().cpu_ms if self._outcome.done() else self._cpu_ms()

    def _end(self, reason: Reason) -> None:
        if self._process.poll() is None:
            self._ended_for = self._ended_for or reason
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _cpu_ms(self) -> float:
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) * 1000 / _TICK

    async def _run(self) -> Outcome:
        limits = self._launch.limits
        watching = asyncio.create_task(self._watch(limits))
        try:
            out, err = await asyncio.get_running_loop().run_in_executor(
                self._threads, self._process.communicate, self._launch.stdin or None
            )
        finally:
            watching.cancel()
        status = self._process.returncode
        reason = self._ended_for or (Reason.OK if status == 0 else Reason.EXITED if status > 0 else Reason.SIGNALED)
        files = {name: (self._folder / name).read_bytes() for name in self._launch.collect if status == 0}
        kept = limits.output_bytes
        out, err = out or b"", err or b""
        return Outcome(
            reason, max(-1, status), max(0, -status), out[:kept], err[:kept], len(out) > kept, len(err) > kept,
            wall_ms=(time.monotonic() - self._began) * 1000, files=files,
        )  # fmt: skip

    async def _watch(self, limits: Limits) -> None:
        while True:
            if self._cpu_ms() > limits.cpu_ms:
                self._end(Reason.CPU_LIMIT)
            if (time.monotonic() - self._began) * 1000 > limits.wall_ms:
                self._end(Reason.WALL_LIMIT)
            await asyncio.sleep(_POLL_SECONDS)


class PlainBackend:
    """Runs launches as subprocesses of this one."""

    name = "plain"

    def __init__(self, *, hands_over_sockets: bool = True) -> None:
        self.hands_over_sockets = hands_over_sockets
        self.started = 0
        self.running: set[PlainRun] = set()
        self._threads = ThreadPoolExecutor(_MOST_RUNS)

    def probe(self) -> Level:
        return Level(self.name, Grade.NONE, (), memory_enforced=True)

    async def start(self) -> None:
        return

    async def stop(self) -> None:
        self._threads.shutdown()

    async def run(self, launch: Launch) -> Outcome:
        async with self.open(launch) as running:
            return await running.outcome()

    @asynccontextmanager
    async def open(self, launch: Launch) -> AsyncGenerator[Running]:
        self.started += 1
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            running = PlainRun(_popen(launch, folder), launch, folder, self._threads)
            self.running.add(running)
            try:
                yield running
            finally:
                self.running.discard(running)
                running.kill()
                await running.outcome()


def _popen(launch: Launch, folder: Path) -> subprocess.Popen[bytes]:
    for path, data in launch.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
        (folder / path).chmod(0o755)
    numbers = [end.fileno() for end in launch.channels]
    on_channel = numbers[0] if launch.stdio_on_channel else 0
    try:
        return subprocess.Popen(
            _argv(launch.program, folder, numbers),
            cwd=folder,
            env=_environment(launch.program),
            stdin=on_channel or (subprocess.PIPE if launch.stdin else subprocess.DEVNULL),
            stdout=on_channel or subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=numbers,
            start_new_session=True,
        )
    finally:
        _close(launch.channels)


def _argv(program: PythonCall | Exec, folder: Path, numbers: list[int]) -> list[str]:
    if isinstance(program, Exec):
        return list(program.argv)
    (folder / ".payload").write_bytes(program.payload)
    return [sys.executable, "-c", _START, program.entry, str(folder / ".payload"), *map(str, numbers)]


def _environment(program: PythonCall | Exec) -> Mapping[str, str]:
    more = program.env if isinstance(program, Exec) else {"PYTHONPATH": str(ROOT / "sandboxes"), "PYTHONHASHSEED": "0"}
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8", **more}


def _close(ends: tuple[socket.socket, ...]) -> None:
    for end in ends:
        end.close()
