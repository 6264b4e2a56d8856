"""A Redis of one's own, for tests and benchmarks: a child process with a folder and a socket that nobody else knows."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Literal, Self

PROGRAM = "redis-server"

_START_SECONDS = 20.0


def program() -> str | None:
    """Where the program is; None where it is not installed."""
    return shutil.which(PROGRAM) or shutil.which(PROGRAM, path="/usr/sbin:/usr/local/sbin:/sbin")


class PrivateRedis:
    """A Redis whose data lies in ``folder``; what it had written is there when it is started again.

    Args:
        folder: of its files and its socket; a short path, since sockets' names are limited.
        appendfsync: when what was written is on the disk.
        users: a file of users and their rights; None = everybody may do everything.
        listen: an address, ``HOST:PORT``, at which it can be reached besides its socket.
        also: other settings of the program, by their names.
    """

    def __init__(
        self,
        folder: Path,
        *,
        appendfsync: Literal["always", "everysec"] = "always",
        users: Path | None = None,
        listen: str = "",
        also: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._users = users
        self._listen = listen
        self._also = also
        self._folder = folder
        self._appendfsync = appendfsync
        self._process: subprocess.Popen[bytes] | None = None
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}"

    def start(self) -> None:
        """Start it; returns when it takes connections.

        Raises:
            RuntimeError: it is not installed, or does not start.
        """
        found = program()
        if found is None:
            raise RuntimeError(f"{PROGRAM} is not installed")
        self.socket.unlink(missing_ok=True)
        arguments = {
            "port": "0",
            "unixsocket": str(self.socket),
            "dir": str(self._folder),
            "appendonly": "yes",
            "appendfsync": self._appendfsync,
            "save": "",
            "loglevel": "warning",
            "logfile": str(self._folder / "redis.log"),
        }
        if self._users is not None:
            arguments["aclfile"] = str(self._users)
        if self._listen:
            host, _, port = self._listen.rpartition(":")
            arguments |= {"bind": host, "port": port, "protected-mode": "no"}
        arguments |= self._also
        command = [found, *(part for name, value in arguments.items() for part in (f"--{name}", value))]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - ours
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{PROGRAM} did not start; its log is in {self._folder}")
            time.sleep(0.01)

    @property
    def pid(self) -> int:
        assert self._process is not None, "it was not started"
        return self._process.pid

    def kill(self) -> None:
        """End it without a warning."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order; harmless to repeat."""
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """Let it do nothing; connections stay."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it work again."""
        os.kill(self.pid, signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(number)
            process.send_signal(signal.SIGCONT)
            process.wait()

    def empty(self) -> None:
        """Forget everything."""
        assert self._ask(b"FLUSHALL\r\n").startswith(b"+OK")

    def _answers(self) -> bool:
        try:
            return self._ask(b"PING\r\n").startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False

    def _ask(self, command: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.socket))
            connection.sendall(command)
            return connection.recv(64)
