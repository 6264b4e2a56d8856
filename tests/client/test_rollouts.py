from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay import Anchor, Blob, InvalidArgument, Message, Rollout, RolloutRole, RolloutState, Step, ToolCall, ToolResult
from assay.rollout_messages import rollout_message, steps_messages
from assay.signals import read_tensor
from assay.v1 import rollout_pb2 as v1


def field_of(rollout: Rollout) -> str:
    with pytest.raises(InvalidArgument) as caught:
        rollout.to_message()
    assert caught.value.violations
    return caught.value.violations[0].field


def test_a_response_is_one_step():
    message = Rollout("r1", group_id="g", group_size=8, reference={"answer": "18"}, response="so 18").to_message()
    assert message == v1.Rollout(
        rollout_id="r1",
        group_id="g",
        group_size=8,
        reference_json='{"answer":"18"}',
        steps=[v1.Step(action=v1.Content(parts=[v1.Part(text="so 18")]))],
    )


def test_everything_a_rollout_can_say_is_sent():
    step = Step(
        "go north",
        "a hall",
        anchor=Anchor("a door", "a key", "d1", {"room": 1}),
        reward=0.5,
        done=True,
        action_valid=False,
        prompt="where?",
        tool_calls=(ToolCall("look", '{"at":', "c1"),),
        tool_results=(ToolResult("nothing", "c1", is_error=True),),
        agent_id="planner",
        policy_version="v7",
        token_span=(3, 9),
    )
    rollout = Rollout(
        "r",
        prompt_id="p",
        task_type="maze",
        task_digest="ab",
        steps=[step, v1.Step(index=1)],
        role=RolloutRole.GREEDY,
        state=RolloutState.TRUNCATED,
        extra={"source": "x"},
        num_tokens=0,
        num_tool_calls=1,
        signals={"entropy": np.float32(0.5), "token_ids": [1, 2]},
        global_step=3,
        seed=-4,
        prompt=[Message("user", "find it", tool_calls=(ToolCall("t"),), blobs=(Blob("00"),)), "now", Blob("ff")],
        parent_rollout_id="q",
        fork_step=2,
        hint_level=1,
        initial_state_digest="s",
    )
    message = rollout.to_message()
    assert message.steps[0].anchor.state_json == '{"room":1}'
    assert message.steps[0].tool_calls[0].arguments_json == '{"at":'
    assert (message.steps[0].token_span.start, message.steps[0].token_span.end) == (3, 9)
    assert message.steps[0].HasField("action_valid")
    assert not message.steps[0].action_valid
    assert message.HasField("num_tokens")
    assert (message.role, message.state) == (v1.ROLLOUT_ROLE_GREEDY, v1.ROLLOUT_STATE_TRUNCATED)
    assert [part.WhichOneof("part") for part in message.prompt.parts] == ["message", "text", "blob"]
    assert message.signals["entropy"].scalar == 0.5
    assert (message.parent_rollout_id, message.fork_step, message.hint_level) == ("q", 2, 1)
    assert (message.seed, message.global_step, message.task_digest) == (-4, 3, "ab")


def test_a_ready_message_is_taken_as_it_is():
    message = v1.Rollout(rollout_id="r")
    assert rollout_message(message) is message


def test_an_anchor_may_be_a_text_or_a_message():
    assert Step("a", anchor="room").to_message(4).anchor.observation.parts[0].text == "room"
    assert Step("a", anchor=v1.Anchor(state_digest="d")).to_message().anchor.state_digest == "d"
    assert [step.index for step in steps_messages([Step("a"), Step("b")], 5)] == [5, 6]


def test_any_mapping_is_a_reference():
    reference: Mapping[str, str] = MappingProxyType({"answer": "1"})
    assert Rollout("r", reference=dict(reference), response="").to_message().reference_json == '{"answer":"1"}'


@pytest.mark.parametrize(
    ("rollout", "field"),
    [
        (Rollout(5), "rollout.rollout_id"),  # pyright: ignore[reportArgumentType] - that is the point, here and below
        (Rollout("r", group_size=2**40), "rollout.group_size"),
        (Rollout("r", group_id=b"\xff"), "rollout.group_id"),  # pyright: ignore[reportArgumentType]
        (Rollout("r", reference={"a": float("nan")}), "rollout.reference"),
        (Rollout("r", reference=["a"]), "rollout.reference"),  # pyright: ignore[reportArgumentType]
        (Rollout("r", extra={"a": {1, 2}}), "rollout.extra"),  # pyright: ignore[reportArgumentType]
        (Rollout("r", response=b"x"), "rollout.response"),  # pyright: ignore[reportArgumentType]
        (Rollout("r", response=[3]), "rollout.response"),  # pyright: ignore[reportArgumentType]
        (Rollout("r", response="x", steps=[Step("a")]), "rollout.response"),
        (Rollout("r", reference={}, task_digest="d"), "rollout.task_digest"),
        (Rollout("r", steps=["x"]), "rollout.steps[0]"),  # pyright: ignore[reportArgumentType]
        (Rollout("r", steps=[Step("a"), Step("b", reward=float("inf"))]), "rollout.steps[1].reward"),
        (Rollout("r", steps=[Step("a", reward="1")]), "rollout.steps[0].reward"),  # pyright: ignore[reportArgumentType]
        (Rollout("r", steps=[Step(None)]), "rollout.steps[0].action"),  # pyright: ignore[reportArgumentType]
        (Rollout("r", steps=[Step("", anchor=Anchor(state=float("nan")))]), "rollout.steps[0].anchor.state"),
        (Rollout("r", signals={"a": float("nan")}), "rollout.signals[a]"),
        (Rollout("r", signals={"a": [[1], [1, 2]]}), "rollout.signals[a]"),
        (Rollout("r", signals={"a": np.array(["x"])}), "rollout.signals[a]"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_its_field(rollout: Rollout, field: str):
    assert field_of(rollout) == field


def test_something_else_is_no_rollout():
    with pytest.raises(InvalidArgument, match="expected a Rollout"):
        rollout_message({"rollout_id": "r"})  # pyright: ignore[reportArgumentType] - that is the point


def test_deeply_nested_values_are_refused():
    nested: dict[str, object] = {}
    for _ in range(100_000):
        nested = {"a": nested}
    assert field_of(Rollout("r", extra=nested)) == "rollout.extra"  # pyright: ignore[reportArgumentType]


def test_lone_surrogates_are_repaired_and_flagged_wherever_they_stand():
    rollout = Rollout(
        "r\ud800",
        reference={"answer\udfff": ["\ud83d\ude00"]},
        steps=[Step("a\ud83d", anchor=Anchor("\udc00", state=["\ud800"]))],
    )
    message = rollout.to_message()
    assert message.unicode_repaired
    assert message.rollout_id == "r\ufffd"
    assert message.reference_json == '{"answer\ufffd":["\U0001f600"]}'
    assert message.steps[0].action.parts[0].text == "a\ufffd"
    assert message.steps[0].anchor.state_json == '["\ufffd"]'
    assert not Rollout("r", response="\U0001f600").to_message().unicode_repaired
    assert steps_messages([Step("\ud800")])[0].action.parts[0].text == "\ufffd"


@given(st.text(st.characters(codec=None), max_size=20))
def test_any_text_can_be_sent(text: str):
    message = Rollout("r", response=text).to_message()
    sent = message.steps[0].action.parts[0].text
    assert v1.Rollout.FromString(message.SerializeToString()) == message
    assert message.unicode_repaired == any("\ud800" <= character <= "\udfff" for character in text)
    assert sent == text or message.unicode_repaired


def test_only_the_wanted_signals_are_sent():
    rollout = Rollout("r", signals={"a": 1.0, "b": float("nan")})
    assert set(rollout_message(rollout, wanted={"a"}).signals) == {"a"}
    ready = v1.Rollout(rollout_id="r", signals={"a": v1.Signal(scalar=1.0), "b": v1.Signal(scalar=2.0)})
    assert set(rollout_message(ready, wanted={"b"}).signals) == {"b"}
    assert set(ready.signals) == {"a", "b"}
    assert rollout_message(ready, wanted={"a", "b", "c"}) is ready


@pytest.mark.parametrize(
    ("given_dtype", "sent_dtype"),
    [
        ("float16", "float32"), ("float32", "float32"), ("float64", "float64"), ("int8", "int32"), ("uint16", "int32"),
        ("int32", "int32"), ("uint32", "int64"), ("int64", "int64"), ("bool", "bool"), (">i4", "int32"),
    ],
)  # fmt: skip
def test_arrays_arrive_as_they_were(given_dtype: str, sent_dtype: str):
    array = np.array([[0, 1, 1], [1, 0, 1]], dtype=given_dtype)[:, ::2]
    tensor = Rollout("r", signals={"x": array}).to_message().signals["x"].tensor
    assert tensor.dtype == sent_dtype
    np.testing.assert_array_equal(read_tensor(tensor), array)


@pytest.mark.parametrize(
    "tensor",
    [
        v1.Tensor(dtype="float128", shape=[0]),
        v1.Tensor(dtype="int32", shape=[2], data=b"1234"),
        v1.Tensor(dtype="int32", shape=[-1, -1], data=b"1234"),
    ],
)
def test_tensors_that_do_not_add_up_are_refused(tensor: v1.Tensor):
    with pytest.raises(ValueError, match=r"dtype|shape|size"):
        read_tensor(tensor)
