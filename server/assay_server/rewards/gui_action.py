"""``gui/action``: is the action on the screen the right one, at the right place, with the right text?"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Literal

from assay.sdk import Evidence, Json, Sample, Score, Unscorable, Verdict, reward
from assay.sdk.values import value
from assay_server.rewards.answers import short_key
from assay_server.rewards.calls_literals import LiteralReader, UnreadableCall
from assay_server.rewards.numeric_answers import final_text, json_in, number_of, unparseable
from assay_server.rewards.qa_answers import squad_normal
from assay_server.rewards.qa_f1 import token_f1
from assay_server.rewards.vision_point_in_box import boxes_of, is_inside, point_of

_TYPE_KEYS = ("type", "action", "action_type", "name")
_TEXT_KEYS = ("text", "value", "content", "input_text", "direction", "key", "keys", "app", "app_name")
_POINT_KEYS = ("point", "coordinate", "box", "bbox")
_SAME_TYPE = {"tap": "click", "left_click": "click", "input": "type", "input_text": "type", "write": "type"}
_CALL = re.compile(r"(?:Action:\s*+)?([A-Za-z_]\w*+\()")


@value
class Action:
    """One action; None = it has no point, no text."""

    kind: str
    point: tuple[float, float] | None
    text: str | None


@reward(
    "gui/action-v1",
    bounds=(0.0, 1.0),
    reference_keys=("type", "box", "boxes", "point", "text"),
    source="reward/gui_action: type, point in box, text (GUI-R1; TON)",
)
def gui_action(
    sample: Sample,
    *,
    credit: Literal["all", "parts"] = "all",
    point_tolerance: float = 0.0,
    text_match: Literal["exact", "normalised", "f1"] = "normalised",
    text_threshold: float = 0.5,
) -> Score:
    """1 where type, point and text are right, each as far as the reference has it; ``parts``: their mean.

    The action is JSON (``{"action": "click", "point": [x, y]}``, also in a list of one) or a call
    (``click(x=1, y=2)``, ``type(text="a")``). The point must lie in ``box`` or ``boxes``, or within
    ``point_tolerance`` of ``point``; points and texts of another type are wrong. ``f1``: words shared, from
    ``text_threshold`` on. Components: ``format``, ``type``, ``point``, ``text``.
    """
    if point_tolerance < 0.0:
        raise Unscorable("INVALID_PARAMETER", f"point_tolerance must not be negative, got {point_tolerance}")
    wanted, boxes = _expected(sample.reference, point_tolerance)
    judged = final_text(sample)
    made = None if judged is None else action_in(judged.text)
    if judged is None or made is None:
        nothing = dict.fromkeys(("format", "type", *_asked(wanted, boxes)), 0.0)
        return Score(0.0, Verdict.INCORRECT, Evidence(reason="no action found"), components=nothing)
    parts = {"type": made.kind == wanted.kind}
    if boxes:
        point = made.point
        parts["point"] = parts["type"] and point is not None and any(is_inside(point, box) for box in boxes)
    if wanted.text is not None:
        same = made.text is not None and _same_text(made.text, wanted.text, text_match, text_threshold)
        parts["text"] = parts["type"] and same
    right = all(parts.values())
    reason = "as expected" if right else "wrong: " + ", ".join([name for name, good in parts.items() if not good])
    evidence = Evidence(judged.text[:1000], judged.method, judged.start, judged.end, reason, "action")
    verdict = Verdict.CORRECT if right else Verdict.INCORRECT
    earned = sum(parts.values()) / len(parts) if credit == "parts" else float(right)
    components = {"format": 1.0, **{name: float(good) for name, good in parts.items()}}
    return Score(earned, verdict, evidence, short_key(json.dumps([made.kind, made.point, made.text])), components)


def _asked(wanted: Action, boxes: list[list[float]]) -> list[str]:
    return [*(["point"] if boxes else []), *(["text"] if wanted.text is not None else [])]


def _expected(reference: Mapping[str, Json], tolerance: float) -> tuple[Action, list[list[float]]]:
    kind, text = reference.get("type", reference.get("action")), reference.get("text")
    if kind is None:
        raise Unscorable("REFERENCE_MISSING", "the reference has no 'type'", field="reference.type")
    if not isinstance(kind, str) or not kind.strip():
        raise unparseable("type", "the name of an action")
    if text is not None and not isinstance(text, str):
        raise unparseable("text", "text")
    boxes: list[list[float]] = []
    if reference.get("box") is not None or reference.get("boxes") is not None:
        boxes = boxes_of(reference)
    elif reference.get("point") is not None:
        point = point_of(reference["point"])
        if point is None:
            raise unparseable("point", "[x, y]")
        x, y = point
        boxes = [[x - tolerance, y - tolerance, x + tolerance, y + tolerance]]
    return Action(_kind(kind), None, text), boxes


def _kind(name: str) -> str:
    plain = name.strip().lower().replace(" ", "_")
    return _SAME_TYPE.get(plain, plain)


def action_in(text: str) -> Action | None:
    """The one action that a text is; None where it is none, or several."""
    held = json_in(text)
    if isinstance(held, list) and len(held) == 1:
        held = held[0]
    if isinstance(held, dict):
        return _action_of(held)
    call = _CALL.search(text)
    if call is None or _CALL.search(text, call.end()) is not None:
        return None
    try:
        made = LiteralReader(text, call.start(1)).call()
    except UnreadableCall:
        return None
    arguments: dict[str, Json] = {"type": made.name, **{k: v for k, v in made.arguments.items() if k != "type"}}
    positional = list(made.positional)
    if positional and all(number_of(item) is not None for item in positional):
        arguments["point"] = positional
    elif len(positional) == 1:
        arguments["text" if isinstance(positional[0], str) else "point"] = positional[0]
    elif positional:
        return None
    return _action_of(arguments)


def _action_of(held: Mapping[str, Json]) -> Action | None:
    kind = next((held[key] for key in _TYPE_KEYS if isinstance(held.get(key), str)), None)
    inner = held.get("arguments", held.get("parameters"))
    fields = {**held, **inner} if isinstance(inner, dict) else held
    if not isinstance(kind, str) or not kind.strip():
        return None
    text = next((fields[key] for key in _TEXT_KEYS if isinstance(fields.get(key), str)), None)
    places = {key: fields[key] for key in ("x", "y", *_POINT_KEYS) if key in fields}
    return Action(_kind(kind), point_of(places), text if isinstance(text, str) else None)


def _same_text(text: str, wanted: str, how: Literal["exact", "normalised", "f1"], threshold: float) -> bool:
    if how == "exact" or not squad_normal(wanted):
        return text.strip() == wanted.strip()
    ours, gold = squad_normal(text), squad_normal(wanted)
    return ours == gold if how == "normalised" else token_f1(ours, gold)[0] >= threshold
