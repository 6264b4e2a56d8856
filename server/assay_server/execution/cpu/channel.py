"""Messages between the server, the template and its workers. What a worker says is never unpickled.

To a worker go pickles: it runs nothing but what the server sends. From a worker, which may have been taken over by
the code it ran, come JSON texts of known shape.
"""

from __future__ import annotations

import json
import math
import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import NoReturn, cast

from assay.sdk import Evidence, FinishedGroup, GroupMember, Json, Sample, Score, SpanReward, Unscorable, Verdict

HEADER = struct.Struct("<I")
MAX_ANSWER = 4 * 1024 * 1024
MEMORY_LIMIT = "MEMORY_LIMIT"
_POSITIONS = 1 << 31
_UNFIT = "it holds text that is not valid, a number that is not finite, or what is no JSON value"
_LONGEST_REASON = 100
_LONGEST_MESSAGE = 4000


@dataclass(frozen=True, slots=True)
class Task:
    """One item for a worker: run a reward with these parameters on this sample."""

    number: int
    reward: str
    component: str
    params: Mapping[str, object]
    sample: Sample


@dataclass(frozen=True, slots=True)
class GroupTask:
    """One item for a worker: call what a plugin declares (``reward`` is its id) with finished groups."""

    number: int
    reward: str
    component: str
    params: Mapping[str, object]
    groups: tuple[FinishedGroup, ...]


@dataclass(frozen=True, slots=True)
class Discard:
    """Forget items that were sent and are not started."""

    numbers: frozenset[int]


def frame(payload: bytes) -> bytes:
    """The payload with its length before it."""
    return HEADER.pack(len(payload)) + payload


def encode_order(order: Task | GroupTask | Discard) -> bytes:
    """An order to a worker, framed."""
    if isinstance(order, Discard):
        return frame(pickle.dumps(("discard", sorted(order.numbers)), protocol=5))
    task = (order.number, order.reward, order.component, dict(order.params))
    if isinstance(order, GroupTask):
        groups = [(group.group_id, group.prompt_id, group.global_step, _members(group)) for group in order.groups]
        return frame(pickle.dumps(("groups", *task, groups), protocol=5))
    return frame(pickle.dumps(("task", *task, _fields(order.sample)), protocol=5))


def _fields(of: Sample | GroupMember) -> dict[str, object]:
    return {item.name: _plain(getattr(of, item.name)) for item in fields(of)}


def _members(group: FinishedGroup) -> list[dict[str, object]]:
    return [
        _fields(member) | {"sample": None if member.sample is None else _fields(member.sample)}
        for member in group.members
    ]


def _plain(value: object) -> object:
    return dict(cast("Mapping[str, object]", value)) if isinstance(value, Mapping) else value


def decode_order(payload: bytes) -> Task | GroupTask | Discard:
    """What :func:`encode_order` framed. Only ever fed by the server."""
    kind, *rest = pickle.loads(payload)  # noqa: S301 - comes from the server, which is trusted by its workers
    if kind == "discard":
        return Discard(frozenset(rest[0]))
    number, reward, component, params, given = rest
    if kind == "task":
        return Task(number, reward, component, params, Sample(**given))
    groups = tuple(FinishedGroup(name, _told(members), prompt, step) for name, prompt, step, members in given)
    return GroupTask(number, reward, component, params, groups)


def _told(members: list[dict[str, object]]) -> tuple[GroupMember, ...]:
    found: list[GroupMember] = []
    for member in members:
        sample = cast("dict[str, object] | None", member["sample"])
        named = member | {"sample": None if sample is None else Sample(**sample)}  # pyright: ignore[reportArgumentType] - as encoded
        found.append(GroupMember(**named))  # pyright: ignore[reportArgumentType] - as encoded
    return tuple(found)


# ---------------------------------------------------------------- answers


@dataclass(frozen=True, slots=True)
class Computed:
    """What a plugin said of finished groups: numbers, one per member and group; or a text."""

    numbers: tuple[tuple[float, ...], ...] = ()
    text: str = ""


Outcome = Score | Computed | Unscorable


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker says: an item's outcome, the next item's start, or both.

    Attributes:
        started: number of the item that starts now, with the worker's CPU seconds so far.
        retiring: the worker will take no more items (a thread was left running, memory ran out).
    """

    number: int | None = None
    outcome: Outcome | None = None
    started: int | None = None
    cpu_seconds: float = 0.0
    retiring: bool = False


class BadReport(Exception):
    """A worker said something that is no report."""


def encode_report(report: Report) -> bytes:
    """A report, framed; what its outcome cannot be written as becomes REWARD_FAILED."""
    try:
        payload = _payload(report)
    except Exception:  # noqa: BLE001 - whatever a reward put into its score shows here at the latest
        payload = _payload(replace(report, outcome=_unwritable(_UNFIT)))
    if len(payload) > MAX_ANSWER:
        what = f"{len(payload)} bytes, where {MAX_ANSWER} are allowed"
        payload = _payload(replace(report, outcome=_unwritable(what)))
    return frame(payload)


def _payload(report: Report) -> bytes:
    body: dict[str, Json] = {"s": report.started, "c": report.cpu_seconds, "x": report.retiring, "n": report.number}
    if isinstance(report.outcome, Score):
        body["o"] = _score_json(report.outcome)
    elif isinstance(report.outcome, Computed):
        body["v"] = [list(numbers) for numbers in report.outcome.numbers]
        body["t"] = report.outcome.text
    elif report.outcome is not None:
        error = report.outcome
        body["u"] = [error.reason[:_LONGEST_REASON], error.message[:_LONGEST_MESSAGE], error.field, error.retryable]
    # Lone surrogates do not encode, numbers that are not finite are refused: neither has a place in an answer.
    return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()


def _unwritable(what: str) -> Unscorable:
    return Unscorable("REWARD_FAILED", f"the reward returned a score that cannot be sent: {what[:200]}")


def _not_finite(constant: str) -> NoReturn:
    raise ValueError(f"{constant} in a report")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _not_finite(text[:20])


_DECODER = json.JSONDecoder(parse_constant=_not_finite, parse_float=_finite)


def decode_report(payload: bytes) -> Report:
    """A worker's report, checked in every field; an outcome that is none becomes REWARD_FAILED.

    Raises:
        BadReport: it is none.
    """
    try:
        body = _DECODER.decode(payload.decode())
        report = Report(_number(body["n"]), None, _number(body["s"]), float(body["c"]), bool(body["x"]))
    except _DAMAGE as error:
        raise BadReport(str(error)) from error
    if report.number is None:
        return report
    try:
        if b"\\u" in payload:
            json.dumps(body, ensure_ascii=False).encode()  # a lone surrogate came as an escape
        return replace(report, outcome=_outcome_of(body))
    except _DAMAGE:
        return replace(report, outcome=_unwritable(_UNFIT))


_DAMAGE = (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError)


def _outcome_of(body: Mapping[str, Json]) -> Outcome:
    if "o" in body:
        return _score_of(cast("Mapping[str, Json]", body["o"]))
    if "v" in body:
        given = cast("list[list[Json]]", body["v"])
        return Computed(tuple(tuple(map(_real, numbers)) for numbers in given), _text(body["t"]))
    reason, message, field, retryable = cast("list[Json]", body["u"])
    return Unscorable(_text(reason), _text(message), field=_text(field), retryable=bool(retryable))


def _number(value: object) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise TypeError("expected an item number")


def _real(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise TypeError("expected a number")


def _position(value: object) -> int:
    number = _number(value)
    if number is None or not 0 <= number < _POSITIONS:
        raise ValueError("expected a position")
    return number


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("expected a text")
    return value


def _score_json(score: Score) -> dict[str, Json]:
    evidence = score.evidence
    return {
        "value": float(score.value),
        "verdict": score.verdict.value,
        "key": score.answer_key,
        "components": {str(name): float(value) for name, value in score.components.items()},
        "constraints": {str(name): bool(kept) for name, kept in score.constraints.items()},
        "spans": [[span.step_index, span.start, span.end, span.label, span.reward] for span in score.spans],
        "evidence": None if evidence is None else [_plain_json(getattr(evidence, item)) for item in _EVIDENCE],
    }


_EVIDENCE = tuple(item.name for item in fields(Evidence))


def _plain_json(value: Json | Mapping[str, Json]) -> Json:
    return dict(value) if isinstance(value, Mapping) else value


def _score_of(body: Mapping[str, Json]) -> Score:
    evidence = body["evidence"]
    components = cast("Mapping[str, float]", body["components"])
    constraints = cast("Mapping[str, bool]", body["constraints"])
    spans = cast("list[tuple[int, int, int, str, float]]", body["spans"])
    return Score(
        value=float(cast("float", body["value"])),
        verdict=Verdict(body["verdict"]),
        evidence=None if evidence is None else _evidence_of(cast("list[Json]", evidence)),
        answer_key=_text(body["key"]),
        components={_text(name): float(value) for name, value in components.items()},
        constraints={_text(name): bool(kept) for name, kept in constraints.items()},
        spans=tuple(
            SpanReward(_position(s), _position(a), _position(b), _text(label), float(r)) for s, a, b, label, r in spans
        ),
    )


def _evidence_of(values: list[Json]) -> Evidence:
    named = dict(zip(_EVIDENCE, values, strict=True))
    texts = {name: _text(named[name]) for name in ("extracted", "method", "reason", "layer")}
    numbers = {name: _position(named[name]) for name in ("start", "end", "step_index")}
    detail = named["detail"]
    if not isinstance(detail, dict):
        raise TypeError("expected an object")
    return Evidence(detail=detail, **texts, **numbers)  # pyright: ignore[reportArgumentType] - split by type above
