"""The way through one run of a fleet: first what was put aside, then what is at hand, in the order of acceptance."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple, Protocol, TypeVar

from assay_server.console.growing_columns import Names
from assay_server.console.run_records import AnsweredRow, EmittedRow, Missing, RunRow
from assay_server.store.redis.archives import unpack_facts, unpack_rollouts
from assay_server.store.redis.shared_run import SharedRun

_PAGE = 256

_Row = TypeVar("_Row")


class HeldRuns(Protocol):
    """Who has read the state of runs."""

    def state(self, run: RunRow) -> SharedRun:
        """What was read of a run."""
        ...

    def contents(self, run: RunRow, refs: Sequence[bytes]) -> list[bytes | None]:
        """What references stand for; None where it is not held any more."""
        ...


class _Answered(NamedTuple):
    position: int
    group_id: str
    payload: bytes
    result: bytes


class _Emitted(NamedTuple):
    """A finished group; ``result`` is empty where only the facts are kept."""

    position: int
    group_id: str
    result: bytes
    facts: bytes


class FleetReading:
    """A way through one run of a fleet in one generation.

    What is settled is put aside in parcels, each read once: of a later parcel, what was told while it was at hand is
    passed over.
    """

    def __init__(self, held: HeldRuns, run: RunRow) -> None:
        self._held = held
        self._run = run
        self._groups = Names()
        self._missing = Missing()
        self._last = 0  # position of the last rollout that was looked at while it was at hand
        self._unanswered: dict[int, str] = {}  # those among them that had no result: position and id
        self._parcels = 0
        self._parcel_at = 0  # position of the last rollout that was told from the parcel after those
        self._last_emitted = 0
        self._fact_parcels = 0

    @property
    def missing(self) -> Missing:
        """See :attr:`Reading.missing`."""
        return self._missing

    def group_ids(self, keys: Sequence[int]) -> Mapping[int, str]:
        """See :meth:`Reading.group_ids`."""
        names = self._groups.names
        return {key: names[key] for key in keys}

    # ------------------------------------------------------------ rollouts

    def answered(self) -> Iterator[AnsweredRow]:
        """See :meth:`Reading.answered`."""
        yield from self._put_aside()
        yield from self._answered_meanwhile()
        yield from self._new()

    def _put_aside(self) -> Iterator[AnsweredRow]:
        archives = self._held.state(self._run).archives
        while self._parcels < len(archives):
            archive, limit = archives[self._parcels]
            (data,) = self._held.contents(self._run, [archive])
            if data is None:
                self._missing = self._missing._replace(more=True)
            rows = [] if data is None else unpack_rollouts(data, limit)
            rows.sort(key=lambda one: one.position)
            due = [
                _Answered(one.position, one.group_id, one.payload, one.result)
                for one in rows
                if one.result is not None and self._is_due(one.position)
            ]
            for row, told in self._told(due):
                self._parcel_at = row.position
                self._unanswered.pop(row.position, None)
                if told is not None:
                    yield told
            self._parcels, self._parcel_at = self._parcels + 1, 0

    def _is_due(self, position: int) -> bool:
        """Whether what stands in the parcel was told neither from it nor while it was at hand."""
        return position > self._parcel_at and (position > self._last or position in self._unanswered)

    def _answered_meanwhile(self) -> Iterator[AnsweredRow]:
        rollouts = self._held.state(self._run).run.rollouts
        due: list[_Answered] = []
        for position, rollout_id in self._unanswered.items():
            rollout = rollouts.get(rollout_id)
            if rollout is not None and rollout.result is not None:
                due.append(_Answered(position, rollout.item.group_id, rollout.item.payload, rollout.result))
        for row, told in self._told(due):
            del self._unanswered[row.position]
            if told is not None:
                yield told

    def _new(self) -> Iterator[AnsweredRow]:
        rollouts = list(self._held.state(self._run).run.rollouts.values())
        start = bisect_right(rollouts, self._last, key=lambda rollout: rollout.position)
        for at in range(start, len(rollouts), _PAGE):
            page = rollouts[at : at + _PAGE]
            due = [
                _Answered(one.position, one.item.group_id, one.item.payload, one.result)
                for one in page
                if one.result is not None
            ]
            told = self._told(due)
            for one in page:
                self._last = one.position
                if one.result is None:
                    self._unanswered[one.position] = one.item.rollout_id
                    continue
                _, row = next(told)
                if row is not None:
                    yield row

    def _told(self, rows: Sequence[_Answered]) -> Iterator[tuple[_Answered, AnsweredRow | None]]:
        """Rows with what their references stand for; None where that is gone, and noted as missing."""
        for page in _pages(rows):
            contents = self._held.contents(self._run, [ref for row in page for ref in (row.payload, row.result)])
            for row, rollout, result in zip(page, contents[::2], contents[1::2], strict=True):
                if rollout is None or result is None:
                    self._missing = self._missing._replace(rollouts=self._missing.rollouts + 1)
                    yield row, None
                else:
                    yield row, AnsweredRow(self._groups.code(row.group_id), rollout, result)

    # ------------------------------------------------------------ groups

    def emitted(self) -> Iterator[EmittedRow]:
        """See :meth:`Reading.emitted`."""
        state = self._held.state(self._run)
        parcels = len(state.fact_archives)
        due = [
            _Emitted(group.emit_position, group_id, group.result, group.facts)
            for group_id, group in state.run.groups.items()
            if group.emit_position > self._last_emitted and group.result is not None
        ]
        for archive, limit in state.fact_archives[self._fact_parcels :]:
            (data,) = self._held.contents(self._run, [archive])
            if data is None:
                self._missing = self._missing._replace(more=True)
                continue
            groups = unpack_facts(data, limit)
            due += [_Emitted(one.position, one.group_id, b"", one.facts) for one in groups]
        due = sorted(row for row in due if row.position > self._last_emitted)
        for page in _pages(due):
            yield from self._finished(page)
        self._fact_parcels = parcels

    def _finished(self, page: Sequence[_Emitted]) -> Iterator[EmittedRow]:
        results = iter(self._held.contents(self._run, [row.result for row in page if row.result]))
        known = [next(results) if row.result else None for row in page]
        without = [row.facts for row, result in zip(page, known, strict=True) if result is None and row.facts]
        facts = iter(self._held.contents(self._run, without))
        for row, result in zip(page, known, strict=True):
            self._last_emitted = row.position
            if result is not None:
                yield EmittedRow(self._groups.code(row.group_id), result)
            elif row.facts and (kept := next(facts)):
                yield EmittedRow(self._groups.code(row.group_id), None, kept)
            else:
                self._missing = self._missing._replace(more=True)


def _pages(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    left = iter(rows)
    while page := list(islice(left, _PAGE)):
        yield page
