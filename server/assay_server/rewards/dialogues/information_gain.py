"""``dialogues/information-gain``: what do the questions of a dialogue find out?"""

from __future__ import annotations

from assay.sdk import Evidence, Json, Sample, Score, SpanReward, Unscorable, reward
from assay_server.rewards.dialogues.facts import BUDGET, Case, told_by_turn, worth_of_facts
from assay_server.rewards.dialogues.shapley import BudgetTooSmall
from assay_server.rewards.instructions.words import plain
from assay_server.rewards.numeric_answers import missing, unparseable

_MOST_FACTS, _MOST_HYPOTHESES = 32, 1000
_LARGEST_BUDGET = 4096


@reward(
    "dialogues/information-gain-v1",
    bounds=(0.0, 1.0),
    reference_keys=("facts", "hypotheses", "truth"),
    parts={"coverage": (0.0, 1.0), "turns": (0.0, float("inf"))},
    source="reward/shapley_information_gain (ProMed)",
)
def information_gain(sample: Sample, *, budget: int = BUDGET, seed: int = 0) -> Score:
    """The sum of the Shapley weights of the facts that were found out; each step has a span with those it found.

    ``facts``: by topic the sentence that tells it; found out is what stands in a step's observation for the first
    time. ``hypotheses``: by name the value of each topic; ``truth``: which of them is so. A set of facts is worth
    ``1 - log(left) / log(all)`` of the hypotheses it leaves; weights are exact where ``2^facts`` sets fit into
    ``budget``, else drawn with ``seed``. Without hypotheses every fact weighs alike. Components: ``coverage``, the
    share of the facts that were found out, ``turns`` in which some were.
    """
    facts = _facts(sample.reference.get("facts"))
    weights, exact, calls = _weights(sample, [*facts], budget, seed)
    turns = told_by_turn(facts, [step.observation for step in sample.steps], plain)
    gains = [sum(weights[name] for name in found) for found in turns]
    spans = tuple(
        SpanReward(step.index, 0, len(step.action), ",".join(found) or "nothing new", gain)
        for step, found, gain in zip(sample.steps, turns, gains, strict=True)
    )
    known = [name for found in turns for name in found]
    detail: dict[str, Json] = {"found": [*known], "weights": {**weights}, "exact": exact, "coalitions": calls}
    evidence = Evidence(reason=f"{len(known)} of {len(facts)} facts were found out", layer="facts", detail=detail)
    components = {"coverage": len(known) / len(facts), "turns": float(sum(map(bool, turns)))}
    return Score(min(1.0, max(0.0, sum(gains))), evidence=evidence, components=components, spans=spans)


def _facts(held: Json) -> dict[str, str]:
    if held is None:
        raise missing("facts")
    facts = (
        {name: text for name, text in held.items() if isinstance(text, str) and text.strip()}
        if isinstance(held, dict)
        else {}
    )
    if not isinstance(held, dict) or not 0 < len(facts) == len(held) <= _MOST_FACTS:
        raise unparseable("facts", f"1 to {_MOST_FACTS} texts by topic")
    return facts


def _weights(sample: Sample, topics: list[str], budget: int, seed: int) -> tuple[dict[str, float], bool, int]:
    held = sample.reference.get("hypotheses")
    if held is None:
        return dict.fromkeys(topics, 1.0 / len(topics)), True, 0
    if not 1 <= budget <= _LARGEST_BUDGET:
        raise Unscorable("INVALID_PARAMETER", f"budget must be from 1 to {_LARGEST_BUDGET}, got {budget}")
    try:
        shares = worth_of_facts(_case(held, sample.reference.get("truth"), topics), budget, seed)
    except BudgetTooSmall as error:
        raise Unscorable("INVALID_PARAMETER", str(error)) from error
    return dict(zip(topics, shares.values, strict=True)), shares.exact, shares.calls


def _case(held: Json, truth: Json, topics: list[str]) -> Case:
    if not isinstance(held, dict) or not 0 < len(held) <= _MOST_HYPOTHESES:
        raise unparseable("hypotheses", f"1 to {_MOST_HYPOTHESES} objects by name")
    if not isinstance(truth, str) or truth not in held:
        raise missing("truth") if truth is None else unparseable("truth", "the name of one of the hypotheses")
    rows: list[tuple[str, tuple[str, ...]]] = []
    for name, values in held.items():
        if not isinstance(values, dict) or any(topic not in values for topic in topics):
            raise unparseable("hypotheses", f"a value of each of {', '.join(topics)[:100]}")
        rows.append((name, tuple(str(values[topic]) for topic in topics)))
    return Case(tuple(topics), tuple(rows), [*held].index(truth))
