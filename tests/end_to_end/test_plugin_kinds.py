"""Plugins of every kind, named in runs: what is computed, when it is known, and what a bad one touches."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from assay.sdk.spec import Gate, Leaf, Product, RewardSpec, WeightedSum
from assay.signals import fill_signal
from assay.spec_messages import reward_message
from assay.v1 import plugin_service_pb2, rollout_pb2, run_service_pb2
from assay.v1 import reward_service_pb2 as wire

from .plugins.kinds import BAD
from .rollouts import mixed_group, rollout, spec, unscorable
from .server import Service, serving, settings
from .server_process import server_process
from .statuses import refusal_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

PLUGIN = str(Path(__file__).parent / "plugins" / "kinds.py")
ANSWERS = ("18", "18", "18", "17")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_server() -> AsyncGenerator[Service]:
    chosen = settings().model_copy(
        update={"plugins": (PLUGIN,), "execution_timeout": 3.0, "cpu_memory_mib": 256, "cpu_workers": 4}
    )
    async with serving(chosen) as service:
        yield service


def run_spec(
    reward: RewardSpec | str, estimator: str = "advantage/grpo_mean_only", **more: object
) -> run_service_pb2.RunSpec:
    made = spec(estimator=estimator, **more)  # type: ignore[arg-type] - as spec takes it
    made.reward.CopyFrom(reward_message(reward))
    return made


def group_of(name: str, answers: tuple[str, ...] = ANSWERS, **signals: tuple[float, ...]) -> list[rollout_pb2.Rollout]:
    made = [
        rollout(f"{name}/{i}", f"so it is\nA: {answer}", group=name, size=len(answers))
        for i, answer in enumerate(answers)
    ]
    for signal, values in signals.items():
        for one, value in zip(made, values, strict=True):
            fill_signal(one.signals[signal], value, signal)
    return made


def components(result: rollout_pb2.GroupResult) -> Mapping[str, list[float]]:
    return {part.name: list(part.values) for part in result.components}


async def test_a_sum_with_a_group_reward_is_complete_when_its_group_is(server: Service) -> None:
    tree = WeightedSum(((1.0, Leaf("math")), (0.5, Leaf("kinds/majority", {"exponent": 2.0}))))
    await server.create_run("sum", run_spec(tree))
    async with server.stream("sum", "a") as stream:
        await stream.send(*group_of("g"))
        result = await stream.group("g")
    assert {one.score.value for one in stream.samples.values()} == {1.0, 0.0}  # what one rollout is worth by itself
    values = [0.75**2] * 3 + [0.25**2]
    assert components(result) == {"kinds/majority": pytest.approx(values)}
    assert result.components[0].reward.startswith("kinds/majority-v1@")
    rewards = [1.0 + 0.5 * values[0]] * 3 + [0.5 * values[3]]
    assert list(result.rewards) == pytest.approx(rewards)
    mean = sum(rewards) / 4
    assert list(result.advantages) == pytest.approx([reward - mean for reward in rewards])
    assert result.kept
    assert result.estimator.startswith("advantage/grpo_mean_only-v1@")


async def test_a_group_reward_alone_is_the_reward_and_reads_the_texts(server: Service) -> None:
    await server.create_run("alone", run_spec("kinds/words"))
    async with server.stream("alone", "a") as stream:
        await stream.send(*group_of("g", ("1", "2 3", "4 5 6")))
        result = await stream.group("g")
    assert all(math.isnan(one.score.value) for one in stream.samples.values())  # nothing is known of one alone
    assert list(result.rewards) == [5.0, 6.0, 7.0]  # so it is A: ...
    assert list(result.advantages) == [-1.0, 0.0, 1.0]


async def test_what_a_group_reward_is_made_of_is_told_to_it_as_reward(server: Service) -> None:
    tree = Leaf("kinds/rank", of=WeightedSum(((0.5, Leaf("math")),)))
    run = await server.create_run("of", run_spec(tree))
    assert [pin.partition("@")[0] for pin in run.pins] == [
        "verify/math-v1",
        "kinds/rank-v1",
        "advantage/grpo_mean_only-v1",
    ]
    async with server.stream("of", "a") as stream:
        assert list(stream.opened.required_signals) == ["mean_logprob"]
        await stream.send(*group_of("g", ("18", "18"), mean_logprob=(-1.0, -2.0)), *group_of("unsent", ("18", "17")))
        result = await stream.group("g")
        missing = await stream.group("unsent")
    assert {one.score.value for one in stream.samples.values()} == {0.5, 0.0}
    assert list(result.rewards) == [0.5 * (1 - 0.5 / 2), 0.5]
    assert refusal_of(missing.error).reason == "MISSING_SIGNAL"
    assert missing.drop_reason == "missing_signal"


async def test_products_and_gates_hold_group_rewards_too(server: Service) -> None:
    tree = Product((Gate(Leaf("math"), Leaf("kinds/majority"), otherwise=0.125), Leaf("kinds/quickly")))
    await server.create_run("tree", run_spec(tree))
    async with server.stream("tree", "a") as stream:
        await stream.send(*group_of("slow"), *group_of("g/quick"))
        slow, quick = await stream.group("slow"), await stream.group("g/quick")
    assert list(slow.rewards) == pytest.approx([0.75 * 0.75] * 3 + [0.125 * 0.75])
    assert list(quick.rewards) == pytest.approx([0.75 * 0.25] * 3 + [0.125 * 0.25])


async def test_members_that_could_not_be_scored_are_left_out_of_the_group_that_is_told(server: Service) -> None:
    tree = WeightedSum(((1.0, Leaf("math")), (1.0, Leaf("kinds/majority"))))
    await server.create_run("unscored", run_spec(tree))
    whole = [*group_of("g")[:3], unscorable("g/3", "g", 4)]
    async with server.stream("unscored", "a") as stream:
        await stream.send(*whole)
        result = await stream.group("g")
    assert list(result.rewards[:3]) == [2.0, 2.0, 2.0]
    assert math.isnan(result.rewards[3])
    assert result.member_outcomes[3] == rollout_pb2.MEMBER_OUTCOME_NOT_SCORED
    assert math.isnan(components(result)["kinds/majority"][3])


async def test_a_plugins_estimator_and_selector_decide(server: Service) -> None:
    made = run_spec("math", "kinds/centred", filters=[("kinds/not_all_alike", '{"least":2}'), "select/mixed_outcome"])
    made.estimator.params_json = '{"scale":2.0}'
    run = await server.create_run("estimator", made)
    assert {pin.partition("@")[0] for pin in run.pins} == {
        "verify/math-v1",
        "kinds/centred-v1",
        "kinds/not_all_alike-v1",
    }
    async with server.stream("estimator", "a") as stream:
        assert list(stream.opened.required_signals) == ["weight"]
        await stream.send(
            *group_of("g", ("18", "17"), weight=(3.0, 1.0)), *group_of("same", ("18", "18"), weight=(1.0, 1.0))
        )
        result, same = await stream.group("g"), await stream.group("same")
        await stream.barrier("b", count=4)
        batch = await stream.batch("b")
    assert list(result.advantages) == [2 * 0.25, 2 * -0.75]
    assert result.estimator.startswith("kinds/centred-v1@")
    assert (same.kept, same.drop_reason) == (False, "1 answers")
    assert list(batch.group_ids) == ["g"]
    assert dict(batch.statistics.drop_reasons) == {"1 answers": 1}


async def test_a_batch_reward_is_known_at_the_barrier(server: Service) -> None:
    tree = WeightedSum(((1.0, Leaf("math")), (1.0, Leaf("kinds/majority")), (2.0, Leaf("kinds/among_groups"))))
    await server.create_run("batch", run_spec(tree, filters=["select/mixed_outcome"]))
    async with server.stream("batch", "a") as stream:
        await stream.send(*group_of("g0"), *group_of("g1", ("18", "17")), *group_of("dropped", ("18", "18")))
        await stream.barrier("b", count=8)
        batch = await stream.batch("b")
        assert not stream.groups
    assert sorted(batch.group_ids) == ["g0", "g1"]
    before = {"g0": [1.75, 1.75, 1.75, 0.25], "g1": [1.5, 0.5]}
    everyone = [reward for rewards in before.values() for reward in rewards]
    for result in batch.groups:
        told = [sum(one < reward for one in everyone) / 6 for reward in before[result.group_id]]
        assert components(result)["kinds/among_groups"] == pytest.approx(told)
        rewards = [reward + 2 * share for reward, share in zip(before[result.group_id], told, strict=True)]
        assert list(result.rewards) == pytest.approx(rewards)
        mean = sum(rewards) / len(rewards)
        assert list(result.advantages) == pytest.approx([reward - mean for reward in rewards])


# ---------------------------------------------------------------- bad ones

REASONS = {
    "exits": "REWARD_EXITED",
    "loops": "DEADLINE_EXCEEDED",
    "allocates": "MEMORY_LIMIT",
    "crashes": "REWARD_CRASHED",
}


@pytest.mark.parametrize("kind", ["group", "estimator", "selector"])
async def test_a_bad_group_touches_itself_alone(server: Service, kind: str) -> None:
    made = {
        "group": run_spec(WeightedSum(((1.0, Leaf("math")), (1.0, Leaf("kinds/majority"))))),
        "estimator": run_spec("math", "kinds/centred"),
        "selector": run_spec("math", filters=["kinds/not_all_alike"]),
    }[kind]
    await server.create_run(f"bad-{kind}", made)
    weight = (1.0,) * 4
    async with server.stream(f"bad-{kind}", "a") as stream:
        for name in BAD:
            await stream.send(*group_of(f"{name}-before", weight=weight), *group_of(f"g/{name}", weight=weight))
        await stream.until(lambda: len(stream.groups) == 2 * len(BAD), "all groups")
        await stream.finish()  # the server ends the stream when all is answered
    for name in BAD:
        fine, result = stream.groups[f"{name}-before"], stream.groups[f"g/{name}"]
        assert fine.kept
        assert not fine.HasField("error")
        if (kind, name) == ("selector", "words"):
            assert (result.kept, result.drop_reason) == (False, "some words")
            continue
        refusal = refusal_of(result.error)
        expected = {REASONS.get(name, "REWARD_FAILED"), "REWARD_OUT_OF_BOUNDS" if name == "not-finite" else ""}
        assert refusal.reason in expected, name
        assert "secret" not in refusal.message
        assert (result.kept, result.drop_reason) == (False, refusal.reason.lower())
        assert list(result.rewards) == [1.0, 1.0, 1.0, 0.0]  # what single rollouts are worth is still told
        assert all(map(math.isnan, result.advantages))


async def test_a_value_out_of_bounds_is_no_reward(server: Service) -> None:
    await server.create_run("outside", run_spec("kinds/majority"))
    async with server.stream("outside", "a") as stream:
        await stream.send(*group_of("g/outside"))
        result = await stream.group("g/outside")
    assert refusal_of(result.error).reason == "REWARD_OUT_OF_BOUNDS"


async def test_others_are_answered_while_a_group_is_waited_for(server: Service) -> None:
    await server.create_run("meanwhile", run_spec(Leaf("kinds/majority", execution_timeout=3.0)))
    async with server.stream("meanwhile", "a") as stream:
        await stream.send(*group_of("g/loops"))
        await stream.send(*group_of("after"))
        await stream.finish()  # the server ends the stream when all that came over it is answered
    assert list(stream.groups) == ["after", "g/loops"]
    assert refusal_of(stream.groups["g/loops"].error).reason == "DEADLINE_EXCEEDED"


async def test_a_group_that_is_waited_for_is_not_closed_by_its_deadline(server: Service) -> None:
    made = run_spec(Leaf("kinds/majority", execution_timeout=3.0))
    made.groups.deadline.FromMilliseconds(1500)
    await server.create_run("deadline", made)
    async with server.stream("deadline", "a") as stream:
        await stream.send(*group_of("g/loops"), *group_of("short")[:3])
        short = await stream.group("short")
        await stream.finish()
    assert short.outcome == rollout_pb2.GROUP_OUTCOME_CLOSED_SHORT
    assert list(short.rewards) == [1.0, 1.0, 1.0]
    result = stream.groups["g/loops"]
    assert (result.outcome, result.drop_reason) == (rollout_pb2.GROUP_OUTCOME_COMPLETE, "deadline_exceeded")


async def test_a_bad_batch_has_its_error_and_the_next_one_comes(server: Service) -> None:
    tree = WeightedSum(((1.0, Leaf("math")), (1.0, Leaf("kinds/among_groups"))))
    await server.create_run("bad-batch", run_spec(tree))
    async with server.stream("bad-batch", "a") as stream:
        await stream.send(*group_of("g/loops"), *group_of("g0"))
        await stream.until(lambda: len(stream.samples) == 8, "samples")
        await stream.barrier("first", count=8)
        await stream.send(*group_of("g1"))
        await stream.until(lambda: len(stream.samples) == 12, "samples, while the batch loops")
        first = await stream.batch("first")
        await stream.barrier("second", count=4)
        second = await stream.batch("second")
    assert refusal_of(first.error).reason == "DEADLINE_EXCEEDED"
    assert sorted(first.group_ids) == ["g/loops", "g0"]
    assert not second.HasField("error")
    assert [result.group_id for result in second.groups] == ["g1"]


@pytest.mark.asyncio(loop_scope="function")
async def test_what_was_accepted_gets_its_group_and_its_batch_though_the_server_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_PLUGINS", json.dumps([PLUGIN]))
    tree = WeightedSum(((1.0, Leaf("math")), (1.0, Leaf("kinds/majority")), (1.0, Leaf("kinds/among_groups"))))
    async with server_process(tmp_path) as process:
        await process.endpoint.create_run("run", run_spec(tree))
        stream = process.endpoint.stream("run", "a")
        await stream.start()
        await stream.send(*group_of("g0"))
        await stream.barrier("early", count=4)
        await stream.batch("early")
        await stream.send(*group_of("g1"), *group_of("g2", ("18", "17")))
        await stream.until(lambda: len(stream.samples) == 10, "samples")
        await process.kill()
        await stream.disconnect()
    async with server_process(tmp_path) as process, process.endpoint.stream("run", "a") as again:
        await again.barrier("b", count=6)
        await again.until(lambda: any(batch.barrier_id == "b" for batch in again.batches), "the batch")
    batch = next(batch for batch in again.batches if batch.barrier_id == "b")
    found = {result.group_id: list(result.rewards) for result in batch.groups}
    assert found == {
        "g1": pytest.approx([1.75 + 3 / 6] * 3 + [0.25]),
        "g2": pytest.approx([1.5 + 2 / 6, 0.5 + 1 / 6]),
    }


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"reward": "kinds/majorty"}, "spec.reward.leaf.id", "kinds/majority"),
        ({"estimator": "kinds/centered"}, "spec.estimator.id", "kinds/centred-v1"),
        ({"filters": ["kinds/not_al_alike"]}, "spec.filters[0].id", "kinds/not_all_alike-v1"),
        ({"reward": "kinds/centred"}, "spec.reward.leaf.id", "no reward is called"),
        ({"reward": f"kinds/majority@{'0' * 64}"}, "spec.reward.leaf.id", "another digest"),
        ({"estimator": f"kinds/centred-v1@{'0' * 64}"}, "spec.estimator.id", "kinds/centred-v1@"),
        ({"filters": [("kinds/not_all_alike", '{"least":"x"}')]}, "spec.filters[0].params.least", "integer"),
    ],
)
async def test_what_cannot_be_named_is_refused_with_the_nearest(
    server: Service, change: dict[str, object], field: str, words: str
) -> None:
    request = run_service_pb2.CreateRunRequest(spec=spec(**change))  # type: ignore[arg-type] - as spec takes it
    refusal = await server.refused("RunService/CreateRun", request)
    assert refusal.fields == (field,)
    assert words in refusal.message


async def test_a_digest_may_be_named(server: Service) -> None:
    listed = {one.id: one for one in await plugins(server)}
    pinned = f"kinds/centred-v1@{listed['kinds/centred-v1'].digest}"
    run = await server.create_run(
        "pinned", run_spec(f"kinds/majority@{listed['kinds/majority-v1'].digest[:12]}", pinned)
    )
    assert pinned in run.pins


async def test_where_there_are_no_groups_group_rewards_are_refused(server: Service) -> None:
    request = wire.ScoreRequest(rollouts=mixed_group("g", 2, 1))
    request.reward.leaf.id = "kinds/majority"
    assert (await server.refused("RewardService/Score", request)).reason == "NEEDS_GROUPS"


async def plugins(server: Service) -> list[plugin_service_pb2.PluginInfo]:
    request = plugin_service_pb2.ListPluginsRequest()
    return list(
        (await server.call("PluginService/ListPlugins", request, plugin_service_pb2.ListPluginsResponse)).plugins
    )


async def test_everything_that_can_be_named_is_listed(server: Service) -> None:
    listed = {one.id: one for one in await plugins(server)}
    assert {"verify/math-v1", "advantage/gigpo-v1", "select/mixed_outcome-v1"} < set(listed)
    majority = listed["kinds/majority-v1"]
    assert majority.kind == plugin_service_pb2.PLUGIN_KIND_REWARD
    assert majority.lane == wire.LANE_CPU
    assert (majority.min, majority.max, majority.deterministic) == (0.0, 1.0, True)
    assert json.loads(majority.params_schema_json)["properties"] == {"exponent": {"type": "number"}}
    assert listed["kinds/centred-v1"].kind == plugin_service_pb2.PLUGIN_KIND_ESTIMATOR
    assert list(listed["kinds/centred-v1"].required_signals) == ["weight"]
    assert listed["kinds/words-v1"].lane == wire.LANE_INLINE
    assert all(len(one.digest) == 64 for one in listed.values())


SOURCE = """\
from assay.sdk import *

@estimator("{id}")
def mine(group): return [0.0 for _ in group.members]
"""


async def test_an_id_that_exists_is_not_given_another_digest(server: Service) -> None:
    listed = {one.id: one for one in await plugins(server)}
    request = plugin_service_pb2.RegisterPluginRequest(source=SOURCE.format(id="kinds/centred-v1"))
    refusal = await server.refused("PluginService/RegisterPlugin", request)
    digest = listed["kinds/centred-v1"].digest
    assert (refusal.code, refusal.reason, refusal.metadata["digest"]) == (6, "PLUGIN_EXISTS", digest)
    request.expected_digest = digest
    answer = await server.call("PluginService/RegisterPlugin", request, plugin_service_pb2.RegisterPluginResponse)
    assert answer.plugin == listed["kinds/centred-v1"]
    new = plugin_service_pb2.RegisterPluginRequest(source=SOURCE.format(id="kinds/centred-v2"))
    reason = (await server.refused("PluginService/RegisterPlugin", new)).reason
    assert reason in ("PLUGIN_RESERVED", "SANDBOX_UNAVAILABLE")  # a version of the operator's; or nothing is run here
