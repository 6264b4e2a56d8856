"""From the arrays of a whole call to one value per group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise

import numpy as np
import numpy.typing as npt

from assay_server.estimators.columns import Columns
from assay_server.estimators.definition import Parts, StepParts
from assay_server.estimators.groups import Floats, GroupAdvantages, GroupStatistics, Ints
from assay_server.estimators.partition import Partition

_NO_SIZES: Mapping[int, int] = {}


def results_of(columns: Columns, parts: Parts) -> list[GroupAdvantages]:
    """One result per group, in the order of the groups. Its arrays are read-only views of shared ones."""
    steps = _Steps(columns, parts.steps)
    advantages = _frozen(columns.scattered(parts.advantages))
    statistics = _statistics(columns, steps)
    bounds = list(pairwise(columns.starts))
    return [
        GroupAdvantages(
            group.group_id,
            ids,
            columns.outcomes[a:b],
            columns.rewards[a:b],
            advantages[a:b],
            advantages[a:b],
            steps.counts[a:b],
            steps.returns[c:d],
            steps.episode[c:d],
            steps.advantages[c:d],
            steps.totals[c:d],
            tuple(steps.ids[e:f]),
            steps.index[c:d],
            numbers,
        )
        for group, ids, (a, b), (c, d), (e, f), numbers in zip(
            columns.groups, columns.ids, bounds, pairwise(steps.bounds), pairwise(steps.starts), statistics, strict=True
        )
    ]


class _Steps:
    """Step arrays in the form of the results; empty ones where a method reads no steps."""

    def __init__(self, columns: Columns, parts: StepParts | None) -> None:
        number = len(columns.groups)
        counts = np.zeros(len(columns.members), np.int32)
        self.hit_ratio = [0.0] * number
        self.sizes: list[Mapping[int, int]] = [_NO_SIZES] * number
        self.aliasing: list[float | None] = [None] * number
        self.ids: Sequence[str] = ()
        self.starts = self.bounds = [0] * (number + 1)
        self.returns = self.episode = self.advantages = self.totals = _frozen(np.empty(0))
        self.index: Ints = np.empty(0, np.int32)
        if parts is not None:
            counts[columns.counted] = parts.counts
            self._read(columns, parts)
        self.counts: Ints = counts
        for array in (self.counts, self.index):
            array.flags.writeable = False

    def _read(self, columns: Columns, parts: StepParts) -> None:
        number = len(columns.groups)
        of_row = np.repeat(columns.partition.index, parts.counts)
        per_group = np.bincount(of_row, minlength=number)
        self.bounds = [0, *accumulate(per_group.tolist())]
        self.starts = parts.group_starts
        self.ids = parts.ids
        self.returns, self.episode = _frozen(parts.returns), _frozen(parts.episode)
        self.advantages, self.totals = _frozen(parts.advantages), _frozen(parts.totals)
        self.index = (parts.index - np.repeat(self.starts[:-1], per_group)).astype(np.int32)
        partition = Partition(parts.index, len(parts.ids))
        hits = np.bincount(of_row, weights=partition.size[parts.index] > 1, minlength=number)
        self.hit_ratio = (hits / np.maximum(per_group, 1)).tolist()
        sizes: list[int] = partition.size.tolist()
        self.sizes = [dict(sorted(Counter(sizes[e:f]).items())) for e, f in pairwise(self.starts)]
        if any(parts.state_digests):
            self.aliasing = _aliasing(parts.state_digests, partition, of_row, number)


def _aliasing(
    digests: Sequence[str], partition: Partition, of_row: npt.NDArray[np.intp], number: int
) -> list[float | None]:
    numbers: dict[str, int] = {}
    state = np.array([numbers.setdefault(digest, len(numbers)) for digest in digests], np.float64)
    known = np.array([bool(digest) for digest in digests])
    among_known = Partition(partition.index[known], partition.count)
    mixed = ~among_known.moments(state[known]).flat[among_known.index]
    total = np.bincount(of_row[known], minlength=number)
    aliased = np.bincount(of_row[known], weights=mixed, minlength=number)
    return [share / all_ if all_ else None for share, all_ in zip(aliased.tolist(), total.tolist(), strict=True)]


def _statistics(columns: Columns, steps: _Steps) -> list[GroupStatistics]:
    moments = columns.moments
    minimum, maximum = _extremes(columns)
    return list(
        map(
            GroupStatistics,
            moments.size.tolist(),
            moments.mean.tolist(),
            moments.std(1).tolist(),
            minimum.tolist(),
            maximum.tolist(),
            np.diff(steps.starts).tolist(),
            steps.hit_ratio,
            steps.sizes,
            steps.aliasing,
        )
    )


def _extremes(columns: Columns) -> tuple[Floats, Floats]:
    minimum, maximum = np.zeros(len(columns.groups)), np.zeros(len(columns.groups))
    filled = np.flatnonzero(columns.partition.size)
    if len(filled):
        starts = (np.cumsum(columns.partition.size) - columns.partition.size)[filled]
        minimum[filled] = np.minimum.reduceat(columns.counted_rewards, starts)
        maximum[filled] = np.maximum.reduceat(columns.counted_rewards, starts)
    return minimum, maximum


def _frozen(array: Floats) -> Floats:
    array.flags.writeable = False
    return array
