"""A run in numbers that a page can draw: series over the trainer's steps, distributions, lists. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from assay.sdk import Json
from assay_server.console.errors import BadQuestion
from assay_server.console.growing_columns import Sparse
from assay_server.console.run_index import GroupColumns, RolloutColumns, RunIndex
from assay_server.console.shown import finite

MOST_POINTS: Final = 160
MOST_SERIES: Final = 12
PAGE: Final = 20
_BINS: Final = 31

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

PromptOrder = Literal["hardest", "easiest", "most"]
GroupKind = Literal["all", "degenerate", "mixed", "dropped"]


@dataclass(frozen=True, slots=True)
class Axis:
    """Where rows stand in a series.

    Attributes:
        bins: of every row.
        labels: of every bin: its first step, or its first rollout's position.
    """

    kind: Literal["global_step", "order"]
    bins: Integers
    labels: Sequence[int]


def axis_of(rollouts: RolloutColumns) -> Axis:
    """By the trainer's step where it says one, else by the order of the answers; at most ``MOST_POINTS`` bins."""
    steps = rollouts.step.values
    distinct: Integers = np.unique(steps)
    if len(distinct) > 1:
        width = max(1, math.ceil(len(distinct) / MOST_POINTS))
        bins = np.searchsorted(distinct, steps) // width
        return Axis("global_step", bins, [int(step) for step in distinct[::width]])
    width = max(1, math.ceil(len(steps) / min(MOST_POINTS, 40)))
    order: Integers = np.arange(len(steps), dtype=np.int64)
    return Axis("order", order // width, list(range(0, len(steps), width)))


def summary(index: RunIndex, rollouts: int, groups: int) -> dict[str, Json]:
    """Everything that the page of a run draws; ``rollouts`` and ``groups`` are how many there are."""
    columns, finished = index.rollouts, index.groups
    axis = axis_of(columns)
    return {
        "runId": index.run.run_id,
        "generation": index.run.generation,
        "read": {"complete": index.complete, "rollouts": len(columns), "ofRollouts": rollouts, "groups": groups},
        "missing": {
            "rollouts": index.missing.rollouts,
            "more": index.missing.more,
            "advantages": finished.untold,
        },
        "totals": _totals(columns, finished),
        "axis": {"kind": axis.kind, "labels": list(axis.labels)},
        "reward": _series(axis, np.arange(len(columns)), columns.value.values, spread=True),
        "components": _sparse_series(axis, columns.components),
        "constraints": _sparse_series(axis, columns.constraints),
        "passRate": _by_task_type(axis, columns),
        "unscored": _series(axis, np.arange(len(columns)), (columns.reason.values >= 0).astype(np.float64)),
        "degenerate": _degenerate_series(axis, columns, finished),
        "advantages": _histogram(finished.advantages.values),
        "rewards": _histogram(columns.value.values),
        "groupSizes": _counts(finished.size.values),
        "dropReasons": _named_counts(finished.reason.values, finished.reasons.names, skip=""),
        "failures": _named_counts(columns.reason.values, columns.reasons.names),
        "promptPassRates": _pass_rate_histogram(columns),
    }


def _totals(columns: RolloutColumns, finished: GroupColumns) -> dict[str, Json]:
    values, verdicts = columns.value.values, columns.verdict.values
    std = finished.std.values
    return {
        "rollouts": len(columns),
        "unscored": int(np.isnan(values).sum()),
        "prompts": len(columns.prompts.names),
        "rewardMean": finite(_mean(values)),
        "passRate": finite(_mean(verdicts)),
        "groups": len(finished),
        "kept": int(finished.kept.values.sum()),
        "degenerate": int((std == 0).sum()),
        "stepHitRatio": finite(_mean(finished.hit_ratio.values)),
        "runMs": finite(_mean(columns.run_ms.values)),
    }


def _series(axis: Axis, rows: Integers, numbers: Floats, *, spread: bool = False) -> dict[str, Json]:
    """Mean (and deviation) a bin of numbers that belong to these rows; NaN ones are left out."""
    there = ~np.isnan(numbers)
    bins, numbers = axis.bins[rows[there]], numbers[there]
    length = len(axis.labels)
    count = np.bincount(bins, minlength=length)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(bins, numbers, length) / count
        found: dict[str, Json] = {"mean": _numbers(mean), "count": count.tolist()}
        if spread:
            square = np.bincount(bins, numbers * numbers, length) / count
            found["std"] = _numbers(np.sqrt(np.maximum(square - mean * mean, 0.0)))
    return found


def _sparse_series(axis: Axis, table: Sparse) -> list[Json]:
    return [
        {"name": name, **_series(axis, table.rows(name), table.numbers(name))} for name in table.names[:MOST_SERIES]
    ]


def _by_task_type(axis: Axis, columns: RolloutColumns) -> list[Json]:
    verdicts, types = columns.verdict.values, columns.task_type.values
    found: list[Json] = []
    for code, name in enumerate(columns.task_types.names[:MOST_SERIES]):
        rows: Integers = np.flatnonzero(types == code)
        if len(rows) and not np.isnan(verdicts[rows]).all():
            total = finite(_mean(verdicts[rows]))
            found.append({"name": name, "total": total, **_series(axis, rows, verdicts[rows])})
    return found


def _degenerate_series(axis: Axis, columns: RolloutColumns, finished: GroupColumns) -> dict[str, Json]:
    """Share of groups whose members all got the same reward, at the step of the group's first member."""
    groups, first = np.unique(columns.group.values, return_index=True)
    if not len(groups) or not len(finished):
        return _series(axis, groups, np.empty(0))
    place = np.minimum(np.searchsorted(groups, finished.key.values), len(groups) - 1)
    known = groups[place] == finished.key.values
    std = finished.std.values[known]
    flat = np.where(np.isnan(std), np.nan, (std == 0).astype(np.float64))
    return _series(axis, first[place[known]], flat)


def _histogram(numbers: Floats) -> dict[str, Json]:
    numbers = numbers[~np.isnan(numbers)]
    if not len(numbers):
        return {"edges": [], "counts": []}
    low, high = float(numbers.min()), float(numbers.max())
    if low == high:
        return {"edges": [low, high], "counts": [len(numbers)]}
    counts, edges = np.histogram(numbers, _BINS)
    return {"edges": _numbers(edges), "counts": counts.tolist()}


def _pass_rate_histogram(columns: RolloutColumns) -> dict[str, Json]:
    rates = _prompt_table(columns)[1]
    rates = rates[~np.isnan(rates)]
    if not len(rates):
        return {"edges": [], "counts": []}
    counts, edges = np.histogram(rates, 10, (0.0, 1.0))
    return {"edges": _numbers(edges), "counts": counts.tolist()}


def _counts(numbers: Integers) -> list[Json]:
    sizes, counts = np.unique(numbers, return_counts=True)
    return [{"value": int(size), "count": int(count)} for size, count in zip(sizes, counts, strict=True)]


def _named_counts(codes: Integers, names: Sequence[str], skip: str | None = None) -> list[Json]:
    counts = np.bincount(codes[codes >= 0], minlength=len(names)).tolist()
    ranked = sorted(zip(counts, names, strict=True), key=lambda pair: (-pair[0], pair[1]))
    return [{"name": name, "count": count} for count, name in ranked if name != skip and count]


def _prompt_table(columns: RolloutColumns) -> tuple[Integers, Floats, Floats]:
    """Of every prompt: answered rollouts, pass rate, mean reward; NaN where there is none."""
    length = len(columns.prompts.names)
    prompts, verdicts, values = columns.prompt.values, columns.verdict.values, columns.value.values
    with np.errstate(invalid="ignore", divide="ignore"):
        rate, mean = (
            np.bincount(prompts[there], numbers[there], length) / np.bincount(prompts[there], minlength=length)
            for numbers, there in ((verdicts, ~np.isnan(verdicts)), (values, ~np.isnan(values)))
        )
    return np.bincount(prompts, minlength=length), rate, mean


def prompts(index: RunIndex, order: PromptOrder, start: int) -> dict[str, Json]:
    """A page of prompts by pass rate (by mean reward where the reward claims no verdict)."""
    columns = index.rollouts
    count, rate, mean = _prompt_table(columns)
    worth = np.where(np.isnan(rate), mean, rate)
    worth = np.where(np.isnan(worth), np.inf if order == "hardest" else -np.inf, worth)
    keys: Mapping[str, Floats] = {"hardest": worth, "easiest": -worth, "most": -count.astype(np.float64)}
    if order not in keys:
        raise BadQuestion(f"order: expected one of {', '.join(keys)}")
    ranked: list[int] = np.argsort(keys[order], kind="stable")[start : start + PAGE].tolist()
    names = columns.prompts.names
    rows: list[Json] = [
        {
            "promptId": names[code],
            "rollouts": int(count[code]),
            "passRate": finite(float(rate[code])),
            "rewardMean": finite(float(mean[code])),
        }
        for code in ranked
    ]
    return {"prompts": rows, "start": start, "total": len(count)}


def group_rows(index: RunIndex, kind: GroupKind, prompt: str, start: int) -> tuple[Integers, int]:
    """Rows of finished groups, newest first: one page, and how many there are in all."""
    finished = index.groups
    std, kept = finished.std.values, finished.kept.values
    chosen = {"all": np.ones(len(std), bool), "degenerate": std == 0, "mixed": std > 0, "dropped": kept == 0}.get(kind)
    if chosen is None:
        raise BadQuestion("kind: expected one of all, degenerate, mixed, dropped")
    if prompt:
        code = index.rollouts.prompts.known(prompt)
        members = index.rollouts.group.values[index.rollouts.prompt.values == (-1 if code is None else code)]
        chosen = chosen & np.isin(finished.key.values, members)
    rows: Integers = np.flatnonzero(chosen)[::-1]
    return rows[start : start + PAGE], len(rows)


def group_line(finished: GroupColumns, row: int, group_id: str) -> dict[str, Json]:
    """What a list of groups says of one."""
    return {
        "groupId": group_id,
        "size": int(finished.size.values[row]),
        "rewardMean": finite(finished.mean.values[row]),
        "rewardStd": finite(finished.std.values[row]),
        "kept": bool(finished.kept.values[row]),
        "dropReason": finished.reasons.names[int(finished.reason.values[row])],
        "stepHitRatio": finite(finished.hit_ratio.values[row]),
    }


def _mean(numbers: Floats) -> float:
    there = numbers[~np.isnan(numbers)]
    return float(there.mean()) if len(there) else math.nan


def _numbers(values: Floats) -> list[Json]:
    return [finite(value) for value in values.tolist()]
