"""``judge/win-rate``: how often does a response beat other responses, in the eyes of a judging model?"""

from __future__ import annotations

from random import Random

from assay.sdk import Evidence, Json, JudgeName, Lane, Ports, Sample, Score, Unscorable, reward
from assay_server.rewards.judged_pairwise import Comparison, compared
from assay_server.rewards.judged_questions import LAYER, judged_response, no_response
from assay_server.rewards.numeric_answers import missing, unparseable

_MOST_OPPONENTS = 256


@reward(
    "judge/win-rate-v1",
    bounds=(0.0, 1.0),
    lane=Lane.IO,
    reference_keys=("opponents",),
    deterministic=False,
    parts={"opponents": (1.0, 256.0), "flips": (0.0, 1.0)},
    source="reward/win_rate with a comparator (Self-Play Preference Optimization, Pref-GRPO)",
)
async def win_rate(
    sample: Sample,
    ports: Ports,
    *,
    endpoint: JudgeName,
    criterion: str = "Which answer is more correct, complete and helpful?",
    most: int = 8,
    thoughts: bool = False,
    temperature: float = 0.0,
    seed: int = 0,
) -> Score:
    """The mean over opponents of ``(P_ij + 1 - P_ji) / 2``: each is compared in both orders, a tie counting 0.5.

    ``reference.opponents``: texts. Of more than ``most`` so many are drawn, by the seed of the sample: equal samples
    meet equal opponents. Opponents equal to the response are ties that no judge is asked about. Components:
    ``opponents`` that were met, ``flips``: the share of them where the winner changed with the order.

    Raises:
        Unscorable: the judge cannot tell of a pair (JUDGE_UNDECIDED), or the port gave no verdict.
    """
    if not 1 <= most <= _MOST_OPPONENTS:
        raise Unscorable("INVALID_PARAMETER", f"most must be from 1 to {_MOST_OPPONENTS}, got {most}")
    opponents = _opponents(sample)
    response = judged_response(sample, thoughts=thoughts)
    if response is None:
        return no_response()
    if len(opponents) > most:
        opponents = Random(f"{seed}/{sample.seed}/{sample.prompt_id}").sample(opponents, most)  # noqa: S311 - no secret
    met: list[Comparison] = []
    ties = 0
    for opponent in opponents:
        if opponent.strip() == response.text:
            ties += 1
        else:
            met.append(await compared(sample, ports, response.text, opponent, endpoint, criterion, temperature, seed))
    value = (sum(one.mean for one in met) + 0.5 * ties) / len(opponents)
    flips = sum(one.flipped for one in met) / len(opponents)
    detail: dict[str, Json] = {"outcomes": [[one.first, one.second] for one in met], "judge": endpoint}
    evidence = Evidence(reason=f"met {len(opponents)} opponents", layer=LAYER, detail=detail)
    return Score(value, evidence=evidence, components={"opponents": float(len(opponents)), "flips": flips})


def _opponents(sample: Sample) -> list[str]:
    held = sample.reference.get("opponents")
    if held is None:
        raise missing("opponents")
    texts = [text for text in held if isinstance(text, str) and text.strip()] if isinstance(held, list) else []
    if not isinstance(held, list) or not 0 < len(texts) == len(held) <= _MOST_OPPONENTS:
        raise unparseable("opponents", f"a list of 1 to {_MOST_OPPONENTS} texts")
    return texts
