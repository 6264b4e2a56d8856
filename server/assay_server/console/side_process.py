"""The server's side of the side process: starts it with the first question, asks one at a time, ends it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Mapping
from typing import Final, cast

from assay_server.console.frames import HEADER, MODULE, framed
from assay_server.console.opening import Source
from assay_server.execution.child_modules import start_module
from assay_server.pipeline.failures import Code, Failure

_MOST_WAITING: Final = 32
_ANSWER_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 5.0
_CODES: Final = {
    "NOT_FOUND": (Code.NOT_FOUND, "NOT_IN_RECORDS"),
    "INVALID_ARGUMENT": (Code.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
    "UNAVAILABLE": (Code.UNAVAILABLE, "RECORDS_UNAVAILABLE"),
}


class SideProcess:
    """Answers questions about the records in a process of its own.

    Args:
        source: where the records are; None where only the server's own process has them.
    """

    def __init__(self, source: Source | None) -> None:
        self._source = source
        self._asking = asyncio.Lock()
        self._waiting = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, question: str, tenant: str, arguments: Mapping[str, str]) -> bytes:
        """The answer's JSON.

        Raises:
            Failure: NOT_FOUND, INVALID_ARGUMENT; FAILED_PRECONDITION where there are no records to read;
                RESOURCE_EXHAUSTED where too many ask; UNAVAILABLE.
        """
        if self._source is None:
            message = "runs can be looked at where the store is a SQLite file or Redis; this server's is its own memory"
            raise Failure(Code.FAILED_PRECONDITION, "NO_RECORDS_FILE", message)
        if self._waiting >= _MOST_WAITING:
            raise Failure(Code.RESOURCE_EXHAUSTED, "TOO_MANY_QUESTIONS", "too many ask at once", retry_after=1.0)
        asked = json.dumps({"question": question, "tenant": tenant, "arguments": dict(arguments)}).encode()
        self._waiting += 1
        try:
            # Who asks may leave; the answer is read all the same, or the next one would get it.
            return _unwrapped(await asyncio.shield(asyncio.create_task(self._in_turn(asked), name="console question")))
        finally:
            self._waiting -= 1

    async def warm(self) -> None:
        """Start the process, so that the first question does not wait for that."""
        if self._source is not None and self._streams is None and not self._asking.locked():
            async with self._asking:
                await self._opened()

    async def stop(self) -> None:
        """End the process, whatever it is at."""
        self._source = None
        if self._process is not None:
            self._process.terminate()
        async with self._asking:
            await self._end()

    async def _in_turn(self, question: bytes) -> bytes:
        async with self._asking:
            return await self._asked(question)

    async def _asked(self, question: bytes) -> bytes:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                reader, writer = await self._opened()
                writer.write(framed(question))
                await writer.drain()
                (length,) = HEADER.unpack(await reader.readexactly(HEADER.size))
                return await reader.readexactly(length)
        except (OSError, EOFError, TimeoutError) as error:
            await self._end()
            message = "the records could not be read in time" if isinstance(error, TimeoutError) else "try again"
            raise Failure(Code.UNAVAILABLE, "RECORDS_UNAVAILABLE", message, retry_after=1.0) from error

    async def _opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._source is None:
            raise EOFError
        if self._streams is None:
            # Not by arguments or environment, which others on the machine may see: it may hold a password.
            opening = framed(_opening(self._source))
            self._process, ours = start_module(MODULE)
            self._streams = await asyncio.open_connection(sock=ours)
            self._streams[1].write(opening)
        return self._streams

    async def _end(self) -> None:
        streams, self._streams = self._streams, None
        process, self._process = self._process, None
        if streams is not None:
            streams[1].close()
        if process is not None:
            process.terminate()
            try:
                await asyncio.to_thread(process.wait, _STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                await asyncio.to_thread(process.wait)


def _unwrapped(answer: bytes) -> bytes:
    head = b'{"answer": '
    if answer.startswith(head):
        return answer[len(head) : -1]
    said = cast("dict[str, str]", json.loads(answer))
    code, reason = _CODES[said["error"]]
    raise Failure(code, reason, said["message"])


def _opening(source: Source) -> bytes:
    folder = None if source.folder is None else str(source.folder)
    return json.dumps({"store": source.store, "records": folder, "cwd": os.getcwd()}).encode()
