"""``judge/correctness``: is the answer the reference's, in the eyes of a judging model?"""

from __future__ import annotations

from assay.sdk import Evidence, JudgeName, JudgeRequest, Lane, Ports, Sample, Score, Verdict, reward
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
Decide whether the final answer of the text "response" is equal to the text "reference", which is right by \
definition. Other notation, other words, units left out and rounding that the question allows make no difference; \
another value, an answer that is only a part, several different answers or no answer is incorrect. Do not solve the \
question yourself, and do not judge how the answer was found.
Give a short rationale first, then the verdict: "correct", "incorrect", or "unclear" where the texts do not let you \
decide."""
_SCHEMA = object_schema(verdict={"enum": ["correct", "incorrect", "unclear"]})


@reward(
    "judge/correctness-v1",
    bounds=(0.0, 1.0),
    binary=True,
    lane=Lane.IO,
    reference_keys=("answer",),
    deterministic=False,
)
async def correctness(
    sample: Sample,
    ports: Ports,
    *,
    endpoint: JudgeName,
    thoughts: bool = False,
    temperature: float = 0.0,
    seed: int = 0,
) -> Score:
    """1 where the judge finds the final answer equal to ``reference.answer``, else 0.

    Costly: use it as the ``then`` of a gate whose condition is cheap.

    Raises:
        Unscorable: the judge cannot tell (JUDGE_UNDECIDED), or the port gave no verdict.
    """
    reference = reference_text(sample.reference)
    response = judged_response(sample, thoughts=thoughts)
    if response is None:
        return no_response(Verdict.INCORRECT)
    graded = with_question(sample, {"reference": reference, "response": response.text})
    said = await ports.judge.ask(JudgeRequest(endpoint, _INSTRUCTIONS, graded, _SCHEMA, temperature, seed))
    verdict = said.verdict["verdict"]
    if verdict == "unclear":
        raise undecided(endpoint, said)
    evidence = Evidence(reason=rationale(said), layer=LAYER, detail=cost(endpoint, said))
    if verdict == "correct":
        return Score(1.0, Verdict.CORRECT, evidence)
    return Score(0.0, Verdict.INCORRECT, evidence)
