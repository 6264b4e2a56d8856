"""Going back to a checkpoint: what is forgotten, what is due again, what stays."""

from __future__ import annotations

import pytest

from assay_server.store.protocol import (
    AcceptCode,
    GroupState,
    OutboxState,
    ResultItem,
    RunKey,
    StaleGeneration,
    Store,
    UnknownCheckpoint,
)

from .backends import answer, everything, partial, rollout


async def back(store: Store, key: RunKey, name: str, *, forgotten: int | None = None) -> RunKey:
    """Restore; the key of the new generation."""
    record, checkpoint, count = await store.restore_run(key.tenant, key.run_id, name, key.generation)
    assert record.generation == key.generation + 1
    assert checkpoint.name == name
    assert forgotten is None or count == forgotten
    return record.key


async def results(store: Store, key: RunKey) -> dict[str, bytes | None]:
    return {found.rollout_id: found.result async for found in store.scan_rollouts(key)}


async def finish_group(store: Store, key: RunKey, group: str, *names: str, ack: bool) -> None:
    """Accept, answer and emit a whole group, and perhaps acknowledge everything."""
    await store.accept_rollouts(key, [rollout(name, group, len(names)) for name in names], 1.0)
    await answer(store, key, *names)
    _, sequences = await store.emit_groups(key, [(group, b"result of " + group.encode(), ("c",))])
    if ack:
        await store.outbox_ack(key, "c", sequences["c"])


async def test_the_first_checkpoint_of_a_name_stays(store: Store, key: RunKey) -> None:
    first = await store.checkpoint_run(key, "p", b"state")
    await store.accept_rollouts(key, [rollout("r")], 1.0)
    assert await store.checkpoint_run(key, "p", b"other") == first
    assert first.state == b"state"


async def test_the_digest_covers_position_acknowledgements_and_state(store: Store, key: RunKey) -> None:
    digests = [(await store.checkpoint_run(key, "1", b"")).digest, (await store.checkpoint_run(key, "2", b"x")).digest]
    await store.accept_rollouts(key, [rollout("r")], 1.0)
    digests.append((await store.checkpoint_run(key, "3", b"")).digest)
    await answer(store, key, "r")
    await store.outbox_ack(key, "c", 1)
    digests.append((await store.checkpoint_run(key, "4", b"")).digest)
    assert len(set(digests)) == 4


async def test_nothing_after_the_checkpoint(store: Store, key: RunKey) -> None:
    await finish_group(store, key, "g", "r1", "r2", ack=True)
    await store.checkpoint_run(key, "p", b"")
    key = await back(store, key, "p", forgotten=0)
    assert await results(store, key) == {"r1": b"result r1", "r2": b"result r2"}
    group = await store.get_group(key, "g")
    assert group is not None
    assert (group.state, group.result, group.answered) == (GroupState.EMITTED, b"result of g", 2)
    recovery = await store.recover(key)
    assert (recovery.unanswered, recovery.open, recovery.ready) == ((), (), ())
    assert await store.outbox_state(key, "c") == OutboxState(0, 0)


async def test_back_to_the_beginning(store: Store, key: RunKey) -> None:
    await finish_group(store, key, "g", "r1", "r2", ack=True)
    await store.checkpoint_run(key, "p", b"")
    await store.arrive_at_barrier(key, "b", b"", "c")
    key = await back(store, key, "", forgotten=2)
    assert await results(store, key) == {}
    assert await store.get_group(key, "g") is None
    assert await store.recover(key) == type(await store.recover(key))()
    assert await store.list_consumers(key) == ["c"]
    with pytest.raises(UnknownCheckpoint):
        await store.restore_run(key.tenant, key.run_id, "p", 0)


async def test_forgotten_ids_may_come_again_with_other_content(store: Store, key: RunKey) -> None:
    await store.checkpoint_run(key, "p", b"")
    await store.accept_rollouts(key, [rollout("r", size=1)], 1.0)
    await answer(store, key, "r")
    key = await back(store, key, "p", forgotten=1)
    (outcome,) = await store.accept_rollouts(key, [rollout("r", "other", 3, content=b"new")], 2.0)
    assert outcome.code is AcceptCode.ACCEPTED
    assert (await answer(store, key, "r")).sequences == {"c": 1}
    (found,) = await store.read_rollouts(key, ["r"])
    assert found is not None
    assert found.position == 2  # positions are never used twice


async def test_answers_not_acknowledged_at_the_checkpoint_are_due_again(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [rollout(name, size=3) for name in ("r1", "r2", "r3")], 1.0)
    await answer(store, key, "r1", "r2")
    await store.outbox_ack(key, "c", 1)
    await store.checkpoint_run(key, "p", b"")
    await store.outbox_ack(key, "c", 2)
    await answer(store, key, "r3")
    await store.emit_groups(key, [("g", b"G", ("c",))])
    key = await back(store, key, "p", forgotten=0)
    assert await results(store, key) == {"r1": b"result r1", "r2": None, "r3": None}
    recovery = await store.recover(key)
    assert [found.rollout_id for found in recovery.unanswered] == ["r2", "r3"]
    assert [(group.state, group.arrived, group.answered) for group in recovery.open] == [(GroupState.OPEN, 3, 1)]
    outcome = await answer(store, key, "r1", "r2", "r3", text=b"again ")
    assert (outcome.stored, outcome.sequences, outcome.ready) == ((False, True, True), {"c": 2}, ("g",))
    assert [entry.payload for entry in await everything(store, key)] == [b"again r2", b"again r3"]


async def test_with_several_consumers_all_must_have_acknowledged(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(
        key,
        [rollout("both", consumers=("a", "b")), rollout("one", consumers=("a",)), rollout("none", consumers=())],
        1.0,
    )
    await answer(store, key, "both", "one", "none")
    await store.outbox_ack(key, "a", 2)
    await store.checkpoint_run(key, "p", b"")
    await store.outbox_ack(key, "b", 1)
    key = await back(store, key, "p")
    assert await results(store, key) == {"both": None, "one": b"result one", "none": b"result none"}


async def test_a_group_half_in_keeps_the_members_before_the_checkpoint(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [rollout("r1", size=2)], 1.0)
    await store.checkpoint_run(key, "p", b"")
    await finish_group(store, key, "later", "x", ack=True)
    await store.accept_rollouts(key, [rollout("r2", size=2)], 1.0)
    await answer(store, key, "r1", "r2")
    await store.emit_groups(key, [("g", b"G", ("c",))])
    await store.outbox_ack(key, "c", 99)
    key = await back(store, key, "p", forgotten=2)
    group = await store.get_group(key, "g")
    assert group is not None
    assert (group.state, group.size, group.arrived, group.answered, group.result) == (GroupState.OPEN, 2, 1, 0, None)
    assert [member.rollout_id for member in await store.read_group(key, "g")] == ["r1"]
    assert await store.get_group(key, "later") is None
    await store.accept_rollouts(key, [rollout("new", size=2)], 2.0)
    assert (await answer(store, key, "r1", "new")).ready == ("g",)
    positions, sequences = await store.emit_groups(key, [("g", b"H", ("c",))])
    assert positions[0] > 0
    assert sequences == {"c": 3}


async def test_a_group_emitted_but_not_acknowledged_is_open_again(store: Store, key: RunKey) -> None:
    await finish_group(store, key, "g", "r1", "r2", ack=False)
    await store.outbox_ack(key, "c", 1)
    await store.checkpoint_run(key, "p", b"")
    key = await back(store, key, "p")
    assert await results(store, key) == {"r1": b"result r1", "r2": None}
    assert (await answer(store, key, "r2")).ready == ("g",)
    assert (await store.emit_groups(key, [("g", b"G", ("c",))]))[1] == {"c": 2}


async def test_a_group_whose_members_are_settled_is_ready_again(store: Store, key: RunKey) -> None:
    await finish_group(store, key, "g", "r1", "r2", ack=False)
    await store.outbox_ack(key, "c", 2)
    await store.checkpoint_run(key, "p", b"")
    key = await back(store, key, "p")
    assert [group.group_id for group in (await store.recover(key)).ready] == ["g"]
    assert (await store.emit_groups(key, [("g", b"G", ("c",))]))[1] == {"c": 1}


async def test_an_acknowledged_group_stays_when_a_sample_of_it_is_due_again(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [rollout("r", size=1, consumers=("rank",))], 1.0)
    await answer(store, key, "r")
    await store.emit_groups(key, [("g", b"G", ("driver",))])
    await store.outbox_ack(key, "driver", 1)
    await store.checkpoint_run(key, "p", b"")
    key = await back(store, key, "p")
    group = await store.get_group(key, "g")
    assert group is not None
    assert group.state is GroupState.EMITTED
    outcome = await answer(store, key, "r")
    assert (outcome.sequences, outcome.ready) == ({"rank": 1}, ())


async def test_how_a_group_was_closed_before_the_checkpoint_stands(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [rollout("r1"), rollout("r2"), rollout("s1", "h"), rollout("s2", "h")], 1.0)
    await store.close_group(key, "g", ["r1", "r3"], 2.0)
    await store.checkpoint_run(key, "p", b"")
    await store.accept_rollouts(key, [rollout("r3")], 2.0)
    await store.close_group(key, "h", ["s1"], 2.0)
    await answer(store, key, "r1", "r2", "r3", "s1", "s2")
    await store.emit_groups(key, [("g", b"G", ("c",)), ("h", b"H", ("c",))])
    key = await back(store, key, "p", forgotten=1)
    assert [member.rollout_id for member in await store.read_group(key, "g")] == ["r1"]
    assert [member.rollout_id for member in await store.read_group(key, "h")] == ["s1", "s2"]
    (unexpected,) = await store.accept_rollouts(key, [rollout("r9")], 3.0)
    assert unexpected.code is AcceptCode.NOT_EXPECTED
    await store.accept_rollouts(key, [rollout("r3")], 3.0)
    assert (await answer(store, key, "r1", "r3", "s1", "s2")).ready == ("g",)
    assert (await store.close_group(key, "h", None, 3.0)).state is GroupState.READY


async def test_an_aborted_group_is_open_again(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [rollout("r1", size=2)], 1.0)
    await store.cut_group(key, "g")
    await store.checkpoint_run(key, "p", b"")
    await store.emit_groups(key, [("g", b"aborted", ("c",))])
    key = await back(store, key, "p")
    group = await store.get_group(key, "g")
    assert group is not None
    assert (group.state, group.size, group.arrived, group.closed) == (GroupState.OPEN, 2, 1, False)


async def test_steps_after_the_checkpoint_are_forgotten(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [partial("r", b"0"), partial("s")], 1.0)
    await store.append_steps(key, "r", 1, [b"1"], final=False, tail=b"")
    await store.append_steps(key, "s", 0, [b"0"], final=True, tail=b"end")
    await store.checkpoint_run(key, "p", b"")
    await store.append_steps(key, "r", 2, [b"2"], final=False, tail=b"")
    await store.append_steps(key, "r", 3, [b"3"], final=True, tail=b"end")
    key = await back(store, key, "p", forgotten=0)
    first, second = await store.read_rollouts(key, ["r", "s"])
    assert first is not None
    assert second is not None
    assert (first.steps, first.final) == ((b"0", b"1"), False)
    assert (second.steps, second.final) == ((b"0", b"end"), True)
    outcome = await store.append_steps(key, "r", 2, [b"other"], final=True, tail=b"")
    assert (outcome.length, outcome.final) == (3, True)


@pytest.mark.parametrize("acknowledged", [True, False])
async def test_a_finished_barrier_stays_if_it_was_acknowledged(
    store: Store, key: RunKey, *, acknowledged: bool
) -> None:
    await finish_group(store, key, "g", "r", ack=True)
    await store.arrive_at_barrier(key, "b", b"B", "c")
    await store.finish_barrier(key, "b", ["g"], [b"batch"], ["c"])
    if acknowledged:
        await store.outbox_ack(key, "c", 3)
    await store.checkpoint_run(key, "p", b"")
    await store.arrive_at_barrier(key, "b", b"B", "late")
    key = await back(store, key, "p")
    group = await store.get_group(key, "g")
    assert group is not None
    assert group.state is GroupState.EMITTED
    assert group.barrier_id == ("b" if acknowledged else "")
    recovery = await store.recover(key)
    assert len(recovery.unbatched) == len(recovery.barriers) == (0 if acknowledged else 1)
    if not acknowledged:
        assert recovery.barriers[0].arrived == ("c",)
        assert await store.finish_barrier(key, "b", ["g"], [b"batch"], ["c"]) == {"c": 1}


async def test_barriers_after_the_checkpoint_are_forgotten(store: Store, key: RunKey) -> None:
    await finish_group(store, key, "g", "r", ack=True)
    await store.arrive_at_barrier(key, "before", b"", "c")
    await store.checkpoint_run(key, "p", b"")
    await store.arrive_at_barrier(key, "after", b"", "c")
    await store.finish_barrier(key, "after", ["g"], [b"batch"], ["c"])
    await store.outbox_ack(key, "c", 99)
    key = await back(store, key, "p")
    recovery = await store.recover(key)
    assert [barrier.barrier_id for barrier in recovery.barriers] == ["before"]
    assert [group.group_id for group in recovery.unbatched] == ["g"]
    assert (await store.arrive_at_barrier(key, "after", b"new", "d")).payload == b"new"


async def test_going_back_to_the_same_checkpoint_twice(store: Store, key: RunKey) -> None:
    await finish_group(store, key, "old", "o", ack=True)
    await store.accept_rollouts(key, [rollout("r1"), rollout("r2")], 1.0)
    await answer(store, key, "r1", "r2")
    await store.outbox_ack(key, "c", 3)
    await store.checkpoint_run(key, "p", b"")
    for attempt in range(3):
        await store.accept_rollouts(key, [rollout(f"new{attempt}")], 2.0)
        await answer(store, key, f"new{attempt}", "r2")
        await store.outbox_ack(key, "c", 99)
        key = await back(store, key, "p", forgotten=1)
        assert await results(store, key) == {"o": b"result o", "r1": b"result r1", "r2": None}
        group = await store.get_group(key, "old")
        assert group is not None
        assert group.state is GroupState.EMITTED


async def test_results_given_after_a_restore_are_settled_by_a_later_checkpoint(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [rollout("r1"), rollout("r2")], 1.0)
    await store.checkpoint_run(key, "p", b"")
    key = await back(store, key, "p")
    await answer(store, key, "r1", "r2", text=b"second ")
    await store.outbox_ack(key, "c", 1)
    await store.checkpoint_run(key, "q", b"")
    key = await back(store, key, "q")
    assert await results(store, key) == {"r1": b"second r1", "r2": None}
    key = await back(store, key, "p")
    assert await results(store, key) == {"r1": None, "r2": None}


async def test_checkpoints_after_the_one_restored_are_forgotten(store: Store, key: RunKey) -> None:
    await store.checkpoint_run(key, "p", b"1")
    await store.checkpoint_run(key, "q", b"2")
    key = await back(store, key, "p")
    with pytest.raises(UnknownCheckpoint):
        await store.restore_run(key.tenant, key.run_id, "q", 0)
    assert (await store.checkpoint_run(key, "q", b"3")).state == b"3"


async def test_a_retried_restore_returns_what_the_first_did(store: Store, key: RunKey) -> None:
    await store.checkpoint_run(key, "p", b"state")
    await store.accept_rollouts(key, [rollout("r")], 1.0)
    first = await store.restore_run(key.tenant, key.run_id, "p", 1)
    await store.accept_rollouts(first[0].key, [rollout("r", content=b"new")], 1.0)
    assert await store.restore_run(key.tenant, key.run_id, "p", 1) == first
    assert list(await results(store, first[0].key)) == ["r"]
    with pytest.raises(StaleGeneration) as caught:
        await store.restore_run(key.tenant, key.run_id, "", 1)
    assert caught.value.present == 2
    with pytest.raises(UnknownCheckpoint):
        await store.restore_run(key.tenant, key.run_id, "unknown", 2)
    again = await store.restore_run(key.tenant, key.run_id, "p", 0)
    assert again[0].generation == 3
    assert again[2] == 1


async def test_an_older_generation_changes_nothing(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [rollout("r", size=1), partial("s", group_id="h")], 1.0)
    await store.checkpoint_run(key, "p", b"")
    new = await back(store, key, "p")
    before = (await store.recover(new), await store.list_consumers(new))
    for operation in (
        lambda: store.accept_rollouts(key, [rollout("x")], 1.0),
        lambda: store.append_steps(key, "s", 0, [b"0"], final=True, tail=b""),
        lambda: store.complete_rollouts(key, [ResultItem("r", b"")]),
        lambda: store.close_group(key, "g", None, 1.0),
        lambda: store.cut_group(key, "g"),
        lambda: store.abort_group(key, "g", 1.0),
        lambda: store.emit_groups(key, [("g", b"", ("c",))]),
        lambda: store.arrive_at_barrier(key, "b", b"", "c"),
        lambda: store.finish_barrier(key, "b", [], [b""], ["c"]),
        lambda: store.outbox_state(key, "stranger"),
        lambda: store.outbox_ack(key, "c", 1),
        lambda: store.checkpoint_run(key, "q", b""),
        lambda: store.read_rollouts(key, ["r"]),
        lambda: store.read_group(key, "g"),
        lambda: store.get_group(key, "g"),
        lambda: store.list_consumers(key),
        lambda: store.recover(key),
        lambda: everything(store, key),
    ):
        with pytest.raises(StaleGeneration):
            await operation()
    assert (await store.recover(new), await store.list_consumers(new)) == before
