"""Messages between the engine and a worker. What a worker says is never unpickled.

To a worker go pickled lists of orders: it runs nothing but what the engine sends. From a worker, which may have been
taken over by the environment it ran, come fixed headers with a text or the bytes of an answer behind them.
"""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

from assay_server.sessions.episode import DIGEST_BYTES
from assay_server.sessions.values import Reason, SessionFault, SessionSpec, Turn

LENGTH = struct.Struct("<I")
MAX_FRAME = 256 * 1024 * 1024

_ANSWER = struct.Struct(f"<QBI{DIGEST_BYTES}sII")
_GOING, _ENDED, _ASKS, _FAULT = range(4)


@dataclass(frozen=True, slots=True)
class Open:
    """Make a session and take the recorded actions again; those before ``dump``, where there is one, are in it."""

    order: int
    session: int
    spec: SessionSpec
    turns: tuple[Turn, ...] = ()
    dump: bytes = b""


@dataclass(frozen=True, slots=True)
class Act:
    """Take one action; ``heard`` is what the outside answered, where it was asked."""

    order: int
    session: int
    action: str
    agent_id: str = ""
    heard: str = ""


@dataclass(frozen=True, slots=True)
class Drop:
    """Forget sessions."""

    sessions: tuple[int, ...]


Order: TypeAlias = "Open | Act | Drop"


def encode_orders(orders: Sequence[Order]) -> bytes:
    """Orders as one frame."""
    payload = pickle.dumps([_plain(order) for order in orders], protocol=5)
    return LENGTH.pack(len(payload)) + payload


def _plain(order: Order) -> tuple[object, ...]:
    match order:
        case Act():
            return ("a", order.order, order.session, order.action, order.agent_id, order.heard)
        case Open():
            turns = [(turn.action, turn.agent_id, turn.digest, turn.heard) for turn in order.turns]
            return ("o", order.order, order.session, order.spec.encode(), turns, order.dump)
        case Drop():
            return ("d", order.sessions)


def decode_orders(payload: bytes) -> Iterator[Order]:
    """What :func:`encode_orders` framed. Only ever fed by the engine."""
    plain = cast("list[tuple[object, ...]]", pickle.loads(payload))  # noqa: S301 - comes from the engine, which is trusted
    for kind, *rest in plain:
        match kind:
            case "a":
                yield Act(*rest)  # pyright: ignore[reportArgumentType] - written by _plain
            case "o":
                order, session, spec, turns, dump = cast(
                    "tuple[int, int, bytes, list[tuple[str, str, bytes, str]], bytes]", tuple(rest)
                )
                yield Open(order, session, SessionSpec.decode(spec), tuple(Turn(*turn) for turn in turns), dump)
            case _:
                yield Drop(cast("tuple[int, ...]", rest[0]))


class BadAnswer(Exception):
    """A worker said something that is no answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an order.

    Attributes:
        index: actions taken.
        digest: of ``state``.
        state: an encoded assay.v1.SessionState without ids; empty where there is a fault.
        dump: what an episode is resumed from, where one is due.
        request: what the outside is to be asked first; the action was not taken.
    """

    order: int
    index: int = 0
    ended: bool = False
    digest: bytes = b""
    state: bytes = b""
    dump: bytes = b""
    fault: SessionFault | None = None
    request: str = ""


def encode_answer(answer: Answer) -> bytes:
    """An answer with its header; several make a frame."""
    if answer.request:
        asked = answer.request.encode()
        return _ANSWER.pack(answer.order, _ASKS, answer.index, b"", len(asked), 0) + asked
    if answer.fault is None:
        kind = _ENDED if answer.ended else _GOING
        sizes = len(answer.state), len(answer.dump)
        return _ANSWER.pack(answer.order, kind, answer.index, answer.digest, *sizes) + answer.state + answer.dump
    fault = answer.fault
    body = json.dumps([fault.reason.value, fault.message[:2000], dict(fault.metadata), fault.field]).encode()
    return _ANSWER.pack(answer.order, _FAULT, answer.index, b"", len(body), 0) + body


def decode_answers(payload: bytes) -> Iterator[Answer]:
    """The answers of a frame.

    Raises:
        BadAnswer: it holds something else.
    """
    at = 0
    try:
        while at < len(payload):
            order, kind, index, digest, length, dumped = _ANSWER.unpack_from(payload, at)
            at += _ANSWER.size
            body, dump = payload[at : at + length], payload[at + length : at + length + dumped]
            if len(body) + len(dump) < length + dumped or kind > _FAULT:
                raise BadAnswer("a damaged answer")
            at += length + dumped
            if kind == _FAULT:
                yield Answer(order, index, fault=_fault(body))
            elif kind == _ASKS:
                yield Answer(order, index, request=body.decode())
            else:
                yield Answer(order, index, kind == _ENDED, digest, body, dump)
    except (struct.error, ValueError, TypeError, AttributeError) as error:
        raise BadAnswer(str(error)) from error


def _fault(body: bytes) -> SessionFault:
    reason, message, metadata, field = json.loads(body)
    return SessionFault(Reason(reason), str(message), {str(k): str(v) for k, v in metadata.items()}, str(field))
