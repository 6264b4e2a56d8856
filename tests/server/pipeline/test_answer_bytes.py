"""Answers put together from bytes are the messages that protobuf would have written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.sdk import Evidence, Json, SpanReward, Verdict
from assay.v1 import rollout_pb2
from assay_server.pipeline.answer_bytes import scored_payload
from assay_server.pipeline.results import assessment_of, scored_result
from assay_server.rewards.assessment import Assessment

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
values = st.floats(allow_nan=False, allow_infinity=False)
places = st.sampled_from([0, 1, 127, 128, 16_383, 16_384, 2**31 - 1])
details: list[dict[str, Json]] = [{}, {"n": 1}]
evidences = st.builds(Evidence, texts, texts, places, places, texts, texts, st.sampled_from(details), st.integers(0, 2))
spans = st.builds(SpanReward, st.integers(0, 3), places, places, texts, values)
assessments = st.builds(
    Assessment,
    values,
    st.sampled_from(Verdict),
    st.dictionaries(texts, values, max_size=1),
    st.dictionaries(texts, evidences, max_size=1),
    st.dictionaries(texts, st.booleans(), max_size=1),
    texts,
    st.lists(texts, max_size=3).map(tuple),
    st.lists(spans, max_size=1).map(tuple),
)
seconds = st.sampled_from([0.0, 1e-9, 0.000_25, 0.999_999_999, 1.0, 61.5, 1e9]) | st.floats(0.0, 2.0)


@given(texts, texts, assessments, seconds, seconds)
def test_answers_are_written_as_protobuf_would(
    rollout_id: str, group_id: str, assessment: Assessment, queued: float, ran: float
) -> None:
    payload = scored_payload(rollout_id, group_id, assessment, queued, ran)
    assert payload == scored_result(rollout_id, group_id, assessment, queued, ran).SerializeToString()


def test_several_components_are_told_as_one_message() -> None:
    parts = {"math": 1.0, "math/format": -0.0, "length": 0.25}
    told = {name: Evidence(name, "boxed", 0, 9) for name in parts}
    assessment = Assessment(1.25, Verdict.CORRECT, parts, told, {}, "18", ("math@1", "length@2"), ())
    payload = scored_payload("r", "g", assessment, 0.25, 0.5)
    assert rollout_pb2.SampleResult.FromString(payload) == scored_result("r", "g", assessment, 0.25, 0.5)


def test_a_stored_score_says_the_same_of_a_member() -> None:
    assessment = Assessment(0.5, Verdict.INCORRECT, {"math": 0.5}, {}, {"kept": False}, "18", ("math@1",), ())
    assert assessment_of(scored_result("r", "g", assessment, 0.0, 0.0).score) == assessment


@pytest.mark.parametrize("evidence", [Evidence("\ud800"), Evidence(start=-1), Evidence(start=9, end=3)])
def test_what_protobuf_refuses_is_refused(evidence: Evidence) -> None:
    assessment = Assessment(1.0, Verdict.CORRECT, {}, {"math": evidence}, {}, "", (), ())
    try:
        expected = scored_result("r", "g", assessment, 0.0, 0.0).SerializeToString()
    except UnicodeEncodeError:
        with pytest.raises(UnicodeEncodeError):
            scored_payload("r", "g", assessment, 0.0, 0.0)
    else:
        assert scored_payload("r", "g", assessment, 0.0, 0.0) == expected
