"""Rollouts that branch off one another, through a real stream: leaves, values, siblings, token weights."""

from __future__ import annotations

import grpc
import numpy as np
import pytest

from assay.sdk.spec import EstimatorChoice, OutputChoice
from assay.spec_messages import estimator_message, output_message
from assay.v1 import rollout_pb2, run_service_pb2
from assay_server.pipeline.failures import Code

from .rollouts import rollout, spec, step
from .server import Service

pytestmark = pytest.mark.asyncio(loop_scope="module")

GOOD, BAD = "so it is\nA: 18", "so it is\nA: 17"


def tree_spec(estimator: str, *outputs: str) -> run_service_pb2.RunSpec:
    made = spec()
    made.estimator.CopyFrom(estimator_message(EstimatorChoice(estimator)))
    made.outputs.extend(output_message(OutputChoice(name)) for name in outputs)
    return made


def leaf(name: str, last: str, parent: str = "", fork: int = 0, *, size: int = 4) -> rollout_pb2.Rollout:
    """Three steps; the last one is judged."""
    made = rollout(name, "", group="g", size=size)
    made.steps.extend(step(index, f"think {index}") for index in range(2))
    made.steps.append(step(2, last))
    made.parent_rollout_id, made.fork_step = parent, fork
    return made


def branching() -> list[rollout_pb2.Rollout]:
    """``a`` is right; ``b`` left it before its last step, ``c`` after the first, ``d`` began anew."""
    return [leaf("a", GOOD), leaf("b", BAD, "a", 2), leaf("c", BAD, "a", 1), leaf("d", GOOD)]


async def test_segments_are_worth_what_their_branches_are_and_siblings_are_pairs(server: Service) -> None:
    await server.create_run("run", tree_spec("advantage/segment_tree", "pairs/siblings"))
    async with server.stream("run", "trainer") as stream:
        await stream.send(*branching())
        result = await stream.group("g")
        scored = [result.score.value for result in await stream.scored(*"abcd")]

    assert scored == [1.0, 0.0, 0.0, 1.0]
    # V: fork after step 1 = 1/2, fork after step 0 = 1/4, root = 5/8
    totals = {name: list(result.step_totals[3 * place : 3 * place + 3]) for place, name in enumerate("abcd")}
    assert totals == {
        "a": [-0.375, 0.25, 0.5],
        "b": [-0.375, 0.25, -0.5],
        "c": [-0.375, -0.25, -0.25],
        "d": [0.375, 0.375, 0.375],
    }
    groups = {name: list(result.step_group_index[3 * place : 3 * place + 3]) for place, name in enumerate("abcd")}
    assert groups["a"][:2] == groups["b"][:2]
    assert groups["a"][0] == groups["c"][0]
    assert len(result.step_group_ids) == 6
    pairs = {(p.chosen_rollout_id, p.rejected_rollout_id): (p.fork_step, p.margin) for p in result.preference_pairs}
    assert pairs == {("a", "b"): (2, 1.0), ("a", "c"): (1, 0.5), ("d", "a"): (0, 0.75)}


async def test_subgroups_of_a_tree(server: Service) -> None:
    await server.create_run("run", tree_spec("advantage/tree_subgroup", "pairs/ranked_tree"))
    async with server.stream("run", "trainer") as stream:
        await stream.send(*branching())
        result = await stream.group("g")

    # a: (4 x 1/2 + 3 x 2/3 + 2 x 1/2) / 9
    assert result.advantages[0] == pytest.approx(5 / 9)
    assert result.advantages[3] == pytest.approx(0.5)
    parted = [(p.chosen_rollout_id, p.rejected_rollout_id, p.fork_step) for p in result.preference_pairs]
    assert parted == [("a", "b", 2), ("a", "c", 1), ("d", "b", 0), ("d", "c", 0)]


async def test_a_parent_that_is_not_there_is_the_groups_failure(server: Service) -> None:
    await server.create_run("run", tree_spec("advantage/tree_subgroup"))
    async with server.stream("run", "trainer") as stream:
        await stream.send(leaf("a", GOOD, size=2), leaf("b", BAD, "nobody", 1, size=2))
        result = await stream.group("g")

    assert result.error.code == Code.INVALID_ARGUMENT
    assert "nobody" in result.error.message


async def test_tokens_are_weighed_and_have_advantages(server: Service) -> None:
    await server.create_run("run", tree_spec("advantage/prefix_tree_td", "token/conflict_weights", "pairs/best_worst"))
    async with server.stream("run", "trainer") as stream:
        for name, text, ids in (("a", GOOD, [1, 2, 9]), ("b", BAD, [1, 3, 9])):
            made = rollout(name, text, group="g", size=2)
            tokens_ = made.signals["token_ids"].tensor
            tokens_.dtype, tokens_.data = "int64", np.array(ids, np.int64).tobytes()
            tokens_.shape.append(len(ids))
            await stream.send(made)
        result = await stream.group("g")

    assert {row.rollout_id: list(row.weights) for row in result.token_weights} == {"a": [2, 1, 2], "b": [0, 1, 0]}
    tokens = {row.rollout_id: list(row.weights) for row in result.token_advantages}
    half = 0.5**0.5
    assert tokens["a"] == pytest.approx([half, 2 * half, half], abs=1e-5)
    assert tokens["b"] == pytest.approx([-half, -2 * half, -half], abs=1e-5)
    (pair,) = result.preference_pairs
    assert (pair.chosen_rollout_id, pair.rejected_rollout_id, pair.margin) == ("a", "b", 1.0)
    assert not pair.HasField("fork_step")


async def test_an_output_that_nobody_knows_is_refused_by_name(server: Service) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await server.create_run("run", tree_spec("advantage/grpo", "pairs/sibling"))

    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "pairs/siblings-v1" in str(caught.value.details())
