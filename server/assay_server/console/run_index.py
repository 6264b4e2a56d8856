"""A run as columns of numbers, read from the records bit by bit: what pictures of a run are made of.

Rollouts come in when they are answered. Reading goes on for as long as it is given, so that the first picture of a
large run is drawn from what was read by then, and says so.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from assay.v1 import rollout_pb2
from assay_server.console.growing_columns import Column, Names, Sparse
from assay_server.console.run_records import AnsweredRow, EmittedRow, Missing, Reading, RunRow

_CHUNK = 256
_CORRECT, _INCORRECT = rollout_pb2.VERDICT_CORRECT, rollout_pb2.VERDICT_INCORRECT


class RolloutColumns:
    """A row for every answered rollout.

    Attributes:
        value: NaN where it could not be scored.
        reason: number of the reason why not; -1 where it was scored.
        verdict: 1 correct, 0 incorrect, NaN where the reward claims neither.
        components: and ``constraints`` (1 = kept), by name, for rows that have them.
    """

    def __init__(self) -> None:
        self.group = Column(np.int64)
        self.step = Column(np.int64)
        self.prompt = Column(np.int64)
        self.task_type = Column(np.int64)
        self.value = Column(np.float64)
        self.verdict = Column(np.float64)
        self.reason = Column(np.int64)
        self.run_ms = Column(np.float64)
        self.prompts = Names()
        self.task_types = Names()
        self.reasons = Names()
        self.components = Sparse()
        self.constraints = Sparse()

    def __len__(self) -> int:
        return len(self.value)

    def extend(self, rows: Iterable[AnsweredRow]) -> None:
        """Add answered rollouts."""
        chunk = _Chunk(self)
        for row in rows:
            chunk.add(row)
        chunk.flush()


class _Chunk:
    """Rows on their way into the columns."""

    def __init__(self, columns: RolloutColumns) -> None:
        self._columns = columns
        self._first = len(columns)
        self._rows: list[tuple[int, int, int, int, float, float, int, float]] = []
        self._components: dict[str, tuple[list[int], list[float]]] = {}
        self._constraints: dict[str, tuple[list[int], list[float]]] = {}

    def add(self, row: AnsweredRow) -> None:
        columns = self._columns
        rollout = rollout_pb2.Rollout.FromString(row.rollout)
        result = rollout_pb2.SampleResult.FromString(row.result)
        value = verdict = run_ms = np.nan
        reason = -1
        if result.HasField("score"):
            score = result.score
            value = score.value
            verdict = {_CORRECT: 1.0, _INCORRECT: 0.0}.get(score.verdict, np.nan)
            run_ms = score.timing.run_time.seconds * 1e3 + score.timing.run_time.nanos * 1e-6
            at = self._first + len(self._rows)
            _note(self._components, score.components.items(), at)
            _note(self._constraints, score.constraints.items(), at)
        else:
            reason = columns.reasons.code(_reason(result.error))
        prompt = columns.prompts.code(rollout.prompt_id or rollout.group_id)
        task_type = columns.task_types.code(rollout.task_type)
        self._rows.append((row.group, rollout.global_step, prompt, task_type, value, verdict, reason, run_ms))

    def flush(self) -> None:
        if not self._rows:
            return
        columns = self._columns
        group, step, prompt, task_type, value, verdict, reason, run_ms = map(list, zip(*self._rows, strict=True))
        columns.group.extend(group)
        columns.step.extend(step)
        columns.prompt.extend(prompt)
        columns.task_type.extend(task_type)
        columns.value.extend(value)
        columns.verdict.extend(verdict)
        columns.reason.extend(reason)
        columns.run_ms.extend(run_ms)
        for table, noted in ((columns.components, self._components), (columns.constraints, self._constraints)):
            for name, (rows, numbers) in noted.items():
                table.extend(name, rows, numbers)


def _note(noted: dict[str, tuple[list[int], list[float]]], items: Iterable[tuple[str, float]], row: int) -> None:
    for name, number in items:
        rows, numbers = noted.setdefault(name, ([], []))
        rows.append(row)
        numbers.append(number)


def _reason(status: rollout_pb2.Status) -> str:
    info = rollout_pb2.ErrorInfo()
    for detail in status.details:
        if detail.type_url.endswith("google.rpc.ErrorInfo"):
            info.ParseFromString(detail.value)
    return info.reason or "UNKNOWN"


class GroupColumns:
    """A row for every finished group, in the order of emission.

    Attributes:
        std: population deviation of the members' rewards.
        reason: number of the reason for which it was dropped; that of "" where it was kept.
        advantages: of all members that have one, group after group.
        untold: groups whose advantages are not held any more.
    """

    def __init__(self) -> None:
        self.key = Column(np.int64)
        self.size = Column(np.int64)
        self.mean = Column(np.float64)
        self.std = Column(np.float64)
        self.kept = Column(np.int64)
        self.reason = Column(np.int64)
        self.hit_ratio = Column(np.float64)
        self.advantages = Column(np.float64)
        self.reasons = Names()
        self.untold = 0

    def __len__(self) -> int:
        return len(self.key)

    def extend(self, rows: Iterable[EmittedRow]) -> None:
        """Add finished groups."""
        lines = [self._line(row) for row in rows]
        if not lines:
            return
        key, size, mean, std, kept, reason, hit_ratio, advantages = zip(*lines, strict=True)
        self.key.extend(list(key))
        self.size.extend(list(size))
        self.mean.extend(list(mean))
        self.std.extend(list(std))
        self.kept.extend(list(kept))
        self.reason.extend(list(reason))
        self.hit_ratio.extend(list(hit_ratio))
        self.advantages.extend([value for member in advantages for value in member if not math.isnan(value)])

    def _line(self, row: EmittedRow) -> tuple[int, int, float, float, int, int, float, Iterable[float]]:
        if row.result is None:
            from assay_server.console.kept_facts import kept_facts

            self.untold += 1
            facts = kept_facts(row.facts)
            rewards: Sequence[float] = facts.rewards
            size, hit_ratio, advantages = facts.members, facts.hit_ratio, list[float]()
            kept, drop_reason = facts.kept, facts.drop_reason
        else:
            result = rollout_pb2.GroupResult.FromString(row.result)
            rewards = [value for value in result.rewards if not math.isnan(value)]
            size, advantages = len(result.rollout_ids), list(result.advantages)
            hit_ratio = result.statistics.step_hit_ratio if result.statistics.step_groups else math.nan
            kept, drop_reason = result.kept, result.drop_reason
        mean, std = moments(rewards)
        reason = self.reasons.code("" if kept else drop_reason or "not kept")
        return row.key, size, mean, std, int(kept), reason, hit_ratio, advantages


def moments(numbers: Sequence[float]) -> tuple[float, float]:
    """Mean and population deviation, which is exactly 0 where all are alike; NaN where there are none."""
    if not numbers:
        return math.nan, math.nan
    mean = sum(numbers) / len(numbers)
    if min(numbers) == max(numbers):
        return mean, 0.0
    return mean, math.sqrt(sum((number - mean) ** 2 for number in numbers) / len(numbers))


class RunIndex:
    """One run's columns, and how far they have been read.

    Attributes:
        version: changes whenever the columns do.
    """

    def __init__(self, run: RunRow, reading: Reading) -> None:
        self.run = run
        self.rollouts = RolloutColumns()
        self.groups = GroupColumns()
        self.complete = False
        self.version = 0
        self._reading = reading

    @property
    def missing(self) -> Missing:
        """What the run had and could not be read any more."""
        return self._reading.missing

    def group_ids(self, keys: Sequence[int]) -> Mapping[int, str]:
        """The ids of groups by their keys."""
        return self._reading.group_ids(keys)

    def read(self, seconds: float) -> None:
        """Read on for so many seconds, or to the end: first the groups, which are few, then the rollouts."""
        until = time.monotonic() + seconds
        before = len(self.rollouts), len(self.groups)
        self.complete = self._read_groups(until) and self._read_rollouts(until)
        if before != (len(self.rollouts), len(self.groups)):
            self.version += 1

    def _read_groups(self, until: float) -> bool:
        chunk: list[EmittedRow] = []
        for row in self._reading.emitted():
            chunk.append(row)
            if len(chunk) >= _CHUNK:
                self.groups.extend(chunk)
                chunk = []
                if time.monotonic() > until:
                    return False
        self.groups.extend(chunk)
        return True

    def _read_rollouts(self, until: float) -> bool:
        chunk: list[AnsweredRow] = []
        for row in self._reading.answered():
            chunk.append(row)
            if len(chunk) >= _CHUNK:
                self.rollouts.extend(chunk)
                chunk = []
                if time.monotonic() > until:
                    return False
        self.rollouts.extend(chunk)
        return True
