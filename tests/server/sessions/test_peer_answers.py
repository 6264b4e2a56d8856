"""A server's answers to others: each its own, none for what was taken back, all that are owed when it leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager

import pytest

from assay_server.sessions.engine import SessionEngine
from assay_server.sessions.fleet import Question
from assay_server.sessions.peer_answers import PeerAnswers
from assay_server.sessions.peer_frames import (
    Asked,
    BadFrame,
    Closed,
    Reply,
    Said,
    TakenBack,
    decode_replies,
    encode_said,
)
from assay_server.sessions.requests import Action, SessionView
from assay_server.sessions.values import Reason, SessionFault

from .engines import TENANT, make, running, take, until


@pytest.fixture
async def engine() -> AsyncGenerator[SessionEngine]:
    async with running() as engine:
        yield engine


class Conversation:
    """What another server says and hears."""

    def __init__(self, answers: PeerAnswers) -> None:
        self.heard: dict[int, Reply] = {}
        self._said: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.serving = asyncio.create_task(answers.serve(self._said.get, self._write))

    async def _write(self, data: bytes) -> None:
        self.heard.update(decode_replies(data))

    def say(self, *said: Said) -> None:
        self._said.put_nowait(b"".join(map(encode_said, said)))

    def say_bytes(self, data: bytes | None) -> None:
        self._said.put_nowait(data)


def asked(number: int, session_id: str, action: str, step: int) -> Asked:
    return Asked(number, Question(TENANT, session_id, Action(session_id, action, step)))


@contextmanager
def fault_of(reply: Reply) -> Generator[SessionFault]:
    assert isinstance(reply, SessionFault)
    yield reply


async def test_each_question_has_its_answer(engine: SessionEngine) -> None:
    first, second = await make(engine, count=2)
    peer = Conversation(PeerAnswers(engine))
    peer.say(asked(1, first, "go", 0), asked(2, second, "go", 5), Asked(3, Question(TENANT, second)))
    peer.say(asked(4, "nothing", "go", 0))
    peer.say_bytes(None)
    await peer.serving
    assert peer.heard.keys() == {1, 2, 3, 4}
    stepped, stood = peer.heard[1], peer.heard[3]
    assert isinstance(stepped, SessionView)
    assert isinstance(stood, SessionView)
    assert (stepped.session_id, stepped.index, stood.session_id, stood.index) == (first, 1, second, 0)
    with fault_of(peer.heard[2]) as wrong, fault_of(peer.heard[4]) as unknown:
        assert (wrong.reason, unknown.reason) == (Reason.WRONG_STEP, Reason.UNKNOWN_SESSION)
        assert wrong.metadata["step_index"] == "0"


async def test_what_was_taken_back_is_not_answered_and_its_session_goes_on(engine: SessionEngine) -> None:
    (session,) = await make(engine)
    peer = Conversation(PeerAnswers(engine))
    peer.say(asked(1, session, "loop", 0), asked(2, session, "go", 0))
    await until(lambda: 2 in peer.heard)
    with fault_of(peer.heard[2]) as busy:
        assert busy.reason is Reason.STEP_IN_FLIGHT
    peer.say(TakenBack(1))
    peer.say(asked(3, session, "go", 0))
    await until(lambda: 3 in peer.heard)
    peer.say_bytes(None)
    await peer.serving
    assert isinstance(peer.heard[3], SessionView)
    assert peer.heard.keys() == {2, 3}


async def test_a_server_that_leaves_owes_no_answer(engine: SessionEngine) -> None:
    (session,) = await make(engine)
    answers = PeerAnswers(engine)
    peer = Conversation(answers)
    peer.say(asked(1, session, "go", 0))
    await until(lambda: engine.figures.steps > 0 or bool(peer.heard))
    answers.leave()
    await peer.serving
    assert isinstance(peer.heard[1], SessionView)
    late = Conversation(answers)
    await late.serving
    assert (await take(engine, session, ["go"], 1)).step_index == 2


async def test_what_is_closed_elsewhere_is_let_go(engine: SessionEngine) -> None:
    sessions = await make(engine, count=3)
    peer = Conversation(PeerAnswers(engine))
    peer.say(Closed(TENANT, tuple(sessions[:2])), Closed("another", tuple(sessions)))
    await until(lambda: engine.live == 1)
    peer.say_bytes(b"\x01")
    with pytest.raises(BadFrame):
        await peer.serving
