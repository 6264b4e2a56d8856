"""The store's atomic domain operations.

Every operation is one transaction: it happens wholly or not at all, and when its coroutine returns the change is
durable (as durable as the backend is). Operations of one run may be issued concurrently; the backend orders them.
Backends hold no policy: they know ids, counts, states and bytes, never what a payload means.

Results are numbered per (run, generation, consumer): 1, 2, 3, ... without holes, in the order in which they were
stored, and are held until acknowledged.

An operation that names a generation other than the run's present one raises :class:`StaleGeneration` and changes
nothing.

A store may be shared by several processes. Then each holds a lease on the runs it works on, and every write is refused
with :class:`LeaseEnded` once that has passed to another: whoever was cut off or asleep changes nothing any more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import NamedTuple, Protocol

from .changes import Listener

MAX_UNBATCHED = 65_536
"""Emitted groups that can wait for a barrier; a run without barriers would collect them for ever."""


class RunKey(NamedTuple):
    """A run in one of its generations. Every key starts with the tenant."""

    tenant: str
    run_id: str
    generation: int


class StoreError(Exception):
    """The root of everything a store raises on purpose."""


class StoreUnavailable(StoreError):
    """The backend cannot be reached or cannot write; nothing was changed; trying again may help."""


class LeaseEnded(StoreError):
    """This process was gone for so long that its work on the run passed to another; what it knows of the run is old."""


class StaleGeneration(StoreError):
    """The run has been restored since; its present generation is in ``present``."""

    def __init__(self, key: RunKey, present: int) -> None:
        super().__init__(f"run {key.run_id!r} is in generation {present}, not {key.generation}")
        self.key = key
        self.present = present


class UnknownRun(StoreError):
    """There is no such run for this tenant."""


class RunConflict(StoreError):
    """The run id is taken by another spec."""


class UnknownCheckpoint(StoreError):
    """There is no such checkpoint in this run."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as stored; ``spec`` is opaque to the store."""

    tenant: str
    run_id: str
    generation: int
    spec_digest: str
    spec: bytes

    @property
    def key(self) -> RunKey:
        return RunKey(self.tenant, self.run_id, self.generation)


class AcceptItem(NamedTuple):
    """A rollout to take over.

    Attributes:
        digest: of the content; the same id with another digest is a conflict.
        group_size: announced members, 0 = not announced.
        payload: the rollout; for one in progress, without its steps.
        steps: the steps of a rollout that is in progress, one element each; empty where ``final``.
        final: the content is complete; the rollout may be scored.
        consumers: who gets its result.
    """

    rollout_id: str
    digest: bytes
    group_id: str
    group_size: int
    payload: bytes
    final: bool
    consumers: tuple[str, ...]
    steps: tuple[bytes, ...] = ()


class AcceptCode(Enum):
    """What became of an offered rollout."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"  # identical content was there already: nothing to do
    CONFLICT = "conflict"  # the id is there with other content
    GROUP_FULL = "group full"  # more members than announced
    GROUP_SIZE_DIFFERS = "group size differs"  # members disagree about the announced size
    NOT_EXPECTED = "not expected"  # the group was closed with a list of ids that lacks this one


class AcceptOutcome(NamedTuple):
    """What became of one item.

    Attributes:
        late: accepted, but its group is closed already: it is scored and answered and changes nothing.
        answered: for a duplicate, whether its result is stored already.
        group_size: the announced size as the group has it.
    """

    code: AcceptCode
    late: bool = False
    answered: bool = False
    group_size: int = 0


class AppendCode(Enum):
    """What became of offered steps."""

    APPENDED = "appended"
    DUPLICATE = "duplicate"  # byte-equal repeat, including a repeat of the final append
    UNKNOWN = "unknown"  # no such rollout
    ABORTED = "aborted"  # does not continue at the length held, differs from what is held, or content is frozen


@dataclass(frozen=True, slots=True)
class AppendOutcome:
    """``length`` is the number of steps held after the operation; ``final`` whether the content is frozen."""

    code: AppendCode
    length: int = 0
    final: bool = False


@dataclass(frozen=True, slots=True)
class StoredRollout:
    """An accepted rollout with what is known about it.

    Attributes:
        position: order of acceptance within the run.
        payload: as accepted, or as replaced by the final append.
        steps: the appended steps, where it is still in progress.
        result: its stored result, None until there is one.
        late: it does not count for its group.
    """

    rollout_id: str
    group_id: str
    position: int
    payload: bytes
    final: bool
    consumers: tuple[str, ...]
    late: bool = False
    steps: tuple[bytes, ...] = ()
    result: bytes | None = None


class ResultItem(NamedTuple):
    """The answer to one rollout; goes to the rollout's consumers."""

    rollout_id: str
    payload: bytes


class GroupState(IntEnum):
    """OPEN -> READY -> EMITTED, or ABORTED on the way."""

    OPEN = 0
    READY = 1  # every member that is waited for is answered; advantages are due
    EMITTED = 2  # its result is stored; nothing changes it any more
    ABORTED = 3


@dataclass(frozen=True, slots=True)
class GroupRecord:
    """A group's counts.

    Attributes:
        size: members waited for; 0 = not known yet.
        arrived: members accepted (late ones not counted).
        answered: members with a result (late ones not counted).
        closed: its members were fixed before all announced ones came.
        first_at: store time of the first member, seconds since the epoch.
        emit_position: order of emission within the run, 0 = not emitted.
        barrier_id: the finished barrier that took it, empty = none yet.
        result: the stored group result.
    """

    group_id: str
    state: GroupState
    size: int
    arrived: int
    answered: int
    closed: bool
    first_at: float
    emit_position: int = 0
    barrier_id: str = ""
    result: bytes | None = None


def is_due(record: GroupRecord) -> bool:
    """Whether a group's result is still to be emitted: all its answers are there, or it was given up."""
    given_up = record.state is GroupState.ABORTED and not record.emit_position
    return record.state is GroupState.READY or given_up


class EmittedGroup(NamedTuple):
    """What is kept of an emitted group for as long as the run is there.

    Attributes:
        position: order of emission within the run.
        barrier_id: the finished barrier that took it, empty = none yet.
        facts: as they were given to :meth:`Store.emit_groups`; opaque.
    """

    group_id: str
    position: int
    barrier_id: str
    facts: bytes


@dataclass(frozen=True, slots=True)
class CompleteOutcome:
    """What :meth:`Store.complete_rollouts` did.

    Attributes:
        stored: per item, whether it was the first result for its rollout (or the rollout is unknown: False).
        sequences: for every consumer that was given results: its last sequence after the operation.
        ready: groups that became READY by this operation; exactly one caller is told of each.
    """

    stored: tuple[bool, ...]
    sequences: Mapping[str, int]
    ready: tuple[str, ...]


class OutboxKind(IntEnum):
    """What a held result is."""

    SAMPLE = 1
    GROUP = 2
    BATCH = 3


class OutboxEntry(NamedTuple):
    """One held result of a consumer."""

    sequence: int
    kind: OutboxKind
    payload: bytes


@dataclass(frozen=True, slots=True)
class OutboxState:
    """Where a consumer stands: highest number given out, highest number acknowledged."""

    last_sequence: int
    acked: int


@dataclass(frozen=True, slots=True)
class BarrierRecord:
    """A barrier: its definition (opaque), who has sent it, whether it is finished."""

    barrier_id: str
    payload: bytes
    arrived: tuple[str, ...]
    finished: bool


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a process must take up again after a restart or a restore.

    Attributes:
        unanswered: final rollouts without a result, in order of position.
        ready: groups whose result is due: READY, or ABORTED and not emitted.
        open: groups in state OPEN (their deadlines run on).
        barriers: unfinished barriers in the order they were first sent.
        unbatched: emitted groups that no barrier took, by emit_position; the newest MAX_UNBATCHED of them.
    """

    unanswered: tuple[StoredRollout, ...] = ()
    ready: tuple[GroupRecord, ...] = ()
    open: tuple[GroupRecord, ...] = ()
    barriers: tuple[BarrierRecord, ...] = ()
    unbatched: tuple[GroupRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Pending:
    """How much of a run is unfinished, in all processes that work on it.

    Attributes:
        unanswered: complete rollouts without a result.
        growing: rollouts in progress.
        groups: groups that are filling or due; those of the empty name left out.
        barriers: unfinished barriers in the order they were first sent.
        unbatched: emitted groups that no barrier took, in the order of their emission, the newest MAX_UNBATCHED of
            them; none while no barrier is unfinished.
    """

    unanswered: int
    growing: int
    groups: int
    barriers: tuple[BarrierRecord, ...]
    unbatched: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CheckpointRecord:
    """A named point of a run: ``digest`` covers the position, the acknowledgements and the state."""

    name: str
    digest: str
    state: bytes = field(default=b"")


class Store(Protocol):
    """What the pipeline needs of a store."""

    async def open(self) -> None:
        """Connect, create or migrate. Raises StoreUnavailable; a newer schema than this code knows is refused."""
        ...

    async def close(self) -> None: ...

    # ------------------------------------------------------------ runs

    async def create_run(self, tenant: str, run_id: str, spec_digest: str, spec: bytes) -> tuple[RunRecord, bool]:
        """The run, and whether it is new. RunConflict if the id is taken by another spec digest."""
        ...

    async def get_run(self, tenant: str, run_id: str) -> RunRecord | None: ...

    async def list_runs(self) -> Sequence[RunRecord]:
        """Of all tenants; what a restarted process recovers."""
        ...

    async def checkpoint_run(self, key: RunKey, name: str, state: bytes) -> CheckpointRecord:
        """Remember the present position, the consumers' acknowledgements and ``state``; the first of a name stays."""
        ...

    async def restore_run(
        self, tenant: str, run_id: str, name: str, expected_generation: int
    ) -> tuple[RunRecord, CheckpointRecord, int]:
        """Go back to a checkpoint (empty name: to the beginning); the number of forgotten rollouts comes last.

        The generation rises by one. Rollouts accepted after the checkpoint are forgotten with their results, groups
        and barriers. Of those accepted before it, a result that every consumer had acknowledged at the checkpoint
        stays as it is; all others are due again (no result, unanswered). Groups whose result every consumer had
        acknowledged at the checkpoint stay EMITTED (and with their barrier, if that was acknowledged too); all others
        are OPEN again with the members that remain; steps appended after the checkpoint to a rollout accepted before
        it are forgotten too. Outboxes start empty at sequence 0.

        A call whose ``expected_generation`` is one behind the present one and whose checkpoint is the one last
        restored is a retry: it returns what the first call did. Otherwise, if not 0, it must be the present one, else
        StaleGeneration. UnknownRun, UnknownCheckpoint.
        """
        ...

    async def add_to_counters(self, tenant: str, run_id: str, amounts: Mapping[str, float]) -> Mapping[str, float]:
        """Add to the run's counters, which begin at 0; what all of them are afterwards.

        They count what the run has used, whatever its generation: a restore takes nothing back. UnknownRun.
        """
        ...

    # ------------------------------------------------------------ rollouts

    async def accept_rollouts(self, key: RunKey, items: Sequence[AcceptItem], now: float) -> Sequence[AcceptOutcome]:
        """Take rollouts over; outcomes in the order of the items. Items are judged one after the other."""
        ...

    async def append_steps(
        self, key: RunKey, rollout_id: str, from_index: int, steps: Sequence[bytes], *, final: bool, tail: bytes
    ) -> AppendOutcome:
        """Grow a rollout in progress by ``steps``, which begin at ``from_index``.

        With ``final`` the content freezes and ``tail`` is kept with it (opaque; what the final append said beside its
        steps). A repeat is byte-equal if every one of its steps is held with the same bytes and, if final, so is its
        tail.
        """
        ...

    async def read_rollouts(self, key: RunKey, rollout_ids: Sequence[str]) -> Sequence[StoredRollout | None]:
        """In the order asked for; None where unknown. A finished multi-append rollout has its steps and tail in
        ``steps`` (the tail is the last element)."""
        ...

    def scan_rollouts(self, key: RunKey) -> AsyncIterator[StoredRollout]:
        """All rollouts of the run in order of position, read in pages."""
        ...

    async def complete_rollouts(self, key: RunKey, items: Sequence[ResultItem]) -> CompleteOutcome:
        """Store results. For each rollout the first one wins and is put into the outboxes of its consumers, in item
        order; a later one is ignored. A group all of whose awaited members are answered becomes READY."""
        ...

    # ------------------------------------------------------------ groups

    async def get_group(self, key: RunKey, group_id: str) -> GroupRecord | None: ...

    async def get_groups(self, key: RunKey, group_ids: Sequence[str]) -> Sequence[GroupRecord | None]:
        """In the order asked for; None where unknown."""
        ...

    async def read_group(self, key: RunKey, group_id: str) -> Sequence[StoredRollout]:
        """The members that count (late ones left out), by rollout_id."""
        ...

    async def read_groups(
        self, key: RunKey, wanted: Sequence[tuple[str, Collection[str]]]
    ) -> Sequence[Sequence[StoredRollout]]:
        """Of each group the members that count, without those named: they are known already."""
        ...

    async def close_group(self, key: RunKey, group_id: str, expected: Sequence[str] | None, now: float) -> GroupRecord:
        """Fix the members: to those named, or (None) to those that arrived. Creates the group if it is unknown.

        Named members may still arrive; members that arrived but are not named become late. The group becomes READY if
        nothing is missing; the returned record then has that state and exactly one caller sees the change
        (a repeated call on a READY or EMITTED group returns it unchanged). Closing an empty group (no member arrived,
        none named) makes it ABORTED.
        """
        ...

    async def cut_group(self, key: RunKey, group_id: str) -> GroupRecord | None:
        """Close an OPEN group with its *answered* members only (deadline, straggler quota): the others become late.

        Returns the record, now READY (ABORTED if nothing was answered); None if it was not OPEN.
        """
        ...

    async def abort_group(self, key: RunKey, group_id: str, now: float) -> GroupRecord | None:
        """OPEN or READY becomes ABORTED; None if it was EMITTED or ABORTED already. Creates it if unknown."""
        ...

    async def emit_groups(
        self, key: RunKey, results: Sequence[tuple[str, bytes, tuple[str, ...]]], facts: Sequence[bytes] = ()
    ) -> tuple[Sequence[int], Mapping[str, int]]:
        """Store group results ``(group_id, payload, consumers)`` and put them into the consumers' outboxes.

        Only the first result of a READY or ABORTED group counts. Returns per result the emit position (0 = it was
        not the first, nothing was stored) and, per consumer, the last sequence. ``facts`` are parallel to the results
        (or left out): a few numbers of each group that stay with the run when its result is acknowledged and gone.
        """
        ...

    def scan_emitted(self, key: RunKey, after: int = 0) -> AsyncIterator[EmittedGroup]:
        """The emitted groups that have facts, from the one after that position, in order of emission, in pages."""
        ...

    # ------------------------------------------------------------ barriers

    async def arrive_at_barrier(self, key: RunKey, barrier_id: str, payload: bytes, consumer: str) -> BarrierRecord:
        """Note that a consumer sent the barrier; the first payload stays. Harmless to repeat, also when finished."""
        ...

    async def finish_barrier(
        self,
        key: RunKey,
        barrier_id: str,
        group_ids: Sequence[str],
        payloads: Sequence[bytes],
        consumers: Sequence[str],
    ) -> Mapping[str, int] | None:
        """Give the groups to the barrier and put ``payloads`` (one entry each) into every consumer's outbox.

        None, and nothing changed, if it was finished already.
        """
        ...

    # ------------------------------------------------------------ outboxes

    async def outbox_state(self, key: RunKey, consumer: str) -> OutboxState:
        """Registers the consumer with the run if it is new."""
        ...

    async def list_consumers(self, key: RunKey) -> Sequence[str]: ...

    async def outbox_read(
        self, key: RunKey, consumer: str, after: int, *, max_entries: int, max_bytes: int
    ) -> Sequence[OutboxEntry]:
        """Held results with a sequence greater than ``after``, in order; at least one if there is one."""
        ...

    async def outbox_ack(self, key: RunKey, consumer: str, sequence: int) -> OutboxState:
        """Forget results up to ``sequence`` (clipped to those given out)."""
        ...

    # ------------------------------------------------------------ tasks and blobs

    async def put_objects(self, tenant: str, kind: str, objects: Mapping[str, bytes]) -> None:
        """Content-addressed: ``kind`` is ``task`` or ``blob``, the key is the digest. Repeats are harmless.

        Other kinds have keys of their own, of which the first object stays.
        """
        ...

    async def get_objects(self, tenant: str, kind: str, digests: Sequence[str]) -> Sequence[bytes | None]: ...

    async def list_objects(self, tenant: str, kind: str) -> Sequence[str]:
        """The keys of a kind, sorted."""
        ...

    # ------------------------------------------------------------ recovery

    async def recover(self, key: RunKey) -> Recovery:
        """What this process has to take up; of a run that others work on too, only what is not theirs."""
        ...

    # ------------------------------------------------------------ several processes

    @property
    def shared(self) -> bool:
        """Whether other processes may work on the same runs at the same time."""
        ...

    def follow(self, key: RunKey, listener: Listener) -> Callable[[], None]:
        """Have ``listener`` told what other processes do to the run; the answer ends that.

        A store that is not shared has nothing to tell.
        """
        ...

    async def pending(self, key: RunKey) -> Pending | None:
        """How much is unfinished in the run; None where the store is not shared: then this process knows."""
        ...

    async def deserted(self) -> Sequence[RunRecord]:
        """Runs with work of processes that are gone and that no process has taken over.

        Asking takes over what can be taken over; followers of the runs are told of it.
        """
        ...
