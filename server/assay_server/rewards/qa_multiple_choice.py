"""``qa/multiple-choice``: which of several right options are chosen?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from assay.sdk import Evidence, Json, Sample, Score, Unscorable, Verdict, reward
from assay_server.rewards.judged_text import JudgedText
from assay_server.rewards.qa_answers import Gate, answer_of
from assay_server.rewards.set_formulas import subset_credit

_LETTERS = re.compile(
    r"(?:(?:the )?(?:correct )?(?:answers?|options?|choices?)(?: (?:is|are))?[ :]*+)?"
    r"[(\[{]?([A-Z])[)\]}.]?((?:(?: ?(?:,|;|/|&|and\b),? ?(?:and )?| )[(\[{]?[A-Z][)\]}.]?){0,25})[.\s]*+",
    re.IGNORECASE,
)
_LETTER = re.compile(r"(?<![A-Za-z])[A-Za-z](?![A-Za-z])")
_RUN = re.compile(r"[A-Z]{1,26}")
_WRAPPED = re.compile(r"\\text\{([^{}]*+)\}|\*\*")
_LONGEST = 400


@reward(
    "qa/multiple-choice-v1",
    bounds=(0.0, 1.0),
    reference_keys=("answer", "choices"),
    source="reward/set_subset_credit (TW-GRPO); Jaccard index",
)
def multiple_choice(
    sample: Sample, *, credit: Literal["subset", "jaccard", "all"] = "subset", gate: Gate = "none"
) -> Score:
    """The part of the right options that is chosen: ``|P| / |G|`` where P is a subset of G, else 0.

    ``jaccard``: ``|P & G| / |P | G|``; ``all``: 1 where P is G, else 0. The reference is a list of letters, or text
    of letters (``"A, C"``, ``"AC"``); with ``choices`` (a list, or an object by letter) letters beyond them are no
    choice. CORRECT where P is G.
    """
    gold = _gold(sample.reference)
    judged = answer_of(sample, gate)
    chosen = None if judged is None else _read(judged)
    if judged is None or chosen is None:
        return Score(0.0, Verdict.INCORRECT, Evidence(reason="no choice found"))
    if credit == "subset":
        earned = subset_credit(chosen, gold)
    elif credit == "jaccard":
        earned = len(chosen & gold) / len(chosen | gold)
    else:
        earned = float(chosen == gold)
    missed, wrong = "".join(sorted(gold - chosen)), "".join(sorted(chosen - gold))
    reason = f"missed {missed or 'none'}, wrong {wrong or 'none'}"
    evidence = Evidence(judged.text[:1000], judged.method, judged.start, judged.end, reason, "letters")
    verdict = Verdict.CORRECT if chosen == gold else Verdict.INCORRECT
    return Score(earned, verdict, evidence, ",".join(sorted(chosen)))


def _gold(reference: Mapping[str, Json]) -> frozenset[str]:
    answer = reference.get("answer")
    if answer is None:
        raise Unscorable("REFERENCE_MISSING", "the reference has no 'answer'", field="reference.answer")
    if isinstance(answer, list) and answer and all(isinstance(item, str) for item in answer):
        read = frozenset(str(item).strip().upper() for item in answer)
    else:
        read = letters_in(answer) if isinstance(answer, str) else None
    choices = reference.get("choices")
    known = None
    if isinstance(choices, dict):
        known = {letter.upper() for letter in choices}
    elif isinstance(choices, list) and 0 < len(choices) <= 26:
        known = {chr(ord("A") + place) for place in range(len(choices))}
    if not read or not all(_RUN.fullmatch(letter) and len(letter) == 1 for letter in read):
        raise Unscorable("REFERENCE_UNPARSEABLE", "answer: expected letters A to Z", field="reference.answer")
    if (choices is not None and known is None) or (known is not None and not read <= known):
        message = "choices: expected a list, or an object by letter, that has the answer's letters"
        raise Unscorable("REFERENCE_UNPARSEABLE", message, field="reference.choices")
    return read


def _read(judged: JudgedText) -> frozenset[str] | None:
    return letters_in(judged.text)


def letters_in(text: str) -> frozenset[str] | None:
    """The letters of a text that is nothing but letters: ``A, C``, ``(A) and (C)``, ``AC``; else None."""
    if len(text) > _LONGEST:
        return None
    text = _WRAPPED.sub(lambda match: match[1] or "", text).strip().strip("$").strip()
    if _RUN.fullmatch(text) is not None and len(set(text)) == len(text):
        return frozenset(text)
    match = _LETTERS.fullmatch(text)
    if match is None:
        return None
    return frozenset(letter.upper() for letter in (match[1], *_LETTER.findall(match[2])))
