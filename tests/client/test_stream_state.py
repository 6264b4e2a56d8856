"""The stream's machine against a model of the service, over connections that break at any point."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay import BatchResult, DataLoss, GroupResult, SampleResult
from assay._stream_frames import abort_group_frame, append_frame
from assay._stream_state import (
    ACK_RESULTS,
    BATCH_ROLLOUTS,
    BATCH_SECONDS,
    CREDIT_EXCEEDED,
    MAX_EVENTS,
    Opening,
    StreamState,
)
from assay.v1 import reward_service_pb2 as wire
from assay.v1 import rollout_pb2 as v1

from .service import accepted, closing, credit, ids_of, opened, refused, results, status

NOW = 1000.0


class Model:
    """The service as the contract describes it, for one consumer.

    Attributes:
        taken: rollouts in order of acceptance.
        held: results in order, numbered from 1.
        acked: highest number acknowledged.
        steps: length of every grown rollout.
        controls: reasons of the AbortGroup requests seen, in order.
    """

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.held: list[str] = []
        self.steps: dict[str, int] = {}
        self.controls: list[str] = []
        self.acked = 0
        self.requests: deque[bytes] = deque()
        self.responses: deque[wire.StreamRolloutsResponse] = deque()
        self._sent = 0
        self._credit = 0

    def break_off(self) -> None:
        """What is under way in either direction is lost."""
        self.requests.clear()
        self.responses.clear()

    def serve(self) -> None:
        """Handle the next request."""
        request = wire.StreamRolloutsRequest.FromString(self.requests.popleft())
        if request.HasField("open"):
            self._open(request.open)
        elif request.HasField("rollouts"):
            self._take(ids_of(request))
        elif request.HasField("append_steps"):
            self._append(request.append_steps)
        elif request.HasField("group_control"):
            self.controls.append(request.group_control.abort.reason)
        elif request.HasField("ack"):
            assert self.acked <= request.ack.sequence <= self._sent
            self.acked = request.ack.sequence

    def _open(self, request: wire.Open) -> None:
        assert request.resume_after <= len(self.held)
        self.acked = max(self.acked, request.resume_after)
        self._sent = self.acked
        self._credit = 5
        self.responses.append(opened(5, last_acked=self.acked, last_sequence=len(self.held)))

    def _take(self, ids: list[str]) -> None:
        assert len(ids) <= self._credit
        done: list[str] = []
        for rollout_id in ids:
            if rollout_id.startswith("bad"):
                self.responses.append(refused(rollout_id, status(3)))
                continue
            done.append(rollout_id)
            if rollout_id not in self.taken:
                self.taken.append(rollout_id)
                if rollout_id.startswith("grown"):
                    self.steps[rollout_id] = 0
                else:
                    self.held.append(rollout_id)
        self.responses.append(accepted(*done))
        self.responses.append(credit(len(ids)))

    def _append(self, append: wire.AppendSteps) -> None:
        length = self.steps.get(append.rollout_id)
        assert length is not None, "an append came before its rollout"
        end = append.from_index + len(append.steps)
        assert append.from_index <= length, "an append was lost"
        length = self.steps[append.rollout_id] = max(length, end)
        if append.final and append.rollout_id not in self.held:
            self.held.append(append.rollout_id)
        done = wire.AppendAccepted(rollout_id=append.rollout_id, length=length)
        self.responses.append(wire.StreamRolloutsResponse(accepted=wire.Accepted(appends=[done])))

    def send_results(self, count: int) -> None:
        """Send up to ``count`` held results in one message."""
        end = min(len(self.held), self._sent + count)
        if end > self._sent:
            self.responses.append(results(end, *self.held[self._sent : end]))
            self._sent = end


class Pair:
    """A state and a model with a wire between them."""

    def __init__(self) -> None:
        self.state = StreamState(Opening("run", "me"))
        self.model = Model()
        self.now = NOW
        self.handed: list[SampleResult] = []
        self.connect()

    def connect(self) -> None:
        self.model.break_off()
        self.state.disconnected()
        self.model.requests.append(self.state.connect())

    def write(self) -> bool:
        frame = self.state.next_frame(self.now)
        if frame is not None:
            self.model.requests.append(frame)
        return frame is not None

    def take(self) -> bool:
        event = self.state.take(self.now)
        if event is not None:
            assert isinstance(event, SampleResult)
            self.handed.append(event)
            assert self.model.acked < (event.sequence or self.model.acked + 1)
        return event is not None

    def read(self) -> None:
        self.state.receive(self.model.responses.popleft())

    def step(self, action: str) -> None:
        if action == "write":
            self.write()
        elif action == "serve" and self.model.requests:
            self.model.serve()
        elif action == "read" and self.model.responses:
            self.read()
        elif action == "take":
            self.take()
        elif action == "break":
            self.connect()
        elif action == "results":
            self.model.send_results(3)
        elif action == "wait":
            self.now += BATCH_SECONDS

    def settle(self) -> None:
        """Let everything come to rest."""
        while True:
            self.now += 1.0
            moved = self.write()
            while self.model.requests:
                self.model.serve()
                moved = True
            self.model.send_results(7)
            while self.model.responses:
                self.read()
                moved = True
            moved |= self.take()
            if not moved:
                return


actions = st.sampled_from(
    ["rollout", "rollout", "rollout", "bad", "grown", "control", "write", "write", "serve", "serve", "results", "read",
     "read", "take", "take", "break", "wait", "flush"]
)  # fmt: skip


@settings(max_examples=400)
@given(st.lists(actions, max_size=120))
def test_nothing_is_lost_and_nothing_comes_twice(script: list[str]):
    pair = Pair()
    given_ids: list[str] = []
    controls: list[str] = []
    for number, action in enumerate(script):
        if action in ("rollout", "bad"):
            given_ids.append(f"{action}-{number}")
            pair.state.add_rollout(given_ids[-1], v1.Rollout(rollout_id=given_ids[-1]).SerializeToString(), pair.now)
        elif action == "grown":
            give_grown(pair, f"grown-{number}")
            given_ids.append(f"grown-{number}")
        elif action == "control":
            controls.append(str(number))
            pair.state.add_control(abort_group_frame("g", str(number)), pair.now)
        elif action == "flush":
            pair.state.flush()
        else:
            pair.step(action)
    pair.settle()

    good = [rollout_id for rollout_id in given_ids if not rollout_id.startswith("bad")]
    bad = [rollout_id for rollout_id in given_ids if rollout_id.startswith("bad")]
    handed = [result for result in pair.handed if result.sequence]
    refusals = [result.rollout_id for result in pair.handed if not result.sequence]
    assert pair.model.taken == good
    assert [result.rollout_id for result in handed] == pair.model.held
    assert sorted(pair.model.held) == sorted(good)
    assert [result.sequence for result in handed] == list(range(1, len(good) + 1))
    assert refusals == bad
    assert all(length == 2 for length in pair.model.steps.values())
    assert dict.fromkeys(pair.model.controls) == dict.fromkeys(controls)
    assert pair.state.accepted_up_to(pair.state.flush())
    last_is_held = bool(pair.handed) and pair.handed[-1].sequence > 0
    assert pair.model.acked == len(good) - last_is_held


def give_grown(pair: Pair, rollout_id: str) -> None:
    rollout = v1.Rollout(rollout_id=rollout_id, state=v1.ROLLOUT_STATE_IN_PROGRESS)
    pair.state.add_rollout(rollout_id, rollout.SerializeToString(), pair.now)
    for index in (0, 1):
        pair.state.add_append(rollout_id, append(rollout_id, index), pair.now)
    pair.state.add_append(rollout_id, append(rollout_id, 2, final=True), pair.now)


def append(rollout_id: str, from_index: int, *, final: bool = False) -> bytes:
    steps = () if final else (v1.Step(index=from_index),)
    return append_frame(rollout_id, from_index, steps, final=final, state=None, num_tokens=None, signals=())


# ---------------------------------------------------------------- single properties


def state_with(rollouts: int, in_flight: int = 1000) -> StreamState:
    state = StreamState(Opening("run", "me"))
    state.connect()
    state.receive(opened(in_flight))
    give(state, rollouts)
    return state


def give(state: StreamState, rollouts: int, first: int = 0) -> None:
    for number in range(first, first + rollouts):
        state.add_rollout(str(number), v1.Rollout(rollout_id=str(number)).SerializeToString(), NOW)


def next_ids(state: StreamState, now: float = NOW) -> list[str]:
    frame = state.next_frame(now)
    return [] if frame is None else ids_of(wire.StreamRolloutsRequest.FromString(frame))


def test_the_first_rollout_does_not_wait_and_the_others_wait_for_company():
    state = state_with(1)
    assert next_ids(state) == ["0"]
    give(state, 3, 1)
    assert next_ids(state) == []
    assert state.wait_time(NOW) == pytest.approx(BATCH_SECONDS)
    assert next_ids(state, NOW + BATCH_SECONDS) == ["1", "2", "3"]


def test_a_full_batch_does_not_wait():
    state = state_with(1)
    next_ids(state)
    give(state, BATCH_ROLLOUTS + 3, 1)
    assert len(next_ids(state)) == BATCH_ROLLOUTS
    assert next_ids(state) == []
    state.flush()
    assert len(next_ids(state)) == 3


def test_a_backlog_goes_in_batches_as_large_as_the_service_takes():
    state = StreamState(Opening("run", "me"))
    state.connect()
    state.receive(opened(1000, max_batch_rollouts=256))
    give(state, 300)
    assert len(next_ids(state)) == 256
    assert next_ids(state) == []
    assert len(next_ids(state, NOW + BATCH_SECONDS)) == 44


def test_batches_stay_below_their_size():
    state = state_with(0)
    for number in range(3):
        rollout = v1.Rollout(rollout_id=str(number), extra_json="x" * 3_000_000)
        state.add_rollout(str(number), rollout.SerializeToString(), NOW)
    assert next_ids(state) == ["0"]


def test_with_few_credits_what_fits_is_sent_and_nothing_beyond():
    state = state_with(10, in_flight=4)
    assert next_ids(state) == ["0", "1", "2", "3"]
    assert next_ids(state, NOW + 1) == []
    assert state.wait_time(NOW + 1) is None
    state.receive(credit(2))
    assert next_ids(state, NOW + 1) == ["4", "5"]


def test_control_requests_cost_no_credit_and_keep_their_place():
    state = state_with(2, in_flight=2)
    state.add_control(abort_group_frame("g", "why"), NOW)
    give(state, 1, 2)
    assert next_ids(state) == ["0", "1"]
    frame = state.next_frame(NOW)
    assert frame is not None
    assert wire.StreamRolloutsRequest.FromString(frame).group_control.abort.reason == "why"
    assert state.next_frame(NOW + 1) is None


def test_more_than_the_credit_comes_back_and_is_sent_again():
    state = state_with(2, in_flight=2)
    assert next_ids(state) == ["0", "1"]
    state.receive(refused("1", status(8, reason=CREDIT_EXCEEDED)))
    assert state.take(NOW) is None
    state.receive(credit(1))
    assert next_ids(state, NOW + 1) == ["1"]


def test_the_same_id_twice_is_awaited_twice():
    state = state_with(0)
    for _ in range(3):
        state.add_rollout("r", v1.Rollout(rollout_id="r").SerializeToString(), NOW)
    serial = state.flush()
    assert next_ids(state) == ["r"] * 3
    state.receive(accepted("r", "r"))
    assert not state.accepted_up_to(serial)
    state.receive(accepted("r"))
    assert state.accepted_up_to(serial)


def test_a_held_result_means_accepted():
    state = state_with(1)
    next_ids(state)
    state.receive(results(1, "0"))
    assert state.settled


def test_what_is_known_already_is_not_handed_out_again():
    state = state_with(0)
    state.receive(results(2, "a", "b"))
    state.receive(results(3, "b", "c"))
    state.receive(results(3, "a", "b", "c"))
    assert [take_id(state) for _ in range(3)] == ["a", "b", "c"]
    assert state.take(NOW) is None


def take_id(state: StreamState) -> str:
    event = state.take(NOW)
    assert isinstance(event, SampleResult)
    return event.rollout_id


def test_a_hole_between_results_is_data_loss():
    state = state_with(0)
    state.receive(results(1, "a"))
    with pytest.raises(DataLoss, match="results 2 to 4 of consumer 'me'"):
        state.receive(results(5, "z"))


def test_a_new_stream_begins_where_the_service_says():
    state = StreamState(Opening("run", "me"))
    state.connect()
    state.receive(opened(last_acked=41))
    state.receive(results(42, "a"))
    assert take_id(state) == "a"


def test_a_result_is_acknowledged_when_the_next_one_is_taken():
    state = state_with(0)
    state.receive(results(3, "a", "b", "c"))
    take_id(state)
    assert not state.ack_pending
    take_id(state)
    assert state.ack_news
    assert state.next_frame(NOW) is None
    assert acked(state, NOW + 1) == 1
    state.acknowledge_handed(NOW)
    assert acked(state, NOW + 1) == 2


def acked(state: StreamState, now: float) -> int:
    frame = state.next_frame(now)
    assert frame is not None
    return wire.StreamRolloutsRequest.FromString(frame).ack.sequence


def test_acknowledgements_are_gathered_up_to_a_number():
    state = state_with(0)
    state.receive(results(ACK_RESULTS + 1, *map(str, range(ACK_RESULTS + 1))))
    for _ in range(ACK_RESULTS):
        take_id(state)
    assert state.next_frame(NOW) is None
    take_id(state)
    assert acked(state, NOW) == ACK_RESULTS


def test_without_auto_ack_only_the_user_acknowledges_and_only_what_was_handed_out():
    state = StreamState(Opening("run", "me"), auto_ack=False)
    state.connect()
    state.receive(opened())
    state.receive(results(3, "a", "b", "c"))
    take_id(state)
    take_id(state)
    assert not state.ack_pending
    state.acknowledge(99, NOW)
    assert acked(state, NOW + 1) == 2


def test_groups_and_batches_are_numbered_like_samples():
    state = state_with(0)
    groups = wire.GroupResults(groups=[v1.GroupResult(group_id="g"), v1.GroupResult(group_id="h")])
    state.receive(wire.StreamRolloutsResponse(sequence=2, group_results=groups))
    for part in range(2):
        result = wire.BatchResult(barrier_id="b", part=part, parts=2, groups=[v1.GroupResult(group_id=f"p{part}")])
        if part == 0:
            result.group_ids.extend(["p0", "p1"])
        answer = wire.StreamRolloutsResponse(sequence=3 + part, batch_result=result)
        state.receive(answer)
        state.receive(answer)
    first, second, batch = state.take(NOW), state.take(NOW), state.take(NOW)
    assert isinstance(first, GroupResult)
    assert isinstance(second, GroupResult)
    assert [(first.group_id, first.sequence), (second.group_id, second.sequence)] == [("g", 1), ("h", 2)]
    assert isinstance(batch, BatchResult)
    assert (batch.group_ids, batch.sequence) == (("p0", "p1"), 4)
    assert [group.group_id for group in batch.groups] == ["p0", "p1"]
    assert state.take(NOW) is None


def test_room_is_bounded_and_comes_back():
    state = state_with(4 * 1000, in_flight=1000)
    assert not state.has_room
    while next_ids(state):
        pass
    assert state.has_room
    assert not state.has_ample_room
    state.abandon()
    assert state.has_ample_room
    assert state.settled


def test_a_state_says_when_enough_waits():
    state = state_with(0)
    state.receive(results(MAX_EVENTS, *map(str, range(MAX_EVENTS))))
    assert state.is_full
    take_id(state)
    assert not state.is_full


def test_discarded_results_are_neither_handed_out_nor_acknowledged():
    state = state_with(0)
    state.receive(results(1, "a"))
    take_id(state)
    state.discard()
    state.receive(results(9, "x"))
    assert not state.has_events
    state.acknowledge_handed(NOW)
    assert acked(state, NOW) == 1
    state.receive(closing())
    assert state.closing is not None
