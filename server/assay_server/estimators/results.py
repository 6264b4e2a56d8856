"""From the arrays of a whole call to one value per group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise, repeat

import numpy as np
import numpy.typing as npt

from assay_server.estimators.columns import Columns
from assay_server.estimators.definition import Parts, StepParts
from assay_server.estimators.groups import Floats, GroupAdvantages, GroupStatistics, Ints
from assay_server.estimators.partition import Partition
from assay_server.estimators.ragged import Ragged
from assay_server.estimators.step_ids import NO_IDS

_NO_SIZES: Mapping[int, int] = {}


def results_of(columns: Columns, parts: Parts) -> list[GroupAdvantages]:
    """One result per group, in the order of the groups. Its arrays are read-only views of shared ones."""
    advantages = _frozen(columns.scattered(parts.advantages))
    steps = _Steps(columns, parts.steps)
    bounds = list(pairwise(columns.starts))
    own = [advantages[a:b] for a, b in bounds]
    return list(
        map(
            GroupAdvantages,
            [group.group_id for group in columns.groups],
            columns.ids,
            [columns.outcomes[a:b] for a, b in bounds],
            [columns.rewards[a:b] for a, b in bounds],
            own,
            own,
            [steps.counts[a:b] for a, b in bounds],
            *steps.returns_and_episode(),
            *steps.advantages_and_totals(),
            repeat(steps.ids),
            pairwise(steps.starts),
            steps.group_index(),
            _statistics(columns, steps),
            _tokens(columns, parts),
        )
    )


def _tokens(columns: Columns, parts: Parts) -> Iterable[Ragged | None]:
    of_tokens = parts.token_advantages
    if of_tokens is None:
        return repeat(None, len(columns.groups))
    sizes: list[int] = columns.partition.size.tolist()
    cuts = pairwise([0, *accumulate(sizes)])
    return (of_tokens.parts(start, end) for start, end in cuts)


class _Steps:
    """Step arrays in the form of the results; empty ones where a method reads no steps."""

    def __init__(self, columns: Columns, parts: StepParts | None) -> None:
        number = len(columns.groups)
        counts = np.zeros(len(columns.rewards), np.int32)
        self.hit_ratio = [0.0] * number
        self.sizes: list[Mapping[int, int]] = [_NO_SIZES] * number
        self.aliasing: list[float | None] = [None] * number
        self.ids = NO_IDS
        self.starts = self.bounds = [0] * (number + 1)
        self.returns = self.episode = self.advantages = self.totals = _frozen(np.empty(0))
        self.index: Ints = np.empty(0, np.int32)
        if parts is not None:
            counts[columns.counted] = parts.counts
            self._read(columns, parts)
        self.counts: Ints = counts
        for array in (self.counts, self.index):
            array.flags.writeable = False

    def returns_and_episode(self) -> tuple[Sequence[Floats], Sequence[Floats]]:
        """Of each group's steps."""
        return self._cut(self.returns), self._cut(self.episode)

    def advantages_and_totals(self) -> tuple[Sequence[Floats], Sequence[Floats]]:
        """Of each group's steps."""
        own = self._cut(self.advantages)
        return own, own if self.totals is self.advantages else self._cut(self.totals)

    def group_index(self) -> Sequence[Ints]:
        """Which of its group's step groups each step is in."""
        if not len(self.index):
            return [self.index] * len(self.hit_ratio)
        return [self.index[start:end] for start, end in pairwise(self.bounds)]

    def _cut(self, array: Floats) -> Sequence[Floats]:
        if not len(array):
            return [array] * len(self.hit_ratio)
        return [array[start:end] for start, end in pairwise(self.bounds)]

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
        self.sizes = _size_histograms(partition.size, self.starts)
        if parts.state_digests:
            self.aliasing = _aliasing(parts.state_digests, partition, of_row, number)


def _size_histograms(sizes: npt.NDArray[np.intp], starts: Sequence[int]) -> list[Mapping[int, int]]:
    """Size -> number of classes of that size, smallest first, per group of classes."""
    owner = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    span = int(sizes.max(initial=0)) + 1
    distinct, counts = np.unique(owner * span + sizes, return_counts=True)
    found: list[dict[int, int]] = [{} for _ in range(len(starts) - 1)]
    for place, size, count in zip(
        (distinct // span).tolist(), (distinct % span).tolist(), counts.tolist(), strict=True
    ):
        found[place][size] = count
    return list(found)


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
