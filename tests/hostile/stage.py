"""What hostile programs go for: a file with a secret, a process, sockets; and whether they got it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_VICTIM = """
import ctypes, os, sys, time
secret = ctypes.create_string_buffer(sys.stdin.readline().strip().encode())
opened = open(sys.argv[1])
print(ctypes.addressof(secret), flush=True)
time.sleep(600)
"""
_SETTLE_SECONDS = 5.0


class Stage:
    """Everything is new for each program; a context manager.

    Attributes:
        secret: what no program may print.
    """

    def __init__(self, *, victim: bool = True) -> None:
        """``victim``: whether there is a process to go for; it takes a moment to start."""
        self.secret = secrets.token_hex(16)
        self.mark = f"hx{secrets.token_hex(6)}"
        self._holder = tempfile.TemporaryDirectory(prefix="stage-")
        self.folder = Path(self._holder.name)
        self._canary = self.folder / "file.canary"
        self._canary.write_text(self.secret)
        (self.folder / "open").mkdir()
        (self.folder / "run.neighbour").write_text(self.secret)
        self._before = self._files()
        self._sockets = self._listen()
        self._inherited = os.open(self._canary, os.O_RDONLY)
        os.set_inheritable(self._inherited, True)
        os.environ["CANARY"] = self.secret
        self._address = 0
        self._victim = self._start_victim() if victim else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del os.environ["CANARY"]
        os.close(self._inherited)
        for pid in self.survivors():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self._victim is not None:
            self._victim.kill()
            self._victim.communicate()
        for listener in self._sockets.values():
            listener.close()
        for place in self._places_outside():
            place.unlink(missing_ok=True)
        self._holder.cleanup()

    def knowledge(self) -> bytes:
        """What a program is told on its standard input: an attacker knows where things are."""
        known = {
            "canary": str(self._canary),
            "folder": str(self.folder / "open"),
            "mark": self.mark,
            "victim": self._victim.pid if self._victim else 0,
            "address": self._address,
            "tcp": self._sockets["tcp"].getsockname()[1],
            "udp": self._sockets["udp"].getsockname()[1],
            "unix": str(self.folder / "socket"),
            "abstract": f"{self.mark}-stream",
            "datagram": f"{self.mark}-datagram",
        }
        return json.dumps(known).encode() + b"\n"

    def wrote(self) -> bool:
        """Whether a file was changed or made."""
        changed = self._canary.read_text() != self.secret or self._files() != self._before
        return changed or any(place.exists() for place in self._places_outside())

    def contacted(self) -> bool:
        """Whether one of the sockets heard of somebody."""
        for name, listener in self._sockets.items():
            with contextlib.suppress(BlockingIOError):
                if name in ("udp", "datagram"):
                    return bool(listener.recv(100))
                listener.accept()[0].close()
                return True
        return False

    def victim_suffered(self) -> bool:
        """Whether the process was ended or stopped."""
        assert self._victim is not None
        if self._victim.poll() is not None:
            return True
        state = Path(f"/proc/{self._victim.pid}/stat").read_text().rpartition(") ")[2][0]
        return state in "Tt"

    def survivors(self) -> list[int]:
        """Processes of the machine that carry the mark as their name."""
        found: list[int] = []
        for entry in os.listdir("/proc"):
            with contextlib.suppress(OSError):
                if entry.isdecimal() and Path(f"/proc/{entry}/comm").read_text().strip() == self.mark:
                    found.append(int(entry))
        return found

    def wait_for_ends(self) -> None:
        """Until no process carries the mark, but not for long: one that was killed takes a moment to be gone."""
        end = time.monotonic() + _SETTLE_SECONDS
        while self.survivors() and time.monotonic() < end:
            time.sleep(0.02)

    def _start_victim(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _VICTIM, self._canary],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=self.folder,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(self.secret + "\n")
        process.stdin.flush()
        self._address = int(process.stdout.readline())
        return process

    def _files(self) -> set[Path]:
        return set((self.folder / "open").rglob("*"))

    def _places_outside(self) -> list[Path]:
        return [Path(tempfile.gettempdir()) / self.mark, Path("/dev/shm") / self.mark]

    def _listen(self) -> dict[str, socket.socket]:
        made = {
            "tcp": socket.create_server(("127.0.0.1", 0)),
            "udp": socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
            "unix": socket.socket(socket.AF_UNIX),
            "abstract": socket.socket(socket.AF_UNIX),
            "datagram": socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
        }
        made["udp"].bind(("127.0.0.1", 0))
        made["unix"].bind(str(self.folder / "socket"))
        made["abstract"].bind(f"\0{self.mark}-stream")
        made["datagram"].bind(f"\0{self.mark}-datagram")
        for name, listener in made.items():
            if name in ("unix", "abstract"):
                listener.listen()
            listener.setblocking(False)
        return made
