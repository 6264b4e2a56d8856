"""What every store promises of rollouts, groups, barriers and outboxes."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay_server.store import memory_run
from assay_server.store.protocol import (
    AcceptCode,
    AcceptOutcome,
    AppendCode,
    AppendOutcome,
    GroupState,
    OutboxKind,
    OutboxState,
    ResultItem,
    RunConflict,
    RunKey,
    StaleGeneration,
    Store,
    UnknownRun,
)
from assay_server.store.sqlite import reads

from .backends import answer, everything, partial, rollout

# ---------------------------------------------------------------- runs


async def test_creating_a_run_again_finds_it(store: Store) -> None:
    first, new = await store.create_run("local", "a", "digest", b"spec")
    again, new_again = await store.create_run("local", "a", "digest", b"spec")
    assert (new, new_again) == (True, False)
    assert first == again
    assert first.generation == 1
    assert await store.get_run("local", "a") == first


async def test_a_run_id_with_another_spec_is_a_conflict(store: Store, key: RunKey) -> None:
    with pytest.raises(RunConflict):
        await store.create_run(key.tenant, key.run_id, "other digest", b"other")
    found = await store.get_run(key.tenant, key.run_id)
    assert found is not None
    assert found.spec == b"spec"


async def test_tenants_with_equal_ids_do_not_see_each_other(store: Store, key: RunKey) -> None:
    other, new = await store.create_run("tenant two", key.run_id, "another digest", b"")
    assert new
    await store.accept_rollouts(key, [rollout("r", "g", 1)], 1.0)
    await answer(store, key, "r")
    assert await store.read_rollouts(other.key, ["r"]) == [None]
    assert await store.get_group(other.key, "g") is None
    assert await store.list_consumers(other.key) == []
    assert await everything(store, other.key) == []
    outcomes = await store.accept_rollouts(other.key, [rollout("r", "g", 1, content=b"else")], 1.0)
    assert outcomes[0].code is AcceptCode.ACCEPTED
    assert [record.tenant for record in await store.list_runs()] == ["local", "tenant two"]
    await store.put_objects("local", "task", {"d": b"mine"})
    assert await store.get_objects("tenant two", "task", ["d"]) == [None]


async def test_operations_on_an_unknown_run_say_so(store: Store) -> None:
    key = RunKey("local", "nobody", 1)
    assert await store.get_run("local", "nobody") is None
    with pytest.raises(UnknownRun):
        await store.accept_rollouts(key, [rollout("r")], 1.0)
    with pytest.raises(UnknownRun):
        await everything(store, key)
    with pytest.raises(UnknownRun):
        await store.restore_run("local", "nobody", "", 0)


# ---------------------------------------------------------------- accepting


async def test_an_accepted_rollout_is_read_as_it_came(store: Store, key: RunKey) -> None:
    content = bytes(range(256)) + b"\x00" * 5000
    await store.accept_rollouts(key, [rollout("r", content=content, consumers=("a", "b"))], 1.0)
    (found, missing) = await store.read_rollouts(key, ["r", "s"])
    assert missing is None
    assert found is not None
    assert (found.payload, found.consumers, found.final, found.result, found.position) == (
        content,
        ("a", "b"),
        True,
        None,
        1,
    )
    assert await store.list_consumers(key) == ["a", "b"]


async def test_items_of_one_batch_are_judged_one_after_the_other(store: Store, key: RunKey) -> None:
    outcomes = await store.accept_rollouts(
        key,
        [
            rollout("r1", "g", 2),
            rollout("r1", "g", 2),
            rollout("r1", "g", 2, content=b"other"),
            rollout("r2", "g", 3),
            rollout("r3", "g"),
            rollout("r4", "g", 2),
        ],
        1.0,
    )
    assert outcomes == [
        AcceptOutcome(AcceptCode.ACCEPTED, group_size=2),
        AcceptOutcome(AcceptCode.DUPLICATE, group_size=2),
        AcceptOutcome(AcceptCode.CONFLICT, group_size=2),
        AcceptOutcome(AcceptCode.GROUP_SIZE_DIFFERS, group_size=2),
        AcceptOutcome(AcceptCode.ACCEPTED, group_size=2),
        AcceptOutcome(AcceptCode.GROUP_FULL, group_size=2),
    ]
    assert [found.rollout_id async for found in store.scan_rollouts(key)] == ["r1", "r3"]


async def test_repeats_and_conflicts_across_batches(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [rollout("r", "g", 1)], 1.0)
    await answer(store, key, "r")
    same, other = await store.accept_rollouts(key, [rollout("r", "g", 1), rollout("r", "x", 9, content=b"o")], 2.0)
    assert same == AcceptOutcome(AcceptCode.DUPLICATE, answered=True, group_size=1)
    assert other.code is AcceptCode.CONFLICT
    assert await store.get_group(key, "x") is None


async def test_a_size_may_be_announced_by_a_later_member(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [rollout("r1"), rollout("r2")], 1.0)
    await answer(store, key, "r1", "r2")
    too_small, fits = await store.accept_rollouts(key, [rollout("r3", size=2), rollout("r4", size=3)], 1.0)
    assert too_small.code is AcceptCode.GROUP_FULL
    assert fits == AcceptOutcome(AcceptCode.ACCEPTED, group_size=3)
    assert (await answer(store, key, "r4")).ready == ("g",)


async def test_a_full_group_takes_nobody_even_when_it_is_emitted(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [rollout("r1", size=1)], 1.0)
    await answer(store, key, "r1")
    await store.emit_groups(key, [("g", b"G", ("c",))])
    (outcome,) = await store.accept_rollouts(key, [rollout("r2", size=1)], 1.0)
    assert outcome.code is AcceptCode.GROUP_FULL


@pytest.mark.parametrize("ids", [["a,b", "c'd", 'e"f', "nul\0byte", "\N{SNOWMAN}", ""], ["same"]])
async def test_ids_are_any_text(store: Store, key: RunKey, ids: list[str]) -> None:
    for name in ids:
        await store.accept_rollouts(key, [rollout(name, "g" + name, 1, consumers=("c" + name,))], 1.0)
        assert (await answer(store, key, name)).ready == ("g" + name,)
        await store.arrive_at_barrier(key, name, b"", "c" + name)
    assert [found.rollout_id for found in await store.read_rollouts(key, ids) if found] == ids
    assert [record.group_id for record in (await store.recover(key)).ready] == ["g" + name for name in ids]
    assert await store.list_consumers(key) == ["c" + name for name in ids]


async def test_a_bad_operation_does_not_undo_its_neighbours(store: Store, key: RunKey) -> None:
    stale = key._replace(generation=7)
    outcomes = await asyncio.gather(
        store.accept_rollouts(key, [rollout("r1")], 1.0),
        store.accept_rollouts(stale, [rollout("r2")], 1.0),
        store.accept_rollouts(key, [rollout("r3")], 1.0),
        return_exceptions=True,
    )
    assert isinstance(outcomes[1], StaleGeneration)
    assert outcomes[1].present == 1
    assert [found.rollout_id async for found in store.scan_rollouts(key)] == ["r1", "r3"]


async def test_scanning_goes_by_position_over_many_pages(store: Store, key: RunKey) -> None:
    names = [f"r{n:04}" for n in reversed(range(700))]
    for start in range(0, 700, 100):
        await store.accept_rollouts(key, [rollout(name) for name in names[start : start + 100]], 1.0)
    found = [item async for item in store.scan_rollouts(key)]
    assert [item.rollout_id for item in found] == names
    assert [item.position for item in found] == list(range(1, 701))


# ---------------------------------------------------------------- growing


async def test_steps_are_appended_and_frozen(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [partial("r", b"0")], 1.0)
    append = store.append_steps
    assert await append(key, "x", 0, [b"0"], final=False, tail=b"") == AppendOutcome(AppendCode.UNKNOWN)
    assert await append(key, "r", 1, [b"1", b"2"], final=False, tail=b"") == AppendOutcome(AppendCode.APPENDED, 3)
    assert await append(key, "r", 3, [b"3"], final=True, tail=b"end") == AppendOutcome(AppendCode.APPENDED, 4, True)
    (found,) = await store.read_rollouts(key, ["r"])
    assert found is not None
    assert (found.payload, found.steps, found.final) == (b"head", (b"0", b"1", b"2", b"3", b"end"), True)


@pytest.mark.parametrize(
    ("index", "steps", "tail", "code"),
    [
        (1, [b"1"], None, AppendCode.DUPLICATE),
        (0, [b"0", b"1", b"2"], None, AppendCode.DUPLICATE),
        (1, [b"x"], None, AppendCode.ABORTED),
        (2, [b"2", b"3"], None, AppendCode.ABORTED),
        (4, [b"4"], None, AppendCode.ABORTED),
        (-1, [b"2"], None, AppendCode.ABORTED),
        (2, [b"2"], b"end", AppendCode.ABORTED),
        (3, [], b"end", AppendCode.APPENDED),
        (3, [], None, AppendCode.DUPLICATE),
    ],
)
async def test_appends_to_a_rollout_in_progress(
    store: Store, key: RunKey, index: int, steps: list[bytes], tail: bytes | None, code: AppendCode
) -> None:
    await store.accept_rollouts(key, [partial("r", b"0", b"1", b"2")], 1.0)
    outcome = await store.append_steps(key, "r", index, steps, final=tail is not None, tail=tail or b"")
    assert outcome == AppendOutcome(code, 3, code is AppendCode.APPENDED)


@pytest.mark.parametrize(
    ("index", "steps", "tail", "code"),
    [
        (2, [b"2"], b"end", AppendCode.DUPLICATE),
        (0, [b"0", b"1", b"2"], b"end", AppendCode.DUPLICATE),
        (1, [b"1"], None, AppendCode.DUPLICATE),
        (2, [b"2"], b"other end", AppendCode.ABORTED),
        (1, [b"1"], b"end", AppendCode.ABORTED),
        (3, [b"3"], None, AppendCode.ABORTED),
        (3, [b"end"], None, AppendCode.ABORTED),
    ],
)
async def test_appends_to_frozen_content(
    store: Store, key: RunKey, index: int, steps: list[bytes], tail: bytes | None, code: AppendCode
) -> None:
    await store.accept_rollouts(key, [partial("r", b"0", b"1")], 1.0)
    await store.append_steps(key, "r", 2, [b"2"], final=True, tail=b"end")
    outcome = await store.append_steps(key, "r", index, steps, final=tail is not None, tail=tail or b"")
    assert outcome == AppendOutcome(code, 3, final=True)


async def test_a_rollout_accepted_whole_does_not_grow(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [rollout("r")], 1.0)
    outcome = await store.append_steps(key, "r", 0, [b"0"], final=True, tail=b"")
    assert outcome == AppendOutcome(AppendCode.ABORTED, 0, final=True)


async def test_concurrent_appends_of_the_same_steps_happen_once(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [partial("r")], 1.0)
    outcomes = await asyncio.gather(*(store.append_steps(key, "r", 0, [b"0"], final=False, tail=b"") for _ in range(5)))
    codes = [outcome.code for outcome in outcomes]
    assert codes.count(AppendCode.APPENDED) == 1
    assert codes.count(AppendCode.DUPLICATE) == 4


# ---------------------------------------------------------------- answering


async def test_the_first_result_wins(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [rollout("r", size=1)], 1.0)
    first = await store.complete_rollouts(
        key, [ResultItem("r", b"1"), ResultItem("r", b"2"), ResultItem("unknown", b"3")]
    )
    second = await store.complete_rollouts(key, [ResultItem("r", b"4")])
    assert (first.stored, first.sequences, first.ready) == ((True, False, False), {"c": 1}, ("g",))
    assert (second.stored, second.sequences, second.ready) == ((False,), {}, ())
    (found,) = await store.read_rollouts(key, ["r"])
    assert found is not None
    assert found.result == b"1"
    assert [entry.payload for entry in await everything(store, key)] == [b"1"]


async def test_results_go_to_every_consumer_in_item_order(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(
        key,
        [rollout("r1", consumers=("a", "b")), rollout("r2", consumers=("b",)), rollout("r3", consumers=())],
        1.0,
    )
    outcome = await answer(store, key, "r2", "r1", "r3")
    assert outcome.stored == (True, True, True)
    assert outcome.sequences == {"a": 1, "b": 2}
    assert [tuple(entry) for entry in await everything(store, key, "b")] == [
        (1, OutboxKind.SAMPLE, b"result r2"),
        (2, OutboxKind.SAMPLE, b"result r1"),
    ]
    assert [tuple(entry) for entry in await everything(store, key, "a")] == [(1, OutboxKind.SAMPLE, b"result r1")]


async def test_sequences_have_no_holes_under_concurrency(store: Store, key: RunKey) -> None:
    names = [f"r{n}" for n in range(120)]
    items = [rollout(name, f"g{n // 8}", 8, consumers=("a", "b")) for n, name in enumerate(names)]
    await asyncio.gather(*(store.accept_rollouts(key, items[n : n + 10], 1.0) for n in range(0, 120, 10)))
    batches = [names[n::11] + names[n::7] for n in range(11)]
    outcomes = await asyncio.gather(*(answer(store, key, *batch) for batch in batches))
    assert sum(sum(outcome.stored) for outcome in outcomes) == 120
    ready = [group for outcome in outcomes for group in outcome.ready]
    assert sorted(ready) == sorted(f"g{n}" for n in range(15))
    for consumer in ("a", "b"):
        entries = await everything(store, key, consumer)
        assert [entry.sequence for entry in entries] == list(range(1, 121))
        assert {entry.payload for entry in entries} == {b"result " + name.encode() for name in names}


async def test_rollouts_in_progress_are_not_waited_for_by_recovery(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [partial("r1"), rollout("r2"), rollout("r3")], 1.0)
    await answer(store, key, "r3")
    assert [found.rollout_id for found in (await store.recover(key)).unanswered] == ["r2"]
    await store.append_steps(key, "r1", 0, [b"0"], final=True, tail=b"end")
    unanswered = (await store.recover(key)).unanswered
    assert [(found.rollout_id, found.steps) for found in unanswered] == [("r1", (b"0", b"end")), ("r2", ())]


async def test_recovery_names_groups_that_were_given_up_and_not_emitted(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [rollout("r1", size=2)], 1.0)
    await store.abort_group(key, "g", 2.0)
    assert [(group.group_id, group.state) for group in (await store.recover(key)).ready] == [("g", GroupState.ABORTED)]
    await store.emit_groups(key, [("g", b"given up", ("c",))])
    assert (await store.recover(key)).ready == ()


async def test_only_the_newest_groups_wait_for_a_barrier(
    store: Store, key: RunKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (memory_run, reads):
        monkeypatch.setattr(module, "MAX_UNBATCHED", 2)
    for number in range(4):
        await store.accept_rollouts(key, [rollout(f"r{number}", f"g{number}", 1)], 1.0)
        await answer(store, key, f"r{number}")
        await store.emit_groups(key, [(f"g{number}", b"result", ("c",))])
    assert [group.group_id for group in (await store.recover(key)).unbatched] == ["g2", "g3"]


# ---------------------------------------------------------------- groups


async def test_a_group_goes_from_open_to_emitted(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [rollout("r2", size=2), rollout("r1", size=2)], 1720000000.123456)
    opened = await store.get_group(key, "g")
    assert opened is not None
    assert (opened.state, opened.size, opened.arrived, opened.answered, opened.closed, opened.first_at) == (
        GroupState.OPEN,
        2,
        2,
        0,
        False,
        1720000000.123456,
    )
    assert (await answer(store, key, "r1")).ready == ()
    assert (await answer(store, key, "r2")).ready == ("g",)
    assert (await store.recover(key)).ready[0].answered == 2
    assert [member.rollout_id for member in await store.read_group(key, "g")] == ["r1", "r2"]
    assert await store.emit_groups(key, [("g", b"G", ("c",)), ("g", b"H", ("c",)), ("x", b"X", ("c",))]) == (
        [1, 0, 0],
        {"c": 3},
    )
    emitted = await store.get_group(key, "g")
    assert emitted is not None
    assert (emitted.state, emitted.emit_position, emitted.result) == (GroupState.EMITTED, 1, b"G")
    assert (await store.recover(key)).unbatched == (emitted,)


async def test_only_ready_and_aborted_groups_are_emitted(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [rollout("r", "open", 2), rollout("s", "aborted", 2)], 1.0)
    await store.abort_group(key, "aborted", 2.0)
    assert await store.emit_groups(key, [("open", b"", ("c",)), ("aborted", b"none", ("c", "d"))]) == (
        [0, 1],
        {"c": 1, "d": 1},
    )
    assert [entry.kind for entry in await everything(store, key, "d")] == [OutboxKind.GROUP]


async def test_closing_with_those_that_arrived(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [rollout("r1", size=4), rollout("r2", size=4)], 1.0)
    await answer(store, key, "r1")
    record = await store.close_group(key, "g", None, 2.0)
    assert (record.state, record.size, record.arrived, record.closed) == (GroupState.OPEN, 2, 2, True)
    (late,) = await store.accept_rollouts(key, [rollout("r3", size=4)], 3.0)
    assert late == AcceptOutcome(AcceptCode.ACCEPTED, late=True, group_size=4)
    assert (await answer(store, key, "r3")).ready == ()
    assert (await answer(store, key, "r2")).ready == ("g",)
    assert [member.rollout_id for member in await store.read_group(key, "g")] == ["r1", "r2"]
    assert (await everything(store, key))[1].payload == b"result r3"


async def test_closing_with_named_members(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [rollout("r1"), rollout("r2")], 1.0)
    await answer(store, key, "r1", "r2")
    record = await store.close_group(key, "g", ["r1", "r3", "r3"], 2.0)
    assert (record.state, record.size, record.arrived, record.answered) == (GroupState.OPEN, 2, 1, 1)
    unexpected, named = await store.accept_rollouts(key, [rollout("r4"), rollout("r3")], 3.0)
    assert (unexpected.code, named) == (AcceptCode.NOT_EXPECTED, AcceptOutcome(AcceptCode.ACCEPTED))
    assert (await answer(store, key, "r3")).ready == ("g",)
    (dropped,) = await store.read_rollouts(key, ["r2"])
    assert dropped is not None
    assert dropped.late
    again = await store.close_group(key, "g", ["r9"], 4.0)
    assert (again.state, again.size) == (GroupState.READY, 2)


async def test_named_members_need_not_agree_with_a_shorter_list(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [rollout("r1", size=4)], 1.0)
    record = await store.close_group(key, "g", ["r1", "r2"], 2.0)
    assert record.closed
    (outcome,) = await store.accept_rollouts(key, [rollout("r2", size=4)], 3.0)
    assert outcome == AcceptOutcome(AcceptCode.ACCEPTED, group_size=4)
    assert (await answer(store, key, "r1", "r2")).ready == ("g",)


async def test_closing_tells_of_ready_once(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [rollout("r1"), rollout("r2")], 1.0)
    await answer(store, key, "r1", "r2")
    assert (await store.close_group(key, "g", None, 2.0)).state is GroupState.READY
    await store.emit_groups(key, [("g", b"G", ())])
    again = await store.close_group(key, "g", None, 2.0)
    assert (again.state, again.result) == (GroupState.EMITTED, b"G")


@pytest.mark.parametrize("expected", [None, []])
async def test_closing_an_empty_group_aborts_it(store: Store, key: RunKey, expected: list[str] | None) -> None:
    record = await store.close_group(key, "g", expected, 5.0)
    assert (record.state, record.first_at) == (GroupState.ABORTED, 5.0)
    (outcome,) = await store.accept_rollouts(key, [rollout("r")], 6.0)
    assert outcome.code in {AcceptCode.ACCEPTED, AcceptCode.NOT_EXPECTED}
    assert outcome.late == (outcome.code is AcceptCode.ACCEPTED)


async def test_closing_before_the_first_member(store: Store, key: RunKey) -> None:
    record = await store.close_group(key, "g", ["r1"], 5.0)
    assert (record.state, record.size, record.arrived) == (GroupState.OPEN, 1, 0)
    await store.accept_rollouts(key, [rollout("r1")], 6.0)
    assert (await answer(store, key, "r1")).ready == ("g",)


async def test_cutting_keeps_the_answered(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [rollout(f"r{n}", size=4) for n in range(3)], 1.0)
    await answer(store, key, "r0", "r2")
    record = await store.cut_group(key, "g")
    assert record is not None
    assert (record.state, record.size, record.arrived, record.closed) == (GroupState.READY, 2, 2, True)
    assert await store.cut_group(key, "g") is None
    assert await store.cut_group(key, "unknown") is None
    assert [member.rollout_id for member in await store.read_group(key, "g")] == ["r0", "r2"]
    assert (await answer(store, key, "r1")).ready == ()
    late, full = await store.accept_rollouts(key, [rollout("r3", size=4), rollout("r4", size=4)], 2.0)
    assert late.late
    assert full.code is AcceptCode.GROUP_FULL


async def test_cutting_a_group_without_answers_aborts_it(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [rollout("r", size=2)], 1.0)
    record = await store.cut_group(key, "g")
    assert record is not None
    assert record.state is GroupState.ABORTED


async def test_aborting(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [rollout("r", size=1)], 1.0)
    await answer(store, key, "r")
    record = await store.abort_group(key, "g", 2.0)
    assert record is not None
    assert (record.state, record.arrived, record.answered) == (GroupState.ABORTED, 1, 1)
    assert await store.abort_group(key, "g", 2.0) is None
    unknown = await store.abort_group(key, "new", 3.0)
    assert unknown is not None
    assert (unknown.state, unknown.first_at) == (GroupState.ABORTED, 3.0)
    await store.emit_groups(key, [("new", b"", ())])
    assert await store.abort_group(key, "new", 4.0) is None


async def test_one_of_many_racing_changes_sees_the_group_become_ready(store: Store, key: RunKey) -> None:
    for n in range(20):
        names = [f"{n}-{m}" for m in range(3)]
        await store.accept_rollouts(key, [rollout(name, f"g{n}") for name in names], 1.0)
        complete, *closings = await asyncio.gather(
            answer(store, key, *names),
            store.close_group(key, f"g{n}", None, 2.0),
            store.cut_group(key, f"g{n}"),
            store.abort_group(key, f"g{n}", 2.0),
        )
        record = await store.get_group(key, f"g{n}")
        assert record is not None
        assert record.state is GroupState.ABORTED
        told = len(complete.ready) + sum(closing is not None for closing in closings[1:])
        assert told >= 1
        assert (await store.emit_groups(key, [(f"g{n}", b"", ())]))[0] == [n + 1]


# ---------------------------------------------------------------- barriers


async def test_the_first_barrier_payload_stays(store: Store, key: RunKey) -> None:
    await store.arrive_at_barrier(key, "b", b"first", "c")
    record = await store.arrive_at_barrier(key, "b", b"second", "d")
    assert record == await store.arrive_at_barrier(key, "b", b"third", "c")
    assert (record.payload, record.arrived, record.finished) == (b"first", ("c", "d"), False)
    assert (await store.recover(key)).barriers == (record,)


async def test_a_barrier_is_finished_once(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [rollout("r", size=1)], 1.0)
    await answer(store, key, "r")
    await store.emit_groups(key, [("g", b"G", ("c",))])
    await store.arrive_at_barrier(key, "b", b"B", "c")
    assert await store.finish_barrier(key, "b", ["g", "unknown"], [b"1", b"2"], ["c", "d"]) == {"c": 4, "d": 2}
    assert await store.finish_barrier(key, "b", [], [b"3"], ["c"]) is None
    assert await store.finish_barrier(key, "other", ["g"], [], ["d"]) == {"d": 2}
    group = await store.get_group(key, "g")
    assert group is not None
    assert group.barrier_id == "b"
    assert (await store.arrive_at_barrier(key, "b", b"", "c")).finished
    recovery = await store.recover(key)
    assert (recovery.barriers, recovery.unbatched) == ((), ())
    entries = await everything(store, key, "d")
    assert [(entry.kind, entry.payload) for entry in entries] == [(OutboxKind.BATCH, b"1"), (OutboxKind.BATCH, b"2")]


# ---------------------------------------------------------------- outboxes


async def test_an_outbox_is_read_in_pages(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [rollout(f"r{n}") for n in range(6)], 1.0)
    await store.complete_rollouts(key, [ResultItem(f"r{n}", bytes([n]) * 100) for n in range(6)])

    async def page(after: int, entries: int, size: int) -> list[int]:
        read = await store.outbox_read(key, "c", after, max_entries=entries, max_bytes=size)
        return [entry.sequence for entry in read]

    assert await page(0, 4, 10**6) == [1, 2, 3, 4]
    assert await page(4, 4, 10**6) == [5, 6]
    assert await page(6, 4, 10**6) == []
    assert await page(0, 100, 300) == [1, 2, 3]
    assert await page(0, 100, 299) == [1, 2]
    assert await page(2, 100, 1) == [3]
    assert await page(2, 0, 0) == [3]


async def test_acknowledged_results_are_gone(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [rollout(f"r{n}", consumers=("c", "d")) for n in range(4)], 1.0)
    await answer(store, key, "r0", "r1", "r2")
    assert await store.outbox_ack(key, "c", 2) == OutboxState(3, 2)
    assert [entry.sequence for entry in await everything(store, key)] == [3]
    assert await store.outbox_ack(key, "c", 1) == OutboxState(3, 2)
    assert await store.outbox_ack(key, "c", 99) == OutboxState(3, 3)
    assert await everything(store, key) == []
    assert len(await everything(store, key, "d")) == 3
    assert (await answer(store, key, "r3")).sequences == {"c": 4, "d": 4}
    assert [entry.payload for entry in await everything(store, key, after=3)] == [b"result r3"]


async def test_reading_again_replays_what_is_not_acknowledged(store: Store, key: RunKey) -> None:
    await store.accept_rollouts(key, [rollout(f"r{n}") for n in range(4)], 1.0)
    await answer(store, key, "r0", "r1", "r2", "r3")
    first = await everything(store, key)
    await store.outbox_ack(key, "c", 1)
    assert await everything(store, key, after=0) == first[1:]


async def test_asking_for_an_outbox_registers_the_consumer(store: Store, key: RunKey) -> None:
    assert await store.outbox_ack(key, "stranger", 5) == OutboxState(0, 0)
    assert await everything(store, key, "stranger") == []
    assert await store.outbox_state(key, "new") == OutboxState(0, 0)
    assert await store.list_consumers(key) == ["new"]


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payloads=st.lists(st.binary(max_size=300) | st.just(b"\0" * 70000), min_size=1, max_size=10))
async def test_payloads_are_any_bytes(store: Store, key: RunKey, payloads: list[bytes]) -> None:
    state = await store.outbox_state(key, "c")
    names = [f"{state.last_sequence + n}" for n in range(len(payloads))]
    await store.accept_rollouts(
        key, [rollout(name, content=payload) for name, payload in zip(names, payloads, strict=True)], 1.0
    )
    await store.complete_rollouts(
        key, [ResultItem(name, payload) for name, payload in zip(names, payloads, strict=True)]
    )
    read = await everything(store, key, after=state.last_sequence)
    assert [entry.payload for entry in read] == payloads
    assert [found.payload for found in await store.read_rollouts(key, names) if found] == payloads


# ---------------------------------------------------------------- objects


async def test_objects_are_kept_by_digest(store: Store) -> None:
    await store.put_objects("local", "task", {"a": b"1", "b": b"\0\xff"})
    await store.put_objects("local", "task", {"a": b"1"})
    await store.put_objects("local", "blob", {"a": b"blob"})
    assert await store.get_objects("local", "task", ["b", "x", "a"]) == [b"\0\xff", None, b"1"]
    assert await store.get_objects("local", "blob", ["a"]) == [b"blob"]
    assert await store.get_objects("local", "task", []) == []


async def test_nothing_in_nothing_out(store: Store, key: RunKey) -> None:
    assert list(await store.accept_rollouts(key, [], 1.0)) == []
    assert (await store.complete_rollouts(key, [])).stored == ()
    assert await store.emit_groups(key, []) == ([], {})
    assert list(await store.read_rollouts(key, [])) == []
    assert await store.read_group(key, "unknown") == []
    recovery = await store.recover(key)
    assert recovery == type(recovery)()
