"""What a registered plugin is asked, as JSON texts: written by the server, read in the sandbox."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TypeVar, cast

import numpy as np

from assay.sdk import FinishedGroup, GroupMember, Sample, Step, ToolCall, Verdict

Value = TypeVar("Value")

_ARRAY = "array"


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: what is said of a sample, or of finished groups.

    Attributes:
        params: the plugin's keyword arguments, as JSON has them.
    """

    number: int
    params: Mapping[str, object]
    sample: Sample | None = None
    groups: tuple[FinishedGroup, ...] = ()


def encode_asked(asked: Asked) -> bytes:
    """The question as it is sent. Raises ValueError for what JSON cannot hold."""
    body: dict[str, object] = {"n": asked.number, "p": asked.params}
    if asked.sample is not None:
        body["s"] = asked.sample
    else:
        body["g"] = asked.groups
    return json.dumps(body, default=_plain, ensure_ascii=False).encode()


def renumbered(question: bytes, number: int) -> bytes:
    """A question as :func:`encode_asked` wrote it, with another number; the rest is not looked at."""
    return b'{"n": %d%b' % (number, question[question.index(b",") :])


def _plain(value: object) -> object:
    match value:
        case Sample():
            told = _fields(value)
            if value.steps and value.steps[-1].action == value.response:
                told["response"] = None  # it would be sent twice
            return told
        case Step() | ToolCall() | FinishedGroup() | GroupMember():
            return _fields(value)
        case Mapping():
            return dict(cast("Mapping[str, object]", value))
        case Verdict():
            return value.value
        case np.ndarray():
            array = np.ascontiguousarray(cast("np.ndarray[tuple[int, ...], np.dtype[np.generic]]", value))
            return {_ARRAY: [array.dtype.str, list(array.shape), base64.b64encode(array.tobytes()).decode()]}
        case np.generic():
            return cast("object", value.item())
        case _:
            raise ValueError(f"a {type(value).__name__} is no JSON value")


def _fields(of: Sample | Step | ToolCall | FinishedGroup | GroupMember) -> dict[str, object]:
    return {item.name: getattr(of, item.name) for item in fields(of)}


def decode_asked(payload: bytes) -> Asked:
    """What :func:`encode_asked` wrote. Only ever fed by the server."""
    body = cast("Mapping[str, object]", json.loads(payload))
    number = cast("int", body["n"])
    params = cast("Mapping[str, object]", body["p"])
    if "s" in body:
        return Asked(number, params, sample=_sample(body["s"]))
    groups = tuple(_read(FinishedGroup, one, members=_members) for one in cast("Sequence[object]", body["g"]))
    return Asked(number, params, groups=groups)


def _sample(given: object) -> Sample:
    told = cast("dict[str, object]", given)
    if told["response"] is None:
        told["response"] = cast("Sequence[Mapping[str, object]]", told["steps"])[-1]["action"]
    return _read(Sample, told, steps=_steps, signals=_signals)


def _sample_or_none(given: object) -> Sample | None:
    return None if given is None else _sample(given)


def _steps(given: object) -> tuple[Step, ...]:
    return tuple(_read(Step, one, tool_calls=_tool_calls) for one in cast("Sequence[object]", given))


def _tool_calls(given: object) -> tuple[ToolCall, ...]:
    return tuple(_read(ToolCall, one) for one in cast("Sequence[object]", given))


def _members(given: object) -> tuple[GroupMember, ...]:
    return tuple(
        _read(GroupMember, one, signals=_signals, verdict=Verdict, sample=_sample_or_none)
        for one in cast("Sequence[object]", given)
    )


def _signals(given: object) -> dict[str, object]:
    return {name: _signal(value) for name, value in cast("Mapping[str, object]", given).items()}


def _signal(value: object) -> object:
    if not isinstance(value, dict):
        return value
    kind, shape, data = cast("Mapping[str, tuple[str, list[int], str]]", value)[_ARRAY]
    return np.frombuffer(base64.b64decode(data), np.dtype(kind)).reshape(shape)


def _read(made: Callable[..., Value], given: object, **readers: Callable[..., object]) -> Value:
    told = cast("Mapping[str, object]", given)
    return made(**{name: readers[name](value) if name in readers else value for name, value in told.items()})
