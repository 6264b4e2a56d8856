"""A Lean REPL in a sandbox: one JSON object for each command in, one for what came of it out.

The protocol is that of leanprover-community/repl in command mode: ``{"cmd", "env"}``, answered with ``env``,
``messages`` and ``sorries``, or with ``message`` where the command could not be taken at all.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import cast

from assay_sandbox.protocol import Backend, Exec, Launch, Limits, Outcome, Running
from assay_sandbox.suites.talking import connected, outcome_within

PROGRAM = "lean-repl"
"""Looked up on the sandbox's search path: the REPL, or a script that starts it where the libraries are."""

_FOREVER_MS = 10**9
_MIB = 1 << 20
_LONGEST_ANSWER = 16 * _MIB
_CHUNK = 1 << 16
_END_SECONDS = 5.0


class ReplEnded(Exception):
    """The REPL is ``gone``, or says what is no answer."""

    def __init__(self, message: str, *, gone: bool = False) -> None:
        super().__init__(message)
        self.gone = gone


@dataclass(frozen=True, slots=True)
class Message:
    """What Lean says about a command."""

    severity: str
    text: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a command.

    Attributes:
        env: the environment after it; -1 where the command could not be taken.
        gaps: how many times it says ``sorry``.
    """

    env: int
    messages: tuple[Message, ...] = ()
    gaps: int = 0

    @property
    def error(self) -> str:
        """The first error; empty where there is none."""
        return next((one.text or "error" for one in self.messages if one.severity == "error"), "")


def encode_command(command: str, env: int | None) -> bytes:
    """A command as a line, with the blank line that ends it."""
    said: dict[str, str | int] = {"cmd": command}
    if env is not None:
        said["env"] = env
    return json.dumps(said).encode() + b"\n\n"


def decode_reply(said: object) -> Reply:
    """What an object of the REPL says. Raises ReplEnded where it is no answer."""
    if not isinstance(said, dict):
        raise ReplEnded("its answer is no object")
    fields = cast("dict[str, object]", said)
    env, listed, gaps = fields.get("env"), fields.get("messages", []), fields.get("sorries", [])
    if isinstance(fields.get("message"), str):
        return Reply(-1, (Message("error", str(fields["message"])),))
    if not isinstance(env, int) or isinstance(env, bool) or not isinstance(listed, list) or not isinstance(gaps, list):
        raise ReplEnded("its answer has no environment, or messages and sorries that are no lists")
    messages = tuple(_message(one) for one in cast("list[object]", listed))
    return Reply(env, messages, len(cast("list[object]", gaps)))


def _message(said: object) -> Message:
    if not isinstance(said, dict):
        raise ReplEnded("a message of it is no object")
    fields = cast("dict[str, object]", said)
    severity, text = fields.get("severity"), fields.get("data")
    if not isinstance(severity, str) or not isinstance(text, str):
        raise ReplEnded("a message of it has no severity or text")
    return Message(severity, text)


class Repl:
    """One REPL. Made by :meth:`opened`; used for one command at a time."""

    def __init__(self, running: Running, end: socket.socket, stack: AsyncExitStack) -> None:
        self._running = running
        self._end = end
        self._stack = stack

    @classmethod
    async def opened(cls, backend: Backend, memory_bytes: int, argv: Sequence[str] = (PROGRAM,)) -> Repl:
        """Start one. Raises WorkerLost, SandboxUnavailable."""
        limits = Limits(_FOREVER_MS, _FOREVER_MS, memory_bytes, 256, 64 * _MIB)
        stack = AsyncExitStack()
        launch = Launch(Exec(tuple(argv)), limits, stdio_on_channel=True)
        running, end = await stack.enter_async_context(connected(backend, launch))
        end.setblocking(False)
        return cls(running, end, stack)

    async def ask(self, command: str, env: int | None = None) -> Reply:
        """What comes of a command. Raises ReplEnded."""
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_sendall(self._end, encode_command(command, env))
            return decode_reply(await self._heard(loop))
        except OSError as error:
            raise ReplEnded("it is gone", gone=True) from error

    async def _heard(self, loop: asyncio.AbstractEventLoop) -> object:
        heard = bytearray()
        while len(heard) <= _LONGEST_ANSWER:
            chunk = await loop.sock_recv(self._end, _CHUNK)
            if not chunk:
                raise ReplEnded("it ended", gone=True)
            heard += chunk
            if chunk.rstrip().endswith(b"}") or (not chunk.strip() and heard.strip()):
                try:
                    return cast("object", json.loads(heard))
                except RecursionError as error:
                    raise ReplEnded("its answer is nested too deep") from error
                except ValueError:
                    continue  # an object within the answer ended with the chunk
        raise ReplEnded("its answer is too long")

    async def ending(self) -> Outcome | None:
        """How it ended, if it did. Raises WorkerLost."""
        return await outcome_within(self._running, _END_SECONDS)

    async def cpu_ms(self) -> float:
        """CPU time until now. Raises WorkerLost."""
        return await self._running.cpu_ms()

    async def close(self) -> None:
        """End it; may be called more than once."""
        self._end.close()
        await self._stack.aclose()
