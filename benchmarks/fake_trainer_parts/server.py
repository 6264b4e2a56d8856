"""The server under the fake trainer."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from assay import Client

_HUNTING_SECONDS = 30.0
_PAUSE_SECONDS = 0.003


class Server:
    """`assay serve` on one port and one SQLite file, to be killed and started again."""

    def __init__(self, directory: Path) -> None:
        self._environment = {**os.environ, "ASSAY_TOKEN_FILE": str(directory / "token")}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self._store = directory / "assay.db"
        self.log = directory / "server.log"
        self.start()

    def start(self) -> None:
        """Start it and wait until it serves."""
        command = [str(Path(sys.executable).parent / "assay"), "serve", "--listen", self.address]
        command += ["--http-listen", "", "--store", f"sqlite:{self._store}"]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(command, stderr=log, env=self._environment)
        with Client(self.address) as client:
            client.wait_ready(60.0)

    def kill_at_work(self) -> int:
        """End it without a warning when it has accepted rollouts that it has not answered; how many.

        It is halted and looked at until that is so: what is found then is what it dies with.
        """
        deadline = time.monotonic() + _HUNTING_SECONDS
        while True:
            self.process.send_signal(signal.SIGSTOP)
            os.waitpid(self.process.pid, os.WUNTRACED)  # it has stopped
            unanswered = self._unanswered()
            if unanswered or time.monotonic() > deadline:
                self.process.kill()
                self.process.wait()
                return unanswered
            self.process.send_signal(signal.SIGCONT)
            time.sleep(_PAUSE_SECONDS)

    def _unanswered(self) -> int:
        with closing(sqlite3.connect(f"file:{self._store}?mode=ro", uri=True)) as connection:
            query = "SELECT count(*) FROM rollouts WHERE result IS NULL AND frozen IS NOT NULL"
            return int(connection.execute(query).fetchone()[0])

    def stop(self) -> int:
        """Drain it; its exit code."""
        self.process.terminate()
        return self.process.wait(60)
