"""Upkeep of what a fleet keeps, also while its servers work: what is there, runs taken out, folders without a run."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from assay_server.store.protocol import RunRecord, StoreUnavailable
from assay_server.store.records import OBJECTS, folder_name

from . import scripts
from .connection import Server
from .keys import RUNS_PATTERN, run_keys, runs_key, tenant_of
from .reading import RunReader

_SHARED_SCOPES = frozenset({folder_name(OBJECTS), folder_name("jobs")})
_PAGE = 500


@dataclass(frozen=True, slots=True)
class HeldRun:
    """A run of a fleet.

    Attributes:
        rollouts: that it has accepted.
        payload_bytes: of its files among the records.
        owed: results that a consumer has not acknowledged, and rollouts that have no answer.
        last_active: when something was last written of it, or its newest group began where its files are gone,
            seconds of the epoch; None where neither is known.
        expired: Redis has forgotten it, as it does with runs that no server has had for eight days.
        used_by: servers that hold a lease on it now.
    """

    tenant: str
    run_id: str
    rollouts: int = 0
    payload_bytes: int = 0
    owed: int = 0
    last_active: float | None = None
    expired: bool = False
    used_by: int = 0


@dataclass(frozen=True, slots=True)
class Orphans:
    """Files among the records that no run of the fleet has."""

    files: Sequence[Path]
    payload_bytes: int


class FleetUpkeep:
    """What can be done to a fleet's store; of the keys and files of living runs it writes nothing."""

    def __init__(self, server: Server, folder: Path) -> None:
        self._server = server
        self._folder = folder

    async def held_runs(self) -> list[HeldRun]:
        """The runs of all tenants, as they were created. StoreUnavailable."""
        return [await self._held(tenant, run_id) for tenant, run_id in await self._run_ids()]

    async def remove_run(self, run: HeldRun) -> bool:
        """Take a run out with all of its keys and files; False where a server works on it. StoreUnavailable.

        Tasks and blobs stay: they are the tenant's.
        """
        keys = run_keys(run.tenant, run.run_id)
        names = (keys.head, keys.log, keys.snapshot, keys.record, runs_key(run.tenant))
        if not await self._server.script(scripts.REMOVE_RUN, names, run.run_id):
            return False
        _remove(self._files(run.tenant, run.run_id))
        return True

    async def orphans(self, older_than_seconds: float) -> Orphans:
        """Files of no run to which nothing was written for so long. StoreUnavailable."""
        found = [path for path in self._folder.glob("*/*/*.records") if path.parent.name not in _SHARED_SCOPES]
        known = {(folder_name(tenant), folder_name(run_id)) for tenant, run_id in await self._run_ids()}
        before = time.time() - older_than_seconds
        sizes: dict[Path, int] = {}
        for path in found:
            if (path.parent.parent.name, path.parent.name) in known:
                continue
            with contextlib.suppress(FileNotFoundError):  # a server's sweep was sooner
                status = path.stat()
                if status.st_mtime < before:
                    sizes[path] = status.st_size
        return Orphans(list(sizes), sum(sizes.values()))

    def remove_files(self, orphans: Orphans) -> None:
        """Take files out. OSError."""
        _remove(orphans.files)

    async def _run_ids(self) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        cursor = b"0"
        names: set[str] = set()
        while True:
            cursor, page = cast(
                "tuple[bytes, list[bytes]]",
                await self._server.command("SCAN", cursor, "MATCH", RUNS_PATTERN, "COUNT", _PAGE),
            )
            names |= {name.decode() for name in page}
            if int(cursor) == 0:
                break
        for name in sorted(names):
            members = cast("list[bytes]", await self._server.command("ZRANGE", name, 0, -1))
            found += [(tenant_of(name), member.decode()) for member in members]
        return found

    async def _held(self, tenant: str, run_id: str) -> HeldRun:
        keys = run_keys(tenant, run_id)
        digest, spec = cast(
            "Sequence[bytes | None]", await self._server.command("HMGET", keys.record, "digest", "spec")
        )
        sizes = _sizes(self._files(tenant, run_id))
        size, written = sum(size for size, _ in sizes.values()), max((at for _, at in sizes.values()), default=None)
        if digest is None or spec is None:
            return HeldRun(tenant, run_id, 0, size, 0, written, expired=True)
        reader = RunReader(self._server, RunRecord(tenant, run_id, 1, digest.decode(), spec))
        await reader.catch_up()
        run = reader.state.run
        unanswered = sum(rollout.stored().result is None for rollout in run.rollouts.values())
        owed = unanswered + sum(len(box.entries) for box in run.outboxes.values())
        if written is None:
            written = max((group.counts.first_at for group in run.groups.values()), default=None)
        used_by = cast("int", await self._server.script(scripts.LEASES, (keys.head,)))
        return HeldRun(tenant, run_id, run.positions, size, owed, written, used_by=used_by)

    def _files(self, tenant: str, run_id: str) -> list[Path]:
        return list((self._folder / folder_name(tenant) / folder_name(run_id)).glob("*.records"))


@asynccontextmanager
async def fleet(url: str, folder: Path) -> AsyncGenerator[FleetUpkeep]:
    """The store of a fleet. Raises StoreUnavailable."""
    if not await asyncio.to_thread(folder.is_dir):
        raise StoreUnavailable(f"there is no folder of records {folder.name!r}")
    server = Server(url)
    try:
        await server.command("PING")
        yield FleetUpkeep(server, folder)
    finally:
        await server.close()


def _sizes(files: Sequence[Path]) -> Mapping[Path, tuple[int, float]]:
    found: dict[Path, tuple[int, float]] = {}
    for path in files:
        with contextlib.suppress(FileNotFoundError):  # a server's sweep was sooner
            status = path.stat()
            found[path] = (status.st_size, status.st_mtime)
    return found


def _remove(files: Sequence[Path]) -> None:
    for path in files:
        path.unlink(missing_ok=True)
    for folder in {path.parent for path in files}:
        with contextlib.suppress(OSError):  # something else is in it
            folder.rmdir()
