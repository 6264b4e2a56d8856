"""What servers of a fleet say to each other about sessions, as bytes: msgpack values one after the other.

A question is numbered by who asks; its answer has its number. Both ends are of one fleet, and the path of the method
names the format: :data:`METHOD`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol, TypeAlias, cast

import msgpack

from assay_server.sessions.fleet import NotHeld, Question
from assay_server.sessions.requests import Action, SessionView
from assay_server.sessions.values import Reason, SessionFault

METHOD: Final = "/assay.internal.v1.Sessions/Exchange"
"""A stream both ways. Not part of the contract: nobody but servers of the same fleet is let in."""

TICKET: Final = "assay-ticket"
"""The metadata that lets in."""

_ENOUGH_BYTES = 1 << 20
_ANSWERED, _FAULT, _NOT_HELD, _FAILED = range(4)
_pack = cast("Callable[[object], bytes]", msgpack.packb)  # pyright: ignore[reportUnknownMemberType] - without types


class Asked(NamedTuple):
    """A question; its answer has its number."""

    number: int
    question: Question


class TakenBack(NamedTuple):
    """Nobody waits for the answer any more: the caller has gone, or its time is over."""

    number: int


class Closed(NamedTuple):
    """Sessions that are closed, in the journal already."""

    tenant: str
    session_ids: tuple[str, ...]


class Failed(Exception):
    """The server that was asked failed in a way that nobody foresaw; its log has the details."""


Said: TypeAlias = "Asked | TakenBack | Closed"
Reply: TypeAlias = "SessionView | SessionFault | NotHeld | Failed"


class BadFrame(Exception):
    """The bytes are not what a server of this version says."""


class _Unpacker(Protocol):
    def feed(self, data: bytes) -> None: ...

    def __iter__(self) -> Iterator[tuple[object, ...]]: ...


def encode_said(said: Said) -> bytes:
    """What one server says to another."""
    match said:
        case Asked(number, question):
            place = (number, question.tenant, question.session_id)
            action = question.action
            return _pack(place if action is None else (*place, action.action, action.expected_step, action.agent_id))
        case TakenBack(number):
            return _pack((number,))
        case Closed(tenant, session_ids):
            return _pack((tenant, *session_ids))


def decode_said(data: bytes) -> Iterator[Said]:
    """What a server says. Raises BadFrame."""
    for item in _items(data):
        match item:
            case (int(number), str(tenant), str(session_id), str(text), int(step), str(agent)):
                yield Asked(number, Question(tenant, session_id, Action(session_id, text, step, agent)))
            case (int(number), str(tenant), str(session_id)):
                yield Asked(number, Question(tenant, session_id))
            case (int(number),):
                yield TakenBack(number)
            case (str(tenant), *session_ids):
                yield Closed(tenant, tuple(str(name) for name in session_ids))
            case _:
                raise BadFrame("this is no question")


def encode_reply(number: int, reply: Reply) -> bytes:
    """An answer."""
    match reply:
        case SessionView():
            return _pack((number, _ANSWERED, reply.session_id, reply.group_id, reply.index, reply.state))
        case SessionFault():
            told = (reply.reason.value, reply.message, reply.field, reply.retry_after)
            return _pack((number, _FAULT, *told, *itertools.chain(*reply.metadata.items())))
        case NotHeld():
            return _pack((number, _NOT_HELD))
        case Failed():
            return _pack((number, _FAILED))


def decode_replies(data: bytes) -> Iterator[tuple[int, Reply]]:
    """What a server answers. Raises BadFrame."""
    for item in _items(data):
        match item:
            case (int(number), 0, str(session_id), str(group_id), int(index), bytes(state)):
                yield number, SessionView(session_id, group_id, index, state)
            case (int(number), 1, str(reason), str(text), str(field), (None | int() | float()) as wait, *told):
                words = [str(word) for word in told]
                metadata = dict(zip(words[::2], words[1::2], strict=False))
                yield number, SessionFault(_reason(reason), text, metadata, field, wait)
            case (int(number), 2):
                yield number, NotHeld("it says that it does not hold it")
            case (int(number), 3):
                yield number, Failed("another server of the fleet failed on this; its log has the details")
            case _:
                raise BadFrame("this is no answer")


def together(items: Sequence[bytes]) -> Iterator[bytes]:
    """Messages that hold these, in order, none of them large unless one item is."""
    waiting: list[bytes] = []
    size = 0
    for item in items:
        waiting.append(item)
        size += len(item)
        if size > _ENOUGH_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


def _items(data: bytes) -> Iterator[tuple[object, ...]]:
    unpacker = cast("_Unpacker", msgpack.Unpacker(use_list=False, max_buffer_size=len(data) + 1))
    try:
        unpacker.feed(data)
        yield from unpacker
    except ValueError as error:
        raise BadFrame("the bytes are damaged") from error


def _reason(name: str) -> Reason:
    try:
        return Reason(name)
    except ValueError:
        raise BadFrame("a reason that this version does not know") from None
