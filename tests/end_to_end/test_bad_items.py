"""What is wrong with one item is answered for that item; the stream and everyone else go on."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from assay.v1 import reward_service_pb2 as wire
from assay.v1 import rollout_pb2
from assay_server.pipeline.failures import Code

from .driver import Stream
from .rollouts import mixed_group, right, rollout, spec, step
from .server import Service
from .statuses import refusal_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAN, INF = float("nan"), float("inf")
DEEP = 10_000


def _edit(change: Callable[[rollout_pb2.Rollout], object]) -> rollout_pb2.Rollout:
    made = rollout("bad")
    change(made)
    return made


def _tensor(dtype: str, shape: list[int], data: bytes) -> Callable[[rollout_pb2.Rollout], object]:
    tensor = rollout_pb2.Tensor(dtype=dtype, shape=shape, data=data)
    return lambda made: made.signals["logprobs"].tensor.CopyFrom(tensor)


def _state(text: str) -> Callable[[rollout_pb2.Rollout], object]:
    return lambda made: setattr(made.steps[0].anchor, "state_json", text)


REFUSED: dict[str, tuple[Callable[[rollout_pb2.Rollout], object], str]] = {
    "no steps": (lambda made: made.ClearField("steps"), "steps"),
    "first step is not 0": (lambda made: setattr(made.steps[0], "index", 1), "steps[0].index"),
    "hole in the steps": (lambda made: made.steps.append(step(2, "a")), "steps[1].index"),
    "NaN step reward": (lambda made: setattr(made.steps[0], "reward", NAN), "steps[0].reward"),
    "infinite step reward": (lambda made: setattr(made.steps[0], "reward", -INF), "steps[0].reward"),
    "NaN signal": (lambda made: setattr(made.signals["kl"], "scalar", NAN), "signals[kl].scalar"),
    "infinite signal": (lambda made: setattr(made.signals["kl"], "scalar", INF), "signals[kl].scalar"),
    "empty signal": (lambda made: made.signals["kl"].SetInParent(), "signals[kl]"),
    "shape mismatch": (_tensor("float32", [3], b"\0" * 8), "signals[logprobs].tensor"),
    "unknown dtype": (_tensor("object", [1], b"\0" * 8), "signals[logprobs].tensor"),
    "negative extent": (_tensor("float32", [-2, -1], b"\0" * 8), "signals[logprobs].tensor"),
    "huge shape of nothing": (_tensor("float32", [0, 1 << 62, 1 << 62], b""), "signals[logprobs].tensor"),
    "too many dimensions": (_tensor("float32", [1] * 70, b"\0" * 4), "signals[logprobs].tensor"),
    "NaN in a tensor": (_tensor("float32", [1], b"\x00\x00\xc0\x7f"), "signals[logprobs].tensor"),
    "group size without group": (lambda made: setattr(made, "group_size", 4), "group_id"),
    "negative group size": (
        lambda made: (setattr(made, "group_id", "g"), setattr(made, "group_size", -1)),
        "group_size",
    ),
    "negative token count": (lambda made: setattr(made, "num_tokens", -1), "num_tokens"),
    "control characters in an id": (lambda made: setattr(made, "group_id", "a\nb"), "group_id"),
    "long id": (lambda made: setattr(made, "prompt_id", "x" * 257), "prompt_id"),
    "unknown role": (lambda made: setattr(made, "role", 99), "role"),
    "unknown state": (lambda made: setattr(made, "state", 99), "state"),
    "anchor state is not JSON": (_state("{"), "steps[0].anchor.state_json"),
    "NaN in an anchor state": (_state('{"x":NaN}'), "steps[0].anchor.state_json"),
    "deep anchor state": (_state("[" * DEEP + "]" * DEEP), "steps[0].anchor.state_json"),
    "half a character in an anchor state": (_state('"\\ud800"'), "steps[0].anchor.state_json"),
}

UNSCORED: dict[str, str] = {
    "deep": '{"answer":' + "[" * DEEP + "]" * DEEP + "}",
    "just too deep": '{"answer":' + "[" * 900 + "]" * 900 + "}",
    "NaN": '{"answer":NaN}',
    "out of range": '{"answer":1e999}',
    "not an object": "[18]",
    "not JSON": '{"answer":',
    "endless integer": '{"answer":' + "9" * 5000 + "}",
    "half a character": '{"answer":"\\ud800"}',
    "trailing garbage": '{"answer":"18"} {}',
}


async def _goes_on(stream: Stream) -> None:
    """A good group sent after the bad items is answered as if nothing had been."""
    await stream.send(*mixed_group("good", 4, 2))
    group = await stream.group("good")
    assert group.kept
    assert group.advantages[0] == pytest.approx(0.8660239, abs=1e-6)


async def test_items_that_cannot_be_judged_are_refused_with_the_field_and_cost_no_credit(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream, server.stream("run", "b") as other:
        for name, (change, field) in REFUSED.items():
            made = _edit(change)
            made.rollout_id = name
            await stream.send(made)
            refusal = await stream.refusal(name)
            assert (refusal.code, field in refusal.fields) == (Code.INVALID_ARGUMENT, True), (name, refusal)
        await _goes_on(stream)
        await stream.until(lambda: stream.credit == stream.opened.max_in_flight, "all credit")
        assert not set(REFUSED) & {*stream.accepted, *stream.samples}
        await other.send(right("other"))
        await other.scored("other")


async def test_a_rollout_without_an_id_is_refused(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        await stream.send(rollout(""))
        assert (await stream.refusal("")).fields == ("rollout_id",)


@pytest.mark.parametrize("field", ["reference_json", "extra_json"])
async def test_json_that_cannot_be_read_is_answered_with_a_status_and_not_with_a_zero(
    server: Service, field: str
) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        for name, text in UNSCORED.items():
            made = rollout(name)
            setattr(made, field, text)
            await stream.send(made)
            (result,) = await stream.scored(name)
            refusal = refusal_of(result.error)
            assert (refusal.code, refusal.fields) == (Code.INVALID_ARGUMENT, (field,)), (name, refusal)
        await _goes_on(stream)


async def test_many_violations_are_listed_up_to_a_limit(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        made = rollout("bad")
        made.ClearField("steps")
        made.steps.extend(rollout_pb2.Step(index=0, reward=NAN) for _ in range(1000))
        await stream.send(made)
        assert len((await stream.refusal("bad")).fields) == 16


async def test_a_group_refuses_members_beyond_its_size_and_other_sizes(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        await stream.send(
            right("r0", "g", 2), right("r1", "g", 3), rollout("r2", group="g", size=2), right("r3", "g", 2)
        )
        size, full = await stream.refusal("r1"), await stream.refusal("r3")
        assert (size.code, size.reason) == (Code.INVALID_ARGUMENT, "GROUP_SIZE_DIFFERS")
        assert (full.code, full.reason) == (Code.INVALID_ARGUMENT, "GROUP_FULL")
        assert list((await stream.group("g")).rollout_ids) == ["r0", "r2"]


async def test_the_same_id_with_other_content_is_refused_and_identical_content_is_harmless(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        await stream.send(*mixed_group("g", 2, 1))
        await stream.group("g")
        await stream.send(rollout("g/0", "A: 5", group="g", size=2))
        refusal = await stream.refusal("g/0")
        assert (refusal.code, refusal.reason) == (Code.ALREADY_EXISTS, "ROLLOUT_EXISTS")
        await stream.send(*mixed_group("g", 2, 1))
        await stream.until(lambda: len(stream.accepted) == 4, "the repeat")
        await stream.finish()
    assert stream.last == 3
    assert stream.samples["g/0"].score.value == 1.0


async def test_the_same_new_id_twice_in_one_batch_is_one_rollout(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        await stream.send(right("r"), right("r"), rollout("r", "A: 5"))
        await stream.finish()
    assert stream.accepted == ["r", "r"]
    assert stream.refused["r"][0].reason == "ROLLOUT_EXISTS"
    assert stream.last == 1


async def test_a_rollout_beyond_16_mib_is_refused_in_band(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        await stream.send(rollout("big", "x" * (16 * 1024 * 1024)))
        refusal = await stream.refusal("big")
        assert (refusal.code, refusal.reason) == (Code.INVALID_ARGUMENT, "ROLLOUT_TOO_LARGE")
        await _goes_on(stream)


async def test_a_rollout_cannot_grow_beyond_16_mib_by_appends(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        await stream.send(rollout("big", "", state=rollout_pb2.ROLLOUT_STATE_IN_PROGRESS))
        for index in range(5):
            await stream.append("big", index, step(index, "x" * (4 * 1024 * 1024)))
        refusal = await stream.refusal("big")
        assert (refusal.code, refusal.reason) == (Code.INVALID_ARGUMENT, "ROLLOUT_TOO_LARGE")
        await stream.until(lambda: [length for _, length in stream.appended] == [1, 2, 3], "what fits")
        await stream.append("big", 3, step(3, "A: 18"), final=True)
        (result,) = await stream.scored("big")
        assert result.score.value == 1.0


async def test_appends_that_do_not_fit_are_refused_with_the_length_held(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        await stream.append("nobody", 0, step(0, "a"))
        unknown = await stream.refusal("nobody")
        assert (unknown.code, unknown.reason) == (Code.NOT_FOUND, "ROLLOUT_NOT_FOUND")
        await stream.send(rollout("r", "first", state=rollout_pb2.ROLLOUT_STATE_IN_PROGRESS))
        await stream.append("r", 1, step(1, "second"))
        await stream.append("r", 1, step(1, "second"))
        await stream.append("r", 0, step(0, "first"), step(1, "second"))
        await stream.until(lambda: stream.appended == [("r", 2)] * 3, "repeats")
        for bad in (step(1, "other"), step(3, "a hole")):
            stream.refused.clear()
            await stream.append("r", bad.index, bad)
            refusal = await stream.refusal("r")
            assert (refusal.code, refusal.reason) == (Code.ABORTED, "LENGTH_MISMATCH")
            assert refusal.metadata["length"] == "2"
            assert refusal.metadata["final"] == "false"
        for _ in range(2):
            await stream.append("r", 2, step(2, "A: 18"), final=True)
        await stream.scored("r")
        stream.refused.clear()
        await stream.append("r", 3, step(3, "more"))
        frozen = await stream.refusal("r")
        assert (frozen.code, frozen.metadata["length"], frozen.metadata["final"]) == (Code.ABORTED, "3", "true")
        await stream.finish()
    assert stream.appended[3:] == [("r", 3)] * 2
    assert stream.last == 1


@pytest.mark.parametrize(
    ("append", "field"),
    [
        (wire.AppendSteps(rollout_id="r", from_index=-1), "from_index"),
        (
            wire.AppendSteps(rollout_id="r", from_index=1, final=True, state=rollout_pb2.ROLLOUT_STATE_IN_PROGRESS),
            "state",
        ),
        (wire.AppendSteps(rollout_id="r", steps=[rollout_pb2.Step(index=1)]), "steps[0].index"),
        (wire.AppendSteps(rollout_id="r", steps=[rollout_pb2.Step(reward=NAN)]), "steps[0].reward"),
        (wire.AppendSteps(rollout_id="r", final=True), "steps"),
        (wire.AppendSteps(rollout_id="r", final=True, steps=[rollout_pb2.Step()], num_tokens=-1), "num_tokens"),
        (wire.AppendSteps(steps=[rollout_pb2.Step()]), "rollout_id"),
    ],
)
async def test_appends_that_are_not_well_formed_are_refused(
    server: Service, append: wire.AppendSteps, field: str
) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        await stream.send(rollout("r", "", state=rollout_pb2.ROLLOUT_STATE_IN_PROGRESS))
        await stream.write(wire.StreamRolloutsRequest(append_steps=append))
        refusal = await stream.refusal(append.rollout_id)
        assert (refusal.code, refusal.fields) == (Code.INVALID_ARGUMENT, (field,))
        await stream.append("r", 0, step(0, "A: 18"), final=True)
        await stream.scored("r")


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (
            wire.StreamRolloutsRequest(group_control=wire.GroupControl(close=wire.CloseGroup())),
            "group_control.group_id",
        ),
        (wire.StreamRolloutsRequest(group_control=wire.GroupControl(group_id="g")), "group_control.control"),
        (wire.StreamRolloutsRequest(group_control={"group_id": "a\0b", "abort": {}}), "group_control.group_id"),
        (wire.StreamRolloutsRequest(barrier=wire.Barrier(kept_groups=1)), "barrier.barrier_id"),
        (wire.StreamRolloutsRequest(barrier=wire.Barrier(barrier_id="b")), "barrier.until"),
        (wire.StreamRolloutsRequest(barrier=wire.Barrier(barrier_id="b", count=-1)), "barrier.count"),
        (wire.StreamRolloutsRequest(barrier=wire.Barrier(barrier_id="b", kept_groups=0)), "barrier.kept_groups"),
        (wire.StreamRolloutsRequest(barrier=wire.Barrier(barrier_id="b\n", count=1)), "barrier.barrier_id"),
        (
            wire.StreamRolloutsRequest(barrier=wire.Barrier(barrier_id="b", count=1, participants=["x"])),
            "barrier.participants",
        ),
        (
            wire.StreamRolloutsRequest(barrier=wire.Barrier(barrier_id="b", count=1, participants=["a", ""])),
            "barrier.participants[1]",
        ),
    ],
)
async def test_control_requests_that_are_not_well_formed_are_refused(
    server: Service, request_: wire.StreamRolloutsRequest, field: str
) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        await stream.write(request_)
        await stream.until(lambda: bool(stream.refused), "a refusal")
        ((refusal,),) = stream.refused.values()
        assert (refusal.code, refusal.fields) == (Code.INVALID_ARGUMENT, (field,))
        await _goes_on(stream)


async def test_unknown_tasks_are_answered_not_found_and_may_be_sent_later(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        made = rollout("r")
        made.task_digest = "0" * 64
        await stream.send(made)
        (result,) = await stream.scored("r")
        refusal = refusal_of(result.error)
        assert (refusal.code, refusal.reason) == (Code.NOT_FOUND, "UNKNOWN_TASK")


async def test_rewards_that_no_statistic_can_hold_are_an_error_of_their_group_and_not_a_number(server: Service) -> None:
    await server.create_run("run", spec(reward="episode_return"))
    async with server.stream("run", "a") as stream:
        for index, reward in enumerate((1e308, -1e308, 1e308)):
            made = rollout(f"r{index}", group="g", size=3)
            made.steps[0].reward = reward
            await stream.send(made)
        group = await stream.group("g")
        assert not group.kept
        assert refusal_of(group.error).code is Code.INVALID_ARGUMENT
        assert list(group.rollout_ids) == ["r0", "r1", "r2"]
        assert list(group.rewards) == [1e308, -1e308, 1e308]
        assert all(math.isnan(advantage) for advantage in group.advantages)
        assert len(group.advantages) == len(group.episode_advantages) == len(group.member_outcomes) == 3
