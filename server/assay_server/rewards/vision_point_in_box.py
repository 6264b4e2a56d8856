"""``vision/point-in-box``: is the point inside the box?"""

from __future__ import annotations

from collections.abc import Mapping

from assay.sdk import Evidence, Json, Sample, Score, Unscorable, Verdict, reward
from assay_server.rewards.numeric_answers import (
    final_text,
    json_in,
    missing,
    number_of,
    numbers_in,
    numbers_of,
    unparseable,
)


@reward(
    "vision/point-in-box-v1",
    bounds=(0.0, 1.0),
    binary=True,
    reference_keys=("box", "boxes"),
    source="point inside box (GUI-R1)",
)
def point_in_box(sample: Sample) -> Score:
    """1 where the answer's point lies in ``box`` [x1, y1, x2, y2], edges included, or in one of ``boxes``; else 0.

    The point is two numbers, a JSON list or ``{"x", "y"}``; an answer of four numbers is a box, and its centre counts.
    Any other number of numbers is no point.
    """
    boxes = boxes_of(sample.reference)
    judged = final_text(sample)
    point = None if judged is None else point_in(judged.text)
    if judged is None or point is None:
        return Score(0.0, Verdict.INCORRECT, Evidence(reason="no point found"))
    inside = any(is_inside(point, box) for box in boxes)
    reason = "inside the box" if inside else "outside the box"
    evidence = Evidence(judged.text[:1000], judged.method, judged.start, judged.end, reason, "point")
    verdict = Verdict.CORRECT if inside else Verdict.INCORRECT
    return Score(float(inside), verdict, evidence, f"{point[0]:g},{point[1]:g}")


def boxes_of(reference: Mapping[str, Json]) -> list[list[float]]:
    """``box``, or ``boxes``.

    Raises:
        Unscorable: there is none, or one is not four numbers with its first corner before its second.
    """
    key = "boxes" if "boxes" in reference else "box"
    held = reference.get(key)
    if held is None:
        raise missing(key)
    boxes = held if key == "boxes" and isinstance(held, list) else [held]
    read: list[list[float]] = []
    for item in boxes:
        box = numbers_of(item, 4)
        if box is None or box[0] > box[2] or box[1] > box[3]:
            raise unparseable(key, "[x1, y1, x2, y2] with x1 <= x2 and y1 <= y2")
        read.append(box)
    if not read:
        raise Unscorable("REFERENCE_UNPARSEABLE", "boxes: expected one at least", field="reference.boxes")
    return read


def is_inside(point: tuple[float, float], box: list[float]) -> bool:
    """Whether a point lies in a box or on its edge."""
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


def point_in(text: str) -> tuple[float, float] | None:
    """The point that a text says, or that a JSON value is; None where it says none, or more than one."""
    return point_of(json_in(text)) or _point_of_numbers(numbers_in(text))


def point_of(held: Json) -> tuple[float, float] | None:
    """The point that a JSON value is."""
    if isinstance(held, dict):
        x, y = number_of(held.get("x")), number_of(held.get("y"))
        if x is not None and y is not None:
            return x, y
        held = next((held[key] for key in ("point", "coordinate", "box", "bbox") if key in held), None)
    return _point_of_numbers(numbers_of(held) or [])


def _point_of_numbers(read: list[float]) -> tuple[float, float] | None:
    if len(read) == 2:
        return read[0], read[1]
    if len(read) == 4:
        return (read[0] + read[2]) / 2.0, (read[1] + read[3]) / 2.0
    return None
