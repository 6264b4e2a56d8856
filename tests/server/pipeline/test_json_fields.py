"""What a ``*_json`` field may hold."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.sdk import Json
from assay_server.pipeline.failures import Code, Failure
from assay_server.pipeline.json_fields import MAX_NESTING, NotReadable, parse_json, parse_object

scalars: st.SearchStrategy[Json] = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(values, st.booleans())
def test_what_was_written_is_read(value: Json, ascii_only: bool) -> None:
    assert parse_json(json.dumps(value, ensure_ascii=ascii_only)) == value


def _nested(levels: int) -> str:
    return '{"a":' * levels + "0" + "}" * levels


def test_nesting_has_a_limit_that_does_not_depend_on_the_caller() -> None:
    assert parse_object(_nested(MAX_NESTING), "f")
    for levels in (MAX_NESTING + 1, 500, 990, 10_000, 200_000):
        with pytest.raises(Failure) as caught:
            parse_object(_nested(levels), "f")
        assert caught.value.code is Code.INVALID_ARGUMENT
        assert caught.value.violations[0].field == "f"
    assert parse_json("[" + "[]," * 5000 + "[]]")


@pytest.mark.parametrize(
    "text",
    ["", "nul", "NaN", "[-Infinity]", "1e999", "[1,]", '{"a":1}x', '"\\ud800"', '{"\\udc00":1}', "9" * 5000, '"\n"'],
)
def test_what_is_not_json_is_not_readable(text: str) -> None:
    with pytest.raises(NotReadable) as caught:
        parse_json(text)
    assert "Error" not in str(caught.value)
    assert "set_int_max" not in str(caught.value)


@pytest.mark.parametrize("text", ["[]", "1", "null", '"a"', "true", "1.5"])
def test_an_object_is_expected(text: str) -> None:
    with pytest.raises(Failure, match="expected a JSON object: it is "):
        parse_object(text, "f")


def test_an_empty_field_is_an_empty_object_and_pairs_of_escapes_are_whole_characters() -> None:
    assert parse_object("", "f") == {}
    assert parse_object('{"a":"\\ud83d\\ude00"}', "f") == {"a": "😀"}
