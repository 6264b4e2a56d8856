"""``assay gc | backup | restore``: the upkeep of a store. Copies are of stores in SQLite; runs are taken out of any."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Protocol

import typer

from assay_server.cli.refusals import Usage, told_plainly

_DAY = 86_400.0

Store = Annotated[
    str | None,
    typer.Option(envvar="ASSAY_STORE", show_envvar=True, metavar="URL", help="sqlite:PATH; default as serve."),
]
AnyStore = Annotated[
    str | None,
    typer.Option(
        envvar="ASSAY_STORE", show_envvar=True, metavar="URL", help="sqlite:PATH or redis://...; default as serve."
    ),
]
Records = Annotated[
    Path | None,
    typer.Option(envvar="ASSAY_RECORDS", show_envvar=True, metavar="FOLDER", help="Of a store in Redis: its records."),
]
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the copies are.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for name, command in (("gc", collect), ("backup", backup), ("restore", restore)):
        app.command(name=name)(command)


class _Held(Protocol):
    """What is known of a run, in whichever store."""

    @property
    def tenant(self) -> str: ...
    @property
    def run_id(self) -> str: ...
    @property
    def rollouts(self) -> int: ...
    @property
    def payload_bytes(self) -> int: ...
    @property
    def owed(self) -> int: ...
    @property
    def last_active(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class _Choice:
    """Which runs go."""

    days: float
    runs: Sequence[str]
    tenant: str | None
    owed: bool
    dry_run: bool
    as_json: bool

    def why_kept(self, held: _Held) -> str:
        """Why a run stays; empty where it goes."""
        if self.tenant is not None and held.tenant != self.tenant:
            return "another tenant's"
        if self.runs:
            return "" if held.run_id in self.runs else "not named"
        if held.owed and not self.owed:
            return "owed: nobody has fetched all of its results"
        if held.last_active is None:
            return "of unknown age: it has no group; name it with --run"
        return "" if held.last_active < time.time() - self.days * _DAY else "young"

    def tell(self, held: _Held, kept: str) -> None:
        """Print what becomes of a run."""
        typer.echo(_line(held, kept, dry_run=self.dry_run, as_json=self.as_json))


def collect(
    store: AnyStore = None,
    records: Records = None,
    older_than_days: Annotated[float, typer.Option(min=0, help="Since a run was last active.")] = 7.0,
    run: Annotated[list[str] | None, typer.Option(metavar="ID", help="These runs only, whatever their age.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Runs of this tenant only.")] = None,
    owed: Annotated[bool, typer.Option("--owed", help="Also runs whose results nobody has fetched.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and take nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take old runs out of a store, with their rollouts and results: of SQLite while no server uses it, of a fleet at
    any time."""
    from assay_server.config import Settings
    from assay_server.store.opening import REDIS_SCHEMES

    choice = _Choice(older_than_days, run or (), tenant, owed, dry_run, as_json)
    with told_plainly(), _put_into_words():
        url = Settings().store if store is None else Settings(store=store).store
        if url.partition(":")[0] not in REDIS_SCHEMES:
            _collect_file(_path(store), choice)
        elif records is None:
            raise Usage("a store in Redis needs --records: the folder that all servers of the fleet see")
        else:
            asyncio.run(_collect_fleet(url, records, choice))


def _collect_file(path: Path, choice: _Choice) -> None:
    from assay_server.store.sqlite.upkeep import compact, held_runs, owned, remove_run

    with owned(path) as connection:
        removed = 0
        for held in held_runs(connection):
            kept = choice.why_kept(held)
            if not kept and not choice.dry_run:
                remove_run(connection, held)
                removed += 1
            choice.tell(held, kept)
        if removed:
            compact(connection)


async def _collect_fleet(url: str, records: Path, choice: _Choice) -> None:
    from assay_server.store.redis.upkeep import HeldRun, fleet

    def why_kept(held: HeldRun) -> str:
        if held.used_by:
            return "in use: a server works on it"
        named = not choice.runs and choice.tenant in (None, held.tenant)
        return "" if held.expired and named else choice.why_kept(held)

    async with fleet(url, records) as upkeep:
        for held in await upkeep.held_runs():
            kept = why_kept(held)
            if not kept and not choice.dry_run and not await upkeep.remove_run(held):
                kept = "in use: a server works on it"
            choice.tell(held, kept)
        if choice.runs or choice.tenant is not None:
            return
        orphans = await upkeep.orphans(choice.days * _DAY)
        if not choice.dry_run:
            upkeep.remove_files(orphans)
        if orphans.files:
            fate = "would go" if choice.dry_run else "removed"
            told = {"orphans": len(orphans.files), "bytes": orphans.payload_bytes, "removed": not choice.dry_run}
            words = f"{len(orphans.files)} files of no run, {orphans.payload_bytes / 1e6:.1f} MB  {fate}"
            typer.echo(json.dumps(told) if choice.as_json else words)


def _line(held: _Held, kept: str, *, dry_run: bool, as_json: bool) -> str:
    if as_json:
        told = {
            "tenant": held.tenant,
            "runId": held.run_id,
            "rollouts": held.rollouts,
            "bytes": held.payload_bytes,
            "owed": held.owed,
            "lastActive": held.last_active,
            "removed": not kept and not dry_run,
            "kept": kept,
        }
        return json.dumps(told)
    fate = f"kept, {kept}" if kept else ("would go" if dry_run else "removed")
    return f"{held.tenant}/{held.run_id}  {held.rollouts} rollouts, {held.payload_bytes / 1e6:.1f} MB  {fate}"


def backup(folder: Folder, store: Store = None) -> None:
    """Copy a store and its journal of sessions as of one moment each, also while a server uses them."""
    from assay_server.store.sqlite.upkeep import copy_consistently

    with told_plainly(), _put_into_words():
        path = _path(store)
        if not path.exists():
            raise Usage(f"there is no store {path.name!r}")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for source, name in _files(path):
            if source.exists():
                copy_consistently(source, folder / name)
                typer.echo(str(folder / name))


def restore(folder: Folder, store: Store = None) -> None:
    """Put copies in the place of a store that is not there (any more); nothing is ever overwritten."""
    from assay_server.store.sqlite.upkeep import copy_consistently, require_known_version

    with told_plainly(), _put_into_words():
        path = _path(store)
        copies = [(folder / name, target) for target, name in _files(path) if (folder / name).exists()]
        if not copies or copies[0][1] != path:
            raise Usage(f"{folder} holds no copy of a store")
        present = [str(target) for _, target in copies if target.exists()]
        if present:
            raise Usage(f"{', '.join(present)} is there: move it away first")
        require_known_version(copies[0][0])
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        for source, target in reversed(copies):  # a store without its sessions never looks complete
            copy_consistently(source, target)
            typer.echo(str(target))


def _files(path: Path) -> Sequence[tuple[Path, str]]:
    """The files of a store, and what their copies are called."""
    return (path, "assay.db"), (path.with_name(path.name + ".sessions"), "assay.db.sessions")


def _path(store: str | None) -> Path:
    from assay_server.config import Settings

    url = Settings().store if store is None else store
    kind, _, rest = url.partition(":")
    if kind != "sqlite" or not rest:
        hint = "of a fleet, keep copies of Redis and of the folder of records; docs/fleet.md"
        raise Usage(f"{kind}: only stores in SQLite have files of their own ({hint})")
    return Path(rest)


@contextmanager
def _put_into_words() -> Generator[None]:
    from assay_server.store.protocol import StoreUnavailable

    try:
        yield
    except StoreUnavailable as error:
        raise Usage(str(error)) from error
    except OSError as error:
        raise Usage(f"{error.filename}: {error.strerror}") from error
