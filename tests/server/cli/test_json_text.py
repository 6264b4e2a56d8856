from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_server.cli.json_text import MAX_DEPTH, BadLine, find_text, read_object, write_line
from assay_server.cli.line_source import Line


def line(text: bytes, number: int = 2) -> Line:
    return Line(number, text, len(text))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"not json", "NOT_JSON"),
        (b'{"a": 1', "NOT_JSON"),
        (b'{"a": 1} {"b": 2}', "NOT_JSON"),
        (b'{"a": "\xff"}', "NOT_UTF8"),
        (b'{"a": NaN}', "NOT_FINITE"),
        (b'{"a": -Infinity}', "NOT_FINITE"),
        (b'{"a": 1e999}', "NOT_FINITE"),
        (b'{"a": ' + b"9" * 5000 + b"}", "NOT_JSON"),
        (b"[" * 10_000 + b"]" * 10_000, "NESTED_TOO_DEEP"),
        (b'{"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", "NESTED_TOO_DEEP"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "NESTED_TOO_DEEP"),
        (b"[1, 2]", "NOT_AN_OBJECT"),
        (b"null", "NOT_AN_OBJECT"),
        (b'"text"', "NOT_AN_OBJECT"),
    ],
)
def test_what_is_not_one_json_object_is_refused_with_its_reason(text: bytes, reason: str):
    with pytest.raises(BadLine) as caught:
        read_object(line(text))
    assert caught.value.reason == reason
    assert len(caught.value.message) < 200


def test_a_line_that_was_cut_is_too_long():
    with pytest.raises(BadLine, match="40000000"):
        read_object(Line(1, b'{"a": 1', 40_000_000))


def test_nesting_is_allowed_up_to_the_limit_and_brackets_in_texts_do_not_count():
    deep = b'{"a": ' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}"
    assert read_object(line(deep))
    texts = json.dumps({"a": "[" * 10_000, "b": '\\"{{{{"' * 1000}).encode()
    assert read_object(line(texts)) == json.loads(texts)
    with pytest.raises(BadLine):
        read_object(line(b'{"a": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}"))


def test_integers_keep_their_precision_and_a_byte_order_mark_on_the_first_line_is_skipped():
    assert read_object(line(b'\xef\xbb\xbf{"a": 123456789012345678901}', 1)) == {"a": 123456789012345678901}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b'{"rolloutId": "r1", "reward": NaN}', "r1"),
        (b'{"x": [1, 2], "rolloutId" :"a \\"b\\"", oops', 'a "b"'),
        (b'{"rolloutId": "never ends', ""),
        (b'{"rolloutId": 7, NaN', ""),
        (b'{"rolloutId": "bad \\x escape"', ""),
        (b"", ""),
    ],
)
def test_the_id_of_an_unreadable_line_is_found_where_it_can_be(text: bytes, found: str):
    assert find_text(line(text), "rolloutId") == found


texts = st.text(st.characters(exclude_categories=[]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(texts, values, max_size=4))
def test_what_is_written_reads_back_equal_and_is_one_utf8_line(value: dict[str, object]):
    written = write_line(value)  # pyright: ignore[reportArgumentType] - hypothesis cannot say "Json"
    assert written.count(b"\n") == 1
    assert written.endswith(b"\n")
    assert read_object(line(written.rstrip(b"\n"))) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_an_object_or_a_bad_line(data: bytes):
    try:
        value = read_object(line(data))
    except BadLine:
        find_text(line(data), "rolloutId")
    else:
        assert json.loads(data) == value
