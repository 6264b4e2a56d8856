"""Messages as JSON: the one mapping of the command line and of HTTP.

Canonical proto JSON (lowerCamelCase out; snake_case is read too), with three rules of its own:

* a field ``x_json`` is ``x`` with the JSON value itself, so big integers and the difference between 1 and 1.0
  survive (``xJson`` holds the raw text, for text that is not JSON);
* a Content that is one text may be a plain string;
* a Signal is a number or a (nested, rectangular) list.

Integers of 64 bits are numbers where a double holds them exactly (below 2^53), else strings. Numbers that are not
finite are refused on input; on output they are ``null``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar, cast

from google.protobuf.message import Message

from assay._json_fields import JsonMappingError
from assay._json_reading import InvalidUnicode, read_message
from assay._json_writing import write_message
from assay._text import repaired
from assay.sdk.samples import Json
from assay.v1 import rollout_pb2 as v1

__all__ = [
    "JsonMappingError",
    "group_result_to_json",
    "message_from_json",
    "message_to_json",
    "rollout_from_json",
    "sample_result_to_json",
]

M = TypeVar("M", bound=Message)


def message_from_json(obj: Json, kind: type[M], path: str = "") -> M:
    """The message of type ``kind`` that a JSON value describes.

    Raises:
        JsonMappingError: an unknown field, a value of the wrong type, a number that is not finite, text that is not
            valid Unicode, or deep nesting.
    """
    message = kind()
    read_message(obj, message, path, 0)
    return message


def message_to_json(message: Message) -> dict[str, Json]:
    """The JSON object of a message; fields with their default value are left out."""
    return write_message(message, 0)


def rollout_from_json(obj: Json, path: str = "") -> v1.Rollout:
    """The rollout that a JSON object describes; text that is not valid Unicode is repaired and flagged.

    Raises:
        JsonMappingError: as :func:`message_from_json`.
    """
    try:
        return message_from_json(obj, v1.Rollout, path)
    except InvalidUnicode:
        rollout = message_from_json(repaired(obj), v1.Rollout, path)
        rollout.unicode_repaired = True
        return rollout


def sample_result_to_json(result: v1.SampleResult) -> dict[str, Json]:
    """``{"rolloutId", "score": {"value", "verdict", "components", "answerKey", ...}}`` or ``{"rolloutId", "error"}``.

    A score's value, verdict, components and answer key are always there, also where they are 0 or empty.
    """
    out: dict[str, Json] = {"rolloutId": result.rollout_id}
    if result.group_id:
        out["groupId"] = result.group_id
    if result.HasField("score"):
        score: dict[str, Json] = {
            "value": result.score.value,
            "verdict": v1.Verdict.Name(result.score.verdict),
            "components": {},
            "answerKey": "",
        }
        out["score"] = score | message_to_json(result.score)
    else:
        out["error"] = {"code": result.error.code, "message": result.error.message} | message_to_json(result.error)
    return out


def group_result_to_json(result: v1.GroupResult) -> dict[str, Json]:
    """A group with its rollouts and their steps nested; ``null`` where a member has no advantage."""
    written = message_to_json(result)
    arrays = {name: cast("list[Json]", written.get(name, [])) for name in _PARALLEL}
    rollouts: list[Json] = []
    start = 0
    for position, rollout_id in enumerate(result.rollout_ids):
        count = result.step_counts[position] if position < len(result.step_counts) else 0
        row: dict[str, Json] = {
            "rolloutId": rollout_id,
            "outcome": _at(arrays["memberOutcomes"], position),
            "reward": _at(arrays["rewards"], position),
            "advantage": _at(arrays["advantages"], position),
            "episodeAdvantage": _at(arrays["episodeAdvantages"], position),
            "steps": [_step(result, arrays, start, index) for index in range(count)],
        }
        rollouts.append(row)
        start += count
    rest: dict[str, Json] = {name: value for name, value in written.items() if name not in _PARALLEL}
    out: dict[str, Json] = {"groupId": result.group_id, "rollouts": rollouts, "kept": result.kept}
    return out | rest


_PARALLEL = (
    "rolloutIds", "memberOutcomes", "rewards", "advantages", "episodeAdvantages", "stepCounts", "stepReturns",
    "stepAdvantages", "stepTotals", "stepGroupIds", "stepGroupIndex",
)  # fmt: skip


def _step(result: v1.GroupResult, arrays: Mapping[str, list[Json]], start: int, index: int) -> dict[str, Json]:
    position = start + index
    group = result.step_group_index[position] if position < len(result.step_group_index) else -1
    return {
        "index": index,
        "stepGroupId": result.step_group_ids[group] if 0 <= group < len(result.step_group_ids) else "",
        "return": _at(arrays["stepReturns"], position),
        "stepAdvantage": _at(arrays["stepAdvantages"], position),
        "advantage": _at(arrays["stepTotals"], position),
    }


def _at(values: list[Json], position: int) -> Json:
    return values[position] if position < len(values) else None
