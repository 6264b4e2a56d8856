"""``judge/pairwise``: is the response better than a reference answer, whichever of them is shown first?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from assay.sdk import Evidence, JudgeName, JudgeRequest, JudgeVerdict, Lane, Ports, Sample, Score, Unscorable, reward
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
Compare the texts "answer A" and "answer B", two answers to the same question, by this criterion:

{criterion}

Their order says nothing, and neither does their length. Give a short rationale first, then the winner: "A", "B", \
"tie" where neither is better, or "unclear" where the texts do not let you judge."""
_SCHEMA = object_schema(winner={"enum": ["A", "B", "tie", "unclear"]})
_VALUES = {"win": 1.0, "tie": 0.5, "loss": 0.0}


@dataclass(frozen=True, slots=True)
class Comparison:
    """What became of a text that was compared with another one: ``win``, ``tie`` or ``loss``.

    Attributes:
        first: where it was shown first.
        second: where it was shown second.
        said: by the judge, in this order.
    """

    first: str
    second: str
    said: tuple[JudgeVerdict, ...]

    @property
    def mean(self) -> float:
        """``(P_ij + 1 - P_ji) / 2``."""
        return (_VALUES[self.first] + _VALUES[self.second]) / 2

    @property
    def flipped(self) -> bool:
        """Whether the winner changed with the order."""
        return {self.first, self.second} == {"win", "loss"}


@reward(
    "judge/pairwise-v1",
    bounds=(0.0, 1.0),
    lane=Lane.IO,
    reference_keys=("answer",),
    deterministic=False,
    source="pairs/judged, debiased as in reward/win_rate (SPARK, URPO, CGPO, Pref-GRPO)",
)
async def pairwise(
    sample: Sample,
    ports: Ports,
    *,
    endpoint: JudgeName,
    criterion: str = "Which answer is more correct, complete and helpful?",
    on_disagreement: Literal["tie", "mean", "unscorable"] = "tie",
    thoughts: bool = False,
    temperature: float = 0.0,
    seed: int = 0,
) -> Score:
    """1 where the response beats ``reference.answer``, 0.5 for a tie, 0 where it loses; asked in both orders.

    Orders that disagree are a tie, the mean of both (``(P_ij + 1 - P_ji) / 2``), or no score. The component ``flip`` is
    1 where the winner changed with the order.

    Raises:
        Unscorable: the judge cannot tell (JUDGE_UNDECIDED), its orders disagree and must not (JUDGE_DISAGREES), or the
            port gave no verdict.
    """
    reference = reference_text(sample.reference)
    response = judged_response(sample, thoughts=thoughts)
    if response is None:
        return no_response()
    pair = await compared(sample, ports, response.text, reference, endpoint, criterion, temperature, seed)
    first, second = pair.first, pair.second
    if first != second and on_disagreement == "unscorable":
        message = f"the judge {endpoint!r} says {first} with the response first and {second} with it second"
        raise Unscorable("JUDGE_DISAGREES", message)
    value = 0.5 if first != second and on_disagreement == "tie" else pair.mean
    detail = {
        **cost(endpoint, *pair.said),
        "response_first": first,
        "response_second": second,
        "flipped": pair.flipped,
        "second_rationale": rationale(pair.said[1]),
    }
    evidence = Evidence(reason=rationale(pair.said[0]), layer=LAYER, detail=detail)
    return Score(value, evidence=evidence, components={"flip": float(pair.flipped)})


async def compared(
    sample: Sample,
    ports: Ports,
    ours: str,
    theirs: str,
    endpoint: str,
    criterion: str,
    temperature: float = 0.0,
    seed: int = 0,
) -> Comparison:
    """Ask about two texts in both orders; raises Unscorable as the judge does."""
    instructions = _INSTRUCTIONS.format(criterion=criterion)
    said: list[JudgeVerdict] = []
    for first, second in ((ours, theirs), (theirs, ours)):
        graded = with_question(sample, {"answer A": first, "answer B": second})
        said.append(await ports.judge.ask(JudgeRequest(endpoint, instructions, graded, _SCHEMA, temperature, seed)))
    first, second = (_outcome(endpoint, one, place) for one, place in zip(said, ("A", "B"), strict=True))
    return Comparison(first, second, tuple(said))


def _outcome(endpoint: str, said: JudgeVerdict, ours: str) -> str:
    winner = said.verdict["winner"]
    if winner == "unclear":
        raise undecided(endpoint, said)
    return "tie" if winner == "tie" else "win" if winner == ours else "loss"
