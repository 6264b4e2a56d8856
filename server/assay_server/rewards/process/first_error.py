"""``reward/first_error_index``: what a critique is worth that names the first wrong step of a solution."""

from __future__ import annotations

import re
from collections.abc import Mapping

from assay.sdk import Evidence, Json, Sample, Score, Unscorable, Verdict, reward
from assay_server.rewards.numeric_answers import final_text, json_in, missing, number_of, unparseable

_WHOLE = re.compile(r"(?<![\w.])[+-]?\d{1,6}(?![\w]|\.\d)")
_MOST_STEPS = 100_000


@reward(
    "reward/first_error_index-v1",
    bounds=(-1.0, 1.0),
    reference_keys=("first_error", "steps"),
    source="reward/first_error_index: the judge's own reward of FAPO",
)
def first_error_index(sample: Sample) -> Score:
    """What an index of the first error is worth; -1 stands for no error, indices count from 0.

    1 for a correct solution that is called so, ``1 - |predicted - gold| / steps`` for an error that is found somewhere,
    -1 for an error where there is none, none where there is one, and for an answer that is no index. The answer is the
    last whole number of the final answer, or ``{"first_error": k}``. CORRECT where it is the gold index.
    """
    gold, steps = _gold(sample.reference)
    found = final_text(sample)
    predicted = None if found is None else _index(found.text, marked=found.method != "whole_text")
    if found is None or predicted is None or not -1 <= predicted < steps:
        return Score(-1.0, Verdict.INCORRECT, Evidence(reason=f"no index from -1 to {steps - 1} found", layer="index"))
    if (predicted == -1) != (gold == -1):
        value, reason = -1.0, "an error where there is none" if gold == -1 else "no error where there is one"
    else:
        value, reason = 1.0 - abs(predicted - gold) / steps, f"{abs(predicted - gold)} steps from the first error"
    evidence = Evidence(found.text[:1000], found.method, found.start, found.end, reason, "index")
    verdict = Verdict.CORRECT if predicted == gold else Verdict.INCORRECT
    return Score(value, verdict, evidence, str(predicted))


def _index(text: str, *, marked: bool) -> int | None:
    held = json_in(text)
    if isinstance(held, dict):
        number = number_of(held.get("first_error"))
        return int(number) if number is not None and number == int(number) else None
    numbers = _WHOLE.findall(text.replace("\u2212", "-"))
    if not numbers or (marked and len(set(numbers)) > 1):
        return None
    return int(numbers[-1])


def _gold(reference: Mapping[str, Json]) -> tuple[int, int]:
    read: list[int] = []
    for key, low in (("steps", 1), ("first_error", -1)):
        if reference.get(key) is None:
            raise missing(key)
        number = number_of(reference[key])
        if number is None or number != int(number) or not low <= number <= _MOST_STEPS:
            raise unparseable(key, f"a whole number from {low}")
        read.append(int(number))
    steps, gold = read
    if gold >= steps:
        message = f"first_error: expected an index below the {steps} steps, got {gold}"
        raise Unscorable("REFERENCE_UNPARSEABLE", message, field="reference.first_error")
    return gold, steps
