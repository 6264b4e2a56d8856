"""``reward/flawed_positive``: a right answer that a wrong argument led to is worth less than a sound one."""

from __future__ import annotations

from typing import cast

from assay.sdk import Evidence, JudgeName, JudgeRequest, Lane, Ports, Sample, Score, SpanReward, Verdict, reward
from assay_server.rewards.judged_questions import (
    LAYER,
    cost,
    judged_response,
    object_schema,
    rationale,
    undecided,
    with_question,
)
from assay_server.rewards.process.paragraphs import paragraphs_of
from assay_server.rewards.references import reference_text
from assay_server.rewards.verify_math import math_exact

_LONGEST_SHOWN = 1000

_INSTRUCTIONS = """\
The texts "paragraph 0" to "paragraph {last}" are the solution of a question, in order. Its final answer is right: it \
is the text "reference". Find the first paragraph with an error: a wrong step, a wrong fact, a result that does not \
follow, a guess, or an argument fitted to the answer. Another way than the usual one is no error, nor is a slip that \
is put right later.
Give a short rationale first, then first_error: the number of that paragraph, -1 where there is no error, or null \
where the texts do not let you decide."""


def _by_rule(
    sample: Sample, *, endpoint: str, thoughts: bool = False, temperature: float = 0.0, seed: int = 0
) -> Score | None:
    """The score of a wrong answer, which no judge is asked about."""
    del endpoint, thoughts, temperature, seed
    rule = math_exact(sample)
    if rule.verdict is Verdict.CORRECT:
        return None
    return Score(-1.0, Verdict.INCORRECT, rule.evidence, rule.answer_key, {"rule": -1.0})


@reward(
    "reward/flawed_positive-v1",
    bounds=(-1.0, 1.0),
    lane=Lane.IO,
    reference_keys=("answer",),
    deterministic=False,
    quick=_by_rule,
    parts={"rule": (-1.0, 1.0), "flawed_positive": (0.0, 1.0), "first_error": (-1.0, 255.0)},
    source="reward/flawed_positive (FAPO)",
)
async def flawed_positive(
    sample: Sample,
    ports: Ports,
    *,
    endpoint: JudgeName,
    thoughts: bool = False,
    temperature: float = 0.0,
    seed: int = 0,
) -> Score:
    """-1 for a wrong answer; for a right one 1, or 0 where the judge finds an error in the solution.

    The rule is exact comparison as in ``math``; only right answers go to the judge, paragraph by paragraph.
    Components: ``rule`` (-1 or 1) and, of right answers, ``flawed_positive`` and ``first_error``: the number of the
    first paragraph with an error, -1 where there is none. That paragraph is the evidence, and a span worth -1. The
    verdict is that of the answer: a flawed positive is CORRECT.

    Raises:
        Unscorable: the judge cannot tell (JUDGE_UNDECIDED), or the port gave no verdict.
    """
    wrong = _by_rule(sample, endpoint=endpoint)
    if wrong is not None:
        return wrong
    shown = judged_response(sample, thoughts=thoughts)
    assert shown is not None  # a right answer was found in it
    paragraphs = paragraphs_of(shown.text)
    texts = {f"paragraph {number}": shown.text[start:end] for number, (start, end) in enumerate(paragraphs)}
    graded = with_question(sample, {"reference": reference_text(sample.reference), **texts})
    last = len(paragraphs) - 1
    schema = object_schema(first_error={"type": ["integer", "null"], "minimum": -1, "maximum": last})
    request = JudgeRequest(endpoint, _INSTRUCTIONS.format(last=last), graded, schema, temperature, seed)
    said = await ports.judge.ask(request)
    answer = cast("float | None", said.verdict["first_error"])
    if answer is None:
        raise undecided(endpoint, said)
    first_error = int(answer)
    flawed = first_error != -1
    start, end = paragraphs[first_error] if flawed else (0, 0)
    offset = shown.start if flawed else 0
    evidence = Evidence(
        extracted=shown.text[start:end][:_LONGEST_SHOWN],
        start=offset + start,
        end=offset + end,
        reason=rationale(said),
        layer=LAYER,
        detail={**cost(endpoint, said), "first_error": first_error, "paragraphs": len(paragraphs)},
    )
    components = {"rule": 1.0, "flawed_positive": float(flawed), "first_error": float(first_error)}
    value, key = 0.0 if flawed else 1.0, math_exact(sample).answer_key
    step = sample.steps[-1].index if sample.steps else 0
    marked = (SpanReward(step, evidence.start, evidence.end, "first_error", -1.0),) if flawed else ()
    return Score(value, Verdict.CORRECT, evidence, key, components, spans=marked)
