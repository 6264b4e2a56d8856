"""Answers as competitions have them, judged as a careful grader would, asked of all layers in both directions."""

from __future__ import annotations

from itertools import chain

import pytest

from assay.sdk import Sample, Verdict
from assay_server.execution.symbolic import SympySymbolic
from assay_server.rewards.verify_math import math_score

from . import algebra, mixed_questions, numbers_and_units, sets_and_words
from .entry import Entry

SYMBOLIC = SympySymbolic()
ENTRIES: list[Entry] = [
    *chain(numbers_and_units.INTEGERS, numbers_and_units.FRACTIONS, numbers_and_units.PERCENT_AND_MONEY),
    *chain(numbers_and_units.UNITS, numbers_and_units.BASES_AND_TIMES),
    *chain(algebra.ROOTS, algebra.LOGARITHMS, algebra.TRIGONOMETRY, algebra.COMPLEX, algebra.POLYNOMIALS),
    *chain(algebra.EQUATIONS, algebra.CALCULUS),
    *mixed_questions.MIXED,
    *chain(sets_and_words.INTERVALS, sets_and_words.COLLECTIONS, sets_and_words.WORDS),
]


def judged(prediction: str, reference: str) -> bool:
    sample = Sample("r", f"So it is \\boxed{{{prediction}}}.", {"answer": reference})
    return math_score(sample, SYMBOLIC).verdict is Verdict.CORRECT


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.reference} | {entry.reason}")
def test_what_is_right_is_accepted_and_what_is_wrong_refused(entry: Entry) -> None:
    lost = [text for text in entry.right if not judged(text, entry.reference) or not judged(entry.reference, text)]
    taken = [text for text in entry.wrong if judged(text, entry.reference) or judged(entry.reference, text)]
    assert (lost, taken) == ([], [])


def test_there_are_enough_cases() -> None:
    assert sum(len(entry.right) + len(entry.wrong) for entry in ENTRIES) >= 3000
