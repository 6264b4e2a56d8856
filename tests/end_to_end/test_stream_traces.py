"""What a server tells as spans of calls that last: streams of rollouts, and of actions."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import cast

import pytest
import pytest_asyncio

from assay import Leaf, Rollout, RunConfig, aio
from assay.v1 import environment_service_pb2 as wire
from assay.v1 import rollout_pb2

from .driver import Call
from .rollouts import mixed_group
from .server import Service, serving, settings
from .spans import Listener, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRACE, SPAN = 0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331
PARENT = f"00-{TRACE:032x}-{SPAN:016x}-01"
STREAM = "assay.v1.RewardService/StreamRollouts"
INTERACT = "assay.v1.EnvironmentService/Interact"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def traced() -> AsyncGenerator[tuple[Service, Listener]]:
    listener = Listener()
    async with serving(settings().model_copy(update={"environment_workers": 1}), tracing=listener.tracing) as server:
        yield server, listener


async def test_a_stream_of_rollouts_is_told_when_it_ends(traced: tuple[Service, Listener]) -> None:
    server, listener = traced
    await server.create_run("lasting")
    async with server.stream("lasting", "a") as stream:
        await stream.send(*mixed_group("one", 2, 1))
        await stream.until(lambda: "one" in stream.groups, "the group")
        assert not listener.named(STREAM, run="lasting")
        await stream.send(*mixed_group("two", 3, 1))
        await stream.until(lambda: "two" in stream.groups, "the other group")
    await until(lambda: bool(listener.named(STREAM, run="lasting")))
    (told,) = listener.named(STREAM, run="lasting")
    assert (told.parent, told.said("tenant"), told.said("consumer"), told.said("rollouts")) == (0, "local", "a", 5)
    assert told.status == "CANCELLED"  # the client left
    groups = listener.named("group", run="lasting")
    # It ends long after what it brought, and is not in the way of it: groups are traces as ever.
    assert {(group.parent, group.trace == told.trace) for group in groups} == {(0, False)}
    assert len(groups) == 2
    assert all(told.started <= group.started <= group.ended <= told.ended for group in groups)


async def test_a_stream_that_is_refused_fails_its_span(traced: tuple[Service, Listener]) -> None:
    server, listener = traced
    call = server.bytes_call()
    await call.write(b"\xff")
    assert (await call.code()).name == "INVALID_ARGUMENT"
    await until(lambda: any(span.status == "UNDECODABLE" for span in listener.named(STREAM)))


async def test_streams_are_part_of_their_callers_trace(traced: tuple[Service, Listener]) -> None:
    server, listener = traced
    async with aio.Client(server.process.address, traceparent=lambda: PARENT) as client:
        run = RunConfig(run_id="followed", reward=Leaf("math"), estimator="")
        async with client.stream(run) as stream:
            await stream.send(Rollout("r", reference={"answer": "1"}, response="A: 1"))
            await stream.finish()
            assert [event async for event in stream]
        async with client.make_vec("keydoor", num_groups=1, group_size=2) as envs:
            _, info = await envs.reset(seed=3)
            await envs.send([actions[0] for actions in info["admissible_actions"]], range(2))
            answered = 0
            while answered < 2:
                indices, _ = await envs.recv()
                answered += len(indices)
    await until(lambda: bool(listener.named(STREAM, run="followed") and listener.named(INTERACT)))
    followed = listener.named(STREAM, run="followed")  # a client may come back to acknowledge the rest
    assert {(span.trace, span.parent) for span in followed} == {(TRACE, SPAN)}
    assert (followed[0].status, followed[0].said("rollouts")) == ("", 1)
    assert (listener.named(INTERACT)[-1].trace, listener.named(INTERACT)[-1].parent) == (TRACE, SPAN)
    steps = [span for span in listener.named("session.step") if span.trace == TRACE]
    assert [(step.parent, step.said("step"), step.status) for step in steps] == [(SPAN, 0, "")] * 2
    assert len({step.said("session") for step in steps}) == 2


async def test_an_action_that_comes_by_a_stream_is_a_trace_and_says_why_it_failed(
    traced: tuple[Service, Listener],
) -> None:
    server, listener = traced
    made = await server.call(
        "EnvironmentService/CreateSessions",
        wire.CreateSessionsRequest(environment_id="keydoor", seed=1),
        wire.CreateSessionsResponse,
    )
    session = made.sessions[0].session_id
    look = rollout_pb2.Content(parts=[rollout_pb2.Part(text="look")])
    no_text = rollout_pb2.Content(parts=[rollout_pb2.Part()])
    actions = [
        wire.StepAction(session_id=session, expected_step=7, action=look),
        wire.StepAction(session_id="x" * 2000, action=look),
        wire.StepAction(session_id=session, action=no_text),
    ]
    call = cast("Call", server.channel.stream_stream(f"/{INTERACT}")(metadata=server.metadata))
    await call.write(wire.InteractRequest(actions=actions).SerializeToString())
    await call.done_writing()
    answered = 0
    while answered < len(actions):
        data = await call.read()
        assert isinstance(data, bytes)
        answered += len(wire.InteractResponse.FromString(data).results)
    ids = {session, "x" * 256}
    await until(lambda: sum(span.said("session") in ids for span in listener.named("session.step")) == len(actions))
    told = [span for span in listener.named("session.step") if span.said("session") in ids]
    assert sorted(span.status for span in told) == ["INVALID_ACTION_CONTENT", "UNKNOWN_SESSION", "WRONG_STEP"]
    assert {span.parent for span in told} == {0}
    assert len({span.trace for span in told}) == len(told)
