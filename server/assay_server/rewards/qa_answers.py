"""What the question answering rewards share: SQuAD's normal form, several golds, and the gate of form."""

from __future__ import annotations

import math
import re
import string
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from assay.sdk import Json, Sample, Unscorable
from assay_server.rewards.extraction import extract_answer
from assay_server.rewards.judged_text import JudgedText, judged_text
from assay_server.rewards.references import reference_text

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_MOST = 1000
_MARKS = {"answer_tag": ("answer_tag",), "boxed": ("boxed",), "marked": ("answer_tag", "boxed")}
_WITHOUT_MARK = ("last_number",)

Gate: TypeAlias = Literal["none", "marked", "answer_tag", "boxed"]
"""How an answer must be marked to be looked at."""


def squad_normal(text: str) -> str:
    """Lower case, no ASCII punctuation, no a / an / the, single spaces (Rajpurkar et al. 2016, evaluation script)."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def is_gold(text: str, golds: Sequence[str]) -> bool:
    """Whether an answer is one of the golds, in SQuAD's normal form; an empty one is compared as it stands."""
    normal = squad_normal(text)
    return any(normal == squad_normal(gold) if normal else text.strip() == gold.strip() for gold in golds)


def golds_of(reference: Mapping[str, Json]) -> Sequence[str]:
    """The texts that are right: ``answers``, a list, or ``answer``, a text, a number, or a list.

    Raises:
        Unscorable: ``REFERENCE_MISSING``, or ``REFERENCE_UNPARSEABLE`` where one is neither text nor a finite number.
    """
    key = "answers" if "answers" in reference else "answer"
    listed = reference.get(key)
    if isinstance(listed, dict):  # as SQuAD's own files have it
        listed = listed.get("text")
    if key == "answer" and not isinstance(listed, list):
        return [reference_text(reference)]
    if not isinstance(listed, list) or not 0 < len(listed) <= _MOST:
        message = f"{key}: expected a list of 1 to {_MOST} texts"
        raise Unscorable("REFERENCE_UNPARSEABLE", message, field=f"reference.{key}")
    golds: list[str] = []
    for item in listed:
        number = isinstance(item, int | float) and not isinstance(item, bool) and math.isfinite(item)
        if not number and not (isinstance(item, str) and item.strip()):
            raise Unscorable("REFERENCE_UNPARSEABLE", f"{key}: expected texts", field=f"reference.{key}")
        golds.append(str(item))
    return golds


def answer_of(sample: Sample, gate: Gate) -> JudgedText | None:
    """The answer: what is marked, else the whole response outside thoughts; None where the gate refuses it."""
    found = extract_answer(sample.response, prompt=sample.prompt, truncated=sample.truncated)
    if found is not None and found.method not in _WITHOUT_MARK:
        if gate == "none" or found.method in _MARKS[gate]:
            return JudgedText(found.text, found.method, found.start, found.end)
        return None
    return judged_text(sample, "whole") if gate == "none" and not sample.truncated else None
