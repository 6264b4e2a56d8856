"""What rewards with a judge share: the text that is judged, and the evidence that a verdict leaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from assay.sdk import Evidence, Json, JudgeVerdict, Sample, Score, Unscorable, Verdict
from assay_server.rewards.regions import answer_region

LAYER = "judge"
RATIONALE: Mapping[str, Json] = {"type": "string"}
_LONGEST_SHOWN = 1000


class Shown(NamedTuple):
    """The part of a response that a judge sees, and where it begins in the response."""

    text: str
    start: int


def judged_response(sample: Sample, *, thoughts: bool) -> Shown | None:
    """What the judge is shown of the response, with or without its thoughts; None where nothing is left."""
    region = sample.response if thoughts else answer_region(sample.response, sample.prompt)
    text = "" if region is None else region.strip()
    return Shown(text, region.find(text)) if region is not None and text else None


def no_response(verdict: Verdict = Verdict.UNSPECIFIED) -> Score:
    """What a sample is worth that says nothing: the model's failure, which needs no judge."""
    return Score(0.0, verdict, Evidence(reason="no answer found"))


def with_question(sample: Sample, texts: Mapping[str, str]) -> dict[str, str]:
    """``texts``, after what the model was asked where that is known."""
    return {"question": sample.prompt, **texts} if sample.prompt.strip() else dict(texts)


def object_schema(**properties: Mapping[str, Json]) -> dict[str, Json]:
    """Schema of an object with a rationale first and then these properties; all are required."""
    named: dict[str, Json] = {"rationale": dict(RATIONALE)}
    named.update({name: dict(schema) for name, schema in properties.items()})
    return {"type": "object", "properties": named, "required": [*named]}


def rationale(said: JudgeVerdict) -> str:
    """The judge's reason, short enough to be kept."""
    return str(said.verdict["rationale"])[:_LONGEST_SHOWN]


def cost(endpoint: str, *said: JudgeVerdict) -> dict[str, Json]:
    """Who judged, and what it took."""
    return {
        "judge": endpoint,
        "model": said[0].model,
        "cached": all(one.cached for one in said),
        "prompt_tokens": sum(one.prompt_tokens for one in said),
        "completion_tokens": sum(one.completion_tokens for one in said),
    }


def undecided(endpoint: str, said: JudgeVerdict) -> Unscorable:
    """The status of a sample of which the judge says that it cannot tell."""
    return Unscorable("JUDGE_UNDECIDED", f"the judge {endpoint!r} cannot tell: {rationale(said)[:300]}")
