"""``qa/f1``: how many words do the answer and a gold share?"""

from __future__ import annotations

from collections import Counter

from assay.sdk import Evidence, Sample, Score, Verdict, reward
from assay_server.rewards.answers import short_key
from assay_server.rewards.qa_answers import Gate, answer_of, golds_of, squad_normal

_WHOLE = frozenset(("yes", "no", "noanswer"))


@reward(
    "qa/f1-v1",
    bounds=(0.0, 1.0),
    reference_keys=("answer", "answers"),
    source="F1 of SQuAD (Rajpurkar et al. 2016); yes and no as HotpotQA has them",
)
def qa_f1(sample: Sample, *, gate: Gate = "none", correct_from: float = 1.0) -> Score:
    """The best ``2 P R / (P + R)`` over the golds, of words with their counts, in SQuAD's normal form.

    ``yes``, ``no`` and ``noanswer`` share nothing with any other answer. CORRECT from ``correct_from``. Components:
    ``precision`` and ``recall`` against the best gold.
    """
    golds = golds_of(sample.reference)
    judged = answer_of(sample, gate)
    if judged is None:
        nothing = {"precision": 0.0, "recall": 0.0}
        return Score(0.0, Verdict.INCORRECT, Evidence(reason="no answer found"), components=nothing)
    text = squad_normal(judged.text)
    f1, precision, recall = max(token_f1(text, squad_normal(gold)) for gold in golds)
    verdict = Verdict.CORRECT if f1 >= correct_from else Verdict.INCORRECT
    reason = f"precision {precision:.3g}, recall {recall:.3g}"
    evidence = Evidence(judged.text[:1000], judged.method, judged.start, judged.end, reason, "squad_words")
    return Score(f1, verdict, evidence, short_key(text), {"precision": precision, "recall": recall})


def token_f1(text: str, gold: str) -> tuple[float, float, float]:
    """F1, precision and recall of two normal forms; two empty ones agree."""
    if text == gold:
        return 1.0, 1.0, 1.0
    words, wanted = text.split(), gold.split()
    shared = sum((Counter(words) & Counter(wanted)).values())
    if not shared or text in _WHOLE or gold in _WHOLE:
        return 0.0, 0.0, 0.0
    precision, recall = shared / len(words), shared / len(wanted)
    return 2.0 * shared / (len(words) + len(wanted)), precision, recall
