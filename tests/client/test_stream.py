"""Both streams over a real socket, against scripted connections."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import grpc
import pytest

import assay
from assay import GroupResult, Rollout, RolloutState, RolloutStream, RunConfig, Step, aio
from assay import _methods as methods
from assay.v1 import reward_service_pb2 as wire
from assay.v1 import rollout_pb2 as v1
from assay.v1 import run_service_pb2 as runs

from .service import Recorder, Requests, Service, accepted, closing, credit, ids_of, opened, results
from .streaming import PATIENCE, QUICK, client_of, rollout, sample, take


def test_what_is_sent_is_answered_in_order(service: Service):
    recorder = Recorder()
    service.script(recorder)
    with client_of(service).stream("run", "me") as stream:
        stream.send_many(map(rollout, range(200)))
        assert take(stream, 200) == [f"r{number}" for number in range(200)]
    assert recorder.sent_ids() == [f"r{number}" for number in range(200)]
    assert recorder.kinds().count("rollouts") < 100
    assert recorder.acked == 200
    assert recorder.requests[0].open.run_id == "run"
    assert recorder.requests[0].open.consumer == "me"


async def test_the_asyncio_stream_does_the_same(service: Service):
    recorder = Recorder()
    service.script(recorder)
    async with aio.Client(service.target, retries=QUICK).stream("run", "me") as stream:
        await stream.send_many(map(rollout, range(200)))
        got = [sample(await stream.receive(PATIENCE)).rollout_id for _ in range(200)]
        assert (stream.run_id, stream.generation, stream.consumer, stream.max_in_flight) == ("run", 1, "me", 64)
    assert got == recorder.sent_ids() == [f"r{number}" for number in range(200)]
    assert recorder.acked == 200


def test_a_stream_may_create_its_run(service: Service):
    recorder = Recorder()
    run = runs.Run(run_id="made", generation=3)
    service.answer(methods.CREATE_RUN, runs.CreateRunResponse(run=run))
    service.script(recorder)
    with client_of(service).stream(RunConfig(reward="math"), delivery=assay.DeliveryMode.ALL) as stream:
        assert (stream.run_id, stream.generation, stream.required_signals) == ("run", 1, ())
    assert (recorder.requests[0].open.run_id, recorder.requests[0].open.generation) == ("made", 3)
    assert recorder.requests[0].open.delivery == runs.DELIVERY_MODE_ALL


async def test_an_asyncio_stream_may_create_its_run(service: Service):
    recorder = Recorder()
    service.answer(methods.CREATE_RUN, runs.CreateRunResponse(run=runs.Run(run_id="made", generation=3)))
    service.script(recorder)
    async with aio.Client(service.target).stream(RunConfig(reward="math")):
        pass
    assert (recorder.requests[0].open.run_id, recorder.requests[0].open.generation) == ("made", 3)


def test_only_required_signals_are_sent(service: Service):
    recorder = Recorder()

    def script(requests: Requests, context: grpc.ServicerContext) -> Iterator[wire.StreamRolloutsResponse]:
        for answer in recorder(requests, context):
            if answer.HasField("opened"):
                answer.opened.required_signals.append("entropy")
            yield answer

    service.script(script)
    with client_of(service).stream("run") as stream:
        stream.send(Rollout("a", response="x", signals={"entropy": 1.0, "logprob": [0.1]}))
        stream.append("b", 0, [Step("x")], final=True, signals={"entropy": 1.0, "logprob": 0.5}, num_tokens=3)
    [sent] = [found for request in recorder.requests for found in request.rollouts.rollouts]
    assert set(sent.signals) == {"entropy"}
    [grown] = [request.append_steps for request in recorder.requests if request.HasField("append_steps")]
    assert set(grown.signals) == {"entropy"}


def test_every_request_says_what_the_user_said(service: Service):
    recorder = Recorder()
    service.script(recorder)
    with client_of(service).stream("run") as stream:
        stream.send(Rollout("a", steps=[], state=RolloutState.IN_PROGRESS))
        stream.append("a", 0, [Step("x"), Step("y")])
        stream.append("a", 2, [], final=True, state=RolloutState.TRUNCATED, num_tokens=7)
        stream.close_group("g", ["a", "b"])
        stream.abort_group("h", "bored")
        stream.barrier("step-1", ["me", "you"], kept_groups=64)
        stream.barrier("step-2", count=8)
        stream.barrier("step-3", all_participants=True)
        stream.cancel(["a"], "late")
    asked = [request for request in recorder.requests if not request.HasField("ack")]
    kinds = [request.WhichOneof("request") for request in asked]
    assert kinds == ["open", "rollouts", *["append_steps"] * 2, *["group_control"] * 2, *["barrier"] * 3, "cancel"]
    assert [step.index for step in asked[2].append_steps.steps] == [0, 1]
    assert asked[3].append_steps.final
    assert (asked[3].append_steps.state, asked[3].append_steps.num_tokens) == (v1.ROLLOUT_STATE_TRUNCATED, 7)
    assert list(asked[4].group_control.close.expected_rollout_ids) == ["a", "b"]
    assert asked[5].group_control.abort.reason == "bored"
    assert (list(asked[6].barrier.participants), asked[6].barrier.kept_groups) == (["me", "you"], 64)
    assert (asked[7].barrier.count, asked[8].barrier.all_participants) == (8, True)
    assert (list(asked[9].cancel.rollout_ids), asked[9].cancel.reason) == (["a"], "late")


async def test_every_request_of_the_asyncio_stream_too(service: Service):
    recorder = Recorder()
    service.script(recorder)
    async with aio.Client(service.target).stream("run") as stream:
        await stream.send(Rollout("a", steps=[], state=RolloutState.IN_PROGRESS))
        await stream.append("a", 0, [Step("x")], final=True)
        await stream.close_group("g")
        await stream.abort_group("h")
        await stream.barrier("b", count=1)
        await stream.cancel(["a"])
        await stream.acknowledge(0)
    kinds = [kind for kind in recorder.kinds() if kind != "ack"]
    assert kinds == ["open", "rollouts", "append_steps", "group_control", "group_control", "barrier", "cancel"]


MISUSES: list[Callable[[RolloutStream], None]] = [
    lambda stream: stream.send(Rollout("", response="x")),
    lambda stream: stream.send(Rollout("a", response="x" * (17 * 1024 * 1024))),
    lambda stream: stream.append("", 0, []),
    lambda stream: stream.append("a", -1, []),
    lambda stream: stream.append("a", 0, ["x"]),  # pyright: ignore[reportArgumentType] - the point, here and below
    lambda stream: stream.barrier("b"),
    lambda stream: stream.barrier("b", count=1, kept_groups=2),
    lambda stream: stream.barrier(3, count=1),  # pyright: ignore[reportArgumentType]
    lambda stream: stream.close_group(3),  # pyright: ignore[reportArgumentType]
    lambda stream: stream.cancel([3]),  # pyright: ignore[reportArgumentType]
]


@pytest.mark.parametrize("misuse", MISUSES)
def test_what_cannot_be_sent_is_refused_and_the_stream_goes_on(
    service: Service, misuse: Callable[[RolloutStream], None]
):
    recorder = Recorder()
    service.script(recorder)
    with client_of(service).stream("run") as stream:
        with pytest.raises(assay.InvalidArgument):
            misuse(stream)
        stream.send(rollout(1))
        assert take(stream, 1) == ["r1"]
    assert recorder.sent_ids() == ["r1"]


@pytest.mark.parametrize("bad", [{"run": ""}, {"consumer": ""}, {"generation": -1}, {"max_in_flight": -1}])
def test_bad_openings_are_refused(service: Service, bad: dict[str, str | int]):
    options: dict[str, object] = {"run": "run", **bad}
    with pytest.raises(assay.InvalidArgument):
        client_of(service).stream(**options)  # pyright: ignore[reportArgumentType] - any of the arguments


# ---------------------------------------------------------------- flow


def test_a_program_that_sends_everything_before_it_reads_anything_finishes(service: Service):
    recorder = Recorder(in_flight=64)
    service.script(recorder)
    with client_of(service).stream("run") as stream:
        stream.send_many(map(rollout, range(10_000)))
        assert len(take(stream, 10_000)) == 10_000


async def test_an_asyncio_program_that_sends_everything_first_finishes(service: Service):
    recorder = Recorder(in_flight=64)
    service.script(recorder)
    async with aio.Client(service.target).stream("run") as stream:
        await stream.send_many(map(rollout, range(10_000)))
        got = [await stream.receive(PATIENCE) for _ in range(10_000)]
    assert len(got) == 10_000


def test_a_stream_that_is_not_read_stops_reading(service: Service):
    stopped = threading.Event()
    written = [0]

    def floods(requests: Requests, context: grpc.ServicerContext) -> Iterator[wire.StreamRolloutsResponse]:
        next(requests)
        yield opened()
        large = v1.SampleResult(score=v1.Score(answer_key="x" * 10_000))
        context.add_callback(stopped.set)
        while context.is_active():
            written[0] += 64
            yield wire.StreamRolloutsResponse(
                sequence=written[0], sample_results=wire.SampleResults(results=[large] * 64)
            )

    service.script(floods)
    stream = client_of(service).stream("run")
    seen = -1
    while seen != written[0]:
        seen = written[0]
        threading.Event().wait(0.3)
    assert seen < 20_000
    sample(stream.receive(PATIENCE))
    stream.abandon()
    assert stopped.wait(PATIENCE)


def test_sending_waits_for_room(service: Service):
    allow = threading.Event()

    def slow(requests: Requests, context: grpc.ServicerContext) -> Iterator[wire.StreamRolloutsResponse]:
        del context
        last = 0
        for request in requests:
            if request.HasField("open"):
                yield opened(1)
                continue
            allow.wait(PATIENCE)
            for rollout_id in ids_of(request):
                last += 1
                yield accepted(rollout_id)
                yield results(last, rollout_id)
                yield credit(1)
        yield closing()

    service.script(slow)
    with client_of(service).stream("run") as stream:
        sent: list[int] = []

        def send() -> None:
            for number in range(600):
                stream.send(rollout(number))
                sent.append(number)

        thread = threading.Thread(target=send)
        thread.start()
        while len(sent) < 256:
            threading.Event().wait(0.01)
        assert len(sent) < 300
        allow.set()
        assert len(take(stream, 600)) == 600
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_waiting_for_a_result_may_end(service: Service):
    service.script(Recorder())
    with client_of(service).stream("run") as stream, pytest.raises(assay.DeadlineExceeded, match="no result"):
        stream.receive(0.01)


def test_flushing_does_not_wait(service: Service):
    arrived: queue.SimpleQueue[str] = queue.SimpleQueue()

    def accepts_nothing(requests: Requests, context: grpc.ServicerContext) -> Iterator[wire.StreamRolloutsResponse]:
        del context
        next(requests)
        yield opened()
        for request in requests:
            for rollout_id in ids_of(request):
                arrived.put(rollout_id)

    service.script(accepts_nothing)
    stream = client_of(service).stream("run")
    for number in range(3):
        stream.send(rollout(number))
        stream.flush()
        assert arrived.get(timeout=PATIENCE) == f"r{number}"
    stream.abandon()
    with pytest.raises(assay.StreamClosed):
        stream.flush()


async def test_flushing_the_asyncio_stream_does_not_wait(service: Service):
    service.script(Recorder())
    async with aio.Client(service.target).stream("run") as stream:
        await stream.send(rollout(1))
        await stream.flush()
        assert sample(await stream.receive(PATIENCE)).rollout_id == "r1"


def test_waiting_for_acceptance_may_end(service: Service):
    hold = threading.Event()

    def holds(requests: Requests, context: grpc.ServicerContext) -> Iterator[wire.StreamRolloutsResponse]:
        del context
        next(requests)
        yield opened()
        hold.wait(PATIENCE)

    service.script(holds)
    stream = client_of(service).stream("run")
    stream.send(rollout(1))
    with pytest.raises(assay.DeadlineExceeded, match="not everything was accepted"):
        stream.wait_accepted(0.01)
    hold.set()
    stream.abandon()


# ---------------------------------------------------------------- ends


def owes_a_group(requests: Requests, context: grpc.ServicerContext) -> Iterator[wire.StreamRolloutsResponse]:
    """Sends a group's result only after the client has said that nothing more comes."""
    del context
    for request in requests:
        if request.HasField("open"):
            yield opened(last_acked=request.open.resume_after)
        elif request.HasField("rollouts"):
            yield accepted(*ids_of(request))
    yield wire.StreamRolloutsResponse(
        sequence=1, group_results=wire.GroupResults(groups=[v1.GroupResult(group_id="g")])
    )
    yield closing()


def only_listens(acks: list[int]):
    def script(requests: Requests, context: grpc.ServicerContext) -> Iterator[wire.StreamRolloutsResponse]:
        del context
        for request in requests:
            if request.HasField("open"):
                acks.append(request.open.resume_after)
                yield opened(last_acked=request.open.resume_after)
        yield closing()

    return script


def test_a_finished_stream_ends_when_all_that_is_owed_has_come(service: Service):
    acks: list[int] = []
    service.script(owes_a_group, only_listens(acks))
    with client_of(service).stream("run") as stream:
        stream.send(rollout(1))
        stream.finish()
        with pytest.raises(assay.StreamClosed):
            stream.send(rollout(2))
        events = list(stream)
    assert [event.group_id for event in events if isinstance(event, GroupResult)] == ["g"]
    assert acks == [1]


async def test_a_finished_asyncio_stream_ends_too(service: Service):
    acks: list[int] = []
    service.script(owes_a_group, only_listens(acks))
    async with aio.Client(service.target).stream("run") as stream:
        await stream.send(rollout(1))
        await stream.finish()
        events = [event async for event in stream]
    assert len(events) == 1
    assert acks == [1]


def test_a_block_left_by_an_exception_acknowledges_nothing_more(service: Service):
    recorder = Recorder()
    service.script(recorder)
    with pytest.raises(RuntimeError, match="user"), client_of(service).stream("run") as stream:  # noqa: PT012 - as it is
        stream.send_many(map(rollout, range(2)))
        take(stream, 2)
        raise RuntimeError("user")
    assert recorder.acked <= 1


async def test_an_asyncio_block_left_by_an_exception_acknowledges_nothing_more(service: Service):
    recorder = Recorder()
    service.script(recorder)
    with pytest.raises(RuntimeError, match="user"):  # noqa: PT012 - the block is what is tested
        async with aio.Client(service.target).stream("run") as stream:
            await stream.send_many(map(rollout, range(2)))
            for _ in range(2):
                await stream.receive(PATIENCE)
            raise RuntimeError("user")
    assert recorder.acked <= 1


def test_without_auto_ack_the_user_acknowledges(service: Service):
    recorder = Recorder()
    service.script(recorder)
    with client_of(service).stream("run", auto_ack=False) as stream:
        stream.send_many(map(rollout, range(3)))
        take(stream, 3)
        stream.ack(2)
    assert recorder.acked == 2


def test_a_closed_stream_says_so_and_its_thread_is_gone(service: Service):
    service.script(Recorder())
    with client_of(service).stream("run", "me") as stream:
        pass
    stream.close()
    assert stream.receive() is None
    assert list(stream) == []
    with pytest.raises(assay.StreamClosed):
        stream.send(rollout(1))
    assert not [thread for thread in threading.enumerate() if thread.name == "assay-stream-me"]


async def test_an_asyncio_stream_must_be_entered():
    stream = aio.Client().stream("run")
    with pytest.raises(assay.StreamClosed):
        await stream.send(rollout(1))
    with pytest.raises(assay.StreamClosed):
        _ = stream.run_id


FORKING = """
import os, sys
import assay
with assay.Client(sys.argv[1]).stream("run") as stream:
    stream.send(assay.Rollout("a", response="x"))
    assert stream.receive().rollout_id == "a"
    child = os.fork()
    if child == 0:
        for misuse in (lambda: stream.send(assay.Rollout("b", response="x")), stream.receive, stream.flush):
            try:
                misuse()
            except assay.StreamClosed as error:
                assert "parent" in str(error)
            else:
                os._exit(1)
        if sys.argv[2] == "own":
            with assay.Client(sys.argv[1]).stream("run", "child") as own:
                own.send(assay.Rollout("c", response="x"))
                own.receive()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    stream.send(assay.Rollout("d", response="x"))
    assert stream.receive().rollout_id == "d"
"""


# Older gRPC cannot always be used in a process that was forked while another thread was inside it.
GRPC_SURVIVES_FORKS = tuple(map(int, grpc.__version__.split(".")[:2])) >= (1, 80)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_stream_stays_with_the_process_that_opened_it(service: Service):
    parent, child = Recorder(), Recorder()
    service.script(parent, *([child] if GRPC_SURVIVES_FORKS else []))
    then = "own" if GRPC_SURVIVES_FORKS else "end"
    subprocess.run([sys.executable, "-c", FORKING, service.target, then], check=True, timeout=60)
    assert parent.sent_ids() == ["a", "d"]
    assert child.sent_ids() == (["c"] if GRPC_SURVIVES_FORKS else [])
