"""JSON that is read, JSON that is not, and errors as answers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.sdk import Json
from assay_server.api.http.bodies import MAX_NESTING, parse_json
from assay_server.api.http.refusals import http_status, refusal
from assay_server.pipeline.failures import Code, Failure


@pytest.mark.parametrize("code", list(Code))
def test_every_code_has_a_status(code: Code) -> None:
    assert 200 <= http_status(Failure(code, "X", "y")) < 600


def test_when_to_come_back_is_a_header_too() -> None:
    response = refusal(Failure(Code.RESOURCE_EXHAUSTED, "OVERLOADED", "too many", retry_after=0.25))
    assert response.status_code == 429
    assert response.headers["retry-after"] == "1"
    (retry,) = [one for one in json.loads(bytes(response.body))["error"]["details"] if "RetryInfo" in one["@type"]]
    assert retry["retryDelay"] == "0.250s"


numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_whatever_is_json_is_read_as_json(value: Json) -> None:
    assert parse_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=64) | st.text(alphabet='[]{}":,0123456789.eE+-nultrfasINy \\', max_size=64).map(str.encode))
def test_whatever_is_not_is_refused(data: bytes) -> None:
    try:
        json.loads(data)
    except ValueError:
        with pytest.raises(Failure) as caught:
            parse_json(data)
        assert caught.value.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize("open_", [b"[", b'{"a":'])
def test_nesting_is_bounded_where_it_says(open_: bytes) -> None:
    close = b"]" if open_ == b"[" else b"}"
    parse_json(open_ * MAX_NESTING + b"1" + close * MAX_NESTING)
    with pytest.raises(Failure, match="NESTED_TOO_DEEP"):
        parse_json(open_ * (MAX_NESTING + 1) + b"1" + close * (MAX_NESTING + 1))
