"""Answers that are a few numbers: intervals, points, rankings, assignments."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import cast

from assay.sdk import Json, Sample, Unscorable
from assay_server.rewards.extraction import extract_answer
from assay_server.rewards.judged_text import JudgedText
from assay_server.rewards.regions import without_thoughts

_NUMBER = re.compile(r"(?<![\d.])[+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?(?!\d)")
_FENCE = re.compile(r"```(?:[\w+-]*+[ \t]*+\n)?(.*?)```", re.DOTALL)
_LONGEST = 20_000
_LARGEST = 1e300
_MARKED = ("answer_tag", "boxed")


def final_text(sample: Sample) -> JudgedText | None:
    """What is boxed or in an answer tag, else the last fenced block, else the whole response outside thoughts."""
    found = extract_answer(sample.response, prompt=sample.prompt, truncated=sample.truncated)
    if found is not None and found.method in _MARKED:
        text = JudgedText(found.text, found.method, found.start, found.end)
        return text if len(text.text) <= _LONGEST else None
    region = without_thoughts(sample.response)
    if region is None or sample.truncated or not region.strip() or len(region) > _LONGEST:
        return None
    fence = next(reversed(list(_FENCE.finditer(region))), None)
    if fence is not None:
        return JudgedText(fence[1].strip(), "fence", fence.start(1), fence.end(1))
    start = len(region) - len(region.lstrip())
    return JudgedText(region.strip(), "whole_text", start, len(region.rstrip()))


def numbers_in(text: str) -> list[float]:
    """All finite numbers of a text, in order; a dash between two numbers is no sign."""
    read = [float(match[0]) for match in _NUMBER.finditer(text.replace("\u2212", "-"))]
    return [number for number in read if math.isfinite(number)]


def json_in(text: str) -> Json:
    """The JSON value that a text is; None where it is none."""
    try:
        return cast("Json", json.loads(text))
    except (ValueError, RecursionError):
        return None


def number_of(item: Json) -> float | None:
    """A finite number; None for anything else, booleans too."""
    if isinstance(item, bool) or not isinstance(item, int | float) or not -_LARGEST <= item <= _LARGEST:
        return None
    return float(item)


def numbers_of(item: Json, count: int | None = None) -> list[float] | None:
    """A list of (``count``) finite numbers; None for anything else."""
    if not isinstance(item, list) or (count is not None and len(item) != count):
        return None
    read = [number_of(each) for each in item]
    return None if None in read else cast("list[float]", read)


def missing(key: str) -> Unscorable:
    """The error where a reference lacks ``key``."""
    return Unscorable("REFERENCE_MISSING", f"the reference has no {key!r}", field=f"reference.{key}")


def unparseable(key: str, expected: str) -> Unscorable:
    """The error where a reference's ``key`` is not what is expected."""
    return Unscorable("REFERENCE_UNPARSEABLE", f"{key}: expected {expected}", field=f"reference.{key}")


def reference_numbers(reference: Mapping[str, Json], key: str, count: int) -> list[float]:
    """``count`` numbers.

    Raises:
        Unscorable: they are missing, or something else.
    """
    if reference.get(key) is None:
        raise missing(key)
    read = numbers_of(reference[key], count)
    if read is None:
        raise unparseable(key, f"a list of {count} finite numbers")
    return read
