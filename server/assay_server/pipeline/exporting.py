"""Stored rollouts of a run as one file, part by part: in a stable order, in bounded memory."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from assay.sdk.samples import Json
from assay.v1 import rollout_pb2
from assay_server.execution.parquet import ParquetFailed, ParquetUnavailable, require_parquet, write_parquet
from assay_server.pipeline.assembly import assemble
from assay_server.pipeline.export_rows import (
    COLUMNS,
    GROUPED,
    ExportFilter,
    Kind,
    Row,
    Scored,
    export_filter,
    line_of,
    rows_of,
)
from assay_server.pipeline.facts import read_facts
from assay_server.pipeline.failures import Code, Failure, invalid_field
from assay_server.pipeline.policies import refusals
from assay_server.pipeline.scoring import Tasks
from assay_server.store.protocol import EmittedGroup, RunKey, Store, StoredRollout

_PAGE_ROLLOUTS = 64
_PAGE_BYTES = 16 << 20
_PAGE_GROUPS = 16
_CHUNK_BYTES = 1 << 20
_MOST_SPOOLED = 8 << 30


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of the file, and how many rollouts were read for them."""

    chunk: bytes
    rollouts: int


class Exporter:
    """Exports of one run.

    Args:
        kind: ``rollouts`` (also where empty), ``sft``, ``pairs``, ``ranked`` or ``judge``.

    Raises:
        Failure: INVALID_ARGUMENT for an unknown kind or a filter that makes no sense.
    """

    def __init__(self, store: Store, tasks: Tasks, key: RunKey, kind: str, where: Mapping[str, Json]) -> None:
        kind = kind or "rollouts"
        if kind not in get_args(Kind):
            raise invalid_field("kind", f"expected one of {', '.join(get_args(Kind))}, got {kind[:80]!r}")
        with refusals("filter", "filter", "INVALID_ARGUMENT"):
            self._wanted: ExportFilter = export_filter(kind, where)
        self._store = store
        self._tasks = tasks
        self._key = key
        self._kind: Kind = cast("Kind", kind)

    async def json_lines(self) -> AsyncGenerator[Part]:
        """A JSON object a line."""
        pieces: list[bytes] = []
        size = count = 0
        async with aclosing(self._units()) as units:
            async for unit in units:
                lines = await asyncio.to_thread(self._lines, unit)
                pieces.append(lines)
                size += len(lines)
                count += sum(map(len, unit))
                if size >= _CHUNK_BYTES:
                    for chunk in _cut(b"".join(pieces)):
                        yield Part(chunk, count)
                        count = 0
                    pieces, size = [], 0
        for chunk in _cut(b"".join(pieces)):
            yield Part(chunk, count)
            count = 0

    async def parquet(self) -> AsyncGenerator[Part]:
        """A Parquet file. Its rows pass through a folder of the server, so that memory does not grow with them.

        Raises:
            Failure: FAILED_PRECONDITION, PARQUET_UNAVAILABLE; RESOURCE_EXHAUSTED, EXPORT_TOO_LARGE.
        """
        try:
            require_parquet()
        except ParquetUnavailable as error:
            message = f"{error}; ask for JSON Lines, which need nothing"
            raise Failure(Code.FAILED_PRECONDITION, "PARQUET_UNAVAILABLE", message) from error
        with tempfile.TemporaryDirectory(prefix="assay-export-") as folder:
            lines, target = Path(folder) / "rows.jsonl", Path(folder) / "rows.parquet"
            rollouts = await self._spool(lines)
            try:
                await asyncio.to_thread(write_parquet, lines, target, COLUMNS[self._kind])
            except ParquetFailed as error:
                raise _too_large(str(error)) from error
            lines.unlink()
            with target.open("rb") as file:
                while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
                    yield Part(chunk, rollouts)
                    rollouts = 0

    async def _spool(self, path: Path) -> int:
        rollouts = written = 0
        with path.open("wb") as file:
            async with aclosing(self.json_lines()) as parts:
                async for part in parts:
                    written += await asyncio.to_thread(file.write, part.chunk)
                    rollouts += part.rollouts
                    if written > _MOST_SPOOLED:
                        raise _too_large(f"more than {_MOST_SPOOLED >> 30} GiB of rows")
        return rollouts

    def _lines(self, unit: Sequence[Sequence[Scored]]) -> bytes:
        rows: Iterator[Row] = (row for members in unit for row in rows_of(self._kind, members, self._wanted))
        return b"".join(map(line_of, rows))

    # ------------------------------------------------------------ reading

    async def _units(self) -> AsyncGenerator[list[list[Scored]]]:
        """Some rollouts at a time: in order of acceptance, or the members of some groups as these finished."""
        if self._kind not in GROUPED:
            async with aclosing(self._rollout_pages()) as pages:
                async for page in pages:
                    yield [await self._scored(page)]
            return
        groups: list[EmittedGroup] = []
        aside: dict[str, int] = {}
        async for group in self._store.scan_emitted(self._key):
            groups.append(group)
            if len(groups) == _PAGE_GROUPS:
                aside |= await self._put_aside(groups)
                groups = []
        aside |= await self._put_aside(groups)
        async for members in self._members_put_aside(aside):
            yield [await self._scored(members)]
        groups = []
        async for group in self._store.scan_emitted(self._key):
            if group.group_id not in aside:
                groups.append(group)
            if len(groups) == _PAGE_GROUPS:
                yield await self._members(groups)
                groups = []
        yield await self._members(groups)

    async def _rollout_pages(self) -> AsyncGenerator[list[StoredRollout]]:
        page: list[StoredRollout] = []
        size = 0
        async for stored in self._store.scan_rollouts(self._key):
            page.append(stored)
            size += len(stored.payload) + sum(map(len, stored.steps))
            if len(page) == _PAGE_ROLLOUTS or size > _PAGE_BYTES:
                yield page
                page, size = [], 0
        if page:
            yield page

    async def _put_aside(self, groups: Sequence[EmittedGroup]) -> dict[str, int]:
        """Those of the groups that the store has no record of any more, with the number of their members."""
        records = await self._store.get_groups(self._key, [group.group_id for group in groups])
        return {
            group.group_id: len(read_facts(group.facts).rollout_ids)
            for group, record in zip(groups, records, strict=True)
            if record is None
        }

    async def _members_put_aside(self, sizes: Mapping[str, int]) -> AsyncGenerator[list[StoredRollout]]:
        """The members of groups that were put aside, which lie next to each other."""
        waiting: dict[str, list[StoredRollout]] = {}
        left = len(sizes)
        if not left:
            return
        async for stored in self._store.scan_rollouts(self._key):
            if stored.late or stored.group_id not in sizes:
                continue
            members = waiting.setdefault(stored.group_id, [])
            members.append(stored)
            if len(members) == sizes[stored.group_id]:
                yield waiting.pop(stored.group_id)
                left -= 1
                if not left:
                    return

    async def _members(self, groups: Sequence[EmittedGroup]) -> list[list[Scored]]:
        wanted = [(group.group_id, ()) for group in groups]
        return [await self._scored(members) for members in await self._store.read_groups(self._key, wanted)]

    async def _scored(self, stored: Sequence[StoredRollout]) -> list[Scored]:
        answered = [(assemble(one), one.result) for one in stored if one.result is not None]
        if self._kind != "judge":
            return [Scored(rollout, rollout_pb2.SampleResult.FromString(result)) for rollout, result in answered]
        digests = [rollout.task_digest for rollout, _ in answered if rollout.task_digest]
        await self._tasks.load(self._key.tenant, digests)
        return [
            Scored(rollout, rollout_pb2.SampleResult.FromString(result), self._task(rollout.task_digest))
            for rollout, result in answered
        ]

    def _task(self, digest: str) -> rollout_pb2.Task | None:
        return self._tasks.find(self._key.tenant, digest) if digest else None


def _cut(data: bytes) -> Iterator[bytes]:
    """Parts of a few MiB at most: a row may be large."""
    view = memoryview(data)
    return (bytes(view[start : start + 4 * _CHUNK_BYTES]) for start in range(0, len(data), 4 * _CHUNK_BYTES))


def _too_large(what: str) -> Failure:
    message = f"{what}; choose fewer rollouts by filter_json, or ask for JSON Lines"
    return Failure(Code.RESOURCE_EXHAUSTED, "EXPORT_TOO_LARGE", message, retryable=False)
