"""Operations on rollouts: take over, grow, answer."""

from __future__ import annotations

from collections.abc import Sequence

from assay_server.store.growth import judge_append
from assay_server.store.membership import Membership
from assay_server.store.protocol import (
    AcceptCode,
    AcceptItem,
    AcceptOutcome,
    AppendCode,
    AppendOutcome,
    CompleteOutcome,
    OutboxKind,
    ResultItem,
    RunKey,
)

from .mirror import Group, RunMirror
from .schema import first_key
from .transaction import RolloutRow, Transaction


def accept(transaction: Transaction, key: RunKey, items: Sequence[AcceptItem], now: float) -> list[AcceptOutcome]:
    """See :meth:`Store.accept_rollouts`."""
    run = transaction.run(key)
    transaction.look_up([(run, [item.rollout_id for item in items])])
    transaction.look_up_groups([(run, {item.group_id for item in items})])
    return [_accept_one(transaction, run, item, now) for item in items]


def append(
    transaction: Transaction, key: RunKey, rollout_id: str, from_index: int, steps: Sequence[bytes], tail: bytes | None
) -> AppendOutcome:
    """See :meth:`Store.append_steps`; ``tail`` is None if the append is not final."""
    run = transaction.run(key)
    row = transaction.rollout(run, rollout_id)
    if row is None:
        return AppendOutcome(AppendCode.UNKNOWN)
    frozen = row.frozen is not None
    if from_index == row.length and not frozen:
        held, held_tail = [b""] * row.length, None  # a continuation is not compared with what is held
    else:
        held, held_tail = _read_steps(transaction, row)
    code = judge_append(held, held_tail, frozen=frozen, from_index=from_index, steps=steps, tail=tail)
    if code is AppendCode.APPENDED:
        _add_steps(transaction, run, row, steps)
        if tail is not None:
            row.frozen = _add_step(transaction, run, row, tail)
            transaction.frozen.add(row.key, row.frozen)
    return AppendOutcome(code, row.length, row.frozen is not None)


def complete(transaction: Transaction, key: RunKey, items: Sequence[ResultItem]) -> CompleteOutcome:
    """See :meth:`Store.complete_rollouts`."""
    run = transaction.run(key)
    transaction.look_up([(run, [item.rollout_id for item in items])])
    stored: list[bool] = []
    ready: list[str] = []
    audiences: set[int] = set()
    for item in items:
        row = transaction.rollout(run, item.rollout_id)
        first = row is not None and row.result is None
        stored.append(first)
        if row is None or not first:
            continue
        row.result = transaction.hold(run, OutboxKind.SAMPLE, row.key, item.payload, run.members[row.audience])
        transaction.answers.add(row.key, row.result)
        audiences.add(row.audience)
        group = None if row.late else run.by_key.get(row.group)
        if group is not None and group.counts.answer():
            ready.append(group.counts.group_id)
    consumers = {name for names, audience in run.audiences.items() if audience in audiences for name in names}
    return CompleteOutcome(tuple(stored), {name: run.consumers[name].last for name in consumers}, tuple(ready))


def _accept_one(transaction: Transaction, run: RunMirror, item: AcceptItem, now: float) -> AcceptOutcome:
    known = transaction.rollout(run, item.rollout_id)
    if known is not None:
        return _repeated(transaction, run, known, item)
    group = transaction.group(run, item.group_id) or new_group(transaction, run, item.group_id, now, item.group_size)
    announced = group.counts.announced
    outcome = group.counts.admit(item.rollout_id, item.group_size)
    if outcome.code is not AcceptCode.ACCEPTED:
        return outcome
    if group.counts.announced != announced:
        transaction.announced.add(group.key, group.counts.announced, group.counts.size)
    run.numbers.rollouts += 1
    frozen = 0 if item.final else None
    row = RolloutRow(
        first_key(run.key) + run.numbers.rollouts,
        group.key,
        outcome.late,
        transaction.audience(run, item.consumers),
        None,
        frozen,
        item.digest,
        0,
    )
    transaction.add_rollout(run, item.rollout_id, row)
    digest = bytearray(item.digest)
    transaction.new_rollouts.add(
        row.key, run.key, item.rollout_id, digest, group.key, int(outcome.late), row.audience, frozen
    )
    transaction.texts.add(row.key, bytearray(item.payload))
    _add_steps(transaction, run, row, item.steps)
    return outcome


def new_group(transaction: Transaction, run: RunMirror, group_id: str, now: float, announced: int = 0) -> Group:
    """A group without members."""
    run.numbers.groups += 1
    announced = max(announced, 0)
    group = Group(first_key(run.key) + run.numbers.groups, Membership(group_id, now, announced, announced))
    run.watch(group)
    transaction.new_groups.add(group.key, run.key, group_id, now, announced, announced)
    return group


def _repeated(transaction: Transaction, run: RunMirror, known: RolloutRow, item: AcceptItem) -> AcceptOutcome:
    announced = transaction.announced_size(run, known.group)
    if known.digest != item.digest:
        return AcceptOutcome(AcceptCode.CONFLICT, group_size=announced)
    return AcceptOutcome(AcceptCode.DUPLICATE, known.late, known.result is not None, announced)


def _add_steps(transaction: Transaction, run: RunMirror, row: RolloutRow, steps: Sequence[bytes]) -> None:
    for step in steps:
        _add_step(transaction, run, row, step)
    row.length += len(steps)


def _add_step(transaction: Transaction, run: RunMirror, row: RolloutRow, content: bytes) -> int:
    run.numbers.steps += 1
    step = first_key(run.key) + run.numbers.steps
    transaction.steps.add(step, row.key, bytearray(content))
    return step


def _read_steps(transaction: Transaction, row: RolloutRow) -> tuple[list[bytes], bytes | None]:
    transaction.write()
    rows = transaction.execute("SELECT content FROM steps WHERE rollout = ? ORDER BY id", (row.key,)).fetchall()
    contents: list[bytes] = [content for (content,) in rows]
    return (contents[:-1], contents[-1]) if row.frozen else (contents, None)
