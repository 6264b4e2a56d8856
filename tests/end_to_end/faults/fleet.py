"""A fleet of real processes: servers on one Redis, to be killed, paused and started again at the same addresses."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from assay_server.store.redis.private_server import PrivateRedis

_ASSAY = "import sys; from assay_server.cli import main; sys.exit(main())"
_START_SECONDS = 60.0
_STARTS = 5


@dataclass
class Replica:
    """One server, or the place of one.

    Attributes:
        address: where it listens, whichever process that is.
        log: what its processes said, one event a line.
        lives: how many processes there have been.
        serves: whether one is there and takes calls.
    """

    address: str
    log: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    lives: int = 0
    serves: bool = False
    process: asyncio.subprocess.Process | None = None
    reader: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None, "it does not run"
        return self.process.pid

    def errors(self) -> list[dict[str, object]]:
        """What it logged as an error."""
        return [event for event in self.log if event.get("level") in {"error", "critical"}]


class Fleet:
    """Servers that share a Redis and a folder; use it as a context manager."""

    def __init__(self, redis: PrivateRedis, folder: Path, count: int, *, lease_seconds: float = 1.5) -> None:
        self.redis = redis
        self.token = folder / "token"
        self.replicas = [Replica(f"127.0.0.1:{port}") for port in _free_ports(count)]
        self._environment = {
            **os.environ,
            "ASSAY_HTTP_LISTEN": "",
            "ASSAY_STORE": redis.url,
            "ASSAY_RECORDS": str(folder / "records"),
            "ASSAY_TOKEN_FILE": str(self.token),
            "ASSAY_LEASE_SECONDS": str(lease_seconds),
            "ASSAY_CPU_WORKERS": "1",
        }

    @property
    def target(self) -> str:
        """All addresses, as a client takes them."""
        return ",".join(replica.address for replica in self.replicas)

    async def __aenter__(self) -> Self:
        self.token.write_text("the key of the tests")
        self.token.chmod(0o600)
        await asyncio.gather(*(self.start(replica) for replica in self.replicas))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await asyncio.gather(*(self.kill(replica) for replica in self.replicas))

    async def start(self, replica: Replica) -> None:
        """Start a server at its address; returns when it serves. One that found no Redis is started again, as by
        whoever looks after servers."""
        for _ in range(_STARTS):
            if await self._started(replica):
                return
        raise AssertionError(f"the server did not start: {replica.log[-5:]}")

    async def _started(self, replica: Replica) -> bool:
        replica.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _ASSAY,
            "serve",
            env={**self._environment, "ASSAY_LISTEN": replica.address},
            stderr=asyncio.subprocess.PIPE,
        )
        replica.lives += 1
        serving = asyncio.Event()
        replica.reader = asyncio.create_task(_read(replica, replica.process, serving))
        ended = asyncio.create_task(replica.process.wait())
        started = asyncio.create_task(serving.wait())
        async with asyncio.timeout(_START_SECONDS):
            await asyncio.wait((started, ended), return_when=asyncio.FIRST_COMPLETED)
        started.cancel()
        ended.cancel()
        replica.serves = serving.is_set()
        return replica.serves

    async def kill(self, replica: Replica) -> None:
        """End it without a warning."""
        process, replica.process, replica.serves = replica.process, None, False
        if process is None:
            return
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
            process.send_signal(signal.SIGCONT)
        await process.wait()
        assert replica.reader is not None
        await replica.reader

    def pause(self, replica: Replica) -> None:
        """Let it do nothing; its connections stay."""
        os.kill(replica.pid, signal.SIGSTOP)

    def go_on(self, replica: Replica) -> None:
        """Let it work again."""
        os.kill(replica.pid, signal.SIGCONT)


async def _read(replica: Replica, process: asyncio.subprocess.Process, serving: asyncio.Event) -> None:
    assert process.stderr is not None
    async for line in process.stderr:
        try:
            event: dict[str, object] = json.loads(line)
        except ValueError:
            event = {"unlogged": line.decode(errors="replace")}
        replica.log.append(event)
        if event.get("event") == "serving":
            serving.set()


def _free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports
