"""A fleet of real processes: servers and workers on one Redis, to be killed, paused and started again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Literal, Self

from assay_server.store.redis.private_server import PrivateRedis

_ASSAY = "import sys; from assay_server.cli import main; sys.exit(main())"
_START_SECONDS = 60.0
GRACE_SECONDS = 60.0
"""As much as the pods of deploy/ have."""


@dataclass
class Member:
    """One server or worker, or the place of one.

    Attributes:
        address: where it listens, whichever process that is; empty for a worker.
        log: what its processes said, one event a line.
        lives: how many processes there have been.
        serves: whether one is there and takes calls or jobs.
        within: the command that starts it where it shall be; empty = here.
        store: its way to Redis; empty = that of all.
    """

    role: Literal["serve", "work"]
    address: str = ""
    within: Sequence[str] = ()
    store: str = ""
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
    """Servers that share a Redis and a folder, and workers that judge their programs; use it as a context manager.

    Args:
        workers: how many; without any, no program is judged.
        also: other settings of all of them.
    """

    def __init__(
        self,
        redis: PrivateRedis,
        folder: Path,
        count: int,
        *,
        workers: int = 0,
        lease_seconds: float = 1.5,
        also: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.redis = redis
        self.token = folder / "token"
        self.replicas = [Member("serve", f"127.0.0.1:{port}") for port in _free_ports(count)]
        self.workers = [Member("work") for _ in range(workers)]
        self._environment = {
            **os.environ,
            "ASSAY_HTTP_LISTEN": "",
            "ASSAY_STORE": redis.url,
            "ASSAY_RECORDS": str(folder / "records"),
            "ASSAY_TOKEN_FILE": str(self.token),
            "ASSAY_LEASE_SECONDS": str(lease_seconds),
            "ASSAY_CPU_WORKERS": "1",
            "ASSAY_SANDBOX_SLOTS": "2",
            "ASSAY_JOB_IDLE_SECONDS": "1.0",
            **also,
        }

    @property
    def members(self) -> list[Member]:
        """Servers and workers."""
        return [*self.replicas, *self.workers]

    @property
    def target(self) -> str:
        """All addresses, as a client takes them."""
        return ",".join(replica.address for replica in self.replicas)

    async def __aenter__(self) -> Self:
        self.token.write_text("the key of the tests")
        self.token.chmod(0o600)
        await asyncio.gather(*(self.start(member) for member in self.members))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await asyncio.gather(*(self.kill(member) for member in self.members))

    async def start(self, member: Member) -> None:
        """Start a server or worker in its place; returns when it works."""
        own = {"ASSAY_SANDBOX": "workers" if self.workers else "none"} if member.role == "serve" else {}
        own |= {"ASSAY_STORE": member.store} if member.store else {}
        member.process = await asyncio.create_subprocess_exec(
            *member.within,
            sys.executable,
            "-c",
            _ASSAY,
            "serve" if member.role == "serve" else "worker",
            env={**self._environment, **own, "ASSAY_LISTEN": member.address},
            stderr=asyncio.subprocess.PIPE,
        )
        member.lives += 1
        serving = asyncio.Event()
        member.reader = asyncio.create_task(_read(member, member.process, serving))
        ended = asyncio.create_task(member.process.wait())
        started = asyncio.create_task(serving.wait())
        async with asyncio.timeout(_START_SECONDS):
            await asyncio.wait((started, ended), return_when=asyncio.FIRST_COMPLETED)
        started.cancel()
        ended.cancel()
        member.serves = serving.is_set()
        assert member.serves, f"it did not start: {member.log[-5:]}"

    async def kill(self, member: Member) -> None:
        """End it without a warning."""
        process, member.process, member.serves = member.process, None, False
        if process is None:
            return
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
            process.send_signal(signal.SIGCONT)
        await process.wait()
        assert member.reader is not None
        await member.reader

    async def replace(self, member: Member) -> int:
        """End it as an orchestrator does, with time to drain, and start another in its place; its exit code."""
        process, member.serves = member.process, False
        assert process is not None, "it does not run"
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(GRACE_SECONDS):
            code = await process.wait()
        assert member.reader is not None
        await member.reader
        await self.start(member)
        return code

    def pause(self, member: Member) -> None:
        """Let it do nothing; its connections stay."""
        os.kill(member.pid, signal.SIGSTOP)

    def go_on(self, member: Member) -> None:
        """Let it work again."""
        os.kill(member.pid, signal.SIGCONT)


async def _read(member: Member, process: asyncio.subprocess.Process, serving: asyncio.Event) -> None:
    assert process.stderr is not None
    async for line in process.stderr:
        try:
            event: dict[str, object] = json.loads(line)
        except ValueError:
            event = {"unlogged": line.decode(errors="replace")}
        member.log.append(event)
        if event.get("event") in {"serving", "working"}:
            serving.set()


def _free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports
