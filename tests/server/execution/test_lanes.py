"""Rewards in the lanes that they declare: alone, behind gates, beside each other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from assay.sdk import Lane, Ports, Sample, Score, Unscorable, Verdict, reward
from assay.sdk.spec import Gate, Leaf, RewardSpec, WeightedSum
from assay_server.execution.lanes import Lanes, LaneSettings
from assay_server.execution.plugin_files import load_plugin_file
from assay_server.execution.server_ports import ServerPorts
from assay_server.rewards.assessment import Assessment
from assay_server.rewards.catalogue import Catalogue, builtin_catalogue
from assay_server.rewards.nodes import Plan
from assay_server.rewards.tree import compile_reward
from assay_server.store.opening import open_store

from .cpu_lane import until

CALLS: list[str] = []
STAGES = str(Path(__file__).parent / "plugins" / "stages.py")


@reward("io/counts-v1", bounds=(0, 1), lane=Lane.IO)
async def counts(sample: Sample) -> Score:
    CALLS.append(sample.rollout_id)
    await asyncio.sleep(0)
    return Score(1.0, Verdict.CORRECT)


@reward("io/waits-v1", bounds=(0, 1), lane=Lane.IO)
async def waits(sample: Sample) -> Score:
    CALLS.append(sample.rollout_id)
    await asyncio.Event().wait()
    return Score(1.0)


@reward("io/stubborn-v1", bounds=(0, 1), lane=Lane.IO)
async def stubborn(sample: Sample) -> Score:
    CALLS.append(sample.rollout_id)
    for _ in range(2):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    return Score(1.0)


@reward("io/exits-v1", bounds=(0, 1), lane=Lane.IO)
async def exits(sample: Sample) -> Score:
    raise SystemExit(sample.rollout_id)


@reward("io/cancels_itself-v1", bounds=(0, 1), lane=Lane.IO)
async def cancels_itself(sample: Sample) -> Score:
    raise asyncio.CancelledError(sample.rollout_id)


@reward("io/asks-v1", bounds=(0, 1), lane=Lane.IO)
async def asks(sample: Sample, ports: Ports) -> Score:
    return Score(float(len(await ports.blobs.get(sample.response)) > 0))


@reward("io/asks_sandbox-v1", bounds=(0, 1), lane=Lane.SANDBOX)
async def asks_sandbox(sample: Sample, ports: Ports) -> Score:
    report = await ports.sandbox.run_tests("python", sample.response, {})
    return Score(report.pass_fraction)


@reward("in/gate-v1", bounds=(0, 1))
def opens(sample: Sample) -> Score:
    return Score(float(sample.response == "open"))


def catalogue() -> Catalogue:
    known = builtin_catalogue()
    for definition in (counts, waits, stubborn, exits, cancels_itself, asks, asks_sandbox, opens):
        known = known.with_definition(definition)
    for definition, _ in load_plugin_file(STAGES):
        known = known.with_definition(definition)  # pyright: ignore[reportArgumentType] - only rewards are in it
    return known


@pytest.fixture
async def lanes() -> AsyncGenerator[Lanes]:
    CALLS.clear()
    lanes = Lanes(LaneSettings(cpu_workers=2, plugins=(STAGES,)), ServerPorts(open_store("memory:")))
    lanes.launch()
    lanes.start()
    yield lanes
    await lanes.stop()


async def assess(lanes: Lanes, spec: RewardSpec, response: str = "x") -> Assessment:
    compiled = compile_reward(spec, catalogue())
    sample, plan = Sample("r1", response, {"answer": "18"}), Plan()
    leaves = compiled.pending(sample, plan)
    if not leaves:
        return compiled.evaluate(sample, plan.known)
    return (await lanes.assess(compiled, sample, plan, leaves))[0]


async def reason(lanes: Lanes, spec: RewardSpec, response: str = "x") -> str:
    with pytest.raises(Unscorable) as raised:
        await assess(lanes, spec, response)
    return raised.value.reason


async def test_the_second_stage_runs_only_where_the_first_has_no_answer(lanes: Lanes) -> None:
    two = Leaf("stages/two-v1")
    assert (await assess(lanes, two, "short")).components == {"stages/two-v1": 0.25}
    assert lanes.cpu.figures.finished == 0
    assert (await assess(lanes, two, "quick cannot tell")).components == {"stages/two-v1": 0.75}
    assert lanes.cpu.figures.finished == 1
    assert await reason(lanes, two, "refuse") == "REFUSED"
    assert lanes.cpu.figures.finished == 1


async def test_a_shut_gate_keeps_the_expensive_part_from_running(lanes: Lanes) -> None:
    gated = Gate(condition=Leaf("in/gate-v1"), then=Leaf("io/counts-v1"), otherwise=-1.0)
    shut = await assess(lanes, gated, "closed")
    assert (shut.value, CALLS) == (-1.0, [])
    assert "not run" in shut.evidence["io/counts-v1"].reason
    opened = await assess(lanes, gated, "open")
    assert (opened.value, CALLS) == (1.0, ["r1"])


async def test_a_gate_on_another_lane_is_waited_for(lanes: Lanes) -> None:
    gated = Gate(condition=Leaf("stages/two-v1"), then=Leaf("io/counts-v1"), threshold=0.5)
    assert (await assess(lanes, gated, "short")).value == 0.0
    assert CALLS == []
    assert (await assess(lanes, gated, "quick cannot tell")).value == 1.0
    assert CALLS == ["r1"]


async def test_leaves_of_several_lanes_are_summed(lanes: Lanes) -> None:
    terms = WeightedSum(((1.0, Leaf("io/counts-v1")), (2.0, Leaf("stages/two-v1")), (4.0, Leaf("in/gate-v1"))))
    said = await assess(lanes, terms, "quick cannot tell")
    assert said.value == 2.5
    assert said.components == {"io/counts-v1": 1.0, "stages/two-v1": 0.75, "in/gate-v1": 0.0}


async def test_an_io_reward_ends_at_its_timeout(lanes: Lanes) -> None:
    assert await reason(lanes, Leaf("io/waits-v1", execution_timeout=0.02)) == "DEADLINE_EXCEEDED"
    assert await reason(lanes, Leaf("io/stubborn-v1", execution_timeout=0.02)) == "DEADLINE_EXCEEDED"


@pytest.mark.parametrize("id", ["io/exits-v1", "io/cancels_itself-v1"])
async def test_what_an_io_reward_raises_ends_its_item_alone(lanes: Lanes, id: str) -> None:
    assert await reason(lanes, Leaf(id)) == "REWARD_FAILED"
    assert (await assess(lanes, Leaf("io/counts-v1"))).value == 1.0


async def test_a_cancelled_assessment_cancels_what_it_waits_for(lanes: Lanes) -> None:
    task = asyncio.create_task(assess(lanes, Leaf("io/waits-v1")))
    await until(lambda: CALLS == ["r1"])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not [one for one in asyncio.all_tasks() if one.get_name() == "io/waits-v1"])


async def test_ports_that_are_not_there_say_so(lanes: Lanes) -> None:
    assert await reason(lanes, Leaf("io/asks_sandbox-v1")) == "PORT_UNAVAILABLE"
    assert await reason(lanes, Leaf("stages/asks_judge-v1")) == "PORT_UNAVAILABLE"


async def test_a_lane_that_was_not_started_is_a_status() -> None:
    lanes = Lanes(LaneSettings(), ServerPorts(open_store("memory:")))
    assert await reason(lanes, Leaf("stages/two-v1"), "quick cannot tell") == "LANE_UNAVAILABLE"
