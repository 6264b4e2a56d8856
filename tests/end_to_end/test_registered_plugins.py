"""Plugins that come with a request: scored with in sandboxes, kept by the store, seen by their tenant alone."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import cast

import grpc
import pytest
import pytest_asyncio

from assay.client import Client
from assay.errors import AlreadyExists, FailedPrecondition
from assay.sdk.spec import Leaf, WeightedSum
from assay.spec_messages import reward_message
from assay.v1 import plugin_service_pb2 as wire
from assay.v1 import reward_service_pb2, rollout_pb2, run_service_pb2
from assay_sandbox.namespaces.backend import NamespacesBackend
from assay_sandbox.protocol import Grade
from assay_server.cli.plugins_registered import check_there, listed_there
from assay_server.pipeline.failures import Code

from .rollouts import mixed_group, right, spec, wrong
from .server import Endpoint, Service, serving, settings
from .statuses import Refusal
from .tenants import OWNER, STRANGER, keyed, make_keys

pytestmark = pytest.mark.asyncio(loop_scope="module")

LENGTH = """
from assay.sdk import Sample, Score, reward


@reward("{id}", bounds=(0, 1000), reference_keys=("answer",))
def length(sample: Sample, *, factor: float = 1.0, cases: tuple[str, ...] = ("A",)) -> Score:
    \"\"\"How long the response is.\"\"\"
    assert type(cases) is tuple
    return Score({value}, components={{"steps": float(len(sample.steps))}})
"""
GROUPS = """
from assay.sdk import batch_reward, estimator, group_reward, selector

@group_reward("kinds/rarity-v1", bounds=(0, 1))
def rarity(group):
    keys = [member.answer_key for member in group.members]
    return [1 - keys.count(key) / len(keys) for key in keys]

@batch_reward("kinds/texts-v1", bounds=(0, 1000))
def texts(groups):
    return [[float(len(member.sample.response)) for member in group.members] for group in groups]

@estimator("kinds/twice-v1")
def twice(group):
    return [2 * member.reward for member in group.members]

@selector("kinds/large-v1")
def large(group, *, least: int = 2):
    return "" if len(group.members) >= least else "too few"
"""
PORTS = """
from assay.sdk import Lane, Score, reward

@reward("acme/ports-v1", bounds=(0, 1), lane=Lane.CPU)
def ports(sample, ports):
    return Score(1.0)
"""
VERL = """
def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    return {"score": float(ground_truth in solution_str), "length": len(solution_str)}
"""


def length(id: str = "acme/length-v1", value: str = "factor * len(sample.response)") -> str:
    return LENGTH.format(id=id, value=value)


@pytest.fixture(scope="module", autouse=True)
def _needs_a_sandbox() -> None:
    level = NamespacesBackend().probe()
    if level.grade < Grade.FLOOR:
        pytest.skip(f"this machine gives no sandbox: {level}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncGenerator[Service]:
    async with serving() as service:
        yield service


async def register(endpoint: Endpoint, source: str, object_name: str = "", digest: str = "") -> wire.PluginInfo:
    request = wire.RegisterPluginRequest(source=source, object_name=object_name, expected_digest=digest)
    return (await endpoint.call("PluginService/RegisterPlugin", request, wire.RegisterPluginResponse)).plugin


async def refused(endpoint: Endpoint, source: str, object_name: str = "") -> Refusal:
    request = wire.RegisterPluginRequest(source=source, object_name=object_name)
    return await endpoint.refused("PluginService/RegisterPlugin", request)


async def listed(endpoint: Endpoint) -> Mapping[str, wire.PluginInfo]:
    found = await endpoint.call("PluginService/ListPlugins", wire.ListPluginsRequest(), wire.ListPluginsResponse)
    return {one.id: one for one in found.plugins if one.origin.startswith("run time")}


async def score(endpoint: Endpoint, reward: str, *rollouts: rollout_pb2.Rollout) -> list[rollout_pb2.SampleResult]:
    request = reward_service_pb2.ScoreRequest(reward=reward_message(reward), rollouts=rollouts)
    return list((await endpoint.call("RewardService/Score", request, reward_service_pb2.ScoreResponse)).results)


async def test_a_registered_reward_is_scored_with_in_calls_and_runs(server: Service) -> None:
    info = await register(server, length())
    assert (info.id, info.kind, info.doc) == ("acme/length-v1", wire.PLUGIN_KIND_REWARD, "How long the response is.")
    assert (info.min, info.max, info.lane) == (0, 1000, reward_service_pb2.LANE_SANDBOX)
    assert json.loads(info.params_schema_json)["properties"]["factor"] == {"type": "number"}
    (result,) = await score(server, "acme/length", right("r"))
    assert result.score.value == 14.0
    assert dict(result.score.components) == {"acme/length": 14.0, "acme/length/steps": 1.0}
    made = spec(reward="acme/length-v1", estimator="advantage/grpo_mean_only")
    run = await server.create_run("length", made)
    assert f"acme/length-v1@{info.digest}" in run.pins
    async with server.stream("length", "a") as stream:
        await stream.send(*mixed_group("g", 2, 2))
        group = await stream.group("g")
    assert list(group.rewards) == [14.0] * 2
    assert "acme/length-v1" in {one.id for one in (await _rewards(server))}


async def _rewards(endpoint: Endpoint) -> list[reward_service_pb2.RewardInfo]:
    request = reward_service_pb2.ListRewardsRequest(prefix="acme/")
    answer = await endpoint.call("RewardService/ListRewards", request, reward_service_pb2.ListRewardsResponse)
    return list(answer.rewards)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("(", "the source: SyntaxError on import: '(' was never closed (the source, line 1)"),
        ("a = 1\nraise SystemExit(a)", "the source: SystemExit on import: 1\n  the source:2: raise SystemExit(a)"),
        (length("Bad-Id"), "  defined at the source:5 as length("),
    ],
)
async def test_an_author_is_told_what_is_wrong_and_not_where_the_source_lies(
    server: Service, source: str, told: str
) -> None:
    refusal = await refused(server, source)  # which looks for paths in it
    assert (refusal.reason, refusal.fields) == ("PLUGIN_BROKEN", ("source",))
    assert told in refusal.message


async def test_the_same_again_is_the_same_and_another_source_needs_another_version(server: Service) -> None:
    first = await register(server, length("acme/again-v1"))
    assert await register(server, length("acme/again-v1"), digest=first.digest) == first
    other = await refused(server, length("acme/again-v1", "0.0"))
    assert (other.code, other.reason) == (Code.ALREADY_EXISTS, "PLUGIN_EXISTS")
    assert other.metadata["digest"] == first.digest
    second = await register(server, length("acme/again-v2", "0.0"))
    assert second.digest != first.digest
    pinned, newest = [
        (await score(server, name, right("r")))[0].score.value for name in ("acme/again-v1", "acme/again")
    ]
    assert (pinned, newest) == (14.0, 0.0)
    assert (await score(server, f"acme/again-v1@{first.digest}", right("r")))[0].score.value == 14.0


@pytest.mark.parametrize(
    ("id", "reason"),
    [
        ("verify/math-v1", "PLUGIN_EXISTS"),
        ("verify/math-v99", "PLUGIN_RESERVED"),
        ("verify/mine-v1", "PLUGIN_RESERVED"),
        ("advantage/grpo-v9", "PLUGIN_RESERVED"),
    ],
)
async def test_no_id_of_the_servers_own_is_taken(server: Service, id: str, reason: str) -> None:
    hidden = length(id).replace(f'"{id}"', f'"{id[:4]}" "{id[4:]}"')  # not as its author would write it
    assert (await refused(server, length(id))).reason == reason
    assert (await refused(server, hidden)).reason == reason


@pytest.mark.parametrize(
    ("source", "object_name", "reason"),
    [
        ("", "", "INVALID_ARGUMENT"),
        ("#" + "x" * (1 << 18), "", "INVALID_ARGUMENT"),
        (length(), "../etc/passwd", "INVALID_ARGUMENT"),
        ("x = 1", "", "PLUGIN_BROKEN"),
        ("def f(:", "", "PLUGIN_BROKEN"),
        ("import os; os._exit(0)", "", "PLUGIN_BROKEN"),
        (GROUPS, "", "PLUGIN_BROKEN"),
        (length(), "nothing", "PLUGIN_BROKEN"),
        (PORTS, "", "PLUGIN_BROKEN"),
    ],
)  # fmt: skip
async def test_what_cannot_be_used_is_refused_and_says_why(
    server: Service, source: str, object_name: str, reason: str
) -> None:
    assert (await _told(server, source, object_name))[0] == reason


async def _told(server: Service, source: str, object_name: str) -> tuple[str, str]:
    """Reason and message of a refusal, which may quote what the source said."""
    request = wire.RegisterPluginRequest(source=source, object_name=object_name)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await server.call("PluginService/RegisterPlugin", request, wire.RegisterPluginResponse)
    details = dict(error.value.trailing_metadata() or ())
    status = rollout_pb2.Status.FromString(cast("bytes", details["grpc-status-details-bin"]))
    info = next(any_ for any_ in status.details if any_.type_url.endswith("ErrorInfo"))
    return rollout_pb2.ErrorInfo.FromString(info.value).reason, status.message


async def test_a_broken_source_is_told_with_its_mistake(server: Service) -> None:
    assert "SyntaxError" in (await _told(server, "def f(:", ""))[1]
    assert "kinds/rarity-v1, kinds/texts-v1, kinds/twice-v1, kinds/large-v1" in (await _told(server, GROUPS, ""))[1]


async def test_what_cannot_be_scored_is_a_status_and_leaves_the_others_alone(server: Service) -> None:
    value = "{'18': 7.0, '17': float('nan'), '16': 1e9}.get(sample.response[-2:]) or __import__('os')._exit(0)"
    await register(server, length("acme/odd-v1", value))
    texts = ("A: 18", "A: 17", "A: 16", "A: 15", "A: 18")
    rollouts = [right(f"r{place}") for place in range(len(texts))]
    for one, text in zip(rollouts, texts, strict=True):
        one.steps[0].action.parts[0].text = text
    results = await score(server, "acme/odd", *rollouts)
    assert [one.score.value for one in (results[0], results[4])] == [7.0, 7.0]
    reasons = [_reason(one) for one in results[1:4]]
    assert reasons == ["REWARD_FAILED", "REWARD_OUT_OF_BOUNDS", "REWARD_EXITED"]


def _reason(result: rollout_pb2.SampleResult) -> str:
    assert result.WhichOneof("outcome") == "error", result
    info = next(any_ for any_ in result.error.details if any_.type_url.endswith("ErrorInfo"))
    return rollout_pb2.ErrorInfo.FromString(info.value).reason


async def test_the_runs_timeout_ends_an_item_and_its_process(server: Service) -> None:
    await register(server, length("acme/slow-v1", "8.0 if '18' in sample.response else [None for _ in iter(int, 1)]"))
    request = reward_service_pb2.ScoreRequest(rollouts=[right("r"), wrong("w"), right("s")])
    request.reward.CopyFrom(reward_message(Leaf("acme/slow", execution_timeout=1.0)))
    answer = await server.call("RewardService/Score", request, reward_service_pb2.ScoreResponse)
    first, hung, last = answer.results
    assert (first.score.value, last.score.value) == (8.0, 8.0)
    assert _reason(hung) == "DEADLINE_EXCEEDED"


async def test_functions_of_verl_are_registered_unchanged(server: Service) -> None:
    info = await register(server, VERL, "compute_score")
    ((result,), (other,)) = [await score(server, info.id, one) for one in (right("r"), wrong("w"))]
    assert (result.score.value, other.score.value) == (1.0, 0.0)
    assert dict(result.score.components)[f"{info.id}/length"] == 14.0


async def test_group_and_batch_rewards_estimators_and_selectors_are_run_there_too(server: Service) -> None:
    for name in ("rarity", "texts", "twice", "large"):
        await register(server, GROUPS, name)
    tree = WeightedSum(((1.0, Leaf("kinds/rarity")), (1.0, Leaf("kinds/texts"))))
    made = spec(estimator="kinds/twice", filters=["kinds/large"])
    made.reward.CopyFrom(reward_message(tree))
    await server.create_run("kinds", made)
    async with server.stream("kinds", "a") as stream:
        await stream.send(*mixed_group("g", 2, 1))
        await stream.barrier("b", count=2)
        batch = await stream.batch("b")
    assert list(batch.group_ids) == ["g"]
    (group,) = batch.groups
    assert list(group.rewards) == [14.0, 14.0]
    assert list(group.advantages) == [28.0, 28.0]


async def test_checks_find_what_is_wrong_and_register_nothing(server: Service) -> None:
    async def checked(source: str, object_name: str = "") -> wire.CheckPluginResponse:
        request = wire.CheckPluginRequest(source=source, object_name=object_name)
        return await server.call("PluginService/CheckPlugin", request, wire.CheckPluginResponse)

    good = await checked(length("acme/good-v1", "min(1000.0, float(len(sample.response)))"))
    assert {one.check for one in good.findings} >= {"determinism", "bounds", "hostile inputs", "speed"}
    assert [one.check for one in good.findings if not one.passed] == ["missing reference"]
    random = await checked(length("acme/random-v1", "__import__('random').SystemRandom().random()"))
    assert "determinism" in [one.check for one in random.findings if not one.passed]
    wide = await checked(length("acme/wide-v1"))
    assert "bounds" in [one.check for one in wide.findings if not one.passed]  # a response of a million characters
    broken = await checked("def f(:")
    assert [(one.check, one.passed) for one in broken.findings] == [("loading", False)]
    assert broken.error.code == Code.INVALID_ARGUMENT
    group = await checked(GROUPS, "twice")
    assert all(one.passed for one in group.findings), group
    assert not {"acme/good-v1", "kinds/none-v1"} & set(await listed(server))


async def test_a_tenants_plugins_are_its_own_and_a_restart_keeps_them(tmp_path: Path) -> None:
    keys = make_keys(tmp_path / "keys.json", ())
    chosen = keyed(tmp_path / "keys.json", store=f"sqlite:{tmp_path / 'store.db'}", audit_log=tmp_path / "audit")
    async with serving(chosen) as service:
        owner, stranger = (Endpoint(service.address, token=keys[who]) for who in (OWNER, STRANGER))
        info = await register(owner, length())
        run = await owner.create_run("kept", spec(reward="acme/length", estimator="advantage/grpo_mean_only"))
        assert set(await listed(owner)) == {"acme/length-v1"}
        assert not await listed(stranger)
        create = run_service_pb2.CreateRunRequest(run_id="r", spec=spec(reward="acme/length-v1"))
        assert (await stranger.refused("RunService/CreateRun", create)).reason == "UNKNOWN_REWARD"
        theirs = await register(stranger, length(value="0.5"))  # the name is free
        assert theirs.digest != info.digest
        assert (await score(owner, "acme/length", right("r")))[0].score.value == 14.0
        assert (await score(stranger, "acme/length", right("r")))[0].score.value == 0.5
        await owner.close()
        await stranger.close()
    lines = [json.loads(line) for line in (tmp_path / "audit").read_text().splitlines()]
    assert [(line["tenant"], line["plugin"]) for line in lines if "plugin" in line] == [
        (OWNER, f"{info.id}@{info.digest}"),
        (STRANGER, f"{theirs.id}@{theirs.digest}"),
    ]
    async with serving(chosen) as service:
        owner = Endpoint(service.address, token=keys[OWNER])
        assert (await listed(owner))["acme/length-v1"].digest == info.digest
        assert f"acme/length-v1@{info.digest}" in run.pins
        async with owner.stream("kept", "a") as stream:
            await stream.send(*mixed_group("g", 2, 1))
            assert list((await stream.group("g")).rewards) == [14.0, 14.0]
        await owner.close()


async def test_without_a_sandbox_nothing_is_registered_and_items_say_why(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'store.db'}"
    async with serving(settings(store)) as service:
        await register(service, length())
    async with serving(settings(store).model_copy(update={"sandbox": "none"})) as service:
        assert (await refused(service, length("acme/new-v1"))).reason == "SANDBOX_UNAVAILABLE"
        (result,) = await score(service, "acme/length", right("r"))
        assert _reason(result) == "SANDBOX_UNAVAILABLE"


async def test_the_client_and_the_command_register_check_and_list(server: Service, tmp_path: Path) -> None:
    def work() -> None:
        with Client(server.address) as client:
            info = client.register_plugin(length("client/length-v1"))
            assert info in client.list_plugins()
            assert info.kind == "reward"
            with pytest.raises(AlreadyExists):
                client.register_plugin(length("client/length-v1", "1.0"))
            with pytest.raises(FailedPrecondition):
                client.register_plugin(length("client/length-v2"), expected_digest=info.digest)
        file = tmp_path / "mine.py"
        file.write_text(GROUPS)
        command = [str(Path(sys.executable).with_name("assay")), "plugin"]
        added = subprocess.run(
            [*command, "add", f"{file}:large", "--server", server.address], capture_output=True, text=True, check=True
        )
        assert added.stdout.startswith("kinds/large-v1@")
        listing = listed_there([], server.address, None, as_json=False)
        assert any(line.startswith("client/length-v1  reward  run time") for line in listing)
        assert all(finding.passed for finding in check_there(f"{file}:rarity", server.address, None))

    await asyncio.to_thread(work)
