"""What an episode is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from assay.sdk import Json
from assay_server.environments.apps.errands_messages import MESSAGES
from assay_server.environments.apps.errands_records import RECORDS
from assay_server.environments.apps.tasks import Family
from assay_server.environments.option_values import flag_of, refuse_unknown, share_of, text_of, whole_of
from assay_server.environments.protocol import InvalidOptions

Scoring = Literal["fraction", "gain", "all"]

FAMILIES: Mapping[str, Family] = {one.__name__.replace("_", "-"): one for one in (*MESSAGES, *RECORDS)}
"""The kinds of tasks by name; each draws its tasks by seed."""

OPTIONS: Mapping[str, Json] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "family": {"enum": [*FAMILIES], "description": "a kind of task; by itself the seeds count through them"},
        "scoring": {"enum": ["fraction", "gain", "all"], "default": "fraction", "description": "of the state tests"},
        "schemas": {"enum": ["names", "full"], "default": "names", "description": "what the task shows of functions"},
        "code": {"type": "boolean", "default": False, "description": "actions may be programs; takes a sandbox"},
        "user": {"enum": ["scripted", "judge"], "default": "scripted", "description": "who answers questions"},
        "judge": {"type": "string", "description": "of the server's catalogue, where the user is one"},
        "failurePenalty": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.05},
        "missingPenalty": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.05},
        "violationPenalty": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.1},
        "maxSteps": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 40},
    },
}
_PROPERTIES = cast("Mapping[str, Mapping[str, Json]]", OPTIONS["properties"])


@dataclass(frozen=True, slots=True)
class AppsOptions:
    """The options of ``reset``, read. ``family`` is empty where the seed names it, ``judge`` for the scripted user."""

    family: str
    scoring: Scoring
    full_schemas: bool
    code: bool
    judge: str
    failure_penalty: float
    missing_penalty: float
    violation_penalty: float
    max_steps: int


def read_options(options: Mapping[str, Json]) -> AppsOptions:
    """Read what ``reset`` is given. Raises InvalidOptions."""
    refuse_unknown(options, _PROPERTIES)
    judge = text_of(options, "judge", "")
    if (_choice("user", options) == "judge") != bool(judge):
        raise InvalidOptions("judge", 'a judge is named where {"user": "judge"}, and only there')
    return AppsOptions(
        family=_choice("family", options) if "family" in options else "",
        scoring=cast("Scoring", _choice("scoring", options)),
        full_schemas=_choice("schemas", options) == "full",
        code=flag_of(options, "code", False),
        judge=judge,
        failure_penalty=_share("failurePenalty", options),
        missing_penalty=_share("missingPenalty", options),
        violation_penalty=_share("violationPenalty", options),
        max_steps=whole_of(options, "maxSteps", _PROPERTIES["maxSteps"]["default"], 1, 1000),
    )


def _choice(name: str, options: Mapping[str, Json]) -> str:
    allowed = cast("list[str]", _PROPERTIES[name]["enum"])
    value = options.get(name, _PROPERTIES[name].get("default"))
    if not isinstance(value, str) or value not in allowed:
        raise InvalidOptions(name, f"expected one of {', '.join(allowed)}, got {str(value)[:80]!r}")
    return value


def _share(name: str, options: Mapping[str, Json]) -> float:
    return share_of(options, name, _PROPERTIES[name]["default"])
