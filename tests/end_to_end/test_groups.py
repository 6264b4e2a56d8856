"""How groups fill, close, are given up, and what becomes of members that were not scored or came too late."""

from __future__ import annotations

import math

import pytest
from google.protobuf import duration_pb2

from assay.v1 import rollout_pb2
from assay.v1.rollout_pb2 import (
    GROUP_OUTCOME_ABORTED,
    GROUP_OUTCOME_CLOSED_SHORT,
    GROUP_OUTCOME_COMPLETE,
    MEMBER_OUTCOME_COUNTED,
    MEMBER_OUTCOME_NO_ADVANTAGE,
    MEMBER_OUTCOME_NOT_SCORED,
    MEMBER_OUTCOME_ROLE_EXCLUDED,
    ROLLOUT_ROLE_EXPERT,
    ROLLOUT_ROLE_GREEDY,
    ROLLOUT_ROLE_POLICY,
    ROLLOUT_STATE_FAILED,
    ROLLOUT_STATE_IN_PROGRESS,
    ROLLOUT_STATE_TRUNCATED,
)
from assay.v1.run_service_pb2 import (
    TRUNCATED_POLICY_SKIP,
    UNSCORED_POLICY_DROP_GROUP,
    UNSCORED_POLICY_FAIL,
    GroupPolicy,
    UnscoredPolicy,
)
from assay_server.pipeline.failures import Code

from .rollouts import mixed_group, right, rollout, spec, step, unscorable, wrong
from .server import Service
from .statuses import refusal_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEADLINE = GroupPolicy(deadline=duration_pb2.Duration(nanos=50_000_000))


def in_progress(rollout_id: str, group: str = "", size: int = 0) -> rollout_pb2.Rollout:
    return rollout(rollout_id, "", group=group, size=size, state=ROLLOUT_STATE_IN_PROGRESS)


def starting(rollout_id: str, digest: str) -> rollout_pb2.Rollout:
    made = right(rollout_id, "g", 2)
    made.initial_state_digest = digest
    return made


async def test_members_of_a_group_start_from_one_state(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        await stream.send(starting("r0", "here"), starting("r1", "there"))
        refusal = await stream.refusal("r1")
        assert (refusal.code, refusal.reason) == (Code.INVALID_ARGUMENT, "START_DIFFERS")
        await stream.send(starting("r2", "here"))
        assert list((await stream.group("g")).rollout_ids) == ["r0", "r2"]


# ---------------------------------------------------------------- closing


async def test_a_group_of_unknown_size_closes_with_those_that_came(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        await stream.send(right("r0", "g"), wrong("r1", "g"), wrong("r2", "g"))
        await stream.scored("r0", "r1", "r2")
        await stream.close_group("g")
        group = await stream.group("g")
        await stream.close_group("g")
        await stream.finish()
    assert (group.outcome, group.kept, list(group.rollout_ids)) == (GROUP_OUTCOME_COMPLETE, True, ["r0", "r1", "r2"])
    assert stream.last == 4


async def test_a_group_closed_with_names_waits_for_them_and_refuses_others(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream, server.stream("run", "driver") as driver:
        await driver.close_group("g", "r0", "r1")
        await stream.send(right("r0", "g"))
        await stream.scored("r0")
        await stream.send(right("r2", "g"))
        refusal = await stream.refusal("r2")
        assert (refusal.code, refusal.reason) == (Code.FAILED_PRECONDITION, "NOT_EXPECTED")
        assert not stream.groups
        await stream.send(wrong("r1", "g"))
        group = await stream.group("g")
    assert (list(group.rollout_ids), list(group.rewards)) == (["r0", "r1"], [1.0, 0.0])


async def test_a_group_closed_with_fewer_than_announced_is_closed_short(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        await stream.send(*mixed_group("g", 8, 1)[:3])
        await stream.scored("g/0", "g/1", "g/2")
        await stream.close_group("g")
        group = await stream.group("g")
        assert (group.outcome, group.kept, len(group.rollout_ids)) == (GROUP_OUTCOME_CLOSED_SHORT, True, 3)


@pytest.mark.parametrize("abort_first", [False, True])
async def test_late_members_are_scored_and_answered_and_change_nothing(server: Service, abort_first: bool) -> None:
    await server.create_run("run")
    members = mixed_group("g", 4, 2)
    async with server.stream("run", "a") as stream:
        await stream.send(*members[:2])
        await stream.scored("g/0", "g/1")
        await (stream.abort_group("g") if abort_first else stream.close_group("g"))
        before = await stream.group("g")
        await stream.send(*members[2:])
        assert [result.score.value for result in await stream.scored("g/2", "g/3")] == [0.0, 0.0]
        await stream.barrier("all", all_participants=True)
        batch = await stream.batch("all")
        await stream.finish()
    assert stream.groups["g"] == before
    assert [*batch.group_ids, *batch.dropped_group_ids] == ["g"]
    assert stream.last == 6


async def test_a_deadline_closes_a_group_with_those_that_are_answered(server: Service) -> None:
    await server.create_run("run", spec(groups=DEADLINE))
    async with server.stream("run", "a") as stream, server.stream("run", "slow") as slow:
        await stream.send(*mixed_group("g", 4, 1)[:3])
        await slow.send(in_progress("late", "g", 4))
        group = await stream.group("g")
        assert (group.outcome, group.kept) == (GROUP_OUTCOME_CLOSED_SHORT, True)
        assert list(group.rollout_ids) == ["g/0", "g/1", "g/2"]
        await slow.append("late", 0, step(0, "A: 18"), final=True)
        (result,) = await slow.scored("late")
        assert result.score.value == 1.0


async def test_a_deadline_with_too_few_members_drops_the_group(server: Service) -> None:
    await server.create_run("run", spec(groups=DEADLINE))
    async with server.stream("run", "a") as stream:
        await stream.send(right("alone", "g", 4))
        group = await stream.group("g")
        assert (group.outcome, group.kept, group.drop_reason) == (GROUP_OUTCOME_CLOSED_SHORT, False, "too_few_scored")
        assert math.isnan(group.advantages[0])


async def test_a_deadline_means_nothing_to_rollouts_without_a_group(server: Service) -> None:
    await server.create_run("run", spec(groups=DEADLINE))
    async with server.stream("run", "a") as stream:
        await stream.send(right("alone"), *mixed_group("g", 3, 1)[:2])
        await stream.group("g")
        await stream.finish()
    assert list(stream.groups) == ["g"]


async def test_an_aborted_group_is_told_to_all_who_sent_members(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as a, server.stream("run", "b") as b, server.stream("run", "driver") as driver:
        await a.send(right("r0", "g", 3))
        await a.scored("r0")
        await b.send(in_progress("r1", "g", 3))
        await b.until(lambda: b.accepted == ["r1"], "Accepted")
        await driver.abort_group("g")
        for stream in (a, b):
            group = await stream.group("g")
            assert (group.outcome, group.kept, group.drop_reason) == (GROUP_OUTCOME_ABORTED, False, "aborted")
            assert not list(group.advantages)
        await b.append("r1", 0, step(0, "A: 18"), final=True)
        assert (await b.scored("r1"))[0].score.value == 1.0


# ---------------------------------------------------------------- members without a score


@pytest.mark.parametrize(
    ("policy", "kept", "reason", "error"),
    [
        (0, True, "", ""),
        (UNSCORED_POLICY_DROP_GROUP, False, "unscored_member", ""),
        (UNSCORED_POLICY_FAIL, False, "unscored_member", "UNSCORED_MEMBER"),
    ],
)
async def test_a_member_that_could_not_be_scored_follows_the_policy_and_is_never_a_zero(
    server: Service, policy: UnscoredPolicy, kept: bool, reason: str, error: str
) -> None:
    await server.create_run("run", spec(groups=GroupPolicy(unscored=policy)))
    async with server.stream("run", "a") as stream:
        await stream.send(right("r0", "g", 3), unscorable("r1", "g", 3), wrong("r2", "g", 3))
        group = await stream.group("g")
        assert refusal_of(stream.samples["r1"].error).reason == "REFERENCE_MISSING"
        await stream.finish()
    assert (group.kept, group.drop_reason) == (kept, reason)
    assert (refusal_of(group.error).reason if group.HasField("error") else "") == error
    assert list(group.member_outcomes) == [MEMBER_OUTCOME_COUNTED, MEMBER_OUTCOME_NOT_SCORED, MEMBER_OUTCOME_COUNTED]
    assert (group.rewards[0], math.isnan(group.rewards[1]), group.rewards[2]) == (1.0, True, 0.0)
    assert math.isnan(group.advantages[1])
    if kept:
        assert group.statistics.size == 2
        assert group.advantages[0] == pytest.approx(2**-0.5, abs=1e-5)


async def test_a_group_needs_two_members_that_count_unless_it_was_announced_with_one(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        await stream.send(right("a0", "few", 3), unscorable("a1", "few", 3), unscorable("a2", "few", 3))
        await stream.send(right("b0", "single", 1), unscorable("c0", "none", 1))
        few, single, none = [await stream.group(name) for name in ("few", "single", "none")]
    assert (few.kept, few.drop_reason) == (False, "too_few_scored")
    assert (single.kept, list(single.advantages)) == (True, [0.0])
    assert (none.kept, none.drop_reason) == (False, "too_few_scored")


@pytest.mark.parametrize("skip", [False, True])
async def test_truncated_rollouts_follow_the_policy(server: Service, skip: bool) -> None:
    policy = GroupPolicy(truncated=TRUNCATED_POLICY_SKIP) if skip else None
    await server.create_run("run", spec(groups=policy))
    async with server.stream("run", "a") as stream:
        await stream.send(rollout("r", state=ROLLOUT_STATE_TRUNCATED), in_progress("s"))
        await stream.append("s", 0, step(0, "A: 18"), final=True, state=ROLLOUT_STATE_TRUNCATED)
        for result in await stream.scored("r", "s"):
            if skip:
                refusal = refusal_of(result.error)
                assert (refusal.code, refusal.reason) == (Code.ABORTED, "TRUNCATED")
            else:
                assert result.score.value == 1.0


async def test_failed_rollouts_are_answered_with_a_status_and_complete_their_group(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        failed = rollout("r2", "", group="g", size=4, state=ROLLOUT_STATE_FAILED)
        await stream.send(right("r0", "g", 4), wrong("r1", "g", 4), failed, in_progress("r3", "g", 4))
        await stream.append("r3", 0, final=True, state=ROLLOUT_STATE_FAILED)
        group = await stream.group("g")
        for result in await stream.scored("r2", "r3"):
            refusal = refusal_of(result.error)
            assert (refusal.code, refusal.reason) == (Code.ABORTED, "ROLLOUT_FAILED")
    assert (group.outcome, group.kept, group.statistics.size) == (GROUP_OUTCOME_COMPLETE, True, 2)


async def test_cancelled_rollouts_are_answered_cancelled_once(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        await stream.send(right("r0", "g", 3), wrong("r1", "g", 3), in_progress("r2", "g", 3))
        for _ in range(3):
            await stream.cancel("r0", "r2", "unknown")
        group = await stream.group("g")
        assert stream.samples["r0"].score.value == 1.0
        refusal = refusal_of(stream.samples["r2"].error)
        assert (refusal.code, refusal.reason, refusal.message) == (Code.CANCELLED, "CANCELLED", "not needed")
        await stream.append("r2", 0, step(0, "A: 18"), final=True)
        await stream.barrier("all", all_participants=True)
        assert list((await stream.batch("all")).group_ids) == ["g"]
        await stream.finish()
    assert group.statistics.size == 2
    assert stream.last == 5


# ---------------------------------------------------------------- roles


async def test_a_greedy_baseline_is_read_and_gets_no_advantage(server: Service) -> None:
    await server.create_run("run", spec(estimator="advantage/greedy_baseline"))
    async with server.stream("run", "a") as stream:
        greedy = rollout("r0", group="g", size=3, role=ROLLOUT_ROLE_GREEDY)
        await stream.send(greedy, right("r1", "g", 3), wrong("r2", "g", 3))
        group = await stream.group("g")
    assert list(group.member_outcomes) == [MEMBER_OUTCOME_NO_ADVANTAGE, MEMBER_OUTCOME_COUNTED, MEMBER_OUTCOME_COUNTED]
    assert math.isnan(group.advantages[0])
    assert list(group.advantages[1:]) == [0.0, -1.0]


@pytest.mark.parametrize("count_experts", [False, True])
async def test_roles_that_the_run_counts_enter_the_statistics(server: Service, count_experts: bool) -> None:
    roles = [ROLLOUT_ROLE_POLICY, ROLLOUT_ROLE_EXPERT] if count_experts else []
    await server.create_run("run", spec(groups=GroupPolicy(counted_roles=roles)))
    async with server.stream("run", "a") as stream:
        expert = rollout("r2", group="g", size=3, role=ROLLOUT_ROLE_EXPERT)
        await stream.send(wrong("r0", "g", 3), wrong("r1", "g", 3), expert)
        group = await stream.group("g")
    assert group.member_outcomes[2] == (MEMBER_OUTCOME_COUNTED if count_experts else MEMBER_OUTCOME_ROLE_EXCLUDED)
    assert group.statistics.size == (3 if count_experts else 2)
    assert (group.advantages[0] < 0) is count_experts
