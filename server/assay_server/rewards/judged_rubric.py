"""``judge/rubric``: how well does the response meet a rubric, in the eyes of a judging model?"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import cast

from assay.sdk import Evidence, Json, JudgeName, JudgeRequest, Lane, Ports, Sample, Score, Unscorable, reward
from assay_server.rewards.judged_questions import (
    LAYER,
    cost,
    judged_response,
    no_response,
    object_schema,
    rationale,
    undecided,
    with_question,
)
from assay_server.rewards.references import reference_text

_INSTRUCTIONS = """\
Score the text "response" against this rubric:

{rubric}

Give a short rationale first, then the score: a number from {lowest} (does not meet the rubric at all) to {highest} \
(meets it fully). Give null instead of a score only where the texts do not let you judge."""
_REFERENCE = '\nThe text "reference" is a good answer to compare with; other good answers may differ from it.'


@lru_cache(maxsize=64)
def _schema(lowest: int, highest: int) -> Mapping[str, Json]:
    """Held by every question that is under way, so it is one for all."""
    return object_schema(score={"type": ["number", "null"], "minimum": lowest, "maximum": highest})


@reward(
    "judge/rubric-v1",
    bounds=(0.0, 1.0),
    lane=Lane.IO,
    deterministic=False,
    source="reward/judge_rationale (Unified Multimodal Chain-of-Thought Reward Model, SPARK)",
)
async def rubric(
    sample: Sample,
    ports: Ports,
    *,
    endpoint: JudgeName,
    rubric: str,
    lowest: int = 0,
    highest: int = 10,
    with_reference: bool = False,
    thoughts: bool = False,
    temperature: float = 0.0,
    seed: int = 0,
) -> Score:
    """The judge's score, mapped from ``lowest``..``highest`` to 0..1; its rationale is the evidence.

    ``with_reference`` shows the judge ``reference.answer``; ``thoughts`` shows it the thoughts too.

    Raises:
        Unscorable: the judge cannot tell (JUDGE_UNDECIDED), or the port gave no verdict.
    """
    if not lowest < highest:
        raise Unscorable("INVALID_PARAMETER", f"lowest must be below highest, got {lowest} and {highest}")
    texts = {"reference": reference_text(sample.reference)} if with_reference else {}
    response = judged_response(sample, thoughts=thoughts)
    if response is None:
        return no_response()
    asked = _INSTRUCTIONS.format(rubric=rubric, lowest=lowest, highest=highest) + (_REFERENCE if texts else "")
    graded = with_question(sample, {**texts, "response": response.text})
    said = await ports.judge.ask(JudgeRequest(endpoint, asked, graded, _schema(lowest, highest), temperature, seed))
    score = cast("float | None", said.verdict["score"])
    if score is None:
        raise undecided(endpoint, said)
    detail = {**cost(endpoint, said), "score": score}
    return Score(
        (score - lowest) / (highest - lowest), evidence=Evidence(reason=rationale(said), layer=LAYER, detail=detail)
    )
