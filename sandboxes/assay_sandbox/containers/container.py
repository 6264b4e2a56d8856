"""One container as the server holds it: a process of the docker command, whose pipes carry frames."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import assay_sandbox
from assay_sandbox.containers.frames import CONTROL, HEAD, LARGEST, frames
from assay_sandbox.descriptors import receive_descriptors
from assay_sandbox.namespaces.root import box_size
from assay_sandbox.namespaces.wire import HEAD as LAUNCH_HEAD
from assay_sandbox.protocol import MAX_CHANNELS, Limits, SandboxUnavailable

_AGENT = "import sys; sys.path.insert(0, '/opt/assay'); from assay_sandbox.containers.agent import main; main()"
_OWN_BYTES = 40 << 20
_OWN_PROCESSES = 8
_TEMPORARY_BYTES = 16 << 20
_READY_SECONDS = 60.0
# The agent and the supervisor give a run another user id, its files, and its end; the run itself has none of these.
_CAPABILITIES = ("SETUID", "SETGID", "KILL", "CHOWN", "DAC_OVERRIDE")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a container is made with and cannot be changed later."""

    memory_bytes: int
    pids: int
    file_bytes: int

    @classmethod
    def of(cls, limits: Limits) -> Bounds:
        """Those of a run."""
        return cls(limits.memory_bytes, limits.pids, limits.file_bytes)


def run_command(docker: Sequence[str], name: str, image: str, runtime: str, bounds: Bounds) -> list[str]:
    """The command that makes a container and stays with it."""
    memory = str(bounds.memory_bytes + _OWN_BYTES)
    package = Path(assay_sandbox.__file__).resolve().parent
    capabilities = [word for capability in _CAPABILITIES for word in ("--cap-add", capability)]
    box = f"/box:rw,exec,nosuid,nodev,mode=0755,{box_size(bounds.file_bytes)}"
    temporary = f"/tmp:rw,nosuid,nodev,{box_size(_TEMPORARY_BYTES)}"  # noqa: S108 - the container's own
    return [
        *docker, "run", "--rm", "--interactive", "--name", name, "--network", "none", "--read-only", "--ipc", "private",
        "--shm-size", "16m",
        "--cap-drop", "ALL", *capabilities, "--security-opt", "no-new-privileges", "--log-driver", "none",
        "--memory", memory, "--memory-swap", memory, "--pids-limit", str(bounds.pids + _OWN_PROCESSES),
        "--ulimit", "nofile=1024:1024", "--tmpfs", box, "--tmpfs", temporary,
        "--volume", f"{package}:/opt/assay/assay_sandbox:ro", "--workdir", "/", "--user", "0:0",
        *(["--runtime", runtime] if runtime else []), "--entrypoint", "python3", image, "-I", "-c", _AGENT,
    ]  # fmt: skip


class Container:
    """Made for one run, and waiting for it.

    Attributes:
        connection: the server's end of what :class:`assay_sandbox.namespaces.worker.Run` speaks.
    """

    def __init__(self, process: asyncio.subprocess.Process, connection: socket.socket, relayed: socket.socket) -> None:
        self.connection = connection
        self._process = process
        relayed.setblocking(False)
        self._relayed = relayed
        self._relay = asyncio.create_task(self._pass_on(), name="container relay")

    @classmethod
    async def start(cls, command: Sequence[str]) -> Container:
        """Make it; returns when it waits. Raises SandboxUnavailable, with what docker says."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            async with asyncio.timeout(_READY_SECONDS):
                await process.stdout.readexactly(len(frames(CONTROL, b"ready")))
        except (TimeoutError, asyncio.IncompleteReadError) as error:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            said = (await process.stderr.read()).decode(errors="replace").strip()
            await process.wait()
            raise SandboxUnavailable(
                f"docker does not give a container: {said[-500:] or 'it took too long'}"
            ) from error
        ours, theirs = socket.socketpair()
        return cls(process, ours, theirs)

    async def stop(self) -> None:
        """End it; returns when it is gone."""
        self.connection.close()
        self._relay.cancel()
        await asyncio.gather(self._relay, return_exceptions=True)
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(_READY_SECONDS):
                await self._process.communicate()
        except TimeoutError:
            self._process.kill()
            await self._process.communicate()

    async def _pass_on(self) -> None:
        channels: list[socket.socket] = []
        try:
            head, descriptors = await _first(self._relayed)
            channels = [socket.socket(fileno=fd) for fd in descriptors]
            await self._serve(head, channels)
        finally:
            self._relayed.close()
            for channel in channels:
                channel.close()

    async def _serve(self, head: bytes, channels: list[socket.socket]) -> None:
        writer = self._process.stdin
        assert writer is not None
        writer.write(frames(CONTROL, bytes([len(channels)])))
        writer.write(frames(CONTROL, head))
        sources = {CONTROL: self._relayed, **dict(enumerate(channels))}
        queues = {number: asyncio.Queue[bytes]() for number in sources}
        work: list[asyncio.Task[None]] = []
        for number, source in sources.items():
            source.setblocking(False)
            work.append(asyncio.create_task(_take(source, number, writer)))
            work.append(asyncio.create_task(_give(source, queues[number])))
        try:
            await self._read(queues)
            await asyncio.wait([work[1]])  # the supervisor's last word is delivered
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)

    async def _read(self, queues: dict[int, asyncio.Queue[bytes]]) -> None:
        """Until the container says nothing more."""
        reader = self._process.stdout
        assert reader is not None
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                number, size = HEAD.unpack(await reader.readexactly(HEAD.size))
                data = await reader.readexactly(size)
                queues[number].put_nowait(data)
                if number == CONTROL and not data:
                    return
        queues[CONTROL].put_nowait(b"")


async def _first(connection: socket.socket) -> tuple[bytes, list[int]]:
    """The head of a launch with the descriptors beside it; waits for it. Raises EOFError where none comes."""
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()
    loop.add_reader(connection, lambda: readable.done() or readable.set_result(None))
    try:
        await readable
    finally:
        loop.remove_reader(connection)
    head, descriptors = receive_descriptors(connection, LAUNCH_HEAD.size, MAX_CHANNELS)
    if not head:
        raise EOFError
    return head, descriptors


async def _take(source: socket.socket, number: int, writer: asyncio.StreamWriter) -> None:
    """What comes from a socket goes to the container."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(ConnectionError):
        data = b"-"
        while data:
            data = await loop.sock_recv(source, LARGEST)
            writer.write(frames(number, data))
            await writer.drain()


async def _give(target: socket.socket, waiting: asyncio.Queue[bytes]) -> None:
    """What comes from the container goes to a socket."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError):  # nobody listens any more
        while data := await waiting.get():
            await loop.sock_sendall(target, data)
        target.shutdown(socket.SHUT_WR)
