from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import SchemaError

from assay_server.execution.judging.verdicts import NoVerdict, compile_schema, read_verdict

SCHEMA = compile_schema(
    {
        "type": "object",
        "properties": {"score": {"type": "number", "minimum": 0, "maximum": 10}, "rationale": {"type": "string"}},
        "required": ["score"],
    }
)


@pytest.mark.parametrize(
    "text",
    [
        '{"score": 7}',
        ' \n{"score": 7}\n',
        '```json\n{"score": 7}\n```',
        'Here is my verdict:\n```\n{"score": 7}\n```\nI hope it helps {really}.',
        '<think>{"score": 2} no, </think>{"score": 7}',
        'thought without opening {"score": 2}</think> {"score": 7}',
        'The set {1, 2} is closed. {"score": 7}',
        'First {"verdict": "none"} then {"score": 7}',
        '{"score": 7} as I said: {"score": 7}',
        '{"score": 7, "rationale": "it says {\\"score\\": 10}"}',
    ],
)
def test_a_verdict_is_found(text: str):
    assert read_verdict(text, SCHEMA)["score"] == 7


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no JSON object"),
        ("seven", "no JSON object"),
        ("[7]", "no JSON object"),
        ('{"score": "7"}', "score: '7' is not of type"),
        ('{"score": 11}', "greater than the maximum"),
        ('{"points": 7}', "'score' is a required property"),
        ('{"score": NaN}', "no JSON object"),
        ('{"score": 1e999}', "no JSON object"),
        ('{"score": 7, "score": 8}', "no JSON object"),
        ('{"score": 7} or rather {"score": 8}', "several"),
        ('{"score": 7', "no JSON object"),
        ("x" * 70_000 + '{"score": 7}', "more than"),
        ('{"a":' * 9_000, "no JSON object"),
        ("{" * 60_000, "no JSON object"),
        ('{"score": ' + "9" * 10_000 + "}", "no JSON object"),
    ],
)
def test_what_is_no_verdict(text: str, problem: str):
    with pytest.raises(NoVerdict) as caught:
        read_verdict(text, SCHEMA)
    assert problem in str(caught.value)
    assert len(str(caught.value)) <= 300


@given(st.text(alphabet=' {}[]":,score7\n\\`', max_size=300))
def test_any_text_is_a_verdict_or_none(text: str):
    try:
        found = read_verdict(text, SCHEMA)
    except NoVerdict:
        return
    assert SCHEMA.problem(found) == ""


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=4), st.integers(0, 10))
def test_every_fitting_object_is_read_back(other: dict[str, int | str], score: int):
    value = {**other, "rationale": "because", "score": score}
    assert read_verdict(f"So: {json.dumps(value)}.", SCHEMA) == value


def test_a_schema_that_is_none_and_one_that_points_elsewhere():
    with pytest.raises(SchemaError):
        compile_schema({"type": "nothing"})
    elsewhere = compile_schema({"$ref": "http://127.0.0.1:1/schema.json"})
    with pytest.raises(Exception, match="Unresolvable"):
        elsewhere.problem({})
