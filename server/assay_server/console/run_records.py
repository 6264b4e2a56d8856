"""What the console reads of runs, whichever store has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from assay.v1 import rollout_pb2, run_service_pb2


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as it is registered.

    Attributes:
        key: no other run has it, also none that had the same id before.
    """

    tenant: str
    key: int
    run_id: str
    generation: int
    spec: run_service_pb2.RunSpec


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run in the list of all; numbers are None where nobody has counted yet."""

    run_id: str
    spec: run_service_pb2.RunSpec
    generation: int | None
    rollouts: int | None
    groups: int | None


class AnsweredRow(NamedTuple):
    """A rollout (without the steps it grew by) and its result, as messages; ``group`` is the key of its group."""

    group: int
    rollout: bytes
    result: bytes


class EmittedRow(NamedTuple):
    """A finished group: its result as a message or, where that is not held any more, the facts that stay."""

    key: int
    result: bytes | None
    facts: bytes = b""


@dataclass(frozen=True, slots=True)
class FoundGroup:
    """A group.

    Attributes:
        result: None before there is one, and where it is not held any more.
        finished: there was a result.
        facts: what stays of a result that is not held any more.
    """

    result: rollout_pb2.GroupResult | None
    finished: bool
    facts: bytes = b""


class FoundRollout(NamedTuple):
    """A rollout, and its result where it has one.

    Attributes:
        settled: the store has put it aside, so that calls of the contract do not find it by its id.
    """

    rollout: rollout_pb2.Rollout
    result: bytes | None
    settled: bool = False


class Missing(NamedTuple):
    """What a run had and the records do not hold any more.

    Attributes:
        rollouts: with a text or an answer that is gone.
        more: there were others, and nobody knows how many.
    """

    rollouts: int = 0
    more: bool = False


class Reading(Protocol):
    """One reader's way through one run in one generation: everything is told once.

    What was not taken from an iterator before it was left is told by the next one.
    """

    @property
    def missing(self) -> Missing:
        """What could not be told, so far."""
        ...

    def answered(self) -> Iterator[AnsweredRow]:
        """Rollouts that have a result by now, about in the order in which they were accepted."""
        ...

    def emitted(self) -> Iterator[EmittedRow]:
        """Finished groups in the order of their emission."""
        ...

    def group_ids(self, keys: Sequence[int]) -> Mapping[int, str]:
        """The ids of groups by their keys."""
        ...


class RunRecords(Protocol):
    """The runs of a store, only read.

    Operations on a run take the :class:`RunRow` that :meth:`run` gave for the same question.
    """

    def close(self) -> None: ...

    def rest(self) -> None:
        """Nobody asks at the moment: let go of what can be had again."""
        ...

    def runs(self, tenant: str, most: int) -> tuple[Sequence[ListedRun], int]:
        """A tenant's newest runs, newest first, and how many there are."""
        ...

    def run(self, tenant: str, run_id: str) -> RunRow:
        """One run as it is now. Raises NotHeld."""
        ...

    def counts(self, run: RunRow) -> tuple[int, int]:
        """Rollouts and groups that a run has."""
        ...

    def reading(self, run: RunRow) -> Reading:
        """A way through a run, from its beginning."""
        ...

    def group(self, run: RunRow, group_id: str) -> FoundGroup:
        """A group. Raises NotHeld where there is no such group."""
        ...

    def members(self, run: RunRow, group_id: str, most: int) -> list[FoundRollout]:
        """The ``most`` rollouts of a group that came first, by id."""
        ...

    def rollout(self, run: RunRow, rollout_id: str) -> FoundRollout:
        """One rollout. Raises NotHeld."""
        ...

    def task(self, tenant: str, digest: str) -> rollout_pb2.Task | None:
        """A task that was sent apart; None where it is gone."""
        ...


def spec_of(run: bytes) -> run_service_pb2.RunSpec:
    """The spec in what a store holds of a run."""
    return run_service_pb2.Run.FromString(run).spec
