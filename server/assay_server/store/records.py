"""The record class on a directory that all replicas share: what rollouts say and what they were answered.

Every process appends to segments of its own, so nobody waits for anybody; what was written is named by a reference that
any process can follow. A reference is bytes: digest (16), segment (8), offset (8), size (4). Two references are of the
same content if their first 16 bytes are equal.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import struct
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .protocol import StoreUnavailable

OBJECTS = "objects"
"""The scope of what belongs to a tenant and to no run."""

REF_BYTES = 36
DIGEST_BYTES = 16

_SEGMENT_BYTES = 64 << 20
_OPEN_SEGMENTS = 256
_PLACE = struct.Struct(">8sQI")


class Ref(bytes):
    """A reference that is equal to another one of the same content, wherever that lies."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, bytes) and self[:DIGEST_BYTES] == other[:DIGEST_BYTES]

    def __hash__(self) -> int:
        return hash(self[:DIGEST_BYTES])


def size_of(ref: bytes) -> int:
    """How many bytes a reference stands for."""
    return int.from_bytes(ref[-4:], "big")


@dataclass(slots=True)
class _Segment:
    name: bytes
    descriptor: int
    size: int = 0


class Records:
    """The records of all runs below one folder.

    Args:
        folder: shared by all replicas; created if it is not there.
        segment_bytes: a segment that has grown beyond this is continued by another one.
    """

    def __init__(self, folder: Path, *, segment_bytes: int = _SEGMENT_BYTES) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._writing: dict[tuple[str, str], _Segment] = {}
        self._reading: dict[tuple[str, str, bytes], int] = {}
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="records-writer")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="records-reader")

    async def write(self, tenant: str, scope: str, payloads: Sequence[bytes]) -> list[bytes]:
        """Keep payloads; their references in order.

        Args:
            scope: the run they belong to.

        Raises:
            StoreUnavailable: the folder cannot be written.
        """
        if not payloads:
            return []
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._write, tenant, scope, payloads)

    async def read(self, tenant: str, scope: str, refs: Sequence[bytes]) -> list[bytes]:
        """What references stand for, in order.

        Raises:
            StoreUnavailable: a record is not there, or not what its reference says.
        """
        if not refs:
            return []
        return await asyncio.get_running_loop().run_in_executor(self._reader, self._read, tenant, scope, refs)

    async def read_held(self, tenant: str, scope: str, refs: Sequence[bytes]) -> list[bytes | None]:
        """What references stand for, in order; None where the segment was forgotten.

        Raises:
            StoreUnavailable: the folder is not there, or a record is not what its reference says.
        """
        if not refs:
            return []
        return await asyncio.get_running_loop().run_in_executor(self._reader, self._read_held, tenant, scope, refs)

    async def close(self) -> None:
        """Finish what was asked for and close the files."""
        for pool in (self._writer, self._reader):
            await asyncio.to_thread(pool.shutdown)
        for segment in self._writing.values():
            os.close(segment.descriptor)
        self._writing.clear()
        self.close_read()

    def close_read(self) -> None:
        """Close the files that were read, while none is; they are opened again when they are asked for."""
        for descriptor in self._reading.values():
            os.close(descriptor)
        self._reading.clear()

    async def sweep(self, ages: Mapping[str, float], default: float) -> int:
        """Forget segments that nothing was written to for so many seconds, by scope; how many they were."""
        return await asyncio.to_thread(self._sweep, {folder_name(scope): age for scope, age in ages.items()}, default)

    # ------------------------------------------------------------ on the threads

    def _sweep(self, ages: Mapping[str, float], default: float) -> int:
        now, gone = time.time(), 0
        for path in self._folder.glob("*/*/*.records"):
            try:
                if now - path.stat().st_mtime > ages.get(path.parent.name, default):
                    path.unlink()
                    gone += 1
            except FileNotFoundError:  # noqa: PERF203 - another process was sooner
                continue
        return gone

    def _write(self, tenant: str, scope: str, payloads: Sequence[bytes]) -> list[bytes]:
        try:
            segment = self._segment(tenant, scope)
            start, refs = segment.size, list[bytes]()
            for payload in payloads:
                digest = hashlib.blake2b(payload, digest_size=DIGEST_BYTES).digest()
                refs.append(Ref(digest + _PLACE.pack(segment.name, segment.size, len(payload))))
                segment.size += len(payload)
            try:
                _write_all(segment.descriptor, payloads)
            except OSError:
                segment.size = start
                self._drop(tenant, scope)  # half of it may be there: go on in another segment
                raise
        except OSError as error:
            raise StoreUnavailable(f"the records cannot be written: {error.strerror}") from error
        return refs

    def _segment(self, tenant: str, scope: str) -> _Segment:
        segment = self._writing.get((tenant, scope))
        if segment is not None and segment.size >= self._segment_bytes:
            self._drop(tenant, scope)
            segment = None
        if segment is None:
            while len(self._writing) >= _OPEN_SEGMENTS:
                self._drop(*next(iter(self._writing)))
            name = os.urandom(8)
            path = self._path(tenant, scope, name)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
            segment = self._writing[tenant, scope] = _Segment(name, descriptor)
        return segment

    def _drop(self, tenant: str, scope: str) -> None:
        os.close(self._writing.pop((tenant, scope)).descriptor)

    def _read(self, tenant: str, scope: str, refs: Sequence[bytes]) -> list[bytes]:
        try:
            return [self._read_one(tenant, scope, ref) for ref in refs]
        except OSError as error:
            raise StoreUnavailable(f"a record cannot be read: {error.strerror}") from error

    def _read_held(self, tenant: str, scope: str, refs: Sequence[bytes]) -> list[bytes | None]:
        try:
            return [self._read_one_held(tenant, scope, ref) for ref in refs]
        except OSError as error:
            raise StoreUnavailable(f"a record cannot be read: {error.strerror}") from error

    def _read_one_held(self, tenant: str, scope: str, ref: bytes) -> bytes | None:
        try:
            return self._read_one(tenant, scope, ref)
        except FileNotFoundError:
            if not self._folder.is_dir():
                raise
            return None

    def _read_one(self, tenant: str, scope: str, ref: bytes) -> bytes:
        name, offset, size = _PLACE.unpack(ref[DIGEST_BYTES:])
        if not size:
            return b""
        content = os.pread(self._descriptor(tenant, scope, name), size, offset)
        if hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest() != ref[:DIGEST_BYTES]:
            raise StoreUnavailable(f"a record is damaged: {len(content)} of {size} bytes are there")
        return content

    def _descriptor(self, tenant: str, scope: str, name: bytes) -> int:
        place = (tenant, scope, name)
        known = self._reading.get(place)
        if known is None:
            known = os.open(self._path(tenant, scope, name), os.O_RDONLY | os.O_CLOEXEC)
            while len(self._reading) >= _OPEN_SEGMENTS:
                os.close(self._reading.pop(next(iter(self._reading))))
            self._reading[place] = known
        return known

    def _path(self, tenant: str, scope: str, name: bytes) -> Path:
        return self._folder / folder_name(tenant) / folder_name(scope) / f"{name.hex()}.records"


def folder_name(text: str) -> str:
    """A file name for any text: what can be read of it, and its digest."""
    readable = "".join(character if character.isascii() and character.isalnum() else "-" for character in text[:40])
    return f"{readable}.{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}"


def _write_all(descriptor: int, payloads: Sequence[bytes]) -> None:
    rest = memoryview(b"".join(payloads))
    while rest:
        rest = rest[os.write(descriptor, rest) :]
