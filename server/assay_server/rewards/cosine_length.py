"""``reward/cosine_length``: short right answers and long wrong ones."""

from __future__ import annotations

from assay.sdk import Evidence, Sample, Score, Unscorable, Verdict, reward
from assay_server.rewards.correctness import Verifier, judge
from assay_server.rewards.length_formulas import cosine_length as formula


@reward(
    "reward/cosine_length-v1",
    bounds=(-1.0, 1.0),
    aliases=("cosine_length",),
    required_signals=("num_tokens",),
    reference_keys=("answer",),
    source="reward/cosine_length (Open-RS)",
)
def cosine_length(
    sample: Sample,
    *,
    max_length: int,
    correct_short: float = 1.0,
    correct_long: float = 0.5,
    wrong_short: float = -1.0,
    wrong_long: float = -0.5,
    correctness: Verifier = "math",
) -> Score:
    """``long + (short - long)(1 + cos(pi min(tokens / max_length, 1))) / 2`` with the pair of the verdict.

    ``max_length`` and the length are in tokens; longer responses are clamped. ``correctness`` names the verifier
    whose verdict chooses the pair; verdict and answer key are passed on.
    """
    if max_length < 1:
        raise Unscorable("INVALID_PARAMETER", f"max_length: expected at least 1 token, got {max_length}")
    judged = judge(correctness, sample)
    right = judged.verdict is Verdict.CORRECT
    short, long = (correct_short, correct_long) if right else (wrong_short, wrong_long)
    length = sample.num_tokens or 0
    value = formula(length, max_length, short, long)
    detail = {"num_tokens": length, "max_length": max_length, "correct": right}
    evidence = Evidence(
        reason=f"{length} tokens, {'right' if right else 'wrong'}", layer=correctness, detail={**detail}
    )
    return Score(value, judged.verdict, evidence, judged.answer_key)
