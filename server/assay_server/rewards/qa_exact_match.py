"""``qa/exact-match``: is the answer one of the golds, in SQuAD's normal form?"""

from __future__ import annotations

from assay.sdk import Evidence, Sample, Score, Verdict, reward
from assay_server.rewards.answers import short_key
from assay_server.rewards.qa_answers import Gate, answer_of, golds_of, is_gold, squad_normal


@reward(
    "qa/exact-match-v1",
    bounds=(0.0, 1.0),
    binary=True,
    reference_keys=("answer", "answers"),
    source="exact match of SQuAD (Rajpurkar et al. 2016)",
)
def qa_exact_match(sample: Sample, *, gate: Gate = "none") -> Score:
    """1 where the normal form of the answer is that of any gold, else 0.

    ``gate``: an answer that is not marked so is none. Golds whose normal form is empty are compared as they stand.
    """
    golds = golds_of(sample.reference)
    judged = answer_of(sample, gate)
    if judged is None:
        return Score(0.0, Verdict.INCORRECT, Evidence(reason="no answer found"))
    text = squad_normal(judged.text)
    return judged.score(is_gold(judged.text, golds), "squad_text", short_key(text or judged.text.strip()))
