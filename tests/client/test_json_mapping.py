from __future__ import annotations

import json
import math
from typing import cast

import pytest
from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from assay import JsonMappingError
from assay.json_mapping import (
    group_result_to_json,
    message_from_json,
    message_to_json,
    rollout_from_json,
    sample_result_to_json,
)
from assay.sdk import Json
from assay.v1 import advantage_service_pb2 as advantages
from assay.v1 import reward_service_pb2 as rewards
from assay.v1 import rollout_pb2 as v1
from assay.v1 import run_service_pb2 as runs

from .service import packed, status

texts = st.text(max_size=8)
finite = st.floats(allow_nan=False, allow_infinity=False)
singles = st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False)
int32 = st.integers(-(2**31), 2**31 - 1)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
json_objects = st.dictionaries(texts, json_values, max_size=3)
json_texts = json_objects.map(lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")))
signal_names = st.from_regex(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", fullmatch=True)


def is_no_json(text: str) -> bool:
    """Only such a text is kept as it is; another spelling of a value becomes its usual one."""
    try:
        json.loads(text)
    except ValueError:
        return True
    return False


parts = st.builds(v1.Part, text=texts) | st.builds(
    v1.Part, tool_call=st.builds(v1.ToolCall, name=texts, arguments_json=json_texts | texts.filter(is_no_json))
)
contents = st.builds(v1.Content, parts=st.lists(parts, max_size=2))
tensors = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=4).map(
    lambda values: v1.Tensor(
        dtype="int64", shape=[len(values)], data=b"".join(value.to_bytes(8, "little", signed=True) for value in values)
    )
)
signals = st.builds(v1.Signal, scalar=finite) | st.builds(v1.Signal, tensor=tensors)
steps = st.builds(
    v1.Step,
    index=int32,
    action=contents,
    anchor=st.builds(v1.Anchor, observation=contents, state_json=json_texts),
    reward=st.none() | finite,
    action_valid=st.none() | st.booleans(),
)
rollouts = st.builds(
    v1.Rollout,
    rollout_id=texts,
    reference_json=json_texts,
    steps=st.lists(steps, max_size=2),
    role=st.sampled_from(v1.RolloutRole.values()),
    seed=st.integers(-(2**63), 2**63 - 1),
    num_tokens=st.none() | int32,
    signals=st.dictionaries(signal_names, signals, max_size=2),
    prompt=contents,
)


@given(rollouts)
def test_a_rollout_survives_the_way_through_json(rollout: v1.Rollout):
    text = json.dumps(message_to_json(rollout), allow_nan=False)
    assert rollout_from_json(json.loads(text)) == rollout


@given(rollouts)
def test_canonical_proto_json_is_understood(rollout: v1.Rollout):
    canonical = json_format.MessageToDict(rollout)
    assert message_from_json(cast("Json", canonical), v1.Rollout) == rollout
    snake = json_format.MessageToDict(rollout, preserving_proto_field_name=True)
    assert message_from_json(cast("Json", snake), v1.Rollout) == rollout


@given(
    st.builds(
        v1.GroupResult,
        group_id=texts,
        outcome=st.sampled_from(v1.GroupOutcome.values()),
        kept=st.booleans(),
        rewards=st.lists(finite, max_size=3),
        step_counts=st.lists(int32, max_size=3),
        labels=st.dictionaries(texts, texts, max_size=2),
        token_weights=st.lists(
            st.builds(v1.TokenWeights, weights=st.lists(singles)),
            max_size=2,
        ),
        statistics=st.builds(
            v1.GroupStatistics, reward_mean=finite, step_group_size_histogram=st.dictionaries(int32, int32, max_size=2)
        ),
    )
)
def test_where_no_rule_of_ours_applies_the_output_is_the_canonical_one(group: v1.GroupResult):
    assert message_to_json(group) == json_format.MessageToDict(group)
    assert message_from_json(message_to_json(group), v1.GroupResult) == group


@given(st.integers(0, 10**11), st.integers(0, 10**9 - 1))
def test_durations_are_written_canonically(seconds: int, nanos: int):
    leaf = runs.RewardLeaf(id="x", execution_timeout=Duration(seconds=seconds, nanos=nanos))
    written = message_to_json(leaf)
    assert written == json_format.MessageToDict(leaf)
    assert message_from_json(written, runs.RewardLeaf) == leaf


def test_json_fields_hold_the_value_itself():
    rollout = rollout_from_json({"rolloutId": "r", "reference": {"big": 2**70, "one": 1, "float": 1.0, "none": None}})
    assert rollout.reference_json == f'{{"big":{2**70},"one":1,"float":1.0,"none":null}}'
    written = message_to_json(rollout)["reference"]
    assert json.dumps(written) == json.dumps({"big": 2**70, "one": 1, "float": 1.0, "none": None})


@pytest.mark.parametrize("text", ['{"at":', "NaN", "1e999", "[" * 100_000])
def test_text_that_is_no_json_keeps_its_own_name(text: str):
    call = v1.ToolCall(name="look", arguments_json=text)
    written = message_to_json(call)
    assert written == {"name": "look", "argumentsJson": text}
    assert message_from_json(written, v1.ToolCall) == call


def test_a_content_may_be_a_plain_text():
    step = message_from_json({"action": "go", "observation": {"parts": [{"text": "a"}, {"text": "b"}]}}, v1.Step)
    assert step.action.parts[0].text == "go"
    assert message_to_json(step)["action"] == "go"
    assert message_to_json(step)["observation"] == {"parts": [{"text": "a"}, {"text": "b"}]}


def test_signals_are_numbers_and_lists_under_camel_case_names():
    given_json: Json = {"seqLogprobMean": -0.5, "tokenIds": [[1, 2]], "mask": [True], "mixed": [1, 0.5], "none": []}
    rollout = rollout_from_json({"rolloutId": "r", "signals": given_json})
    assert set(rollout.signals) == {"seq_logprob_mean", "token_ids", "mask", "mixed", "none"}
    dtypes = {name: signal.tensor.dtype for name, signal in rollout.signals.items() if signal.HasField("tensor")}
    assert dtypes == {"token_ids": "int64", "mask": "bool", "mixed": "float64", "none": "float64"}
    assert message_to_json(rollout)["signals"] == given_json


def test_signal_names_that_camel_case_would_lose_stay_as_they_are():
    rollout = v1.Rollout(signals={"a_1": v1.Signal(scalar=1.0), "A": v1.Signal(scalar=2.0)})
    assert message_to_json(rollout)["signals"] == {"A": 2.0, "a_1": 1.0}


def test_a_tensor_that_does_not_add_up_is_shown_as_it_is():
    signal = v1.Signal(tensor=v1.Tensor(dtype="int64", shape=[3], data=b"1"))
    written = message_to_json(v1.Rollout(signals={"x": signal}))["signals"]
    assert written == {"x": {"tensor": {"dtype": "int64", "shape": [3], "data": "MQ=="}}}


def test_numbers_that_are_not_finite_become_null_on_output():
    group = v1.GroupResult(advantages=[1.0, math.nan, math.inf])
    assert message_to_json(group)["advantages"] == [1.0, None, None]


def test_enums_are_read_by_name_by_short_name_and_by_number():
    for role in ("ROLLOUT_ROLE_GREEDY", "GREEDY", "greedy", 2):
        assert rollout_from_json({"role": role}).role == v1.ROLLOUT_ROLE_GREEDY
    unknown = rollout_from_json({"role": 99})
    assert message_to_json(unknown)["role"] == 99


@pytest.mark.parametrize(
    ("obj", "field"),
    [
        (["r"], ""),
        ({"rolloutid": "r"}, "rolloutid"),
        ({"rolloutId": 3}, "rolloutId"),
        ({"seed": 1.5}, "seed"),
        ({"seed": True}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"groupSize": "x"}, "groupSize"),
        ({"steps": {}}, "steps"),
        ({"steps": [{"reward": math.nan}]}, "steps[0].reward"),
        ({"steps": [{"reward": "1e999"}]}, "steps[0].reward"),
        ({"steps": [{"reward": 10**400}]}, "steps[0].reward"),
        ({"steps": [{"done": 1}]}, "steps[0].done"),
        ({"steps": [{}, {"action": ["x"]}]}, "steps[1].action"),
        ({"role": "boss"}, "role"),
        ({"role": 2**40}, "role"),
        ({"reference": {"a": math.inf}}, "reference"),
        ({"reference": {}, "taskDigest": "d"}, "taskDigest"),
        ({"rolloutId": "a", "rollout_id": "b"}, "rollout_id"),
        ({"signals": []}, "signals"),
        ({"signals": {"a": [1, [2]]}}, "signals[a]"),
        ({"signals": {"a": ["x"]}}, "signals[a][0]"),
        ({"signals": {"a": [math.nan]}}, "signals[a][0]"),
        ({"signals": {"a": [2**70]}}, "signals[a]"),
        ({"signals": {"aB": 1, "a_b": 2}}, "signals[a_b]"),
    ],
)
def test_what_is_no_rollout_is_refused_with_its_field(obj: Json, field: str):
    with pytest.raises(JsonMappingError) as caught:
        rollout_from_json(obj)
    assert caught.value.field == field


def test_an_unknown_field_names_the_nearest():
    with pytest.raises(JsonMappingError, match="did you mean 'rolloutId'"):
        rollout_from_json({"rolloutid": "r"})


def nested(depth: int, make: str) -> Json:
    value: Json = {"leaf": {"id": "x"}}
    for _ in range(depth):
        value = {make: {"factors": [value]}}
    return value


def test_nesting_is_capped_for_messages_lists_and_values():
    assert message_from_json(nested(20, "product"), runs.RewardNode).HasField("product")
    with pytest.raises(JsonMappingError, match="nested deeper"):
        message_from_json(nested(5_000, "product"), runs.RewardNode)
    deep: list[Json] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(JsonMappingError, match="nested"):
        rollout_from_json({"signals": {"a": deep}})
    with pytest.raises(JsonMappingError, match="nested"):
        rollout_from_json({"reference": {"a": deep}})


def test_lone_surrogates_are_repaired_in_rollouts_and_refused_elsewhere():
    rollout = rollout_from_json({"rolloutId": "r\ud800", "reference": {"a": "\udc00"}})
    assert (rollout.rollout_id, rollout.reference_json) == ("r\ufffd", '{"a":"\ufffd"}')
    assert rollout.unicode_repaired
    with pytest.raises(JsonMappingError, match="not valid Unicode"):
        message_from_json({"id": "\ud800"}, runs.RewardLeaf)


@pytest.mark.parametrize("text", ["1", "1.5", "-s", "1.s", "1.1234567890s", "9999999999999s", "999999999999s", 1.5])
def test_durations_have_one_form(text: Json):
    with pytest.raises(JsonMappingError):
        message_from_json({"executionTimeout": text}, runs.RewardLeaf)


def test_details_of_a_status_are_shown_by_their_fields():
    error = status(8, "later", "QUOTA", 1.5, "rollouts[0]")
    written = message_to_json(error)
    assert written["details"] == [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "QUOTA",
            "domain": "assay",
            "metadata": {"retryable": "false"},
        },
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.500s"},
        {
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": "rollouts[0]", "description": "is wrong"}],
        },
    ]
    assert message_from_json(written, v1.Status) == error


def test_details_of_unknown_type_are_shown_as_bytes():
    odd = v1.Status(details=[AnyMessage(type_url="x/y.Z", value=b"\x01")])
    assert message_to_json(odd)["details"] == [{"@type": "x/y.Z", "value": "AQ=="}]
    assert message_from_json(message_to_json(odd), v1.Status) == odd
    broken = v1.Status(details=[packed("ErrorInfo", v1.ErrorInfo())])
    broken.details[0].value = b"\xff"
    assert message_to_json(broken)["details"] == [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "value": "/w=="}
    ]
    bad_details: list[Json] = [{}, {"@type": "x/y.Z", "value": "?"}, {"@type": "x/y.Z", "other": 1}]
    for bad in bad_details:
        with pytest.raises(JsonMappingError):
            message_from_json({"details": [bad]}, v1.Status)


@pytest.mark.parametrize(
    "message",
    [runs.CreateRunRequest(), rewards.StreamRolloutsRequest(), advantages.ComputeAdvantagesResponse(), v1.Task()],
)
def test_empty_messages_are_empty_objects(message: Message):
    assert message_to_json(message) == {}


def test_null_means_absent():
    assert rollout_from_json({"rolloutId": None, "steps": None, "prompt": None}) == v1.Rollout()


def test_a_score_is_whole_also_where_it_is_zero():
    result = v1.SampleResult(rollout_id="r", score=v1.Score(components={"math": 0.0}, verdict=v1.VERDICT_INCORRECT))
    assert sample_result_to_json(result) == {
        "rolloutId": "r",
        "score": {"value": 0.0, "verdict": "VERDICT_INCORRECT", "components": {"math": 0.0}, "answerKey": ""},
    }


def test_what_could_not_be_scored_is_an_error():
    result = v1.SampleResult(rollout_id="r", group_id="g", error=v1.Status(code=4, message="slow"))
    assert sample_result_to_json(result) == {
        "rolloutId": "r",
        "groupId": "g",
        "error": {"code": 4, "message": "slow"},
    }


def test_groups_are_nested_by_rollout_and_step():
    group = v1.GroupResult(
        group_id="g",
        outcome=v1.GROUP_OUTCOME_COMPLETE,
        kept=True,
        rollout_ids=["a", "b"],
        member_outcomes=[v1.MEMBER_OUTCOME_COUNTED, v1.MEMBER_OUTCOME_NOT_SCORED],
        rewards=[1.0, math.nan],
        advantages=[0.5, math.nan],
        episode_advantages=[0.5, math.nan],
        step_counts=[2, 1],
        step_returns=[0.9, 1.0, math.nan],
        step_advantages=[0.1, -0.1, math.nan],
        step_totals=[0.6, 0.4, math.nan],
        step_group_ids=["x", "y"],
        step_group_index=[0, 1, 0],
        statistics=v1.GroupStatistics(size=1),
    )
    written = group_result_to_json(group)
    assert written["rollouts"] == [
        {
            "rolloutId": "a",
            "outcome": "MEMBER_OUTCOME_COUNTED",
            "reward": 1.0,
            "advantage": 0.5,
            "episodeAdvantage": 0.5,
            "steps": [
                {"index": 0, "stepGroupId": "x", "return": 0.9, "stepAdvantage": 0.1, "advantage": 0.6},
                {"index": 1, "stepGroupId": "y", "return": 1.0, "stepAdvantage": -0.1, "advantage": 0.4},
            ],
        },
        {
            "rolloutId": "b",
            "outcome": "MEMBER_OUTCOME_NOT_SCORED",
            "reward": None,
            "advantage": None,
            "episodeAdvantage": None,
            "steps": [{"index": 0, "stepGroupId": "x", "return": None, "stepAdvantage": None, "advantage": None}],
        },
    ]
    assert (written["groupId"], written["kept"], written["outcome"]) == ("g", True, "GROUP_OUTCOME_COMPLETE")
    assert written["statistics"] == {"size": 1}
    assert "stepCounts" not in written
