"""What servers say to each other arrives as it was said, and what is no such thing is refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_server.sessions.fleet import NotHeld, Question
from assay_server.sessions.peer_frames import (
    Asked,
    BadFrame,
    Closed,
    Failed,
    Reply,
    Said,
    TakenBack,
    decode_replies,
    decode_said,
    encode_reply,
    encode_said,
    together,
)
from assay_server.sessions.requests import Action, SessionView
from assay_server.sessions.values import Reason, SessionFault

TEXT = st.text(max_size=20)
NUMBERS = st.integers(1, 1 << 40)
STEPS = st.integers(-(1 << 31), (1 << 31) - 1)


@st.composite
def questions(draw: st.DrawFn) -> Question:
    session_id = draw(TEXT)
    action = draw(st.none() | st.builds(Action, st.just(session_id), TEXT, STEPS, TEXT))
    return Question(draw(TEXT), session_id, action)


SAID: st.SearchStrategy[Said] = st.one_of(
    st.builds(Asked, NUMBERS, questions()),
    st.builds(TakenBack, NUMBERS),
    st.builds(Closed, TEXT, st.lists(TEXT, max_size=4).map(tuple)),
)
REPLIES: st.SearchStrategy[Reply] = st.one_of(
    st.builds(SessionView, TEXT, TEXT, STEPS, st.binary(max_size=50)),
    st.builds(
        SessionFault, st.sampled_from(Reason), TEXT, st.dictionaries(TEXT, TEXT, max_size=3), TEXT,
        st.none() | st.floats(0, 100),
    ),
    st.builds(NotHeld),
    st.builds(Failed),
)  # fmt: skip


def told(reply: Reply) -> object:
    """What of an answer counts."""
    if isinstance(reply, SessionFault):
        return reply.reason, reply.message, dict(reply.metadata), reply.field, reply.retry_after
    return reply if isinstance(reply, SessionView) else type(reply)


@given(st.lists(SAID, max_size=8))
def test_what_is_said_arrives(said: list[Said]) -> None:
    data = b"".join(together([encode_said(one) for one in said]))
    assert list(decode_said(data)) == said


@given(st.lists(st.tuples(NUMBERS, REPLIES), max_size=8))
def test_what_is_answered_arrives(replies: list[tuple[int, Reply]]) -> None:
    data = b"".join(encode_reply(number, reply) for number, reply in replies)
    assert [(number, told(reply)) for number, reply in decode_replies(data)] == [
        (number, told(reply)) for number, reply in replies
    ]


@given(st.binary(max_size=60))
def test_other_bytes_are_refused_or_say_nothing_new(data: bytes) -> None:
    for decode in (decode_said, decode_replies):
        with contextlib.suppress(BadFrame):
            list(decode(data))


@pytest.mark.parametrize("data", [b"\x01", b"\xc1", b"\x93\x01\xa1t\x02", b"\x90", b"\xa4text"])
def test_what_has_another_shape_is_refused(data: bytes) -> None:
    for decode in (decode_said, decode_replies):
        with pytest.raises(BadFrame):
            list(decode(data))


def test_large_batches_are_parted_between_items() -> None:
    items = [bytes([number]) * (400 << 10) for number in range(10)]
    parts = list(together(items))
    assert b"".join(parts) == b"".join(items)
    assert len(parts) > 1
    assert {len(part) % (400 << 10) for part in parts} == {0}
