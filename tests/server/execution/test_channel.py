"""What workers say is read without trust; what the server says arrives as it was."""

from __future__ import annotations

import json
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.sdk import Evidence, FinishedGroup, GroupMember, Json, Sample, Score, SpanReward, Step, Unscorable, Verdict
from assay_server.execution.cpu.channel import (
    HEADER,
    MAX_ANSWER,
    BadReport,
    Computed,
    Discard,
    GroupTask,
    Report,
    Task,
    decode_order,
    decode_report,
    encode_order,
    encode_report,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
POSITION = st.integers(0, 2**31 - 1)
JSON = cast(
    "st.SearchStrategy[Json]",
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63) | FINITE | TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
        max_leaves=8,
    ),
)
EVIDENCE = st.builds(
    Evidence,
    extracted=TEXT,
    method=TEXT,
    start=POSITION,
    end=POSITION,
    reason=TEXT,
    layer=TEXT,
    detail=st.dictionaries(TEXT, JSON, max_size=3),
    step_index=POSITION,
)
SCORES = st.builds(
    Score,
    value=FINITE,
    verdict=st.sampled_from(Verdict),
    evidence=st.none() | EVIDENCE,
    answer_key=TEXT,
    components=st.dictionaries(TEXT, FINITE, max_size=3),
    constraints=st.dictionaries(TEXT, st.booleans(), max_size=3),
    spans=st.lists(st.builds(SpanReward, POSITION, POSITION, POSITION, TEXT, FINITE), max_size=2).map(tuple),
)


def payload_of(framed: bytes) -> bytes:
    assert HEADER.unpack_from(framed) == (len(framed) - HEADER.size,)
    return framed[HEADER.size :]


@given(SCORES, st.none() | st.integers(0, 2**40), FINITE, st.booleans())
def test_a_score_arrives_as_it_was(score: Score, started: int | None, cpu_seconds: float, retiring: bool) -> None:
    report = Report(7, score, started, cpu_seconds, retiring)
    assert decode_report(payload_of(encode_report(report))) == report


@given(TEXT, TEXT, TEXT, st.booleans())
def test_a_failure_arrives_as_it_was(reason: str, message: str, field: str, retryable: bool) -> None:
    report = Report(7, Unscorable(reason, message, field=field, retryable=retryable))
    said = decode_report(payload_of(encode_report(report))).outcome
    assert isinstance(said, Unscorable)
    assert (said.reason, said.message, said.field, said.retryable) == (reason, message, field, retryable)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_report_are_a_bad_report(payload: bytes) -> None:
    with pytest.raises(BadReport):
        decode_report(payload)


BODY: dict[str, Json] = {"s": None, "c": 0.0, "x": False, "n": 7}


@given(st.sampled_from(["s", "c", "x", "n", "o", "u"]), JSON)
def test_a_report_with_anything_in_a_field_is_read_or_refused(field: str, value: Json) -> None:
    body = {**BODY, "o": {"value": 1.0}, field: value}
    try:
        report = decode_report(json.dumps(body).encode())
    except BadReport:
        return
    assert isinstance(report.outcome, Score | Unscorable) or report.number is None


@pytest.mark.parametrize("text", ['"\\ud800"', '"\\uDFFF and more"', "NaN", "Infinity", "1e400", "[" * 100_000])
def test_a_forged_outcome_is_no_score(text: str) -> None:
    evidence = f'["", "", 0, 0, "", "", {{"a": {text}}}, 0]'
    score = (
        f'{{"value": 1.0, "verdict": 1, "key": "", "components": {{}}, "constraints": {{}}, "spans": [],'
        f' "evidence": {evidence}}}'
    )
    payload = f'{{"s": null, "c": 0.0, "x": false, "n": 7, "o": {score}}}'.encode()
    try:
        said = decode_report(payload).outcome
    except BadReport:
        return
    assert isinstance(said, Unscorable)
    assert said.reason == "REWARD_FAILED"


def test_an_answer_that_is_too_long_is_told_instead_of_sent() -> None:
    framed = encode_report(Report(7, Score(1.0, evidence=Evidence(reason="x" * MAX_ANSWER)), 8))
    said = decode_report(payload_of(framed))
    assert (said.number, said.started) == (7, 8)
    assert isinstance(said.outcome, Unscorable)
    assert "4194304 are allowed" in said.outcome.message


def test_orders_arrive_as_they_were() -> None:
    sample = Sample(
        "r1",
        "5 é \U0001f600",
        reference={"answer": 10**40},
        steps=(Step(0, "a", reward=0.5),),
        extra={"columns": [1, None]},
        num_tokens=3,
        signals={"value": np.arange(3.0)},
    )
    task = Task(3, "a/b-v1", "c", {"x": 1}, sample)
    said = decode_order(payload_of(encode_order(task)))
    assert isinstance(said, Task)
    assert (said.number, said.reward, said.component, said.params) == (3, "a/b-v1", "c", {"x": 1})
    assert said.sample.reference == {"answer": 10**40}
    assert said.sample.steps == sample.steps
    assert np.array_equal(said.sample.signals["value"], np.arange(3.0))
    assert decode_order(payload_of(encode_order(Discard(frozenset({1, 2}))))) == Discard(frozenset({1, 2}))


# ---------------------------------------------------------------- groups


def test_finished_groups_arrive_as_they_were():
    sample = Sample("r0", "text", {"answer": "18"}, steps=(Step(0, "text"),), signals={"entropy": 0.5})
    members = (
        GroupMember("r0", 1.0, Verdict.CORRECT, {"math": 1.0}, "18", 7, 0, {"weight": 2.0}, sample),
        GroupMember("r1", float("nan"), signals={"token_ids": np.arange(3)}),
    )
    task = GroupTask(4, "acme/x-v1", "x", {"scale": 2.0}, (FinishedGroup("g", members, "p", 9), FinishedGroup("h", ())))
    decoded = decode_order(encode_order(task)[HEADER.size :])
    assert isinstance(decoded, GroupTask)
    assert (decoded.number, decoded.reward, decoded.component, decoded.params) == (4, "acme/x-v1", "x", {"scale": 2.0})
    assert decoded.groups[0].members[0] == members[0]
    assert decoded.groups[0].members[1].reward != decoded.groups[0].members[1].reward
    assert np.asarray(decoded.groups[0].members[1].signals["token_ids"]).tolist() == [0, 1, 2]
    assert (decoded.groups[0].prompt_id, decoded.groups[0].global_step) == ("p", 9)
    assert decoded.groups[1] == FinishedGroup("h", ())


@given(st.lists(st.lists(FINITE, max_size=4).map(tuple), max_size=3).map(tuple), TEXT)
def test_what_was_computed_arrives_as_it_was(numbers: tuple[tuple[float, ...], ...], text: str):
    report = Report(3, Computed(numbers, text), None, 0.5)
    assert decode_report(encode_report(report)[HEADER.size :]) == report


@pytest.mark.parametrize("numbers", [[[float("nan")]], [[float("inf")]]])
def test_numbers_that_are_not_finite_are_no_answer(numbers: list[list[float]]):
    sent = encode_report(Report(3, Computed(tuple(map(tuple, numbers))), None, 0.0))
    outcome = decode_report(sent[HEADER.size :]).outcome
    assert isinstance(outcome, Unscorable)
    assert outcome.reason == "REWARD_FAILED"


@pytest.mark.parametrize(
    "said",
    ["1", "[1]", "[[true]]", '[["1"]]', "[[null]]", "[[1e999]]", "[[NaN]]", f"[[1{'0' * 400}]]", '{"a": 1}', "null"],
)
def test_what_a_worker_makes_up_is_no_answer(said: str):
    payload = f'{{"n":1,"s":null,"c":0.0,"x":false,"v":{said},"t":""}}'.encode()
    try:
        outcome = decode_report(payload).outcome
    except BadReport:
        return
    assert isinstance(outcome, Unscorable)
