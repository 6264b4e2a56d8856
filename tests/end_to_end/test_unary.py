"""Calls that answer at once: scoring, advantages, tasks, blobs, catalogues, and those that come later."""

from __future__ import annotations

import hashlib
import json
import math
import statistics
from typing import cast

import grpc
import pytest
from google.protobuf import duration_pb2

from assay.v1 import (
    advantage_service_pb2,
    environment_service_pb2,
    plugin_service_pb2,
    reward_service_pb2,
    rollout_pb2,
    run_service_pb2,
    sandbox_service_pb2,
)
from assay_server.pipeline.failures import Code

from .rollouts import mixed_group, right, rollout, spec, step, unscorable, wrong
from .server import Service
from .statuses import refusal_of, refusal_of_error

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAN, INF = float("nan"), float("inf")


def math_reward() -> run_service_pb2.RewardNode:
    return run_service_pb2.RewardNode(leaf=run_service_pb2.RewardLeaf(id="math"))


# ---------------------------------------------------------------- Score


async def test_score_answers_in_request_order_and_in_band(server: Service) -> None:
    growing = rollout("growing", "a", state=rollout_pb2.ROLLOUT_STATE_IN_PROGRESS)
    request = reward_service_pb2.ScoreRequest(
        rollouts=[wrong("a"), rollout("no steps", ""), right("b"), unscorable("c"), growing, right("a")],
        reward=math_reward(),
    )
    answer = await server.call("RewardService/Score", request, reward_service_pb2.ScoreResponse)
    assert [result.rollout_id for result in answer.results] == ["a", "no steps", "b", "c", "growing", "a"]
    assert [result.score.value for result in answer.results if result.HasField("score")] == [0.0, 1.0, 1.0]
    refusals = [refusal_of(result.error) for result in answer.results if result.HasField("error")]
    assert [(refusal.reason, refusal.fields) for refusal in refusals] == [
        ("INVALID_ARGUMENT", ("steps",)),
        ("REFERENCE_MISSING", ("reference.answer",)),
        ("INVALID_ARGUMENT", ("state",)),
    ]


async def test_score_with_the_reward_of_a_run(server: Service) -> None:
    await server.create_run("run")
    request = reward_service_pb2.ScoreRequest(rollouts=[right("a")], run_id=server.run_id("run"))
    answer = await server.call("RewardService/Score", request, reward_service_pb2.ScoreResponse)
    assert answer.results[0].score.value == 1.0
    request.run_id = "nothing"
    assert (await server.refused("RewardService/Score", request)).reason == "RUN_NOT_FOUND"


async def test_score_refuses_what_it_cannot_serve(server: Service) -> None:
    many = reward_service_pb2.ScoreRequest(rollouts=[right("a")] * 1025, reward=math_reward())
    assert (await server.refused("RewardService/Score", many)).fields == ("rollouts",)
    none = reward_service_pb2.ScoreRequest(rollouts=[right("a")])
    refusal = await server.refused("RewardService/Score", none)
    assert (refusal.code, refusal.fields) == (Code.INVALID_ARGUMENT, ("reward",))
    damaged = await server.refused("RewardService/Score", b"\x0a\xff")
    assert (damaged.code, damaged.reason) == (Code.INVALID_ARGUMENT, "UNDECODABLE")


# ---------------------------------------------------------------- specs


def _negative() -> run_service_pb2.RunSpec:
    made = spec()
    made.reward.leaf.execution_timeout.CopyFrom(duration_pb2.Duration(seconds=-1))
    return made


def _deadline(seconds: int, nanos: int = 0) -> run_service_pb2.RunSpec:
    deadline = duration_pb2.Duration(seconds=seconds, nanos=nanos)
    return spec(groups=run_service_pb2.GroupPolicy(deadline=deadline))


def _edited(field: str, value: object) -> run_service_pb2.RunSpec:
    made = spec()
    target: object = made
    *path, last = field.split(".")
    for name in path:
        target = getattr(target, name)
    setattr(target, last, value)
    return made


def _deep(levels: int) -> run_service_pb2.RunSpec:
    node = math_reward()
    for _ in range(levels):
        outer = run_service_pb2.RewardNode()
        outer.product.factors.append(node)
        node = outer
    return run_service_pb2.RunSpec(reward=node)


NEGATIVE_RETENTION = run_service_pb2.RunSpec(reward=math_reward(), record_retention=duration_pb2.Duration(nanos=-1))


@pytest.mark.parametrize(
    ("made", "field"),
    [
        (spec(reward="maht"), "spec.reward.leaf.id"),
        (spec(reward=""), "spec.reward.leaf.id"),
        (run_service_pb2.RunSpec(), "spec.reward"),
        (_edited("reward.leaf.params_json", '{"nonsense":1}'), "spec.reward.leaf.params"),
        (_edited("reward.leaf.params_json", "[" * 10_000), "spec.reward.leaf.params"),
        (_negative(), "spec.reward.leaf.execution_timeout"),
        (_deep(40), "spec.reward"),
        (spec(estimator="advantage/gropo"), "spec.estimator.id"),
        (_edited("estimator.params_json", '{"eps":-1}'), "spec.estimator.params"),
        (_edited("estimator.params_json", '{"eps":NaN}'), "spec.estimator.params"),
        (_edited("estimator.params_json", '{"epps":1}'), "spec.estimator.params"),
        (_edited("estimator.params_json", "[" * 10_000), "spec.estimator.params"),
        (_edited("grouping.history_length", -1), "spec.grouping.history_length"),
        (_edited("grouping.similarity_threshold", NAN), "spec.grouping.similarity_threshold"),
        (_edited("grouping.recipe", 99), "spec.grouping.recipe"),
        (spec(filters=["select/everything"]), "spec.filters[0].id"),
        (spec(filters=[("select/passrate_band", '{"low":2}')]), "spec.filters[0].params"),
        (_deadline(-1), "spec.groups.deadline"),
        (_deadline(0, -5), "spec.groups.deadline"),
        (_deadline(10**11), "spec.groups.deadline"),
        (NEGATIVE_RETENTION, "spec.record_retention"),
        (_edited("groups.min_size", -1), "spec.groups.min_size"),
        (_edited("groups.straggler_quota", NAN), "spec.groups.straggler_quota"),
        (_edited("groups.straggler_batch_share", 1.5), "spec.groups.straggler_batch_share"),
        (_edited("groups.unscored", 99), "spec.groups.unscored"),
        (_edited("groups.truncated", 99), "spec.groups.truncated"),
        (_edited("delivery", 99), "spec.delivery"),
        (_edited("delivery", 2), "spec.deliver_to"),
        (_edited("deliver_to", "a\n"), "spec.deliver_to"),
        (
            spec(groups=run_service_pb2.GroupPolicy(counted_roles=[cast("rollout_pb2.RolloutRole", 0)])),
            "spec.groups.counted_roles[0]",
        ),
    ],
)
async def test_a_spec_that_cannot_be_used_is_refused_with_the_field(
    server: Service, made: run_service_pb2.RunSpec, field: str
) -> None:
    request = run_service_pb2.CreateRunRequest(run_id="run", spec=made)
    refusal = await server.refused("RunService/CreateRun", request)
    assert refusal.code is Code.INVALID_ARGUMENT
    assert refusal.fields[0].startswith(field), refusal.fields


async def test_unknown_names_have_reasons_of_their_own_and_say_what_is_near(server: Service) -> None:
    for made, reason, hint in (
        (spec(reward="maht"), "UNKNOWN_REWARD", "math"),
        (spec(estimator="advantage/gropo"), "UNKNOWN_ESTIMATOR", "advantage/grpo-v1"),
        (spec(filters=["select/mixed_outcomes"]), "UNKNOWN_FILTER", "select/mixed_outcome-v1"),
    ):
        refusal = await server.refused("RunService/CreateRun", run_service_pb2.CreateRunRequest(spec=made))
        assert refusal.reason == reason
        assert hint in refusal.message


async def test_creating_a_run_again_is_harmless_and_with_another_spec_refused(server: Service) -> None:
    first = await server.create_run("again")
    assert await server.create_run("again") == first
    request = run_service_pb2.CreateRunRequest(
        run_id=server.run_id("again"), spec=spec(estimator="advantage/leave_one_out")
    )
    refusal = await server.refused("RunService/CreateRun", request)
    assert (refusal.code, refusal.reason) == (Code.ALREADY_EXISTS, "RUN_EXISTS")
    assert (await server.create_run("")).run_id == (await server.create_run("")).run_id
    for run_id in ("x" * 257, "a\n"):
        request.run_id = run_id
        assert (await server.refused("RunService/CreateRun", request)).fields == ("run_id",)


# ---------------------------------------------------------------- advantages


def scored(name: str, reward: float) -> rollout_pb2.ScoredRollout:
    return rollout_pb2.ScoredRollout(rollout_id=name, reward=reward)


def advantages_of(
    *groups: rollout_pb2.RolloutGroup, params: str = ""
) -> advantage_service_pb2.ComputeAdvantagesRequest:
    estimator = rollout_pb2.EstimatorSpec(id="advantage/grpo", params_json=params)
    return advantage_service_pb2.ComputeAdvantagesRequest(estimator=estimator, groups=groups)


async def test_advantages_of_finished_groups_follow_the_formula(server: Service) -> None:
    rewards = [0.25, 1.0, -3.5, 2.0]
    group = rollout_pb2.RolloutGroup(group_id="g", rollouts=[scored(f"r{i}", r) for i, r in enumerate(rewards)])
    answer = await server.call(
        "AdvantageService/ComputeAdvantages",
        advantages_of(group, rollout_pb2.RolloutGroup(group_id="empty")),
        advantage_service_pb2.ComputeAdvantagesResponse,
    )
    mean, deviation = statistics.fmean(rewards), statistics.stdev(rewards)
    assert [result.group_id for result in answer.groups] == ["g", "empty"]
    assert list(answer.groups[0].advantages) == pytest.approx([(r - mean) / (deviation + 1e-6) for r in rewards])


def _group(*members: rollout_pb2.ScoredRollout) -> rollout_pb2.RolloutGroup:
    return rollout_pb2.RolloutGroup(group_id="g", rollouts=members)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (advantages_of(_group(scored("a", 1), scored("b", NAN))), "groups[0].rollouts[1].reward"),
        (advantages_of(_group(scored("a", 1), scored("b", -INF))), "groups[0].rollouts[1].reward"),
        (advantages_of(_group(scored("a", 1), scored("a", 0))), "groups[0].rollouts[1].rollout_id"),
        (advantages_of(_group(scored("", 1))), "groups[0].rollouts[0].rollout_id"),
        (advantages_of(_group(scored("a", 1)), params='{"ddof":-1}'), "estimator.params.ddof"),
        (
            advantages_of(_group(rollout_pb2.ScoredRollout(rollout_id="a", role=cast("rollout_pb2.RolloutRole", 99)))),
            "groups[0].rollouts[0].role",
        ),
        (
            advantages_of(_group(rollout_pb2.ScoredRollout(rollout_id="a", components={"x": NAN}))),
            "groups[0].rollouts[0].components[x]",
        ),
        (
            advantages_of(_group(rollout_pb2.ScoredRollout(rollout_id="a", num_tokens=-1))),
            "groups[0].rollouts[0].num_tokens",
        ),
        (
            advantages_of(_group(rollout_pb2.ScoredRollout(rollout_id="a", steps=[rollout_pb2.Step(reward=INF)]))),
            "groups[0].rollouts[0].steps[0].reward",
        ),
    ],
)
async def test_groups_that_cannot_be_computed_are_refused_with_the_path(
    server: Service, request_: advantage_service_pb2.ComputeAdvantagesRequest, field: str
) -> None:
    refusal = await server.refused("AdvantageService/ComputeAdvantages", request_)
    assert refusal.code is Code.INVALID_ARGUMENT
    assert field in refusal.fields


async def test_an_estimator_that_is_not_there(server: Service) -> None:
    request = advantages_of()
    request.estimator.id = "advantage/nothing"
    refusal = await server.refused("AdvantageService/ComputeAdvantages", request)
    assert (refusal.code, refusal.reason) == (Code.INVALID_ARGUMENT, "UNKNOWN_ESTIMATOR")


async def test_everything_that_can_be_named_is_listed_with_a_schema(server: Service) -> None:
    rewards = await server.call(
        "RewardService/ListRewards", reward_service_pb2.ListRewardsRequest(), reward_service_pb2.ListRewardsResponse
    )
    assert "verify/math-v1" in {info.id for info in rewards.rewards}
    for info in rewards.rewards:
        assert json.loads(info.params_schema_json)["type"] == "object"
        assert info.digest
        assert info.summary
    prefix = reward_service_pb2.ListRewardsRequest(prefix="verify/")
    few = await server.call("RewardService/ListRewards", prefix, reward_service_pb2.ListRewardsResponse)
    assert 0 < len(few.rewards) < len(rewards.rewards)
    estimators = await server.call(
        "AdvantageService/ListEstimators",
        advantage_service_pb2.ListEstimatorsRequest(prefix="advantage/g"),
        advantage_service_pb2.ListEstimatorsResponse,
    )
    assert {"advantage/grpo-v1", "advantage/gigpo-v1"} <= {info.id for info in estimators.estimators}
    assert all(info.formula and info.scope for info in estimators.estimators)


# ---------------------------------------------------------------- tasks, blobs, rescoring


async def test_tasks_are_sent_once_and_named_by_digest(server: Service) -> None:
    await server.create_run("tasks")
    tasks = [
        rollout_pb2.Task(task_id="t", type="math", reference_json='{"answer": "18", "a": 1}'),
        rollout_pb2.Task(task_id="other name", type="math", reference_json='{"a":1,"answer":"18"}'),
        rollout_pb2.Task(task_id="t2", type="math", reference_json='{"answer":"17"}'),
    ]
    request = run_service_pb2.PutTasksRequest(run_id=server.run_id("tasks"), tasks=tasks)
    answer = await server.call("RunService/PutTasks", request, run_service_pb2.PutTasksResponse)
    assert answer.digests[0] == answer.digests[1] != answer.digests[2]
    async with server.stream("tasks", "a") as stream:
        for name, digest in zip(("r", "s"), (answer.digests[0], answer.digests[2]), strict=True):
            made = rollout(name)
            made.task_digest = digest
            await stream.send(made)
        assert [result.score.value for result in await stream.scored("r", "s")] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("task", "field"),
    [
        (rollout_pb2.Task(reference_json="[]"), "tasks[1].reference_json"),
        (rollout_pb2.Task(reference_json='{"a":"\\ud800"}'), "tasks[1].reference_json"),
        (rollout_pb2.Task(extra_json="[" * 10_000), "tasks[1].extra_json"),
        (rollout_pb2.Task(reference_json='{"a":NaN}'), "tasks[1].reference_json"),
        (rollout_pb2.Task(digest="0" * 64), "tasks[1].digest"),
    ],
)
async def test_tasks_that_cannot_be_used_are_refused(server: Service, task: rollout_pb2.Task, field: str) -> None:
    request = run_service_pb2.PutTasksRequest(tasks=[rollout_pb2.Task(), task])
    refusal = await server.refused("RunService/PutTasks", request)
    assert (refusal.code, refusal.fields) == (Code.INVALID_ARGUMENT, (field,))


async def test_blobs_are_named_by_what_they_are(server: Service) -> None:
    request = run_service_pb2.PutBlobsRequest(
        blobs=[run_service_pb2.Blob(media_type="image/png", data=b"pixels"), run_service_pb2.Blob(data=b"")]
    )
    answer = await server.call("RunService/PutBlobs", request, run_service_pb2.PutBlobsResponse)
    assert [blob.sha256 for blob in answer.blobs] == [hashlib.sha256(data).hexdigest() for data in (b"pixels", b"")]
    assert (answer.blobs[0].media_type, answer.blobs[0].size_bytes) == ("image/png", 6)


async def test_rescoring_leaves_the_first_results_as_they_were(server: Service) -> None:
    await server.create_run("rescored")
    async with server.stream("rescored", "a") as stream:
        await stream.send(
            *mixed_group("g", 100, 50), rollout("growing", "", state=rollout_pb2.ROLLOUT_STATE_IN_PROGRESS)
        )
        await stream.append("growing", 0, step(0, "A: 17"), final=True)
        await stream.send(rollout("open", "", state=rollout_pb2.ROLLOUT_STATE_IN_PROGRESS))
        await stream.finish()
    opposite = run_service_pb2.RewardNode()
    opposite.weighted_sum.terms.add(weight=-1.0, reward=math_reward())
    request = reward_service_pb2.RescoreRequest(run_id=server.run_id("rescored"), reward=opposite)
    answers = await server.call_stream("RewardService/Rescore", request, reward_service_pb2.RescoreResponse)
    results = [result for answer in answers for result in answer.results]
    assert [result.before.rollout_id for result in results] == [*(f"g/{i}" for i in range(100)), "growing"]
    assert all(result.after.score.value == -result.before.score.value for result in results)
    assert sum(result.before.score.value for result in results) == 50
    request.rollout_ids.extend(["growing", "g/0"])
    (answer,) = await server.call_stream("RewardService/Rescore", request, reward_service_pb2.RescoreResponse)
    assert [result.after.rollout_id for result in answer.results] == ["growing", "g/0"]
    async with server.stream("rescored", "a") as again:
        await again.group("g")
        assert again.samples["g/0"].score.value == 1.0


async def test_an_empty_group_of_advantages_is_reported(server: Service) -> None:
    answer = await server.call(
        "AdvantageService/ComputeAdvantages", advantages_of(), advantage_service_pb2.ComputeAdvantagesResponse
    )
    assert not answer.groups
    single = await server.call(
        "AdvantageService/ComputeAdvantages",
        advantages_of(_group(scored("a", 3.0))),
        advantage_service_pb2.ComputeAdvantagesResponse,
    )
    assert list(single.groups[0].advantages) == [0.0]
    assert not math.isnan(single.groups[0].statistics.reward_std)


# ---------------------------------------------------------------- all of them


async def test_every_unary_method_of_the_contract_is_served(server: Service) -> None:
    files = (
        run_service_pb2, reward_service_pb2, advantage_service_pb2,
        environment_service_pb2, sandbox_service_pb2, plugin_service_pb2,
    )  # fmt: skip
    missing: set[str] = set()
    for file in files:
        for service in file.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                if method.client_streaming or method.server_streaming:
                    continue
                name = f"{service.name}/{method.name}"
                try:
                    await server.call_bytes(name, b"")
                except grpc.aio.AioRpcError as error:
                    refusal = refusal_of_error(error)
                    if refusal.code is Code.UNIMPLEMENTED:
                        missing.add(name)
    assert not missing


@pytest.mark.parametrize("text", ["x" * 50_000, "\U0001f600" * 12_000])
async def test_a_refusal_that_quotes_much_still_arrives(server: Service, text: str) -> None:
    node = math_reward()
    for _ in range(3):
        outer = run_service_pb2.RewardNode()
        outer.route.routes[text].CopyFrom(node)
        node = outer
    node.route.routes[text].leaf.id = text
    refusal = await server.refused("RewardService/Score", reward_service_pb2.ScoreRequest(reward=node))
    assert refusal.code is Code.INVALID_ARGUMENT
    assert 0 < len(refusal.message.encode()) <= 800
    assert refusal.fields
