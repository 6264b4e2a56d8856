"""``reward/thought_spans``: a judge labels the paragraphs of a solution; equal neighbours are one thought."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import cast

from assay.sdk import Evidence, Json, JudgeName, JudgeRequest, Lane, Ports, Sample, Score, SpanReward, reward
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
from assay_server.rewards.process.paragraphs import paragraphs_of

_REWARDS = {"progress": 1.0, "neutral": 0.0, "error": -1.0}
_INSTRUCTIONS = """\
The texts "paragraph 0" to "paragraph {last}" are the solution of a question, in order. Label each of them: "progress" \
where it brings the solution on, "error" where it has a wrong step, a wrong fact or a result that does not follow, \
"neutral" where it does neither.
Give a short rationale first, then labels: one for each paragraph, in order, or null where the texts do not let you \
decide."""


@reward(
    "reward/thought_spans-v1",
    bounds=(-1.0, 1.0),
    lane=Lane.IO,
    deterministic=False,
    parts={"thoughts": (1.0, 256.0), "errors": (0.0, 256.0), "first_error": (-1.0, 255.0)},
    source="reward/thought_spans (TP-GRPO)",
)
async def thought_spans(
    sample: Sample,
    ports: Ports,
    *,
    endpoint: JudgeName,
    thoughts: bool = False,
    temperature: float = 0.0,
    seed: int = 0,
) -> Score:
    """The mean reward of the thoughts: 1 for one that makes progress, 0 for a neutral one, -1 for an error.

    Paragraphs that follow each other with the same label are one thought; each thought is a span with its label and its
    reward. Components: ``thoughts``, ``errors`` (how many there are), ``first_error``: the paragraph it begins with, or
    -1.

    Raises:
        Unscorable: the judge cannot tell (JUDGE_UNDECIDED), or the port gave no verdict.
    """
    shown = judged_response(sample, thoughts=thoughts)
    if shown is None:
        return no_response()
    paragraphs = paragraphs_of(shown.text)
    count = len(paragraphs)
    texts = {f"paragraph {number}": shown.text[start:end] for number, (start, end) in enumerate(paragraphs)}
    labels: dict[str, Json] = {"type": "array", "items": {"enum": [*_REWARDS]}, "minItems": count, "maxItems": count}
    schema = object_schema(labels={"anyOf": [labels, {"type": "null"}]})
    instructions = _INSTRUCTIONS.format(last=count - 1)
    graded = with_question(sample, texts)
    said = await ports.judge.ask(JudgeRequest(endpoint, instructions, graded, schema, temperature, seed))
    given = cast("list[str] | None", said.verdict["labels"])
    if given is None:
        raise undecided(endpoint, said)
    spans = _thoughts(sample, paragraphs, given, shown.start)
    errors = [span for span in spans if span.label == "error"]
    components = {
        "thoughts": float(len(spans)),
        "errors": float(len(errors)),
        "first_error": float(given.index("error")) if errors else -1.0,
    }
    evidence = Evidence(reason=rationale(said), layer=LAYER, detail=cost(endpoint, said))
    return Score(sum(span.reward for span in spans) / len(spans), evidence=evidence, components=components, spans=spans)


def _thoughts(
    sample: Sample, paragraphs: Sequence[tuple[int, int]], labels: Sequence[str], offset: int
) -> tuple[SpanReward, ...]:
    step = sample.steps[-1].index if sample.steps else 0
    spans: list[SpanReward] = []
    for label, group in groupby(zip(paragraphs, labels, strict=True), key=lambda pair: pair[1]):
        places = [place for place, _ in group]
        spans.append(SpanReward(step, offset + places[0][0], offset + places[-1][1], label, _REWARDS[label]))
    return tuple(spans)
