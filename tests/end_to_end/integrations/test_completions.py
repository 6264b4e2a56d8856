from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay import InvalidArgument
from assay.integrations.completions import action_of, name_of, plain, reference_of, steps_of, text_of


def test_a_conversation_is_a_step_for_each_assistant_message():
    call = {"id": "c1", "function": {"name": "add", "arguments": {"a": 1}}}
    steps = steps_of(
        [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "content": "2"},
            {"role": "assistant", "content": [{"type": "text", "text": "so A: "}, {"type": "text", "text": "2"}]},
        ]
    )
    assert [(step.action, step.observation) for step in steps] == [("", "2"), ("so A: 2", "")]
    assert [(c.name, c.arguments_json, c.call_id) for c in steps[0].tool_calls] == [("add", '{"a": 1}', "c1")]


def test_a_conversation_without_an_answer_is_refused():
    with pytest.raises(InvalidArgument, match="assistant"):
        steps_of([{"role": "user", "content": "hm"}])
    with pytest.raises(InvalidArgument, match="int"):
        text_of(7)


def test_ground_truth_becomes_a_reference():
    assert reference_of("18") == {"answer": "18"}
    assert reference_of(18) == {"answer": "18"}
    assert reference_of('{"answer": "18", "unit": "m"}') == {"answer": "18", "unit": "m"}
    assert reference_of("{1, 2}") == {"answer": "{1, 2}"}
    assert reference_of({"suite": {}}) == {"suite": {}}
    assert reference_of('{"a": 1}', "calls") == {"calls": '{"a": 1}'}


def test_an_action_is_what_the_last_tag_holds():
    assert action_of("<action>a</action> no: <action> go to desk 1 </action> now") == "go to desk 1"
    assert action_of(" look ") == "look"
    assert action_of("<action>open") == "<action>open"


@given(st.text(), st.text())
def test_names_are_equal_where_texts_are(one: str, other: str):
    assert (name_of(one, "x") == name_of(other, "x")) == (one == other)
    assert plain(one) == one
