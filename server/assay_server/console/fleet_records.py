"""The runs of a fleet, read-only: who did what from Redis, texts and results from the shared folder.

Of a run that is looked at, its state is held and read on; that of two runs at a time, and of none while nobody asks.
What the fleet has put aside is read from the folder. What it holds no more is told as missing.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, TypeVar

from assay.v1 import rollout_pb2
from assay_server.console.errors import NotHeld
from assay_server.console.fleet_reading import FleetReading
from assay_server.console.run_records import FoundGroup, FoundRollout, ListedRun, RunRow, spec_of
from assay_server.pipeline.assembly import assemble
from assay_server.store.protocol import StoredRollout, StoreError, StoreUnavailable, UnknownRun
from assay_server.store.redis.archives import unpack_facts, unpack_rollouts
from assay_server.store.redis.reading import FleetReader, RunHead, RunReader
from assay_server.store.redis.shared_run import SharedRun

_FOLLOWED = 2
_COUNTING_SECONDS = 0.5

T = TypeVar("T")


@dataclass(slots=True)
class _Followed:
    reader: RunReader
    created: int


class _Name(NamedTuple):
    tenant: str
    run_id: str


class _Counted(NamedTuple):
    """What a run had when ``entries`` were in its log."""

    entries: int
    generation: int
    rollouts: int
    groups: int


class FleetRecords:
    """The records of a fleet. It runs what it reads on a loop of its own, so it is not for a thread that has one.

    Args:
        url: of Redis.
        folder: of the texts and results.

    Raises:
        StoreUnavailable: the URL names no Redis.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self._runner = asyncio.Runner()
        try:
            self._fleet = FleetReader(url, folder)
        except ValueError:  # its text may hold a part of the password
            raise StoreUnavailable("the store's URL names no Redis") from None
        self._followed: OrderedDict[_Name, _Followed] = OrderedDict()
        self._counted: dict[_Name, _Counted] = {}
        self._losses: Counter[_Name] = Counter()
        self._archived: dict[tuple[bytes, int], int] = {}

    def close(self) -> None:
        """Close connections and files."""
        self._do(self._fleet.close())
        self._runner.close()

    def rest(self) -> None:
        """See :meth:`RunRecords.rest`."""
        self._followed.clear()
        self._archived.clear()
        self._do(self._fleet.rest())

    # ------------------------------------------------------------ runs

    def runs(self, tenant: str, most: int) -> tuple[list[ListedRun], int]:
        """See :meth:`RunRecords.runs`; runs are counted for as long as a page can wait, those never counted first."""
        names = [run_id for run_id, _ in self._do(self._fleet.run_ids(tenant))]
        found: list[tuple[_Name, RunHead]] = []
        gone = start = 0
        while len(found) < most and start < len(names):
            page = names[start : start + most]
            heads = zip(page, self._do(self._fleet.heads(tenant, page)), strict=True)
            there = [(_Name(tenant, run_id), head) for run_id, head in heads if head is not None]
            found += there
            gone += len(page) - len(there)
            start += len(page)
        self._count(found[:most])
        return [self._listed(*one) for one in found[:most]], len(names) - gone

    def run(self, tenant: str, run_id: str) -> RunRow:
        """See :meth:`RunRecords.run`; reads what has happened in the run."""
        name = _Name(tenant, run_id)
        followed = self._followed.pop(name, None)
        (head,) = self._do(self._fleet.heads(tenant, [run_id]))
        if head is None:
            raise NotHeld(f"there is no run {run_id[:200]!r} in these records")
        if followed is None or followed.reader.record.spec_digest != head.spec_digest:
            followed = self._opened(name)
        self._read_on(name, followed)
        self._followed[name] = followed
        while len(self._followed) > _FOLLOWED:
            self._followed.popitem(last=False)
        generation = followed.reader.state.run.record.generation
        return RunRow(tenant, followed.created + self._losses[name], run_id, generation, spec_of(head.spec))

    def counts(self, run: RunRow) -> tuple[int, int]:
        """See :meth:`RunRecords.counts`."""
        return self._totals(_Name(run.tenant, run.run_id), self.state(run))

    def reading(self, run: RunRow) -> FleetReading:
        """See :meth:`RunRecords.reading`."""
        return FleetReading(self, run)

    # ------------------------------------------------------------ groups and rollouts

    def group(self, run: RunRow, group_id: str) -> FoundGroup:
        """See :meth:`RunRecords.group`."""
        state = self.state(run)
        group = state.run.groups.get(group_id)
        if group is None:
            facts = self._settled_facts(run, group_id)
            if facts is None:
                raise NotHeld(f"there is no group {group_id[:200]!r} in this run")
            return FoundGroup(None, finished=True, facts=self.contents(run, [facts])[0] or b"")
        if group.result is None:
            return FoundGroup(None, finished=False)
        refs = [group.result, *([group.facts] if group.facts else [])]
        result, *facts = self.contents(run, refs)
        if result is None:
            return FoundGroup(None, finished=True, facts=next(iter(facts), None) or b"")
        return FoundGroup(rollout_pb2.GroupResult.FromString(result), finished=True)

    def members(self, run: RunRow, group_id: str, most: int) -> list[FoundRollout]:
        """See :meth:`RunRecords.members`; those whose texts are gone are left out."""
        group = self.state(run).run.groups.get(group_id)
        found = [] if group is None else [member.stored() for member in group.members.values()]
        if group is None or not group_id:
            found += self._settled_members(run, group_id, most)
        whole = self._whole(run, sorted(found, key=lambda one: one.position)[:most])
        there = [FoundRollout(assemble(one), one.result) for one in whole if one is not None]
        return sorted(there, key=lambda one: one.rollout.rollout_id)

    def rollout(self, run: RunRow, rollout_id: str) -> FoundRollout:
        """See :meth:`RunRecords.rollout`."""
        stored = at_hand = self.state(run).run.rollout(rollout_id)
        if stored is None:
            settled = (one for rollouts in self._settled(run) for one in rollouts)
            stored = next((one for one in settled if one.rollout_id == rollout_id), None)
        if stored is None:
            raise NotHeld(f"there is no rollout {rollout_id[:200]!r} in this run")
        (whole,) = self._whole(run, [stored])
        if whole is None:
            raise NotHeld(f"the text of rollout {rollout_id[:200]!r} is not held any more")
        return FoundRollout(assemble(whole), whole.result, settled=at_hand is None)

    def task(self, tenant: str, digest: str) -> rollout_pb2.Task | None:
        """See :meth:`RunRecords.task`."""
        data = self._do(self._fleet.object(tenant, "task", digest))
        return None if data is None else rollout_pb2.Task.FromString(data)

    # ------------------------------------------------------------ for a way through a run

    def state(self, run: RunRow) -> SharedRun:
        """What :meth:`run` has read of a run."""
        return self._followed[_Name(run.tenant, run.run_id)].reader.state

    def contents(self, run: RunRow, refs: Sequence[bytes]) -> list[bytes | None]:
        """What references stand for; None where it is not held any more."""
        return self._do(self._fleet.contents(run.tenant, run.run_id, refs))

    # ------------------------------------------------------------ parts

    def _do(self, reading: Coroutine[object, object, T]) -> T:
        return self._runner.run(reading)

    def _read_on(self, name: _Name, followed: _Followed) -> None:
        before = followed.reader.losses
        self._do(followed.reader.catch_up())
        self._losses[name] += followed.reader.losses - before

    def _opened(self, name: _Name) -> _Followed:
        created = dict(self._do(self._fleet.run_ids(name.tenant)))
        try:
            reader = self._do(self._fleet.reader(*name))
        except UnknownRun as error:
            raise NotHeld(str(error)) from error
        return _Followed(reader, created.get(name.run_id, 0))

    def _settled(self, run: RunRow, *, newest_first: bool = True) -> Iterator[list[StoredRollout]]:
        """What was put aside of a run, a time each."""
        archives = self.state(run).archives
        for archive, limit in reversed(archives) if newest_first else archives:
            (data,) = self.contents(run, [archive])
            yield [] if data is None else unpack_rollouts(data, limit)

    def _settled_members(self, run: RunRow, group_id: str, most: int) -> list[StoredRollout]:
        found: list[StoredRollout] = []
        enough = 1 if group_id else most  # groups are put aside whole, what has no group is not one
        for rollouts in self._settled(run, newest_first=bool(group_id)):
            found += [one for one in rollouts if one.group_id == group_id]
            if len(found) >= enough:
                break
        return found

    def _settled_facts(self, run: RunRow, group_id: str) -> bytes | None:
        """The reference to what is kept of a group that was put aside; None where none was."""
        for archive, limit in reversed(self.state(run).fact_archives):
            (data,) = self.contents(run, [archive])
            for group in () if data is None else unpack_facts(data, limit):
                if group.group_id == group_id:
                    return group.facts
        return None

    def _whole(self, run: RunRow, found: Sequence[StoredRollout]) -> list[StoredRollout | None]:
        """Rollouts with what their references stand for; None where the text is gone. A result that is gone is None."""
        refs = [
            ref for one in found for ref in (one.payload, *one.steps, *(() if one.result is None else (one.result,)))
        ]
        contents = iter(self.contents(run, refs))
        return [_resolved(one, contents) for one in found]

    def _listed(self, name: _Name, head: RunHead) -> ListedRun:
        counted = self._counted.get(name)
        if counted is None:
            return ListedRun(name.run_id, spec_of(head.spec), None, None, None)
        return ListedRun(name.run_id, spec_of(head.spec), counted.generation, counted.rollouts, counted.groups)

    def _count(self, found: Sequence[tuple[_Name, RunHead]]) -> None:
        until = time.monotonic() + _COUNTING_SECONDS
        known = self._counted
        due = [name for name, head in found if name not in known or known[name].entries != head.entries]
        for name in sorted(due, key=known.__contains__):
            if time.monotonic() > until:
                return
            with contextlib.suppress(NotHeld, StoreError):  # who opens this run is told what is wrong with it
                known[name] = self._counted_now(name)

    def _counted_now(self, name: _Name) -> _Counted:
        followed = self._followed.get(name) or self._opened(name)
        self._read_on(name, followed)
        if len(self._followed) < _FOLLOWED:  # the newest one is looked at next
            self._followed[name] = followed
        state = followed.reader.state
        return _Counted(followed.reader.seen, state.run.record.generation, *self._totals(name, state))

    def _totals(self, name: _Name, state: SharedRun) -> tuple[int, int]:
        rollouts = sum(self._length(name, place, unpack_rollouts) for place in state.archives)
        groups = sum(self._length(name, place, unpack_facts) for place in state.fact_archives)
        return len(state.run.rollouts) + rollouts, len(state.run.groups) + groups

    def _length(self, name: _Name, place: tuple[bytes, int], unpack: Callable[[bytes, int], Sequence[object]]) -> int:
        """How much was put aside at a time and is not forgotten; 0 where that is gone."""
        known = self._archived.get(place)
        if known is None:
            archive, limit = place
            (data,) = self._do(self._fleet.contents(*name, [archive]))
            known = self._archived[place] = 0 if data is None else len(unpack(data, limit))
        return known


def _resolved(stored: StoredRollout, contents: Iterator[bytes | None]) -> StoredRollout | None:
    payload = next(contents)
    steps = [next(contents) for _ in stored.steps]
    result = None if stored.result is None else next(contents)
    held = [step for step in steps if step is not None]
    if payload is None or len(held) < len(steps):
        return None
    return replace(stored, payload=payload, steps=tuple(held), result=result)
