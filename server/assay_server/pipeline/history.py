"""What a run did so far, read from what the store keeps of its groups: series of metrics, and its state.

The state is a function of the finished barriers alone. Nothing of it is stored: a process that starts, takes over or
goes back to a checkpoint comes to the same state by reading the same groups.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from assay_server.estimators import ParameterError
from assay_server.estimators.errors import UnknownMethod
from assay_server.estimators.group_facts import GroupFacts
from assay_server.estimators.run_metrics import DEFAULT_RUN_METRICS, RunMetric, Sums, find_run_metric
from assay_server.pipeline.facts import UnknownFacts, read_facts
from assay_server.pipeline.failures import Code, Failure, Violation, invalid_field
from assay_server.sampling.run_state import Remembering, RunState, StatePolicy
from assay_server.store.protocol import MAX_UNBATCHED, EmittedGroup, RunKey, Store

T = TypeVar("T")

_PAGE = 512
_MOST_METRICS = 256


# ---------------------------------------------------------------- metrics


@dataclass(frozen=True, slots=True)
class Series:
    """A metric over the trainer's steps."""

    name: str
    global_steps: Sequence[int]
    values: Sequence[float]


@dataclass(slots=True)
class _Filling:
    name: str
    metric: RunMetric
    steps: dict[int, Sums] = field(default_factory=dict[int, Sums])

    def add(self, group: GroupFacts) -> None:
        told = self.metric.of(group)
        if told is not None:
            known = self.steps.get(group.global_step)
            self.steps[group.global_step] = told if known is None else self.metric.merge(known, told)

    def series(self) -> Series:
        finished = ((step, self.metric.finish(sums)) for step, sums in sorted(self.steps.items()))
        points = [(step, value) for step, value in finished if value is not None and math.isfinite(value)]
        return Series(self.name, [step for step, _ in points], [value for _, value in points])


async def series_of(store: Store, key: RunKey, names: Sequence[str], first: int, last: int) -> list[Series]:
    """Metrics of the groups whose global step is in ``first .. last``, in one pass over the run.

    Args:
        names: ``metric/name?parameter=value&...``; empty = what there is, series without a value left out.
        last: 0 = to the newest.

    Raises:
        Failure: NOT_FOUND for a metric that is none of a run, INVALID_ARGUMENT for a parameter.
    """
    if len(names) > _MOST_METRICS:
        raise invalid_field("metrics", f"{len(names)} in a request; at most {_MOST_METRICS}")
    if first < 0 or last < 0:
        raise invalid_field("from_global_step" if first < 0 else "to_global_step", "must not be negative")
    filling = [_Filling(name, _metric(place, name)) for place, name in enumerate(names or DEFAULT_RUN_METRICS)]

    def take(page: Sequence[EmittedGroup]) -> None:
        for group in page:
            facts = _read(group)
            if first <= facts.global_step and (not last or facts.global_step <= last):
                for one in filling:
                    one.add(facts)

    page: list[EmittedGroup] = []
    async for group in store.scan_emitted(key):
        page.append(group)
        if len(page) == _PAGE:
            await asyncio.to_thread(take, page)
            page = []
    await asyncio.to_thread(take, page)
    series = [one.series() for one in filling]
    return series if names else [one for one in series if one.values]


def _metric(place: int, name: str) -> RunMetric:
    try:
        return find_run_metric(name)
    except UnknownMethod as error:
        message, path = str(error), f"metrics[{place}]"
        raise Failure(Code.NOT_FOUND, "UNKNOWN_METRIC", f"{path}: {message}", (Violation(path, message),)) from error
    except ParameterError as error:
        raise invalid_field(f"metrics[{place}].{error.field}", error.message) from error


# ---------------------------------------------------------------- state


class RunHistory:
    """The state of one run in one generation, as far as barriers have finished."""

    def __init__(self, store: Store, key: RunKey, policy: StatePolicy) -> None:
        self.key = key
        self._store = store
        self._remembering = Remembering(policy)
        self._seen = 0
        self._lock = asyncio.Lock()

    async def ask(self, question: Callable[[RunState], T]) -> T:
        """What a function says of the state now; it is called on a thread and must not keep the state.

        Raises:
            Failure: the store was written by a newer server, or what the function raises. StaleGeneration.
        """
        async with self._lock:
            await self._catch_up()
            return await asyncio.to_thread(question, self._remembering.state)

    async def _catch_up(self) -> None:
        waiting: list[EmittedGroup] = []
        skipped: list[int] = []
        async for group in self._store.scan_emitted(self.key, self._seen):
            if not group.barrier_id:
                skipped.append(group.position)
                continue
            if len(waiting) >= _PAGE and waiting[-1].barrier_id != group.barrier_id:
                await self._take(waiting)
                waiting = []
            waiting.append(group)
        await self._take(waiting)
        if len(skipped) > MAX_UNBATCHED:  # no barrier can take the oldest any more
            self._seen = max(self._seen, skipped[-MAX_UNBATCHED - 1])

    async def _take(self, groups: Sequence[EmittedGroup]) -> None:
        """Apply whole barriers."""
        if groups:
            await asyncio.to_thread(self._apply, groups)
            self._seen = groups[-1].position

    def _apply(self, groups: Sequence[EmittedGroup]) -> None:
        rest = iter(groups)
        sizes: list[int] = []
        for place, group in enumerate(groups):
            if place and group.barrier_id == groups[place - 1].barrier_id:
                sizes[-1] += 1
            else:
                sizes.append(1)
        for size in sizes:
            self._remembering.apply([(group.group_id, _read(group)) for group in islice(rest, size)])


def _read(group: EmittedGroup) -> GroupFacts:
    try:
        return read_facts(group.facts)
    except UnknownFacts as error:
        raise Failure(Code.FAILED_PRECONDITION, "NEWER_FACTS", f"{error}: start a newer server") from error
