"""``reward/turn_judge``: a judge scores every step of a rollout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from assay.sdk import (
    Evidence,
    Json,
    JudgeName,
    JudgeRequest,
    JudgeVerdict,
    Lane,
    Ports,
    Sample,
    Score,
    SpanReward,
    Step,
    Unscorable,
    reward,
)
from assay_server.rewards.judged_questions import (
    LAYER,
    cost,
    no_response,
    object_schema,
    rationale,
    undecided,
    with_question,
)

_AT_A_TIME = 32
_INSTRUCTIONS = """\
The texts "action {first}" to "action {last}" are what somebody did in these turns, in order; "answer N" is what \
followed action N, where something did. Score each action by this rubric:

{rubric}

Give a short rationale first, then scores: for each action, in order, a number from {lowest} (does not meet the rubric \
at all) to {highest} (meets it fully). Give null instead of the list only where the texts do not let you judge."""


@reward(
    "reward/turn_judge-v1",
    bounds=(0.0, 1.0),
    lane=Lane.IO,
    deterministic=False,
    parts={"lowest": (0.0, 1.0), "highest": (0.0, 1.0)},
    source="reward/turn_judge (EPO)",
)
async def turn_judge(
    sample: Sample,
    ports: Ports,
    *,
    endpoint: JudgeName,
    rubric: str,
    lowest: int = 0,
    highest: int = 10,
    temperature: float = 0.0,
    seed: int = 0,
) -> Score:
    """The mean score of the steps, each mapped from ``lowest``..``highest`` to 0..1.

    Each step has a span over its whole action with its own score. The judge sees 32 steps at a time, with what followed
    each. Components: ``lowest`` and ``highest`` of the scores.

    Raises:
        Unscorable: the judge cannot tell (JUDGE_UNDECIDED), or the port gave no verdict.
    """
    if not lowest < highest:
        raise Unscorable("INVALID_PARAMETER", f"lowest must be below highest, got {lowest} and {highest}")
    steps = sample.steps or (Step(0, sample.response),)
    if not any(step.action.strip() for step in steps):
        return no_response()
    said: list[JudgeVerdict] = []
    scores: list[float] = []
    for first in range(0, len(steps), _AT_A_TIME):
        part = steps[first : first + _AT_A_TIME]
        instructions = _INSTRUCTIONS.format(
            first=first, last=first + len(part) - 1, rubric=rubric, lowest=lowest, highest=highest
        )
        number: dict[str, Json] = {"type": "number", "minimum": lowest, "maximum": highest}
        listed: dict[str, Json] = {"type": "array", "items": number, "minItems": len(part), "maxItems": len(part)}
        schema = object_schema(scores={"anyOf": [listed, {"type": "null"}]})
        graded = with_question(sample, _texts(part, first))
        said.append(await ports.judge.ask(JudgeRequest(endpoint, instructions, graded, schema, temperature, seed)))
        given = cast("list[float] | None", said[-1].verdict["scores"])
        if given is None:
            raise undecided(endpoint, said[-1])
        scores += [(score - lowest) / (highest - lowest) for score in given]
    spans = tuple(
        SpanReward(step.index, 0, len(step.action), "turn", score) for step, score in zip(steps, scores, strict=True)
    )
    evidence = Evidence(reason=rationale(said[0]), layer=LAYER, detail=cost(endpoint, *said))
    components = {"lowest": min(scores), "highest": max(scores)}
    return Score(sum(scores) / len(scores), evidence=evidence, components=components, spans=spans)


def _texts(steps: Sequence[Step], first: int) -> dict[str, str]:
    texts: dict[str, str] = {}
    for number, step in enumerate(steps, first):
        texts[f"action {number}"] = step.action
        if step.observation.strip():
            texts[f"answer {number}"] = step.observation
    return texts
