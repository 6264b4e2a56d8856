"""Unary calls of both clients, over a real socket."""

from __future__ import annotations

import asyncio
import inspect
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar, cast

import pytest

import assay
from assay import Client, Leaf, Retries, Rollout, RolloutGroup, RunConfig, ScoredRollout, Step, Task, aio
from assay import _methods as methods
from assay.sdk.rewards import Lane
from assay.v1 import advantage_service_pb2 as advantages
from assay.v1 import reward_service_pb2 as rewards
from assay.v1 import rollout_pb2 as v1
from assay.v1 import run_service_pb2 as runs

from .service import Service, status

T = TypeVar("T")

QUICK = Retries(attempts=3, first_delay=0.001, longest_delay=0.002)


class Twin:
    """Lets a test use the sync or the asyncio client, written down once."""

    def __init__(self, kind: str, target: str) -> None:
        self._kind = kind
        self._target = target

    def __call__(self, use: Callable[[Client], T]) -> T:
        if self._kind == "sync":
            with Client(self._target, retries=QUICK, timeout=20.0) as client:
                return use(client)
        return asyncio.run(self._asynchronously(use))

    async def _asynchronously(self, use: Callable[[Client], T]) -> T:
        async with aio.Client(self._target, retries=QUICK, timeout=20.0) as client:
            return await cast("Awaitable[T]", use(cast("Client", client)))


@pytest.fixture(params=["sync", "aio"])
def call(request: pytest.FixtureRequest, service: Service) -> Twin:
    return Twin(cast("str", request.param), service.target)


def scores(*values: float) -> rewards.ScoreResponse:
    return rewards.ScoreResponse(results=[v1.SampleResult(score=v1.Score(value=value)) for value in values])


def test_scores_come_in_order(service: Service, call: Twin):
    service.answer(methods.SCORE, scores(1.0, 0.0))
    rollouts = [Rollout("a", reference={"answer": 1}, response="1"), v1.Rollout(rollout_id="b")]
    results = call(lambda client: client.score(rollouts, "math", {"strict": True}, execution_timeout=1.5))
    assert [result.value for result in results] == [1.0, 0.0]
    [asked] = service.asked(methods.SCORE)
    assert [rollout.rollout_id for rollout in asked.rollouts] == ["a", "b"]
    assert asked.reward.leaf.id == "math"
    assert asked.reward.leaf.params_json == '{"strict":true}'
    assert asked.reward.leaf.execution_timeout.ToMilliseconds() == 1500


def test_many_rollouts_are_scored_in_several_requests(service: Service, call: Twin):
    service.answer(methods.SCORE, scores(*[1.0] * 256), scores(*[0.5] * 44))
    results = call(lambda client: client.score([Rollout(str(index), response="x") for index in range(300)]))
    assert len(results) == 300
    assert [len(request.rollouts) for request in service.asked(methods.SCORE)] == [256, 44]


def test_large_rollouts_are_scored_in_several_requests(service: Service, call: Twin):
    service.answer(methods.SCORE, scores(1.0, 1.0), scores(1.0))
    large = "x" * (12 * 1024 * 1024)
    call(lambda client: client.score([Rollout(str(index), response=large) for index in range(3)]))
    assert [len(request.rollouts) for request in service.asked(methods.SCORE)] == [2, 1]


def test_a_rollout_that_no_message_holds_is_refused_before_it_is_sent(call: Twin):
    with pytest.raises(assay.InvalidArgument, match=r"rollouts\[0\]: \d+ bytes"):
        call(lambda client: client.score([Rollout("a", response="x" * (16 * 1024 * 1024))]))


def test_a_run_says_its_own_reward(service: Service, call: Twin):
    service.answer(methods.SCORE, scores(1.0))
    call(lambda client: client.score([Rollout("a", response="x")], run_id="run"))
    assert service.asked(methods.SCORE)[0].run_id == "run"
    with pytest.raises(assay.InvalidArgument, match="run_id"):
        call(lambda client: client.score([Rollout("a", response="x")], "math", run_id="run"))


def test_no_rollouts_cost_no_call(call: Twin):
    assert call(lambda client: client.score([])) == []


def test_an_answer_of_another_length_is_a_fault_of_the_service(service: Service, call: Twin):
    service.answer(methods.SCORE, scores(1.0))
    with pytest.raises(assay.Internal, match="1 results where 2"):
        call(lambda client: client.score([Rollout("a", response=""), Rollout("b", response="")]))


def test_advantages_come_by_group(service: Service, call: Twin):
    answer = v1.GroupResult(group_id="g", rollout_ids=["a"], advantages=[0.5])
    service.answer(methods.COMPUTE_ADVANTAGES, advantages.ComputeAdvantagesResponse(groups=[answer]))
    scored = ScoredRollout(
        "a", 1.0, [Step("go", anchor="room")], signals={"entropy": 0.5}, components={"math": 1.0}, extra={"x\ud800": 1}
    )
    groups = [RolloutGroup("g", [scored, v1.ScoredRollout(rollout_id="b")])]
    [result] = call(lambda client: client.advantages(groups, "advantage/grpo", {"eps": 0.1}))
    assert result.advantage("a") == 0.5
    [asked] = service.asked(methods.COMPUTE_ADVANTAGES)
    assert asked.estimator.params_json == '{"eps":0.1}'
    first, second = asked.groups[0].rollouts
    assert (first.reward, first.steps[0].index, first.signals["entropy"].scalar) == (1.0, 0, 0.5)
    assert first.extra_json == '{"x\ufffd":1}'
    assert not second.HasField("reward")


@pytest.mark.parametrize(
    ("rollout", "field"),
    [
        (ScoredRollout("a", float("nan")), "groups[0].rollouts[0].reward"),
        (ScoredRollout("a", steps=[Step("", reward=float("nan"))]), "groups[0].rollouts[0].steps[0].reward"),
        (ScoredRollout("a", num_tokens="3"), "groups[0].rollouts[0]"),  # pyright: ignore[reportArgumentType] - the point
    ],
)
def test_rewards_that_are_no_numbers_are_refused(call: Twin, rollout: ScoredRollout, field: str):
    with pytest.raises(assay.InvalidArgument) as caught:
        call(lambda client: client.advantages([RolloutGroup("g", [rollout])]))
    assert caught.value.violations[0].field == field


def test_runs(service: Service, call: Twin):
    run = runs.Run(run_id="r", generation=2, spec_digest="d", pins=["math@ab"])
    created = runs.CreateRunResponse(run=run, required_signals=["entropy"], created=True)
    service.answer(methods.CREATE_RUN, created)
    assert call(lambda client: client.create_run(RunConfig(reward="math"))) == assay.RunInfo(
        "r", 2, "d", ("math@ab",), ("entropy",), True
    )
    service.answer(methods.RESTORE_RUN, runs.RestoreRunResponse(run=run, forgotten_rollouts=7))
    restored = call(lambda client: client.restore_run("r", "c", 1))
    assert restored == assay.RunInfo("r", 2, "d", ("math@ab",), forgotten_rollouts=7)
    service.answer(methods.CHECKPOINT_RUN, runs.CheckpointRunResponse(checkpoint="c", digest="x"))
    assert call(lambda client: client.checkpoint_run("r")) == assay.Checkpoint("c", "x")
    assert service.asked(methods.CHECKPOINT_RUN)[0].checkpoint.startswith("checkpoint-")


def test_tasks_and_blobs_are_sent_in_bounded_requests(service: Service, call: Twin):
    service.answer(methods.PUT_TASKS, runs.PutTasksResponse(digests=["x", "y"]))
    assert call(lambda client: client.put_tasks("r", [Task("t", {"answer": 1}), v1.Task(task_id="u")])) == ["x", "y"]
    blob = v1.BlobRef(sha256="ab", media_type="image/png", size_bytes=3)
    service.answer(methods.PUT_BLOBS, *[runs.PutBlobsResponse(blobs=[blob])] * 2)
    large = b"x" * (20 * 1024 * 1024)
    assert (
        call(lambda client: client.put_blobs("r", [("image/png", large)] * 2)) == [assay.Blob("ab", "image/png", 3)] * 2
    )


def test_catalogues(service: Service, call: Twin):
    info = rewards.RewardInfo(
        id="math/answer-v1",
        params_schema_json='{"type":"object"}',
        max=1.0,
        lane=rewards.LANE_CPU,
        reference_keys=["a"],
    )
    broken = rewards.RewardInfo(id="x/y-v1", broken=True, broken_reason="no such module", max=float("inf"))
    service.answer(methods.LIST_REWARDS, rewards.ListRewardsResponse(rewards=[info, broken]))
    first, second = call(lambda client: client.list_rewards("m"))
    assert (first.lane, first.params_schema, first.bounded, first.broken_reason) == (
        Lane.CPU,
        {"type": "object"},
        True,
        "",
    )
    assert (second.lane, second.bounded, second.broken_reason) == (None, False, "no such module")
    estimator = advantages.EstimatorInfo(id="advantage/grpo-v1", scope=advantages.SCOPE_GROUP)
    service.answer(methods.LIST_ESTIMATORS, advantages.ListEstimatorsResponse(estimators=[estimator]))
    [listed] = call(lambda client: client.list_estimators())
    assert (listed.id, listed.scope) == ("advantage/grpo-v1", "group")


# ---------------------------------------------------------------- failures


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (status(3, field="reward.leaf.id"), assay.InvalidArgument),
        (status(5), assay.NotFound),
        (status(6), assay.AlreadyExists),
        (status(9), assay.FailedPrecondition),
        (status(16), assay.Unauthenticated),
        (status(8), assay.ResourceExhausted),
        (status(13), assay.Internal),
    ],
)
def test_failures_are_told_apart_and_not_repeated(
    service: Service, call: Twin, failure: v1.Status, kind: type[assay.AssayError]
):
    service.answer(methods.CREATE_RUN, failure)
    with pytest.raises(kind):
        call(lambda client: client.create_run(RunConfig(reward="math")))
    assert len(service.requests) == 1


def test_calls_are_repeated_while_nobody_answers(service: Service, call: Twin):
    service.answer(methods.SCORE, status(14), status(8, retry_after=0.001), scores(1.0))
    call(lambda client: client.score([Rollout("a", response="x")]))
    assert len(service.requests) == 3


def test_repeating_ends(service: Service, call: Twin):
    service.answer(methods.SCORE, *[status(14, "away")] * 3)
    with pytest.raises(assay.Unavailable, match="away"):
        call(lambda client: client.score([Rollout("a", response="x")]))


def test_a_wait_longer_than_the_deadline_is_not_begun(service: Service, call: Twin):
    service.answer(methods.SCORE, status(8, "full", retry_after=60.0))
    with pytest.raises(assay.ResourceExhausted) as caught:
        call(lambda client: client.score([Rollout("a", response="x")]))
    assert caught.value.retry_after == 60.0


def test_a_restore_is_repeated_only_where_that_is_harmless(service: Service, call: Twin):
    service.answer(methods.RESTORE_RUN, status(14))
    with pytest.raises(assay.Unavailable):
        call(lambda client: client.restore_run("r", "c"))
    service.answer(methods.RESTORE_RUN, status(14), runs.RestoreRunResponse(run=runs.Run(run_id="r")))
    call(lambda client: client.restore_run("r", "c", 4))
    assert [request.expected_generation for request in service.asked(methods.RESTORE_RUN)] == [0, 4, 4]


def test_nobody_there_is_unavailable():
    with Client("127.0.0.1:1", retries=Retries(attempts=1)) as client, pytest.raises(assay.Unavailable):
        client.list_rewards()


def test_the_key_goes_with_every_call(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "token").write_text("from-file")
    monkeypatch.setenv("ASSAY_TOKEN_FILE", str(tmp_path / "token"))
    service.answer(methods.LIST_REWARDS, *[rewards.ListRewardsResponse()] * 2)
    Client(service.target).list_rewards()
    Client(service.target, "given").list_rewards()
    assert [metadata["authorization"] for _, _, metadata in service.requests] == ["Bearer from-file", "Bearer given"]


def test_ready_is_when_the_service_says_so(service: Service, call: Twin):
    service.answer_health(b"\x08\x02", methods.SERVING)
    call(lambda client: client.wait_ready(10.0))
    service.answer_health(status(12))
    call(lambda client: client.wait_ready(10.0))


def test_waiting_for_nobody_ends():
    with Client("127.0.0.1:1") as client, pytest.raises(assay.Unavailable, match="not ready"):
        client.wait_ready(0.1)


def test_a_closed_client_opens_again(service: Service):
    service.answer(methods.LIST_REWARDS, *[rewards.ListRewardsResponse()] * 2)
    client = Client(service.target)
    client.list_rewards()
    client.close()
    client.list_rewards()
    client.close()


def test_both_clients_have_the_same_methods():
    def public(kind: type) -> dict[str, list[str]]:
        functions = inspect.getmembers(kind, inspect.isfunction)
        return {name: list(inspect.signature(found).parameters) for name, found in functions if name[0] != "_"}

    assert public(Client) == public(aio.Client)
    sync_stream = public(assay.RolloutStream)
    del sync_stream["wait_opened"]
    assert sync_stream == public(aio.RolloutStream)


def test_an_execution_timeout_reaches_trees(service: Service):
    service.answer(methods.SCORE, scores(1.0))
    with Client(service.target) as client:
        client.score([Rollout("a", response="x")], assay.Product((Leaf("a"), Leaf("b"))), execution_timeout=2.0)
    factors = service.asked(methods.SCORE)[0].reward.product.factors
    assert [factor.leaf.execution_timeout.seconds for factor in factors] == [2, 2]


FORKING = """
import os, sys
import assay
client = assay.Client(sys.argv[1])
client.list_rewards()
child = os.fork()
if child == 0:
    client.list_rewards()
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
client.list_rewards()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_has_a_connection_of_its_own(service: Service):
    service.answer(methods.LIST_REWARDS, *[rewards.ListRewardsResponse()] * 3)
    subprocess.run([sys.executable, "-c", FORKING, service.target], check=True, timeout=60)
    assert len(service.requests) == 3


@pytest.fixture
def rescoring() -> Iterator[Service]:
    service = Service()
    yield service
    service.stop()


def test_rescoring_yields_before_and_after(rescoring: Service):
    pair = rewards.RescoredRollout(
        before=v1.SampleResult(rollout_id="a", score=v1.Score(value=0.0)),
        after=v1.SampleResult(rollout_id="a", score=v1.Score(value=1.0)),
    )
    rescoring.answer_stream(methods.RESCORE, [rewards.RescoreResponse(results=[pair])] * 2)
    with Client(rescoring.target) as client:
        found = [(before.value, after.value) for before, after in client.rescore("r", "math", rollout_ids=["a"])]
    assert found == [(0.0, 1.0)] * 2

    async def twin() -> list[tuple[float, float]]:
        async with aio.Client(rescoring.target) as client:
            return [(before.value, after.value) async for before, after in client.rescore("r", "math")]

    rescoring.answer_stream(methods.RESCORE, [rewards.RescoreResponse(results=[pair])])
    assert asyncio.run(twin()) == [(0.0, 1.0)]
    rescoring.answer_stream(methods.RESCORE, status(5, "no such run"))
    with Client(rescoring.target) as client, pytest.raises(assay.NotFound, match="no such run"):
        list(client.rescore("r", "math"))
